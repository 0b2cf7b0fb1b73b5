"""What all block stores share: groups, damage, and the wrapper that passes everything on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.base import BlocksAround, damaged, demand_whole, holds_itself, in_groups, size_here
from p2plib.data.blocks.conformance import check_block_store, numbered_block
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import BLOCKS_PREFIX, OrderedBlocks
from p2plib.data.dag.block import block_of
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import NotFound, StoreCorrupt
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


@given(st.lists(st.binary(max_size=9), max_size=40), st.integers(1, 7), st.integers(1, 30))
def test_groups_hold_every_block_and_are_no_larger_than_they_may(
    parts: list[bytes], max_blocks: int, max_bytes: int
) -> None:
    blocks = [block_of(part) for part in parts]
    groups = list(in_groups(iter(blocks), max_blocks, max_bytes))
    assert {data for group in groups for data in group.values()} == set(parts)
    for group in groups:
        assert 1 <= len(group) <= max_blocks
        assert sum(map(len, group.values())) < max_bytes + 9
        assert all(block_of(data).cid.multihash == multihash for multihash, data in group.items())


def test_groups_are_made_as_they_are_asked_for() -> None:
    taken = []

    def source() -> Iterator[object]:
        for number in range(10):
            taken.append(number)
            yield numbered_block(number)

    groups = in_groups(source(), 4, 10**6)  # type: ignore[arg-type]
    next(groups)
    assert taken == [0, 1, 2, 3]


def test_identity_alone_holds_itself() -> None:
    assert holds_itself(block_of(b"a", function=multicodec.IDENTITY).cid)
    assert not holds_itself(numbered_block(1).cid)


def test_the_message_on_damage_says_where() -> None:
    block = numbered_block(1)
    assert demand_whole(block.cid, block.data, "here") == block.data
    with pytest.raises(StoreCorrupt, match=r"the disk has changed a block.*\(here\)"):
        demand_whole(block.cid, block.data + b"x", "here")


def test_damaged_blocks_are_found_and_others_are_not() -> None:
    records = MemoryStore()
    blocks = [numbered_block(number) for number in range(20)]
    hurt = {blocks[3].cid.multihash, blocks[11].cid.multihash}
    with OrderedBlocks(records) as store:
        store.put(blocks)
        assert list(damaged(store)) == []
        records.write([Put(BLOCKS_PREFIX + multihash.encode(), b"x") for multihash in hurt])
        assert set(damaged(store)) == hurt
        for multihash in hurt:
            store.put([block for block in blocks if block.cid.multihash == multihash])
        assert list(damaged(store)) == []


def test_a_block_that_goes_meanwhile_is_not_damaged() -> None:
    with MemoryBlocks() as store:
        store.put([numbered_block(number) for number in range(5)])
        found = damaged(store)
        store.remove(numbered_block(2).cid)
        assert list(found) == []


class Unreadable(MemoryBlocks):
    def _size(self, cid: Cid) -> int:
        raise StoreCorrupt("unreadable", "here")


def test_the_size_of_what_the_disk_cannot_read_is_nothing() -> None:
    multihash: Multihash = numbered_block(1).cid.multihash
    assert size_here(Unreadable(), multihash) == 0
    with pytest.raises(NotFound):
        size_here(MemoryBlocks(), multihash)


def test_a_wrapper_that_changes_nothing_conforms() -> None:
    check_block_store(lambda: BlocksAround(MemoryBlocks()))
