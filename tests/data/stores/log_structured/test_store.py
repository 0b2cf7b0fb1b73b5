"""The log-structured store: flush, compaction, scans meanwhile, a disk that refuses, interrupted writes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from random import Random
from types import FrameType
from typing import Any

import pytest

from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.log_structured.bloom import BloomFilter
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.simulated_disk import Fault, PowerCut, SimulatedDisk
from p2plib.errors import Closed, NotFound, StoreCorrupt, StoreFull, StoreLocked, UsageError


def filled(disk: SimulatedDisk, batches: int = 30, **settings: int) -> LogStructuredStore:
    store = LogStructuredStore(disk, **{"memtable_bytes": 1000, "fan": 3, **settings})
    for number in range(batches):
        store.write([Put(b"%04d" % (number % 17), b"value %d" % number)])
    return store


def held(batches: int) -> dict[bytes, bytes]:
    return {b"%04d" % (number % 17): b"value %d" % number for number in range(batches)}


def test_tiers_are_digits() -> None:
    with filled(SimulatedDisk(), 200) as store:
        tiers = store.stats().tables
        assert list(tiers) == sorted(tiers, reverse=True)
        assert max(tiers.count(tier) for tier in tiers) < 3
        assert store.stats().flushes > 9
        assert dict(store.scan()) == held(200)
        assert store.check() == store.stats().entries


def test_compaction_leaves_no_tombstone_and_no_overruled_value() -> None:
    disk = SimulatedDisk()
    with filled(disk, 100) as store:
        store.write([Delete(b"%04d" % number) for number in range(10)])
        store.compact()
        assert (len(store.stats().tables), store.stats().entries) == (1, 7)
        store.write([Delete(key) for key, _ in store.scan()])
        store.compact()
        assert (store.stats().tables, store.stats().entries) == ((), 0)
        for _ in range(30):
            store.write([Put(b"k", b"v")])
            store.compact()
        assert max(store.stats().tables) < 3
    assert len([name for name in disk.names() if name.endswith(".table")]) == 1


def test_a_tombstone_hides_what_older_tables_have() -> None:
    with LogStructuredStore(SimulatedDisk(), fan=10) as store:
        store.write([Put(b"k", b"old")])
        store.flush()
        store.write([Delete(b"k")])
        store.flush()
        with pytest.raises(NotFound):
            store.get(b"k")
        assert list(store.scan()) == []
        assert store.stats().tables == (0, 0)


@pytest.mark.fault("F123")
def test_a_table_that_a_scan_reads_outlives_its_compaction() -> None:
    disk = SimulatedDisk()
    with filled(disk, 100) as store:
        before = dict(store.scan())
        scans = [store.scan(), store.scan(reverse=True)]
        first = [next(scan) for scan in scans]
        read = [name for name in disk.names() if name.endswith(".table")]
        store.write([Delete(key) for key in before])
        store.compact()
        assert set(read) <= set(disk.names())
        assert dict([first[0], *scans[0]]) == before
        assert set(read) <= set(disk.names())
        assert dict([first[1], *scans[1]]) == before
        assert not set(read) & set(disk.names())


@pytest.mark.fault("F122")
def test_it_is_opened_once() -> None:
    disk = SimulatedDisk()
    with filled(disk, 3), pytest.raises(StoreLocked):
        LogStructuredStore(disk)
    LogStructuredStore(disk).close()


def test_a_failed_opening_gives_the_lock_back() -> None:
    disk = SimulatedDisk()
    filled(disk, 3).close()
    disk.flip("MANIFEST", 0)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            LogStructuredStore(disk)


def test_many_short_sessions_leave_few_tables() -> None:
    disk = SimulatedDisk()
    for number in range(40):
        with LogStructuredStore(disk, fan=3) as store:
            store.write([Put(b"%d" % number, b"")], durable=False)
    with LogStructuredStore(disk, fan=3) as store:
        assert len(store.stats().tables) < 9
        assert len(list(store.scan())) == 40


@pytest.mark.fault("F121")
def test_no_room_for_a_record_changes_nothing_and_the_store_goes_on() -> None:
    disk = SimulatedDisk()
    with LogStructuredStore(disk) as store:
        store.write([Put(b"a", b"1")])
        disk.faults[len(disk.steps)] = Fault.NO_ROOM
        with pytest.raises(StoreFull, match="No space"):
            store.write([Put(b"a", b"2"), Put(b"b", b"2")])
        assert list(store.scan()) == [(b"a", b"1")]
        store.write([Put(b"c", b"3")])
        with LogStructuredStore(disk.after_power_cut()) as after:
            assert list(after.scan()) == [(b"a", b"1"), (b"c", b"3")]
            assert after.stats().cut_bytes == 0


@pytest.mark.fault("F121")
def test_after_a_failed_sync_nothing_more_is_written() -> None:
    disk = SimulatedDisk()
    store = LogStructuredStore(disk)
    store.write([Put(b"a", b"1")])
    disk.faults[len(disk.steps) + 1] = Fault.BAD_DISK
    with pytest.raises(StoreFull, match="what it has kept is not known"):
        store.write([Put(b"a", b"2")])
    for _ in range(2):
        with pytest.raises(StoreFull, match="takes no more writes"):
            store.write([Put(b"a", b"3")])
    with pytest.raises(StoreFull):
        store.flush()
    assert store.get(b"a") == b"1"
    store.close()
    with LogStructuredStore(disk.after_power_cut()) as after:
        assert after.get(b"a") == b"1"
    with LogStructuredStore(disk.after_kill()) as after:  # the cache still has the batch in doubt
        assert after.get(b"a") == b"2"
        lies = after._files.after_power_cut()  # type: ignore[attr-defined]
    with LogStructuredStore(lies) as after:  # and now so has the disk: it was written again
        assert after.get(b"a") == b"2"


@pytest.mark.fault("F121")
def test_a_full_disk_at_a_flush_loses_nothing() -> None:
    disk = SimulatedDisk()
    store = filled(disk, 3, memtable_bytes=300)
    disk.faults[len(disk.steps)] = Fault.FULL
    names = disk.names()
    with pytest.raises(StoreFull):
        store.flush()
    assert disk.names() == names  # what was begun was removed, for the disk is full
    assert dict(store.scan()) == held(3)
    with pytest.raises(StoreFull):
        store.write([Put(b"k", b"v")])
    store.close()
    disk._lasting = None
    with LogStructuredStore(disk) as after:
        assert dict(after.scan()) == held(3)


@pytest.mark.fault("F121")
def test_a_read_only_disk_can_be_read() -> None:
    disk = SimulatedDisk()
    with filled(disk, 20) as store:
        disk.faults[len(disk.steps)] = Fault.READ_ONLY
        with pytest.raises(StoreFull, match="Read-only"):
            store.write([Put(b"k", b"v")])
        assert dict(store.scan()) == held(20)
    left = disk.after_kill()
    left.faults[0] = Fault.READ_ONLY
    with LogStructuredStore(left) as after:
        assert dict(after.scan()) == held(20)
        with pytest.raises(StoreFull):
            after.write([Put(b"k", b"v")])


def test_a_compaction_that_fails_is_tried_again() -> None:
    disk = SimulatedDisk()
    with LogStructuredStore(disk, fan=2) as store:
        for number in range(2):
            store.write([Put(b"%d" % number, b"")])
            if number:
                disk.faults[len(disk.steps) + 10] = Fault.NO_ROOM
            store.flush()
        assert (store.stats().failed, store.stats().tables) == (1, (0, 0))
        store.write([Put(b"2", b"")])
        store.flush()
        assert store.stats().tables == (1,)
        assert len(list(store.scan())) == 3


class Interrupted(BaseException):
    """Ctrl-C at a bad moment."""


@pytest.mark.parametrize("call", ["append", "sync", "replace", "sync_directory"])
def test_an_interrupted_write_leaves_the_store_in_doubt_and_the_disk_whole(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the interruption the store writes no more; whatever it would write could be lost."""
    for count in range(6):
        disk = SimulatedDisk()
        store = filled(disk, 5)
        real, calls = getattr(disk, call), iter(range(100))

        def breaks(
            *arguments: object, real: object = real, calls: object = calls, count: int = count
        ) -> None:
            real(*arguments)  # type: ignore[operator]
            if next(calls) == count:  # type: ignore[call-overload]
                raise Interrupted

        monkeypatch.setattr(disk, call, breaks)
        try:
            store.write([Put(b"x", b"x")])
            store.flush()
            store.compact()
            continue
        except Interrupted:
            pass
        try:
            store.write([Put(b"y", b"y")])
            wrote = True
        except StoreFull:
            wrote = False
        monkeypatch.undo()
        after = LogStructuredStore(disk.after_kill())
        found = dict(after.scan())
        assert {key: found[key] for key in held(5)} == held(5)
        assert (b"y" in found) == wrote
        after.close()
        store.close()


def interrupted_at(line: int, doing: Callable[[], None]) -> bool:
    """Raises at the n-th line of the store's own code that is run; whether there was one."""
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if "log_structured" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise Interrupted
        return trace

    sys.settrace(trace)
    try:
        doing()
        return False
    except Interrupted:
        return True
    finally:
        sys.settrace(None)


def test_an_interruption_at_every_line_of_the_store() -> None:
    """What was acknowledged before and after is there, and the live store agrees with the reopened one."""

    def work() -> None:
        for number in range(10, 22):
            store.write([Put(b"%d" % (number % 7), b"v%d" % number)])
            done.append(number)

    line = 0
    while True:
        line += 3
        disk = SimulatedDisk()
        store = LogStructuredStore(disk, memtable_bytes=300, fan=2)
        done: list[int] = []
        if not interrupted_at(line, work):
            break
        wanted = {b"%d" % (number % 7): b"v%d" % number for number in done}
        doubt = (b"%d" % ((10 + len(done)) % 7), b"v%d" % (10 + len(done)))
        with contextlib.suppress(StoreFull):
            store.write([Put(b"after", b"")])
            wanted[b"after"] = b""
        live = dict(store.scan())
        with LogStructuredStore(disk.after_kill(), fan=2) as after:
            found = dict(after.scan())
        assert found in (wanted, {**wanted, doubt[0]: doubt[1]}), line
        assert live == found or b"after" not in wanted, line
        store.close()
    assert line > 1000


def test_a_salt_is_kept_and_makes_other_filters() -> None:
    keys = [b"%d" % number for number in range(300)]

    def filled_with(salt: bytes) -> SimulatedDisk:
        disk = SimulatedDisk()
        with LogStructuredStore(disk, salt=salt) as store:
            store.write([Put(key, b"") for key in keys])
        return disk

    plain, salted = filled_with(b""), filled_with(b"a secret")
    assert b"salt" not in plain.read("MANIFEST")
    assert b"salt " + b"a secret".hex().encode() in salted.read("MANIFEST")
    with LogStructuredStore(salted) as store:
        store.compact()
        assert b"salt" in salted.read("MANIFEST")
        assert all(store.get(key) == b"" for key in keys)
        assert store._tables[0].filter.bits != BloomFilter.of(sorted(keys)).bits
    with LogStructuredStore(plain, salt=b"too late") as store:
        assert all(store.get(key) == b"" for key in keys)
    with pytest.raises(UsageError):
        LogStructuredStore(SimulatedDisk(), salt=bytes(65))


@pytest.mark.fault("F121")
def test_a_power_cut_at_every_step_of_a_run() -> None:
    """Exhaustively: each step, before and in the middle, with nothing, anything or all of the rest kept."""
    changes: list[list[Change]] = [
        [Put(b"%d" % (n % 5), b"v%d" % n), Put(b"last", b"%d" % n)] for n in range(12)
    ]

    def run(faults: dict[int, Fault]) -> tuple[SimulatedDisk, int]:
        disk, done = SimulatedDisk(faults, sector_bytes=16), 0
        try:
            store = LogStructuredStore(disk, memtable_bytes=400, fan=2)
            for batch in changes:
                store.write(batch)
                done += 1
            store.close()
        except PowerCut:
            pass
        return disk, done

    steps = len(run({})[0].steps)
    assert steps > 60
    for step in range(steps):
        for fault in (Fault.CUT_BEFORE, Fault.CUT_DURING):
            disk, done = run({step: fault})
            for after in (
                disk.after_kill(),
                disk.after_power_cut(),
                *map(disk.after_power_cut, map(Random, range(4))),
            ):
                with LogStructuredStore(after) as store:
                    found = dict(store.scan())
                    last = int(found[b"last"]) + 1 if found else 0
                    assert done <= last <= done + 1
                    wanted: dict[bytes, bytes] = {}
                    for batch in changes[:last]:
                        wanted.update(
                            (change.key, change.value) for change in batch if isinstance(change, Put)
                        )
                    assert found == wanted
                    store.check()


def test_check_finds_damage_that_no_read_has_met() -> None:
    disk = SimulatedDisk()
    filled(disk, 40).close()
    [name] = [name for name in disk.names() if name.endswith(".table")][:1]
    disk.flip(name, 50)
    with LogStructuredStore(disk, fan=99) as store:
        with pytest.raises(StoreCorrupt, match=name):
            store.check()
        with pytest.raises(StoreCorrupt):
            list(store.scan())
    disk.flip(name, 50)
    with LogStructuredStore(disk, fan=99) as store:
        store.check()
        disk.flip("MANIFEST", 3)
        with pytest.raises(StoreCorrupt):
            store.check()
        disk.remove("MANIFEST")
        with pytest.raises(StoreCorrupt):
            store.check()


def test_numbers_that_are_too_small() -> None:
    for settings in ({"memtable_bytes": 0}, {"fan": 1}, {"bits_per_key": -1}):
        with pytest.raises(UsageError):
            LogStructuredStore(SimulatedDisk(), **settings)


def test_a_closed_store_does_nothing() -> None:
    store = LogStructuredStore(SimulatedDisk())
    store.close()
    for call in (store.flush, store.compact, store.check):
        with pytest.raises(Closed):
            call()


def test_what_it_counts() -> None:
    disk = SimulatedDisk()
    store = filled(disk, 10, memtable_bytes=10_000)
    stats = store.stats()
    assert (stats.batches, stats.user_bytes) == (10, 10 * (4 + 7))
    assert stats.log_bytes == sum(
        int(step.split()[-1]) for step in disk.steps if step.startswith("append 000001.log")
    )
    left = disk.after_kill()
    left.append("000001.log", b"torn")
    with LogStructuredStore(left) as after:
        assert (after.stats().recovered_records, after.stats().cut_bytes) == (10, 4)
    store.close()
