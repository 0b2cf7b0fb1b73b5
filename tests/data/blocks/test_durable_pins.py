"""A pin never outlives its blocks, and costs what is not yet durable: reads counted, faults at every step."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from random import Random

import pytest

from p2plib.data.blocks.files import FLATFS, FileBlocks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import OldFile
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import NotFound, StoreFull
from tests.data.blocks.stores import (
    GARBAGE,
    GRAPH_BLOCKS,
    LEAF,
    MIDDLE,
    OTHER_LEAF,
    ROOT,
    node,
    pinned,
    there,
)
from tests.data.stores.blobs.pretend import PowerCut, PretendFolder

Step = Callable[[PinnedBlocks], None]
WHERE = {FLATFS.path_of(block.cid.multihash): block for block in GRAPH_BLOCKS}


class ReadFolder(PretendFolder):
    """Remembers which blocks were read."""

    def __init__(self, fail_at: dict[int, Exception] | None = None) -> None:
        super().__init__(fail_at)
        self.read: list[Block] = []

    def open(self, path: str) -> OldFile:
        if path in WHERE:
            self.read.append(WHERE[path])
        return super().open(path)


def test_a_pin_after_a_durable_put_reads_only_links_and_syncs_nothing() -> None:
    folder = ReadFolder()
    with pinned(FileBlocks(folder)) as store, store.adding():
        store.put(GRAPH_BLOCKS)
        folder.read.clear()
        folder.steps.clear()
        store.pin(ROOT.cid, "album")
        assert folder.read == [ROOT, MIDDLE]
        store.pin(ROOT.cid, "a page", is_recursive=False)
        store.pin(LEAF.cid, "a leaf")
        assert folder.read == [ROOT, MIDDLE]
        assert folder.steps == []


def test_a_pin_reads_and_syncs_what_was_put_without_waiting_and_no_more() -> None:
    folder = ReadFolder()
    with pinned(FileBlocks(folder)) as store, store.adding():
        store.put([LEAF, MIDDLE, ROOT])
        store.put([OTHER_LEAF], durable=False)
        folder.read.clear()
        folder.steps.clear()
        store.pin(ROOT.cid, "album")
        assert set(folder.read) == {ROOT, MIDDLE, OTHER_LEAF}
        assert LEAF not in folder.read
        shard = FLATFS.path_of(OTHER_LEAF.cid.multihash)[:2]
        assert folder.steps == ["sync folder ", f"sync folder {shard}"]  # the root, as the shard is new
        with pinned(FileBlocks(folder.after_power_cut(None))) as again:
            assert there(again, *GRAPH_BLOCKS) == [True] * 4


def test_a_pin_outside_an_adding_reads_everything_again() -> None:
    """Nobody has watched over those blocks since they were put."""
    folder = ReadFolder()
    with pinned(FileBlocks(folder)) as store:
        with store.adding():
            store.put(GRAPH_BLOCKS)
        folder.read.clear()
        store.pin(ROOT.cid, "album")
        assert set(folder.read) == set(GRAPH_BLOCKS)


def puts_again_carelessly(store: PinnedBlocks) -> None:
    store.remove(LEAF.cid)
    store.put([LEAF], durable=False)


def puts_in_a_put(store: PinnedBlocks) -> None:
    """The leaf is removed while the put that has drawn it, and will write it, still draws."""

    def source() -> Iterator[Block]:
        yield LEAF
        store.remove(LEAF.cid)
        yield OTHER_LEAF

    store.put(source(), durable=False)


def sweeps_in_a_sweep(store: PinnedBlocks) -> None:
    """A younger sweep removes what is recent for an older one, and the leaf comes back without a sync."""
    store.put([GARBAGE])
    older = store.sweep()
    next(older)
    store.put([LEAF, OTHER_LEAF, MIDDLE, ROOT])
    list(store.sweep())
    store.put(GRAPH_BLOCKS, durable=False)
    store.pin(MIDDLE.cid, "swept")
    list(older)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("step", [puts_again_carelessly, puts_in_a_put, sweeps_in_a_sweep])
def test_what_was_durable_and_no_longer_is(step: Step) -> None:
    folder, records = PretendFolder(), MemoryStore()
    store = pinned(FileBlocks(folder), records)
    if step is not sweeps_in_a_sweep:
        with store.adding():
            store.put(GRAPH_BLOCKS)
            step(store)
            store.pin(ROOT.cid, "album")
    else:
        step(store)
    with pinned(FileBlocks(folder.after_power_cut(None)), records) as again:
        for cid in again.pinned():
            assert all(again.has(each) for each in again.walk(cid))


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_block_that_was_removed_after_its_durable_put_is_missed(is_removed: bool) -> None:
    with pinned() as store, store.adding():
        store.put(GRAPH_BLOCKS)
        if is_removed:
            store.remove(LEAF.cid)
            with pytest.raises(NotFound):
                store.pin(ROOT.cid, "album")
            store.put([LEAF])
        store.pin(ROOT.cid, "album")


# A disk that breaks


class PinHistory:
    """Adds, pins, removes and sweeps. The pins lie on another disk, which never breaks."""

    def __init__(self, folder: PretendFolder, records: MemoryStore) -> None:
        self.store = pinned(FileBlocks(folder), records)

    def run(self) -> None:
        store, second = self.store, node("second", MIDDLE, GARBAGE)
        with store.adding():
            store.put([LEAF, OTHER_LEAF], durable=False)
            store.put([MIDDLE])
            store.pin(MIDDLE.cid, "first")
            store.put([GARBAGE, second])
            store.remove(GARBAGE.cid)
            store.put([GARBAGE], durable=False)
            store.pin(second.cid, "second")
        store.put([block_of(b"more garbage"), ROOT])
        sweep = store.sweep()
        next(sweep)
        store.put([ROOT], durable=False)
        store.pin(ROOT.cid, "late")
        list(sweep)
        store.unpin(second.cid, "second")
        store.collect()
        with store.adding():
            store.put([second, GARBAGE])
            store.pin(second.cid, "third")

    @staticmethod
    def judge(store: PinnedBlocks) -> None:
        assert store.gaps() == ()
        for cid in store.pinned():
            for each in store.walk(cid):
                store.get(each)


def all_steps() -> int:
    folder = PretendFolder()
    PinHistory(folder, MemoryStore()).run()
    return len(folder.steps)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("way", ["power cut", "kill"])
def test_a_pin_that_was_acknowledged_never_outlives_its_blocks(way: str) -> None:
    pins_seen = set()
    for number in range(all_steps()):
        for random in (None, Random(number)) if way == "power cut" else (None,):
            folder, records = PretendFolder({number: PowerCut()}), MemoryStore()
            with pytest.raises(PowerCut):
                PinHistory(folder, records).run()
            if way == "kill":
                folder.fail_at, folder.is_locked = {}, False
                with pinned(FileBlocks(folder), records) as again:
                    PinHistory.judge(again)
            history = PinHistory(folder.after_power_cut(random), records)
            history.judge(history.store)
            pins_seen.add(history.store.pinned())
            history.run()  # and it goes on
            history.judge(history.store)
    assert len(pins_seen) > 3


@pytest.mark.fault("F121")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_pin_on_a_disk_that_refuses_at_any_step_is_whole_or_refused(number: int) -> None:
    refused = 0
    for step in range(all_steps()):
        folder, records = PretendFolder({step: OSError(number, os.strerror(number))}), MemoryStore()
        try:
            history = PinHistory(folder, records)
            history.run()
        except StoreFull:
            refused += 1
        with pinned(FileBlocks(folder.after_power_cut(None)), records) as again:
            PinHistory.judge(again)
    assert refused == all_steps()
