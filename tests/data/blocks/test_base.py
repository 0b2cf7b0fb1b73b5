"""What all block stores share: groups, damage, and the wrapper that passes everything on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.base import (
    BlocksAround,
    damaged,
    demand_possible_size,
    demand_whole,
    holds_itself,
    in_groups,
    raw_cid,
    size_here,
)
from p2plib.data.blocks.conformance import check_block_store, numbered_block
from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import BLOCKS_PREFIX, OrderedBlocks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.blocks.quota import QuotaBlocks
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import MAX_BLOCK_BYTES, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import NotFound, StoreCorrupt, StoreError
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
    records = MemoryStore()
    with OrderedBlocks(records) as store:
        store.put([numbered_block(number) for number in range(5)])
        records.write([Put(key, b"changed") for key, _ in records.scan(BLOCKS_PREFIX)])
        found = damaged(store)
        hurt = [next(found)]
        [gone, *_] = set(store.hashes()) - set(hurt)
        store.remove(raw_cid(gone))
        hurt += found
        assert len(hurt) == 4
        assert gone not in hurt


KECCAK = Multihash(multicodec.KECCAK_256, bytes(32))


def with_foreign_blocks(kind: str, folder: Path) -> BlockStore:
    """A store in which another program has put a block under a hash that this library does not compute, and
    one under identity."""
    foreign = (KECCAK, Multihash(multicodec.IDENTITY, b"abc"))
    if kind == "ordered":
        records = MemoryStore()
        records.write([Put(BLOCKS_PREFIX + multihash.encode(), b"abc") for multihash in foreign])
        return OrderedBlocks(records)
    store = FileBlocks(DiskFolder(folder))
    for multihash in foreign:
        path = folder / store.layout.path_of(multihash)
        path.parent.mkdir()
        path.write_bytes(b"abc")
    return store


@pytest.mark.parametrize("kind", ["ordered", "files"])
def test_what_nobody_here_can_check(kind: str, tmp_path: Path) -> None:
    """It is there and can be removed; it is neither given out nor called damaged."""
    with with_foreign_blocks(kind, tmp_path) as store:
        store.put([numbered_block(1)])
        assert set(store.hashes()) == {KECCAK, numbered_block(1).cid.multihash}
        with pytest.raises(StoreError, match="keccak-256 cannot be checked") as raised:
            store.get(raw_cid(KECCAK))
        assert not isinstance(raised.value, StoreCorrupt)
        assert store.size(raw_cid(KECCAK)) == 3
        assert list(damaged(store)) == []


@pytest.mark.parametrize("kind", ["ordered", "files"])
def test_identity_blocks_that_another_program_has_stored_are_neither_listed_nor_swept(
    kind: str, tmp_path: Path
) -> None:
    with PinnedBlocks(with_foreign_blocks(kind, tmp_path), MemoryStore()) as store:
        assert QuotaBlocks(store, 10).used_bytes == 3
        assert [swept.multihash for swept in store.sweep()] == [KECCAK]
        assert list(store.sweep()) == []


class Unreadable(MemoryBlocks):
    def _size(self, cid: Cid) -> int:
        raise StoreCorrupt("unreadable", "here")


def test_the_size_of_what_the_disk_cannot_read_is_nothing() -> None:
    multihash: Multihash = numbered_block(1).cid.multihash
    assert size_here(Unreadable(), multihash) == 0
    with pytest.raises(NotFound):
        size_here(MemoryBlocks(), multihash)


def test_which_sizes_a_block_on_a_disk_can_have() -> None:
    some, none = numbered_block(1).cid, block_of(b"").cid
    for cid, size_bytes in ((some, 1), (some, MAX_BLOCK_BYTES), (none, 0), (raw_cid(KECCAK), 0)):
        assert demand_possible_size(cid, size_bytes, "here") == size_bytes
    with pytest.raises(StoreCorrupt, match=r"there are no bytes of the block.*\(here\)"):
        demand_possible_size(some, 0, "here")
    with pytest.raises(
        StoreCorrupt, match=f"{MAX_BLOCK_BYTES + 1} bytes, where {MAX_BLOCK_BYTES} is the most"
    ):
        demand_possible_size(some, MAX_BLOCK_BYTES + 1, "here")


def test_what_can_be_seen_to_be_damaged_is_not_there_and_is_listed() -> None:
    records, block = MemoryStore(), numbered_block(1)
    with OrderedBlocks(records) as store:
        store.put([block])
        records.write([Put(BLOCKS_PREFIX + block.cid.multihash.encode(), b"")])
        assert not store.has(block.cid)
        assert size_here(store, block.cid.multihash) == 0
        assert list(damaged(store)) == list(store.hashes()) == [block.cid.multihash]
        store.put([block])
        assert store.has(block.cid)


def test_a_wrapper_that_changes_nothing_conforms() -> None:
    check_block_store(lambda: BlocksAround(MemoryBlocks()))
