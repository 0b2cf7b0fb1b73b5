"""The bit field: what is here, its pages, and its index as the tree that it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.hypercore import flat_tree
from p2plib.data.hypercore.bitfield import INDEX_BYTES, PAGE_BYTES, BlockBits
from p2plib.errors import UsageError

BLOCKS = st.sets(st.integers(0, 30_000), max_size=60)


def test_blocks_and_nodes_have_the_highest_bit_first() -> None:
    bits = BlockBits()
    for block in (0, 9, 8192):
        bits.set_block(block)
    bits.set_node(5)
    bits.set_node(16_384)
    first, second = (page for _, page in bits.changes())
    assert len(first) == PAGE_BYTES
    assert first[:2] == b"\x80\x40"
    assert first[1024] == 0x04
    assert second[0] == second[1024] == 0x80
    assert bits.has_block(9)
    assert not bits.has_block(10)
    assert bits.has_node(5)
    assert not bits.has_node(4)
    assert not bits.has_block(10**12)
    assert not bits.has_node(-1)
    assert bits.count() == 3
    assert len(bits) == 8193


@given(BLOCKS)
def test_it_is_a_set(blocks: set[int]) -> None:
    bits = BlockBits()
    for block in blocks:
        bits.set_block(block)
    assert bits.count() == len(blocks)
    assert len(bits) == max(blocks, default=-1) + 1
    assert list(bits.blocks()) == sorted(blocks)
    for block in blocks:
        bits.set_block(block, False)
    assert bits.count() == len(bits) == 0


@given(BLOCKS, st.integers(0, 3000), st.integers(0, 3000))
def test_the_bits_of_some_blocks(blocks: set[int], first: int, count: int) -> None:
    bits = BlockBits()
    for block in blocks:
        bits.set_block(block)
    data = bits.data(8 * first, 8 * count)
    found = {8 * first + at for at in range(8 * len(data)) if data[at // 8] & 0x80 >> at % 8}
    assert found == {block for block in blocks if 8 * first <= block < 8 * (first + count)}


def index_of(pages: list[bytes]) -> list[int]:
    """The index, computed anew from the data alone, node by node."""
    data, size = b"".join(page[:1024] for page in pages), INDEX_BYTES * len(pages)

    def pair(byte: int) -> int:
        return 0 if byte == 0 else 3 if byte == 255 else 1

    def node(place: int) -> int:
        if place >= size:
            return 0
        if place % 2 == 0:
            four = data[2 * place : 2 * place + 4]
            return sum(pair(byte) << 2 * (3 - at) for at, byte in enumerate(four))
        halves = [half for child in flat_tree.children(place) for half in divmod(node(child), 16)]
        return sum((0 if h == 0 else 3 if h == 15 else 1) << 2 * (3 - at) for at, h in enumerate(halves))

    return [node(place) for place in range(size)]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 1500)), max_size=3))
def test_the_index_says_what_the_data_are(runs: list[tuple[int, int]]) -> None:
    bits, pages = BlockBits(), dict[int, bytes]()
    for start, length in runs:
        for block in range(5 * start, 5 * start + length):
            bits.set_block(block)
    pages |= dict(bits.changes())
    whole = [pages.get(number, bytes(PAGE_BYTES)) for number in range(max(pages, default=-1) + 1)]
    assert [byte for page in whole for byte in page[-INDEX_BYTES:]] == index_of(whole)


def test_a_block_far_away_costs_a_few_pages() -> None:
    bits = BlockBits()
    bits.set_block(2**28 - 1)
    bits.set_node(2**29 - 2)
    assert len(bits.changes()) < 20
    assert len(bits) == 2**28
    assert list(bits.blocks()) == [2**28 - 1]
    assert bits.data(0, 2**28)[-1] == 1
    assert not bits.has_page(1)


def test_what_changed_is_told_until_it_is_written() -> None:
    bits = BlockBits()
    bits.set_block(10_000)
    assert [number for number, _ in bits.changes()] == [0, 1], "the index of the first knows the second"
    bits.mark_written(0)
    assert [number for number, _ in bits.changes()] == [1]
    bits.mark_written(1)
    bits.set_block(10_000)
    assert bits.changes() == []
    again = BlockBits({0: bytes(PAGE_BYTES)})
    again.set_node(3)
    assert [number for number, _ in again.changes()] == [0]


def test_a_page_has_its_size() -> None:
    with pytest.raises(UsageError):
        BlockBits({0: bytes(100)})
