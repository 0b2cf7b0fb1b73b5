"""Pins and sweeps of graphs: what stays, what goes, and what stops a sweep; in every order of events."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks import pins
from p2plib.data.blocks.base import raw_cid
from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import BLOCKS_PREFIX, OrderedBlocks
from p2plib.data.blocks.pins import PINS_PREFIX, BlockPin, PinnedBlocks, SweptBlocks
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import Closed, DecodeError, NotFound, StoreCorrupt, StoreError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.blocks.stores import GRAPH, links_of, node

LEAF, OTHER_LEAF, GARBAGE = block_of(b"leaf"), block_of(b"other leaf"), block_of(b"garbage")
MIDDLE = node("middle", LEAF, OTHER_LEAF)
ROOT = node("root", MIDDLE, LEAF)
GRAPH_BLOCKS = [LEAF, OTHER_LEAF, MIDDLE, ROOT]


def pinned(store: BlockStore | None = None, records: MemoryStore | None = None) -> PinnedBlocks:
    return PinnedBlocks(store or MemoryBlocks(), records or MemoryStore(), links_of)


def there(store: PinnedBlocks, *blocks: Block) -> list[bool]:
    return [store.has(block.cid) for block in blocks]


def test_a_sweep_removes_what_nobody_wants() -> None:
    with pinned() as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album")
        assert store.pinned() == (ROOT.cid,)
        assert store.collect() == SweptBlocks(1, len(GARBAGE.data))
        assert there(store, *GRAPH_BLOCKS) == [True] * 4
        store.pin(MIDDLE.cid, "part")
        store.unpin(ROOT.cid, "album")
        store.unpin(ROOT.cid, "nobody's")
        assert store.has(ROOT.cid)
        assert store.collect() == SweptBlocks(1, len(ROOT.data))
        store.unpin(MIDDLE.cid, "part")
        assert store.collect().blocks == 3
        assert list(store.hashes()) == []


def test_a_direct_pin_keeps_the_block_alone() -> None:
    with pinned() as store:
        store.put(GRAPH_BLOCKS)
        store.pin(ROOT.cid, "one", is_recursive=False)
        assert store.collect().blocks == 3
        assert there(store, *GRAPH_BLOCKS) == [False, False, False, True]
        assert store.gaps() == ()
        store.pin(ROOT.cid, "two", is_recursive=False)
        assert store.pins(ROOT.cid) == (BlockPin("one", False), BlockPin("two", False))
        with pytest.raises(NotFound):
            store.pin(ROOT.cid, "all of it")
        assert len(store.pins(ROOT.cid)) == 2


def test_the_last_pin_of_a_label_counts() -> None:
    with pinned() as store:
        store.put(GRAPH_BLOCKS)
        store.pin(ROOT.cid, "a", is_recursive=False)
        store.pin(ROOT.cid, "a")
        assert store.pins(ROOT.cid) == (BlockPin("a", True),)
        assert store.collect().blocks == 0
        store.pin(ROOT.cid, "a", is_recursive=False)
        assert store.collect().blocks == 3


def test_a_pin_promises_that_all_of_it_is_there() -> None:
    for lacks in GRAPH_BLOCKS:
        with pinned() as store:
            store.put(block for block in GRAPH_BLOCKS if block is not lacks)
            with pytest.raises(NotFound):
                store.pin(ROOT.cid, "album")
            assert store.pins(ROOT.cid) == ()
            store.put([lacks])
            store.pin(ROOT.cid, "album")


def test_what_cannot_be_pinned() -> None:
    unknown, broken = block_of(b"x", multicodec.DAG_PB), block_of(b"broken", GRAPH)
    with pinned() as store:
        store.put([unknown, broken, ROOT])
        with pytest.raises(UsageError, match="dag-pb are not known"):
            store.pin(unknown.cid, "a")
        with pytest.raises(DecodeError):
            store.pin(broken.cid, "a")
        store.pin(broken.cid, "a", is_recursive=False)
        for label in ("", "x" * 256, "é" * 128, "\ud800"):
            with pytest.raises(UsageError, match="label"):
                store.pin(ROOT.cid, label, is_recursive=False)
            with pytest.raises(UsageError, match="label"):
                store.unpin(ROOT.cid, label)
        store.pin(ROOT.cid, "\0" + "x" * 254, is_recursive=False)
        same = Cid(1, multicodec.RAW, ROOT.cid.multihash)
        with pytest.raises(UsageError, match="is pinned for"):
            store.remove(same)
        store.unpin(ROOT.cid, "\0" + "x" * 254)
        store.remove(same)
        assert not store.has(ROOT.cid)
    for doing in (store.pinned, store.gaps, store.sweep, store.collect):
        with pytest.raises(Closed):
            doing()
    for label_doing in (store.pin, store.unpin):
        with pytest.raises(Closed):
            label_doing(ROOT.cid, "a")


def test_pins_outlive_the_object_and_share_their_store(tmp_path: Path) -> None:
    records = MemoryStore()
    records.write([Put(b"another's", b"thing"), Put(b"block pin\x01", b"x")])
    with pinned(FileBlocks(DiskFolder(tmp_path)), records) as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album 7")
        store.pin(GARBAGE.cid, "not after all", is_recursive=False)
    raw = cids.encode_bytes(ROOT.cid)
    assert records.get(PINS_PREFIX + b"\x24" + raw + b"album 7") == b"recursive"
    with pinned(FileBlocks(DiskFolder(tmp_path)), records) as store:
        assert store.pins(ROOT.cid) == (BlockPin("album 7", True),)
        assert store.pins(GARBAGE.cid) == (BlockPin("not after all", False),)
        store.unpin(GARBAGE.cid, "not after all")
        assert store.collect().blocks == 1
    with pinned(FileBlocks(DiskFolder(tmp_path)), records) as store:
        assert store.pinned() == (ROOT.cid,)
    for nonsense in (b"", b"\x24", b"\x24" + raw, b"\x23" + raw + b"a", b"\x24" + raw + b"\xff"):
        other = MemoryStore()
        other.write([Put(PINS_PREFIX + nonsense, b"recursive")])
        with pytest.raises(StoreCorrupt, match="no record of a pin"):
            pinned(records=other)
    other = MemoryStore()
    other.write([Put(PINS_PREFIX + b"\x24" + raw + b"a", b"other")])
    with pytest.raises(StoreCorrupt):
        pinned(records=other)


# Gaps


@pytest.mark.fault("F123")
@pytest.mark.parametrize("hurt", [MIDDLE, ROOT])
@pytest.mark.parametrize("is_missing", [True, False])
def test_nothing_is_removed_while_there_is_a_gap(hurt: Block, is_missing: bool) -> None:
    """What is under the gap is garbage to whoever cannot see the link to it: it must stay."""
    records = MemoryStore()
    within = OrderedBlocks(records)
    with pinned(within) as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album")
        if is_missing:
            within.remove(hurt.cid)
        else:
            records.write([Put(BLOCKS_PREFIX + hurt.cid.multihash.encode(), b"changed")])
        [gap] = store.gaps()
        assert gap.cid == hurt.cid
        before = set(store.hashes())
        with pytest.raises(StoreError, match=f"nothing is removed.*{cids.to_text(hurt.cid)}"):
            store.collect()
        assert set(store.hashes()) == before
        store.put([hurt])
        assert store.gaps() == ()
        assert store.collect() == SweptBlocks(1, len(GARBAGE.data))


def test_a_raw_block_that_is_missing_hides_nothing() -> None:
    within = MemoryBlocks()
    with pinned(within) as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album")
        within.remove(LEAF.cid)
        assert store.gaps() == ()
        assert store.collect().blocks == 1
        assert there(store, OTHER_LEAF, MIDDLE, ROOT) == [True] * 3


def test_links_that_cannot_be_read_are_a_gap() -> None:
    """The hash is right, so the block is not damaged; still nobody knows what its author meant."""
    for odd in (block_of(b"x", multicodec.DAG_PB), block_of(b"broken", GRAPH)):
        with pinned() as store:
            store.put([odd, GARBAGE])
            with store.held(odd.cid):
                [gap] = store.gaps()
                assert gap.cid == odd.cid
                with pytest.raises(StoreError, match="nothing is removed"):
                    store.collect()
            assert store.collect().blocks == 2


def test_the_list_of_gaps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MAX_GAPS", 7)
    wide = node("wide", *(node(str(number)) for number in range(50)))
    with pinned() as store:
        store.put([wide])
        with store.held(wide.cid):
            assert len(store.gaps()) == 7


# Bombs


@pytest.mark.fault("F119")
def test_a_deep_graph_is_walked_without_recursion() -> None:
    depth, blocks = 20_000, [node("end")]
    for number in range(depth):
        blocks.append(node(str(number), blocks[-1]))
    with pinned() as store:
        store.put([*blocks, GARBAGE])
        store.pin(blocks[-1].cid, "deep")
        assert store.collect().blocks == 1
        assert sum(1 for _ in store.hashes()) == depth + 1


@pytest.mark.fault("F119")
def test_a_graph_whose_links_meet_again_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty levels, each of which links the one below it twice: 2**60 ways, 61 blocks."""
    blocks = [node("end")]
    for number in range(60):
        blocks.append(node(str(number), blocks[-1], blocks[-1], blocks[-1].cid))
    with pinned() as store:
        store.put(blocks)
        assert sum(1 for _ in store.walk(blocks[-1].cid)) == 61
        store.pin(blocks[-1].cid, "wide")
        assert store.collect().blocks == 0


def test_a_block_under_two_codecs_is_looked_at_under_both() -> None:
    """Whoever links the bytes as raw does not hide their links from whoever links them as a graph."""
    raw = Cid(1, multicodec.RAW, MIDDLE.cid.multihash)
    for order in ((raw, MIDDLE.cid), (MIDDLE.cid, raw)):
        both = node("both", *order)
        with pinned() as store:
            store.put([*GRAPH_BLOCKS, both, GARBAGE])
            store.pin(both.cid, "both")
            store.pin(raw, "raw")
            store.collect()
            assert there(store, LEAF, OTHER_LEAF, MIDDLE, both) == [True] * 4
            store.unpin(both.cid, "both")
            store.collect()
            assert there(store, LEAF, OTHER_LEAF, MIDDLE, both) == [False, False, True, False]


def test_identity_blocks_are_walked_and_not_kept() -> None:
    text = f"\n{cids.to_text(LEAF.cid)}".encode()
    inside = block_of(text, GRAPH, function=multicodec.IDENTITY)
    root = node("root", inside)
    with pinned() as store:
        store.put([LEAF, inside, root, GARBAGE])
        store.pin(root.cid, "album")
        assert store.collect().blocks == 1
        assert there(store, LEAF, root) == [True, True]


# Everything at once

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


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=15),
    st.sets(st.integers(0, 14)),
    st.sets(st.integers(0, 14)),
)
def test_a_sweep_leaves_exactly_what_the_pins_reach(
    links: list[list[int]], recursive: set[int], direct: set[int]
) -> None:
    """Over random graphs, against the definition: the least set that holds the roots and their links."""
    blocks: list[Block] = []
    below: list[set[int]] = []
    for number, targets in enumerate(links):
        lower = {target % number for target in targets} if number else set()
        blocks.append(node(str(number), *(blocks[target] for target in sorted(lower))))
        below.append({number}.union(*(below[target] for target in lower)))
    recursive = {number for number in recursive if number < len(blocks)}
    direct = {number for number in direct if number < len(blocks)}
    with pinned() as store:
        store.put(blocks)
        for number in direct:
            store.pin(blocks[number].cid, "direct", is_recursive=False)
        for number in recursive:
            store.pin(blocks[number].cid, "recursive")
        store.collect()
        wanted = direct.union(*(below[number] for number in recursive))
        assert set(store.hashes()) == {blocks[number].cid.multihash for number in wanted}


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


def test_a_damaged_block_that_nobody_wants_is_removed() -> None:
    records = MemoryStore()
    with pinned(OrderedBlocks(records)) as store:
        store.put([GARBAGE, LEAF])
        store.pin(LEAF.cid, "a")
        records.write([Put(BLOCKS_PREFIX + GARBAGE.cid.multihash.encode(), b"x")])
        assert [swept.multihash for swept in store.sweep()] == [GARBAGE.cid.multihash]
        assert not store.has(raw_cid(GARBAGE.cid.multihash))
