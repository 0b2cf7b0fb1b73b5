"""Pins and sweeps: in every order in which writing, pinning, reading and sweeping can happen."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.memory import MemoryBlobs, MemoryContent
from p2plib.data.stores.blobs.pins import PREFIX, PinnedBlobs, Swept
from p2plib.data.stores.blobs.store import PIECE_BYTES, BlobStore
from p2plib.data.stores.interfaces import Put
from p2plib.errors import Closed, NotFound, StoreCorrupt, StoreFull, UsageError
from tests.data.stores.blobs.stores import PinRecords


def put(store: PinnedBlobs, data: bytes, pin: str | None = None, key: str | None = None) -> str:
    with store.write(key, pin=pin) as writer:
        writer.write(data)
        return writer.finish().key


def test_a_sweep_removes_what_nobody_wants() -> None:
    with PinnedBlobs(MemoryContent(), PinRecords()) as store:
        wanted, twice, garbage = (
            put(store, b"wanted", "me"),
            put(store, b"twice", "me"),
            put(store, b"garbage"),
        )
        store.pin(twice, "you")
        store.pin(twice, "you")
        assert store.labels(twice) == ("me", "you")
        assert store.labels(garbage) == ()
        assert store.collect() == Swept(1, 7)
        assert list(store.keys()) == sorted([wanted, twice])
        store.unpin(twice, "me")
        store.unpin(twice, "nobody")
        store.unpin(garbage, "nobody")
        assert store.collect() == Swept(0, 0)
        store.unpin(twice, "you")
        assert store.exists(twice)
        assert store.collect() == Swept(1, 5)
        assert store.collect() == Swept(0, 0)
        assert list(store.keys()) == [wanted]


def test_what_cannot_be_pinned() -> None:
    with PinnedBlobs(MemoryBlobs(), PinRecords()) as store:
        with pytest.raises(NotFound, match="write it again, with a pin"):
            store.pin("a", "me")
        put(store, b"a", key="a")
        for label in ("", "x" * 256, "é" * 128, "a\0b", "\ud800"):
            for doing in (
                lambda label=label: store.pin("a", label),
                lambda label=label: store.unpin("a", label),
                lambda label=label: store.write("a", pin=label),
            ):
                with pytest.raises(UsageError, match="label"):
                    doing()
        with pytest.raises(UsageError):
            store.unpin("../a", "me")
        store.pin("a", "x" * 255)
        with pytest.raises(UsageError, match="is pinned for"):
            store.remove("a")
        assert store.exists("a")
        store.unpin("a", "x" * 255)
        store.remove("a")
        assert not store.exists("a")
    for doing in (lambda: store.pin("a", "b"), lambda: store.unpin("a", "b"), lambda: store.labels("a")):
        with pytest.raises(Closed):
            doing()
    for asking in (store.lost, store.sweep, store.collect):
        with pytest.raises(Closed):
            asking()
    for prefix in (b"", b"a\xff"):
        with pytest.raises(UsageError):
            PinnedBlobs(MemoryBlobs(), PinRecords(), prefix)


def test_pins_outlive_the_object_and_share_their_store(tmp_path: Path) -> None:
    records = PinRecords()
    records.write([Put(b"another's", b"thing"), Put(b"pin\x01", b"not a pin"), Put(b"pio", b"")])
    with PinnedBlobs(ContentFiles(DiskFolder(tmp_path)), records) as store:
        key = put(store, b"wanted", "album 7")
        put(store, b"garbage")
    assert records.get(PREFIX + key.encode() + b"\0album 7") == b""
    with PinnedBlobs(ContentFiles(DiskFolder(tmp_path)), records) as store:
        assert store.labels(key) == ("album 7",)
        assert store.collect().blobs == 1
        assert list(store.keys()) == [key]
    with PinnedBlobs(MemoryContent(), records) as other:
        assert other.lost() == (key,)
    for nonsense in (b"a", b"a\0", b"\0b", b"a\0b\0c", b"\xff\0b", b"../a\0b"):
        broken = PinRecords()
        broken.write([Put(PREFIX + nonsense, b"")])
        with pytest.raises(StoreCorrupt, match="no record of a pin"):
            PinnedBlobs(MemoryBlobs(), broken)


def test_a_pin_that_cannot_be_written_down_is_no_pin() -> None:
    records = PinRecords()
    with PinnedBlobs(MemoryBlobs(), records) as store:
        put(store, b"a", "me", key="a")
        records.is_full = True
        with pytest.raises(StoreFull):
            store.pin("a", "you")
        with pytest.raises(StoreFull):
            store.unpin("a", "me")
        assert store.labels("a") == ("me",)
        with pytest.raises(StoreFull):
            put(store, b"b", "me", key="b")
        assert store.labels("b") == ()
        records.is_full = False
        assert store.collect() == Swept(1, 1)
        assert list(store.keys()) == ["a"]


def test_a_pin_is_as_durable_as_its_blob() -> None:
    records = PinRecords()
    with PinnedBlobs(MemoryBlobs(), records) as store:
        for durable in (True, False):
            with store.write("a", pin=f"durable: {durable}") as writer:
                writer.finish(durable=durable)
        store.pin("a", "later")
        store.unpin("a", "later")
    assert records.durable == [True, False, True, True]


# Everything at once

Steps = Iterator[None]


class Everybody:
    """Actors over one store, each a generator that stops between any two things that it does."""

    def __init__(self, store: PinnedBlobs, old: str) -> None:
        self.store = store
        self.old = old
        self.must_be: set[str] = set()
        self.came_too_late: list[str] = []

    def writes_with_a_pin(self) -> Steps:
        writer = self.store.write(pin="writer")
        yield
        writer.write(b"old and")
        yield
        writer.write(b" new")
        yield
        self.must_be.add(writer.finish().key)

    def writes_the_old_blob_again(self) -> Steps:
        with self.store.write(self.old, pin="again") as writer:
            yield
            writer.write(b"old")
            yield
            self.must_be.add(writer.finish().key)

    def writes_and_pins_later(self) -> Steps:
        key = put(self.store, b"later")
        yield
        try:
            self.store.pin(key, "later")
        except NotFound:
            self.came_too_late.append(key)
        else:
            self.must_be.add(key)

    def pins(self) -> Steps:
        yield
        try:
            self.store.pin(self.old, "pinned")
        except NotFound:
            self.came_too_late.append(self.old)
        else:
            self.must_be.add(self.old)

    def reads(self) -> Steps:
        if not self.store.exists(self.old):
            return
        with self.store.read(self.old) as reader:
            yield
            assert self.store.exists(self.old)
            yield
            assert reader.read_all() == b"old"

    def sweeps(self) -> Steps:
        for _ in self.store.sweep():
            yield


# How many steps each of them takes; the last one of a sweep is at its end.
ACTORS = {
    "writes_with_a_pin": 4,
    "writes_the_old_blob_again": 3,
    "writes_and_pins_later": 2,
    "pins": 2,
    "reads": 3,
}
SWEEP_STEPS = 3


def orders(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every order of so many steps of each actor."""
    if not any(counts):
        yield ()
    for number, left in enumerate(counts):
        if left:
            rest = (*counts[:number], left - 1, *counts[number + 1 :])
            for after in orders(rest):
                yield (number, *after)


@pytest.mark.fault("F123")
@pytest.mark.parametrize("names", list(itertools.combinations(ACTORS, 2)), ids=" and ".join)
def test_every_order_of_two_actors_and_a_sweep(names: tuple[str, str]) -> None:
    for order in orders((*(ACTORS[name] for name in names), SWEEP_STEPS)):
        with PinnedBlobs(MemoryContent(), PinRecords()) as store:
            everybody = Everybody(store, put(store, b"old"))
            put(store, b"garbage")
            put(store, b"more garbage")
            actors: list[Steps] = [getattr(everybody, name)() for name in (*names, "sweeps")]
            for number in order:
                next(actors[number], None)
            for actor in actors:
                list(actor)
            for key in everybody.must_be:
                assert store.exists(key), (names, order)
            list(store.sweep())
            assert set(store.keys()) == everybody.must_be, (names, order)


def test_how_many_orders_there_are() -> None:
    assert sum(1 for _ in orders((2, 3, 4))) == 1260  # 9! / (2! 3! 4!)
    assert set(orders((1, 2))) == {(0, 1, 1), (1, 0, 1), (1, 1, 0)}


@pytest.mark.fault("F123")
def test_a_late_pin_succeeds_in_some_orders_and_fails_in_others() -> None:
    """A pin that comes too late says so; otherwise the test above would show nothing."""
    outcomes = set()
    for order in orders((2, 4)):
        with PinnedBlobs(MemoryContent(), PinRecords()) as store:
            everybody = Everybody(store, put(store, b"old"))
            actors: list[Steps] = [everybody.pins(), everybody.sweeps()]
            for number in order:
                next(actors[number], None)
            outcomes.add((len(everybody.must_be), len(everybody.came_too_late)))
    assert outcomes == {(1, 0), (0, 1)}


def test_what_was_finished_while_a_sweep_went_on_stays_until_the_next() -> None:
    with PinnedBlobs(MemoryBlobs(), PinRecords()) as store:
        for key in ("a", "m", "z"):
            put(store, b"old", key=key)
        sweep = store.sweep()
        assert next(sweep).key == "a"
        put(store, b"new", key="m")
        assert [info.key for info in sweep] == ["z"]
        assert list(store.keys()) == ["m"]
        assert store.collect().blobs == 1


def test_a_sweep_that_was_left_half_way_does_no_harm() -> None:
    with PinnedBlobs(MemoryBlobs(), PinRecords()) as store:
        for key in "abcd":
            put(store, b"old", key=key)
        sweep = store.sweep()
        next(sweep)
        sweep.close()  # type: ignore[attr-defined]
        store.sweep()  # which was never begun
        put(store, b"new", key="e")
        assert store.collect().blobs == 4


def test_a_blob_that_is_about_to_be_replaced_stays() -> None:
    with PinnedBlobs(MemoryBlobs(), PinRecords()) as store:
        put(store, b"old", key="a")
        with store.write("a") as writer:
            assert store.collect().blobs == 0
            assert store.read("a").read_all() == b"old"
        assert not writer.is_open
        assert store.collect().blobs == 1


def test_a_reader_that_was_dropped_holds_nothing() -> None:
    with PinnedBlobs(MemoryBlobs(), PinRecords()) as store:
        put(store, bytes(2 * PIECE_BYTES), key="a")
        reader = store.read("a")
        next(reader)
        assert store.collect().blobs == 0
        del reader
        assert store.collect().blobs == 1
        put(store, b"b", key="b")
        closed = store.read("b")
        closed.close()
        assert store.collect().blobs == 1


def test_a_sweep_of_a_store_that_is_closed_meanwhile() -> None:
    store = PinnedBlobs(MemoryBlobs(), PinRecords())
    for key in "abc":
        put(store, b"old", key=key)
    store.pin("b", "me")
    store.pin("c", "me")
    sweep = store.sweep()
    next(sweep)
    store.close()
    with pytest.raises(Closed):
        next(sweep)


def test_somebody_removes_what_a_sweep_is_about_to() -> None:
    within = MemoryBlobs()
    with PinnedBlobs(within, PinRecords()) as store:
        for key in "abc":
            put(store, b"old", key=key)
        sweep = store.sweep()
        assert next(sweep).key == "a"
        store.remove("b")
        assert [info.key for info in sweep] == ["c"]


@pytest.mark.fault("F123")
@pytest.mark.parametrize("make", [lambda path: MemoryContent(), lambda path: ContentFiles(DiskFolder(path))])
def test_threads_that_write_pin_and_sweep(make: Callable[[Path], BlobStore], tmp_path: Path) -> None:
    """Whatever the scheduler does: what a call said to be pinned is there."""
    failures: list[str] = []
    with PinnedBlobs(make(tmp_path), PinRecords()) as store:
        is_over = threading.Event()

        def writes(name: int) -> None:
            for number in range(15):
                key = put(store, b"%d %d" % (number, name % 2), f"thread {name}")
                put(store, b"garbage %d %d" % (name, number))
                if not store.exists(key):
                    failures.append(key)
                if number % 3:
                    store.unpin(key, f"thread {name}")

        def sweeps() -> None:
            while not is_over.is_set():
                store.collect()

        writers = [threading.Thread(target=writes, args=(name,)) for name in range(4)]
        sweeper = threading.Thread(target=sweeps)
        for thread in (*writers, sweeper):
            thread.start()
        for thread in writers:
            thread.join()
        is_over.set()
        sweeper.join()
        store.collect()
        assert not failures
        assert len(list(store.keys())) == 2 * 5  # numbers 0, 3, ..., 12 of two kinds
        assert store.lost() == ()
