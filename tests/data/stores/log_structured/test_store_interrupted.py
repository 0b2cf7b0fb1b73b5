"""Ctrl-C at every line of the store, and a damaged table, while it writes: nothing that it said is lost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.log_structured.wal import LogRecord, encode_record
from p2plib.data.stores.simulated_disk import SimulatedDisk
from p2plib.errors import StoreCorrupt, StoreFull


class Interrupted(BaseException):
    """Ctrl-C, which Python raises between any two lines."""


def interrupted(number: int, work: Callable[[], object]) -> bool:
    """Does some work, and breaks it off before line so and so of the store; False if it has fewer."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        if "log_structured" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        if lines == number and event == "line":
            sys.settrace(None)
            raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


def one_run(number: int) -> bool:
    disk = SimulatedDisk()
    store = LogStructuredStore(disk, memtable_bytes=200, fan=2, bits_per_key=0)
    promised = {b"%d" % turn: b"v" for turn in range(2)}
    for key, value in promised.items():
        store.write([Put(key, value)])

    def work() -> None:
        store.write([Put(b"one", b"batch"), Put(b"two", b"batch")])  # flushes first
        store.flush()  # and merges

    was_interrupted = interrupted(number, work)
    for key in (b"x", b"y"):
        try:
            store.write([Put(key, b"v")])
        except StoreFull:
            continue
        promised[key] = b"v"
    for found in (
        dict(store.scan()),
        dict(LogStructuredStore(disk.after_kill()).scan()),
        dict(LogStructuredStore(disk.after_power_cut()).scan()),
    ):
        assert promised.items() <= found.items(), f"lost at line {number}"
        assert (b"one" in found) == (b"two" in found), f"half a batch at line {number}"
    return was_interrupted


@pytest.mark.fault("F121")
def test_ctrl_c_at_every_line() -> None:
    number = 1
    while one_run(number):
        number += 1
    assert number > 200


@pytest.mark.fault("F121")
def test_a_damaged_table_hinders_neither_writing_nor_leaves_files_behind() -> None:
    """The damage stands at the end of a table, so that each compaction has written much when it meets it."""
    disk = SimulatedDisk()
    store = LogStructuredStore(disk, memtable_bytes=20_000, fan=2, bits_per_key=0)
    for number in range(900):
        if number == 50:
            store.flush()
            disk.flip(disk.names()[0], (disk.size(disk.names()[0]) - 1000) * 8)
        store.write([Put(b"%03d" % number, bytes(200))], durable=False)
    assert store.stats().failed > 3
    assert len([name for name in disk.names() if name.endswith(".table")]) == len(store.stats().tables)
    with pytest.raises(StoreCorrupt):
        store.flush()
    assert store.get(b"850") == bytes(200)


@pytest.mark.fault("F121")
def test_one_key_written_again_and_again_does_not_make_an_endless_log() -> None:
    disk = SimulatedDisk()
    with LogStructuredStore(disk, memtable_bytes=5000) as store:
        for number in range(1000):
            store.write([Put(b"counter", b"%d" % number)])
            assert sum(map(disk.size, disk.names())) < 9000
        assert store.get(b"counter") == b"999"


def test_check_reads_the_log() -> None:
    disk = SimulatedDisk()
    store = LogStructuredStore(disk)
    store.write([Put(b"k", b"v")])
    store.check()
    disk.flip("000001.log", 100)
    with pytest.raises(StoreCorrupt, match="not what this store wrote"):
        store.check()
    disk.remove("000001.log")
    with pytest.raises(StoreCorrupt, match="log that the manifest names is not there"):
        store.check()


@pytest.mark.fault("F121")
def test_a_value_that_looks_like_a_log_is_no_witness() -> None:
    """A stranger's bytes, torn: they say that the record around them had been synced. Nobody believes it."""
    lie = b"".join(
        encode_record(LogRecord(number, synced, b"x"), 0) for number in range(2, 6) for synced in range(1, 60)
    )
    disk = SimulatedDisk()
    store = LogStructuredStore(disk, salt=b"0123456789abcdef")
    store.write([Put(b"gift", lie * 2)])
    size = disk.size("000001.log")
    for cut in (1, 100, size // 2):
        torn = disk.after_kill()
        torn.truncate("000001.log", size - cut)
        with LogStructuredStore(torn) as after:
            assert list(after.scan()) == []
            assert after.stats().cut_bytes == size - cut
    known = LogStructuredStore(SimulatedDisk())  # without a salt it is as before
    known.write([Put(b"gift", lie * 2)])
    known._files.truncate("000001.log", size - 1)
    with pytest.raises(StoreCorrupt, match="had been synced"):
        LogStructuredStore(known._files.after_kill())  # type: ignore[attr-defined]
