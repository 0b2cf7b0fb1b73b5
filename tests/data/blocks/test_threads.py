"""The locks of the wrappers: each is there for an order of two threads that would go wrong without it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import pytest

from p2plib.data.blocks import counted, pin_records, pins, quota, recent
from p2plib.data.blocks.base import raw_cid
from p2plib.data.blocks.counted import BlockCounts, CountedBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.blocks.quota import QuotaBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import NotFound, StoreFull
from tests.data.blocks.interleaved import Body, WatchedLock, at_every_step
from tests.data.blocks.stores import GARBAGE, LEAF, node, pinned, there

ONE, TWO = block_of(b"123456"), block_of(b"abcdef")
TOP = node("top", LEAF)


def putting(store: QuotaBlocks | CountedBlocks | PinnedBlocks, *blocks: Block) -> Body:
    def put() -> None:
        with contextlib.suppress(StoreFull):
            store.put(blocks)

    return put


# Counters


def test_what_two_threads_put_is_new_once_and_all_of_it_counts() -> None:
    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = CountedBlocks(MemoryBlocks())
        store._lock = lock  # type: ignore[assignment]

        def judge() -> None:
            assert store.stats() == BlockCounts(3, 18, 2, 12)

        return putting(store, ONE), putting(store, TWO, ONE), judge

    assert at_every_step((counted,), begin) > 50


# The quota


def failing(store: QuotaBlocks) -> None:
    def source() -> Iterator[Block]:
        yield ONE
        raise KeyError

    with contextlib.suppress(KeyError, StoreFull):
        store.put(source())


QUOTA_BODIES: dict[str, Callable[[QuotaBlocks], None]] = {
    "puts": lambda store: putting(store, ONE)(),
    "puts another": lambda store: putting(store, TWO)(),
    "removes": lambda store: store.remove(ONE.cid),
    "fails": failing,
}


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("second", ["puts", "removes", "fails"])
@pytest.mark.parametrize("first", ["puts", "puts another", "removes"])
def test_the_count_is_the_sum_and_within_the_quota(first: str, second: str, is_there: bool) -> None:
    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        within = MemoryBlocks()
        if is_there:
            within.put([ONE])
        store = QuotaBlocks(within, 10)
        store._lock = lock  # type: ignore[assignment]

        def judge() -> None:
            assert store.used_bytes == sum(store.size(raw_cid(each)) for each in store.hashes()) <= 10
            assert not store._reserved_by

        return lambda: QUOTA_BODIES[first](store), lambda: QUOTA_BODIES[second](store), judge

    assert at_every_step((quota,), begin) > 20


# Pins and sweeps


def with_lock(lock: WatchedLock, blocks: Iterable[Block] = (GARBAGE, LEAF, TOP)) -> PinnedBlocks:
    store = pinned()
    store.put(blocks)
    store._lock = lock  # type: ignore[assignment]
    return store


def adds(store: PinnedBlocks) -> None:
    with store.adding():
        store.put([LEAF])
        store.put([TOP])
        store.pin(TOP.cid, "added")


def pins_what_is_there(store: PinnedBlocks) -> None:
    with contextlib.suppress(NotFound):
        store.pin(TOP.cid, "pinned")


def holds(store: PinnedBlocks) -> None:
    with store.held(TOP.cid):
        if all(there(store, LEAF, TOP)):
            for cid in store.walk(TOP.cid):
                store.get(cid)


def pins_again(store: PinnedBlocks) -> None:
    with contextlib.suppress(NotFound):
        store.pin(TOP.cid, "another label")
        store.pin(LEAF.cid, "a leaf")
        store.unpin(TOP.cid, "another label")
        store.unpin(LEAF.cid, "a leaf")


def removes(store: PinnedBlocks) -> None:
    store.remove(GARBAGE.cid)


PIN_BODIES = {body.__name__: body for body in (adds, pins_what_is_there, holds, pins_again, removes)}
MODULES = (pins, pin_records, recent)


@pytest.mark.fault("F123")
@pytest.mark.parametrize("is_first", [True, False], ids=["before", "while"])
@pytest.mark.parametrize("name", PIN_BODIES)
def test_a_sweep_while_another_thread_works(name: str, is_first: bool) -> None:
    """Whatever is pinned afterwards is there, and nothing that nobody wants survives the next sweep."""

    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = with_lock(lock)

        def judge() -> None:
            for cid in store.pinned():
                assert all(store.has(each) for each in store.walk(cid))
            store.collect()
            assert set(store.hashes()) == {
                each.multihash for cid in store.pinned() for each in store.walk(cid)
            }
            assert len(store._recent) == 0
            assert not store._recent._addings
            assert not store._recent._sweeps

        bodies = (lambda: PIN_BODIES[name](store), lambda: [*store.sweep()])
        return (*(bodies if is_first else bodies[::-1]), judge)  # type: ignore[return-value]

    assert at_every_step((pins,), begin) > 20


def pins_two(store: PinnedBlocks) -> None:
    store.pin(TOP.cid, "new")
    store.pin(LEAF.cid, "new")


def unpins_two(store: PinnedBlocks) -> None:
    store.unpin(TOP.cid, "old")
    store.unpin(GARBAGE.cid, "old")


@pytest.mark.parametrize("changes", [pins_two, unpins_two])
@pytest.mark.parametrize(
    "asks",
    [lambda store: store.pins(TOP.cid), PinnedBlocks.gaps, PinnedBlocks.pinned, PinnedBlocks.collect],
    ids=["pins", "gaps", "pinned", "collect"],
)
def test_a_table_of_pins_that_is_read_does_not_change_meanwhile(
    asks: Callable[[PinnedBlocks], object], changes: Callable[[PinnedBlocks], None]
) -> None:
    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = with_lock(lock)
        for block, label in ((GARBAGE, "old"), (TOP, "old"), (TOP, "older"), (LEAF, "older")):
            store.pin(block.cid, label)

        def judge() -> None:
            assert store.gaps() == ()

        return lambda: void(asks(store)), lambda: changes(store), judge

    assert at_every_step(MODULES, begin) > 5


def void(_: object) -> None:
    pass


def test_what_is_put_while_a_sweep_goes_on_stays() -> None:
    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = with_lock(lock)
        sweep = store.sweep()
        assert next(sweep).multihash == GARBAGE.cid.multihash

        def judge() -> None:
            assert there(store, LEAF, TOP) == [True, True]

        return lambda: void([*sweep]), putting(store, LEAF, TOP), judge

    assert at_every_step((pins,), begin) > 20


@pytest.mark.parametrize("is_first", [True, False], ids=["entering", "leaving"])
def test_a_hold_is_not_lost_when_another_of_the_same_block_comes_or_goes(is_first: bool) -> None:
    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = with_lock(lock)
        stays, goes = store.held(TOP.cid), store.held(TOP.cid)
        goes.__enter__()

        def enters() -> None:
            stays.__enter__()

        def leaves() -> None:
            goes.__exit__(None, None, None)

        def judge() -> None:
            store.collect()
            assert there(store, LEAF, TOP) == [True, True]
            stays.__exit__(None, None, None)
            assert store.collect().blocks == 2

        return (*((enters, leaves) if is_first else (leaves, enters)), judge)

    assert at_every_step(MODULES, begin) > 10


def test_an_adding_and_a_sweep_that_begin_together_have_numbers_of_their_own() -> None:
    """Otherwise the end of one is taken for the end of the other."""

    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = with_lock(lock)
        adding, sweep = store.adding(), store.sweep()

        def judge() -> None:
            store.put([LEAF, TOP])
            list(sweep)
            assert there(store, LEAF, TOP) == [True, True]
            assert store.collect().blocks == 0
            adding.__exit__(None, None, None)
            assert store.collect().blocks >= 2

        return lambda: adding.__enter__(), lambda: next(sweep), judge  # type: ignore[return-value]

    assert at_every_step(MODULES, begin) > 10


def test_a_pin_that_another_thread_removes_meanwhile_does_not_let_its_block_go() -> None:
    """Pin and remove: either the removal was first, and the pin says so, or the pin keeps the block."""

    def begin(lock: WatchedLock) -> tuple[Body, Body, Body]:
        store = with_lock(lock)

        def removes_top() -> None:
            with contextlib.suppress(Exception):
                store.remove(TOP.cid)

        def judge() -> None:
            assert store.pinned() == ((TOP.cid,) if store.has(TOP.cid) else ())

        return removes_top, lambda: pins_what_is_there(store), judge

    assert at_every_step(MODULES, begin) > 10
