"""The conformance suite passes every store of ours, and notices stores that are broken on purpose."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from p2plib.data.stores.base import Scan, Snapshot
from p2plib.data.stores.conformance import Opener, check_ordered_store
from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.leveldb import LevelDbStore
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.rules import RuleBroken
from p2plib.data.stores.simulated_disk import SimulatedDisk
from p2plib.data.stores.sqlite import SqliteStore
from p2plib.errors import NotFound, StoreLocked

Make = Callable[[Path], object]


def openers(make: Callable[[Path], Opener], folder: Path) -> Callable[[], Opener]:
    numbers = itertools.count()
    return lambda: make(folder / f"{next(numbers)}")


def ours(path: Path) -> LogStructuredStore:
    return LogStructuredStore(DiskFiles(path))


def ours_small(path: Path) -> LogStructuredStore:
    return LogStructuredStore(DiskFiles(path), memtable_bytes=5000, fan=2, bits_per_key=0)


@pytest.mark.parametrize("kind", [SqliteStore, ours, ours_small])
def test_stores_on_disk(kind: Callable[[Path], object], tmp_path: Path) -> None:
    check_ordered_store(openers(lambda path: lambda: kind(path), tmp_path))  # type: ignore[return-value]


def test_leveldb(tmp_path: Path) -> None:
    pytest.importorskip("plyvel", reason="plyvel, which has no wheel for every Python, is not installed")
    check_ordered_store(openers(lambda path: lambda: LevelDbStore(path), tmp_path))


def test_memory() -> None:
    check_ordered_store(lambda: MemoryStore, forgets=True)


def test_the_simulated_disk() -> None:
    def opener() -> Opener:
        disk = SimulatedDisk()
        return lambda: LogStructuredStore(disk, memtable_bytes=20_000)

    check_ordered_store(opener)


class Kept(MemoryStore):
    """A memory store that its opener keeps: the base of broken stores."""

    def __init__(self, kept: dict[str, MemoryStore]) -> None:
        super().__init__()
        if "open" in kept:
            raise StoreLocked("open already")
        self.kept = kept
        old = kept.get("old")
        if old:
            self._values, self._keys = dict(old._values), list(old._keys)
        kept["open"] = self

    def _close(self) -> None:
        self.kept["old"] = self.kept.pop("open")


def test_the_base_of_broken_stores_is_whole() -> None:
    check_ordered_store(lambda: (lambda kept: lambda: Kept(kept))({}))


class GivesNone(Kept):
    """check_put_get_delete"""

    def _get(self, key: bytes) -> bytes:
        return self._values.get(key)  # type: ignore[return-value]


class ForgetsDeletes(Kept):
    """check_put_get_delete"""

    def _write(self, changes: list[Change], durable: bool) -> None:
        super()._write([change for change in changes if isinstance(change, Put)], durable)


class OrdersAsText(Kept):
    """check_strange_bytes"""

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        pairs, release = super()._snapshot(start, end, reverse, limit)
        return iter(
            sorted(pairs, key=lambda pair: pair[0].decode("latin-1").lower(), reverse=reverse)
        ), release


class DropsEmptyValues(Kept):
    """check_empty_and_huge_values"""

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        pairs, release = super()._snapshot(start, end, reverse, None)
        return (pair for pair in pairs if pair[1]), release


class FirstChangeWins(Kept):
    """check_batch_order"""

    def _write(self, changes: list[Change], durable: bool) -> None:
        super()._write(list({change.key: change for change in reversed(changes)}.values()), durable)


class WritesInPart(Kept):
    """check_wrong_arguments"""

    def write(self, batch: object, *, durable: bool = True) -> None:
        for change in batch:  # type: ignore[attr-defined]
            super().write([change], durable=durable)


class IncludesTheEnd(Kept):
    """check_strange_bytes"""

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        return super()._snapshot(start, None if end is None else end + b"\0", reverse, limit)


class LimitsBeforeTurning(Kept):
    """check_ranges"""

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        pairs, release = super()._snapshot(start, end, False, limit)
        found = list(pairs)
        return iter(found[::-1] if reverse else found), release


class ReadsLive(Kept):
    """check_scan_is_a_snapshot"""

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        keys = [key for key in self._keys if key >= start and (end is None or key < end)]
        keys = keys[::-1] if reverse else keys
        return ((key, self._values[key]) for key in keys if key in self._values), super()._snapshot(
            b"", b"a", False, 0
        )[1]


class SnapshotsLate(Kept):
    """check_scan_is_a_snapshot"""

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        whole = super()._snapshot
        return (pair for _ in (0,) for pair in whole(start, end, reverse, limit)[0]), whole(
            b"", None, False, 0
        )[1]


class LosesTheLastBatch(Kept):
    """check_reopened"""

    def _write(self, changes: list[Change], durable: bool) -> None:
        self.before = (dict(self._values), list(self._keys))
        super()._write(changes, durable)

    def _close(self) -> None:
        if len(self._keys) > 1000:
            self._values, self._keys = self.before
        super()._close()


class AnswersWhenClosed(Kept):
    """check_closed"""

    def _require_open(self) -> None:
        pass


class GoesOnAfterClosing(Kept):
    """check_closed"""

    def scan(self, *arguments: object, **named: object) -> Scan:
        scan = super().scan(*arguments, **named)  # type: ignore[arg-type]
        self._scans.discard(scan)
        return scan


class OpensTwice(Kept):
    """check_opened_once"""

    def __init__(self, kept: dict[str, MemoryStore]) -> None:
        kept.pop("open", None)
        super().__init__(kept)


class KeepsTheClass(Kept):
    """check_classes_that_inherit_bytes"""

    def write(self, batch: object, *, durable: bool = True) -> None:
        changes = list(batch)  # type: ignore[call-overload]
        super().write(changes, durable=durable)
        if {type(change.key) for change in changes} - {bytes, str, bytearray}:
            self._write(changes, durable)


class DropsABatchThatWrites(Kept):
    """check_batches_made_of_the_store"""

    count = 0

    def write(self, batch: object, *, durable: bool = True) -> None:
        before, changes = self.count, list(batch)  # type: ignore[call-overload]
        if self.count == before:
            super().write(changes, durable=durable)
        self.count += 1


class GivesBackWhatWasDeleted(Kept):
    """check_deleted_stays_deleted"""

    def _close(self) -> None:
        for number in range(2):
            if self._values and b"other" in self._keys[-1]:
                super()._write([Put(b"%06d" % number, b"v")], False)
        super()._close()


class BreaksLate(Kept):
    """check_against_a_dictionary"""

    count = 0

    def _get(self, key: bytes) -> bytes:
        if key not in self._values:
            raise NotFound("none")
        return super()._get(key)

    def _write(self, changes: list[Change], durable: bool) -> None:
        self.count += 1
        super()._write(changes if self.count % 40 else [Delete(change.key) for change in changes], durable)


@pytest.mark.parametrize("kind", Kept.__subclasses__())
def test_a_broken_store_is_noticed(kind: type[Kept]) -> None:
    def opener() -> Opener:
        kept: dict[str, MemoryStore] = {}
        return lambda: kind(kept)

    with pytest.raises(RuleBroken) as caught:
        check_ordered_store(opener)
    assert str(caught.value).startswith(str(kind.__doc__))
