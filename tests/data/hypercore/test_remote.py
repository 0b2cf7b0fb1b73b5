"""What a peer says that it has, and how little of it is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hypercore import rle
from p2plib.data.hypercore.bitfield import BLOCKS_PER_PAGE, BlockBits
from p2plib.data.hypercore.remote import MAX_REGIONS, REGION_BLOCKS, RemoteBlocks
from p2plib.errors import DecodeError

RANGES = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 9000), st.booleans()), max_size=6)


def asked() -> RemoteBlocks:
    remote = RemoteBlocks()
    assert remote.ask(5) == 0
    return remote


@given(RANGES)
def test_ranges_are_a_set(ranges: list[tuple[int, int, bool]]) -> None:
    remote, model = asked(), set[int]()
    for start, length, has in ranges:
        remote.set(start, length, has)
        model = (
            model | set(range(start, start + length)) if has else model - set(range(start, start + length))
        )
    assert list(remote.candidates(BlockBits())) == sorted(model)
    here = BlockBits()
    for block in sorted(model)[::3]:
        here.set_block(block)
    assert list(remote.candidates(here)) == sorted(block for block in model if not here.has_block(block))
    for start, length, _ in ranges:
        for block in (start - 1, start, start + length - 1, start + length):
            assert remote.has(block) == (block in model)


@given(st.integers(0, 3000), st.binary(max_size=3000))
def test_a_bit_field_is_filled_in(first: int, bits: bytes) -> None:
    remote = asked()
    remote.fill(8 * first, rle.encode(bits))
    model = {8 * first + at for at in range(8 * len(bits)) if bits[at // 8] & 0x80 >> at % 8}
    assert set(remote.candidates(BlockBits())) == model
    assert remote.length == max(model, default=-1) + 1


def test_a_bit_field_replaces_what_was_said() -> None:
    remote = asked()
    remote.set(0, 16)
    remote.fill(0, rle.encode(b"\x80\x01"))
    assert list(remote.candidates(BlockBits())) == [0, 15]


def test_what_nobody_asked_about_costs_nothing() -> None:
    remote = asked()
    remote.set(2**50, 2**52)
    assert remote.length == 2**50 + 2**52
    remote.set(REGION_BLOCKS - 1, 2**52)
    assert list(remote.candidates(BlockBits())) == [REGION_BLOCKS - 1]
    remote.fill(5 * REGION_BLOCKS, rle.encode(b"\xff" * 1000))
    assert list(remote.candidates(BlockBits())) == [REGION_BLOCKS - 1]
    with pytest.raises(DecodeError):
        remote.fill(0, rle.encode(b"\xff" * (REGION_BLOCKS // 8 + 1)))
    remote.fill(REGION_BLOCKS - 8, rle.encode(b"\xff" * 1000))
    assert len(list(remote.candidates(BlockBits()))) == 8


def test_of_a_range_over_regions_only_what_was_asked_about_is_kept() -> None:
    remote = RemoteBlocks()
    assert remote.ask(REGION_BLOCKS) == REGION_BLOCKS
    remote.set(REGION_BLOCKS - 9000, 9010)
    assert list(remote.candidates(BlockBits())) == list(range(REGION_BLOCKS, REGION_BLOCKS + 10))
    assert len(remote._pages) == 1


def test_a_region_is_asked_about_once_and_only_so_many() -> None:
    remote = asked()
    assert remote.ask(REGION_BLOCKS - 1) is None
    for region in range(1, MAX_REGIONS):
        assert remote.ask(region * REGION_BLOCKS + 7) == region * REGION_BLOCKS
    assert remote.ask(MAX_REGIONS * REGION_BLOCKS) is None


def test_a_peer_that_loses_its_end_is_shorter() -> None:
    remote = asked()
    remote.set(0, 10)
    remote.set(8, 2, has=False)
    assert remote.length == 8
    remote.set(3, 1, has=False)
    assert remote.length == 8


def test_the_border_of_two_pages() -> None:
    remote = asked()
    remote.set(BLOCKS_PER_PAGE - 1, BLOCKS_PER_PAGE + 2)
    assert list(remote.candidates(BlockBits())) == list(range(BLOCKS_PER_PAGE - 1, 2 * BLOCKS_PER_PAGE + 1))
    remote.set(BLOCKS_PER_PAGE, BLOCKS_PER_PAGE, has=False)
    assert list(remote.candidates(BlockBits())) == [BLOCKS_PER_PAGE - 1, 2 * BLOCKS_PER_PAGE]


@pytest.mark.fault("F129")
def test_a_short_message_about_all_blocks_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten bytes can speak of 2048 pages, a thousand times a second: no page is touched one by one."""
    remote = RemoteBlocks()
    for region in range(MAX_REGIONS):
        remote.ask(region * REGION_BLOCKS)
    touched = list[int]()
    monkeypatch.setattr(RemoteBlocks, "_set_page", lambda self, number, page: touched.append(number))
    remote.set(0, 2**50)
    assert remote.has(MAX_REGIONS * REGION_BLOCKS - 1)
    remote.set(0, 2**50, has=False)
    assert len(touched) <= 2 * 2 * MAX_REGIONS
    assert not remote.has(0)
