"""Pins and sweeps while others add, pin, walk and fetch: in every order of events, and in threads."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.pins import PinnedBlocks, SweptBlocks
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.errors import Closed, NotFound, StoreError
from p2plib.wire.cid import Cid
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

Steps = Iterator[None]


class Everybody:
    """Actors over one store, each a generator that stops between any two things that it does."""

    def __init__(self, store: PinnedBlocks) -> None:
        self.store = store
        self.must_be: set[Block] = set()
        self.too_late = 0

    def adds(self) -> Steps:
        """A graph of old blocks and a new one, leaves first."""
        with self.store.adding():
            yield
            self.store.put([LEAF])
            yield
            self.store.put([OTHER_LEAF, MIDDLE])
            yield
            self.store.put([ROOT])
            yield
            self.store.pin(ROOT.cid, "added")
        self.must_be |= set(GRAPH_BLOCKS)

    def adds_carelessly(self) -> Steps:
        self.store.put([LEAF, OTHER_LEAF])
        yield
        self.store.put([MIDDLE])
        yield
        try:
            self.store.pin(MIDDLE.cid, "careless")
        except NotFound:
            self.too_late += 1
        else:
            self.must_be |= {LEAF, OTHER_LEAF, MIDDLE}

    def pins_what_is_there(self) -> Steps:
        yield
        try:
            self.store.pin(MIDDLE.cid, "pinned")
        except NotFound:
            self.too_late += 1
        else:
            self.must_be |= {LEAF, OTHER_LEAF, MIDDLE}

    def walks(self) -> Steps:
        with self.store.held(MIDDLE.cid):
            yield
            if all(there(self.store, LEAF, OTHER_LEAF, MIDDLE)):
                for cid in self.store.walk(MIDDLE.cid):
                    yield
                    self.store.get(cid)

    def sweeps(self) -> Steps:
        sweep = self.store.sweep()
        while True:
            try:
                next(sweep)
            except (StopIteration, StoreError):  # a hold of what is gone is a gap
                return
            yield


ACTORS = {"adds": 5, "adds_carelessly": 3, "pins_what_is_there": 2, "walks": 4}
SWEEP_STEPS = 4


def orders(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every order of so many steps of each actor."""
    if not any(counts):
        yield ()
    for number, left in enumerate(counts):
        if left:
            for after in orders((*counts[:number], left - 1, *counts[number + 1 :])):
                yield (number, *after)


def play(names: tuple[str, ...], order: tuple[int, ...]) -> Everybody:
    """Plays one order, judges it, and returns the actors."""
    with pinned() as store:
        store.put([GARBAGE, LEAF, OTHER_LEAF, MIDDLE, block_of(b"more garbage")])
        everybody = Everybody(store)
        actors: list[Steps] = [getattr(everybody, name)() for name in names]
        for number in order:
            next(actors[number], None)
        for actor in actors:
            list(actor)
        assert all(there(store, *everybody.must_be)), (names, order)
        store.collect()
        assert set(store.hashes()) == {block.cid.multihash for block in everybody.must_be}, (names, order)
    return everybody


@pytest.mark.fault("F123")
@pytest.mark.parametrize("name", ACTORS)
def test_every_order_of_an_actor_and_a_sweep(name: str) -> None:
    played = [play((name, "sweeps"), order) for order in orders((ACTORS[name], SWEEP_STEPS))]
    late = sum(everybody.too_late for everybody in played)
    assert late < len(played)
    if name == "pins_what_is_there":
        assert late  # a pin that comes too late says so; otherwise these orders would show nothing


@pytest.mark.fault("F123")
@pytest.mark.parametrize("names", list(itertools.combinations(ACTORS, 2)), ids=" and ".join)
def test_random_orders_of_two_actors_and_two_sweeps(names: tuple[str, str]) -> None:
    random = Random(str(names))
    for _ in range(150):
        steps = [0] * ACTORS[names[0]] + [1] * ACTORS[names[1]] + [2] * SWEEP_STEPS + [3] * SWEEP_STEPS
        random.shuffle(steps)
        play((*names, "sweeps", "sweeps"), tuple(steps))


def test_a_held_graph_that_is_fetched_from_its_root_down_is_kept() -> None:
    """Half of it is there: what is there may be under what is not."""
    with pinned() as store:
        with store.held(ROOT.cid):
            store.put([ROOT, LEAF, GARBAGE])
            with pytest.raises(StoreError, match="nothing is removed"):
                store.collect()
            store.put([MIDDLE, OTHER_LEAF])
            assert store.collect() == SweptBlocks(1, len(GARBAGE.data))
            with store.held(ROOT.cid):
                pass
            assert store.collect() == SweptBlocks(0, 0)
            store.pin(ROOT.cid, "fetched")
        assert store.collect() == SweptBlocks(0, 0)
        store.unpin(ROOT.cid, "fetched")
        assert store.collect().blocks == 4


def test_what_was_put_while_a_sweep_went_on_stays_until_the_next() -> None:
    with pinned() as store:
        blocks = [block_of(b"%d" % number) for number in range(5)]
        store.put(blocks)
        sweep = store.sweep()
        first = next(sweep)
        store.put(blocks)
        assert list(sweep) == []
        assert sum(1 for _ in store.hashes()) == 5
        assert first.size_bytes == 1
        assert store.collect().blocks == 5


def test_what_was_added_while_a_sweep_went_on_stays_until_the_next_even_without_a_pin() -> None:
    with pinned() as store:
        blocks = [block_of(b"%d" % number) for number in range(5)]
        store.put(blocks)
        sweep = store.sweep()
        next(sweep)
        with store.adding():
            store.put(blocks[3:])
        assert [swept.multihash for swept in sweep] == [block.cid.multihash for block in blocks[1:3]]
        assert store.collect().blocks == 2


def test_addings_that_overlap_for_ever_keep_no_garbage() -> None:
    """There is always an adding: what was put before all of them goes."""
    with pinned() as store, contextlib.ExitStack() as last:
        for number in range(20):
            old, young = block_of(b"old %d" % number), block_of(b"young %d" % number)
            store.put([old])
            with contextlib.ExitStack() as next_one:
                next_one.enter_context(store.adding())
                last.close()
                last = next_one.pop_all()
            store.put([young])
            assert old.cid.multihash in {each.multihash for each in store.sweep()}
            assert there(store, old, young) == [False, True]
        last.close()
        assert store.collect().blocks == 1


def test_a_younger_sweep_removes_what_came_before_it_while_an_older_goes_on() -> None:
    with pinned() as store:
        store.put([LEAF, OTHER_LEAF])
        older = store.sweep()
        assert next(older).multihash == LEAF.cid.multihash
        store.put([GARBAGE])
        younger = store.sweep()
        assert next(younger).multihash == OTHER_LEAF.cid.multihash
        store.put([LEAF])
        assert [swept.multihash for swept in younger] == [GARBAGE.cid.multihash]
        assert list(older) == []
        assert there(store, LEAF)[0]
        assert store.collect().blocks == 1


def test_an_older_adding_keeps_what_came_after_a_younger_one() -> None:
    with pinned() as store:
        with store.adding():
            store.put([LEAF])
            with store.adding():
                store.put([OTHER_LEAF])
            store.put([LEAF, GARBAGE])
            assert store.collect().blocks == 0
        assert store.collect().blocks == 3


def test_what_was_put_is_remembered_no_longer_than_it_matters() -> None:
    with pinned() as store, contextlib.ExitStack() as younger:
        with store.adding():
            store.put([LEAF, OTHER_LEAF, GARBAGE])
            younger.enter_context(store.adding())
            store.put([LEAF, MIDDLE])
        assert len(store._recent) == 2
        younger.close()
        assert len(store._recent) == 0
        store.put([ROOT])
        assert len(store._recent) == 0
        list(store.sweep())
        assert len(store._recent) == 0
        assert not store._sweeping


def test_a_direct_pin_that_comes_during_a_sweep_keeps_its_block_alone() -> None:
    with pinned() as store:
        store.put([GARBAGE, *GRAPH_BLOCKS])
        sweep = store.sweep()
        assert next(sweep).multihash == GARBAGE.cid.multihash
        store.pin(ROOT.cid, "late", is_recursive=False)
        assert len(list(sweep)) == 3
        assert there(store, *GRAPH_BLOCKS) == [False, False, False, True]


def test_a_sweep_that_was_left_half_way_does_no_harm() -> None:
    with pinned() as store:
        store.put(block_of(b"%d" % number) for number in range(5))
        sweep = store.sweep()
        next(sweep)
        sweep.close()  # type: ignore[attr-defined]
        store.sweep()  # which was never begun
        store.put([block_of(b"new")])
        assert store.collect().blocks == 5


def test_a_sweep_of_a_store_that_is_closed_meanwhile() -> None:
    store = pinned()
    store.put([LEAF, OTHER_LEAF, GARBAGE])
    sweep = store.sweep()
    next(sweep)
    store.close()
    with pytest.raises(Closed):
        next(sweep)


def test_somebody_removes_what_a_sweep_is_about_to() -> None:
    with pinned() as store:
        store.put([LEAF, OTHER_LEAF, GARBAGE])
        sweep = store.sweep()
        assert next(sweep).multihash == LEAF.cid.multihash
        store.remove(OTHER_LEAF.cid)
        assert [swept.multihash for swept in sweep] == [GARBAGE.cid.multihash]


@pytest.mark.fault("F123")
@pytest.mark.parametrize("make", [lambda path: MemoryBlocks(), lambda path: FileBlocks(DiskFolder(path))])
def test_threads_that_add_pin_and_sweep(make: Callable[[Path], BlockStore], tmp_path: Path) -> None:
    """Whatever the scheduler does: what a call said to be pinned is there."""
    failures: list[Cid] = []
    with pinned(make(tmp_path)) as store:
        is_over = threading.Event()

        def adds(name: int) -> None:
            for number in range(10):
                leaf = block_of(b"%d %d" % (number, name % 2))
                root = node(f"{number} {name}", leaf)
                with store.adding():
                    store.put([leaf])
                    store.put([root])
                    store.pin(root.cid, "thread")
                store.put([block_of(b"garbage %d %d" % (name, number))])
                failures.extend(block.cid for block in (leaf, root) if not store.has(block.cid))
                if number % 3:
                    store.unpin(root.cid, "thread")

        def sweeps() -> None:
            while not is_over.is_set():
                store.collect()

        writers = [threading.Thread(target=adds, args=(name,)) for name in range(4)]
        sweeper = threading.Thread(target=sweeps)
        for thread in (*writers, sweeper):
            thread.start()
        for thread in writers:
            thread.join()
        is_over.set()
        sweeper.join()
        store.collect()
        assert not failures
        assert (
            len(list(store.hashes())) == 4 * 4 + 2 * 4
        )  # numbers 0, 3, 6, 9: roots, and leaves of two kinds
        assert store.gaps() == ()
