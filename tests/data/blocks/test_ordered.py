"""Blocks in an ordered store: its records, and what it is asked to write."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from p2plib.data.blocks import ordered
from p2plib.data.blocks.conformance import numbered_block
from p2plib.data.blocks.ordered import OrderedBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.simulated_disk import Fault, PowerCut, SimulatedDisk
from p2plib.errors import NotFound, StoreCorrupt, StoreFull, UsageError


class Noted(MemoryStore):
    """Notes what is written: how many changes, and whether durably."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, bool]] = []

    def write(self, batch: Iterable[Change], *, durable: bool = True) -> None:
        changes = list(batch)
        self.batches.append((len(changes), durable))
        super().write(changes, durable=durable)


def test_the_record_of_a_block() -> None:
    records = MemoryStore()
    with OrderedBlocks(records) as store:
        store.put([block_of(b"hello")])
    [(key, value)] = records.scan()
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert key == b"block\0\x12\x20" + bytes.fromhex(digest)
    assert value == b"hello"


def test_two_stores_and_other_things_share_one_ordered_store() -> None:
    records = MemoryStore()
    records.write([Put(b"another's", b"thing"), Put(b"one\x01", b"x"), Put(b"onf", b"x")])
    one, two = OrderedBlocks(records, b"one\0"), OrderedBlocks(records, b"two\0")
    one.put([numbered_block(1)])
    two.put([numbered_block(2)])
    assert list(one.hashes()) == [numbered_block(1).cid.multihash]
    assert not one.has(numbered_block(2).cid)
    one.close()
    assert two.get(numbered_block(2).cid) == b"block 2"
    assert records.get(b"another's") == b"thing"
    for prefix in (b"", b"a\xff"):
        with pytest.raises(UsageError):
            OrderedBlocks(records, prefix)


def test_a_record_that_is_no_block() -> None:
    for rest in (b"x", b"\x11\x14" + bytes(20), b"\x12\x10" + bytes(16)):
        records = MemoryStore()
        records.write([Put(b"block\0" + rest, b"")])
        with pytest.raises(StoreCorrupt, match="is not the key of a block"):
            list(OrderedBlocks(records).hashes())


def test_what_is_there_is_not_written_again_and_still_made_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered, "BATCH_BLOCKS", 4)
    records, blocks = Noted(), [numbered_block(number) for number in range(6)]
    with OrderedBlocks(records) as store:
        store.put(blocks[:2], durable=False)
        store.put(blocks)
        store.put(blocks)
        assert records.batches == [(2, False), (2, True), (2, True), (0, True), (0, True)]


def test_batches_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered, "BATCH_BYTES", 1000)
    records = Noted()
    with OrderedBlocks(records) as store:
        store.put(block_of(bytes([number]) * 400) for number in range(7))
        assert [count for count, _ in records.batches] == [3, 3, 1]


FAULTS = (Fault.CUT_BEFORE, Fault.CUT_DURING, Fault.NO_ROOM, Fault.BAD_DISK)


def run(store: OrderedBlocks, acknowledged: list[Block]) -> None:
    blocks = [block_of(b"%d " % number * (number * 40)) for number in range(12)]
    for start in range(0, 12, 3):
        store.put(blocks[start : start + 3], durable=False)
        store.put(blocks[: start + 3])
        acknowledged[:] = blocks[: start + 3]


@pytest.mark.fault("F121")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_breaks_at_every_step(fault: Fault) -> None:
    """Over the store of files of our own: whatever a put acknowledged is there after the power cut."""
    number, cut = 0, 0
    while True:
        disk, acknowledged = SimulatedDisk({number: fault}), list[Block]()
        try:
            with LogStructuredStore(disk, memtable_bytes=3000) as records:
                run(OrderedBlocks(records), acknowledged)
        except (PowerCut, StoreFull):
            cut += 1
        for random in (None, Random(number)):
            again = disk.after_power_cut(random)
            with LogStructuredStore(again) as records:
                store = OrderedBlocks(records)
                for block in acknowledged:
                    assert store.get(block.cid) == block.data, (number, again.steps)
        if number >= len(disk.steps):
            break
        number += 1
    assert cut > 20


def test_removing_takes_the_record() -> None:
    records = MemoryStore()
    with OrderedBlocks(records) as store:
        store.put([numbered_block(1)])
        records.write([Delete(key) for key, _ in records.scan()])
        with pytest.raises(NotFound):
            store.get(numbered_block(1).cid)
