"""What an opening finds: new, whole, left over, lost."""

from __future__ import annotations

import pytest

from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.log_structured import recovery
from p2plib.data.stores.log_structured.manifest import MANIFEST, Manifest, commit_manifest, prepare_manifest
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.log_structured.table import TableCounts, write_table
from p2plib.data.stores.log_structured.wal import LogRecord, encode_record
from p2plib.data.stores.simulated_disk import Fault, PowerCut, SimulatedDisk
from p2plib.errors import StoreCorrupt


def filled() -> SimulatedDisk:
    disk = SimulatedDisk()
    with LogStructuredStore(disk) as store:
        store.write([Put(b"k", b"v")])
    return disk


def test_leftovers_are_removed_and_strangers_are_not() -> None:
    disk = filled()
    for name in ("000090.table", "000091.log", "MANIFEST.new", "notes.txt", "photo.table"):
        disk.append(name, b"x")
    with LogStructuredStore(disk) as store:
        assert store.stats().leftovers == 3
        assert store.get(b"k") == b"v"
    assert {"notes.txt", "photo.table"} <= set(disk.names())
    assert "000090.table" not in disk.names()


@pytest.mark.fault("F121")
@pytest.mark.parametrize("lost", ["000002.table", "000003.log", MANIFEST])
def test_a_file_that_is_lost_is_corruption_and_not_an_empty_store(lost: str) -> None:
    disk = filled()
    assert lost in disk.names()
    before = set(disk.names()) - {lost}
    disk.remove(lost)
    with pytest.raises(StoreCorrupt):
        LogStructuredStore(disk)
    assert before <= set(disk.names())


def test_a_lost_manifest_beside_a_log_with_records() -> None:
    disk = SimulatedDisk()
    disk.append("000001.log", encode_record(LogRecord(1, 0, b"x")))
    with pytest.raises(StoreCorrupt, match="manifest is lost"):
        LogStructuredStore(disk)


def test_another_table_under_a_name_that_the_manifest_knows() -> None:
    disk = filled()
    disk.remove("000002.table")
    write_table(disk, "000002.table", [(b"other", b"whole and wrong")])
    with pytest.raises(StoreCorrupt, match="and had"):
        LogStructuredStore(disk)


def test_a_table_of_another_size() -> None:
    disk = filled()
    disk.append("000002.table", b"x")
    with pytest.raises(StoreCorrupt):
        recovery.find(disk, TableCounts())


def test_a_whole_record_that_is_no_batch() -> None:
    with pytest.raises(StoreCorrupt, match="record 1 of the log is no batch"):
        recovery.changes_of(LogRecord(1, 0, b"x"), "path")


def test_a_crash_while_a_store_is_made_leaves_a_new_store() -> None:
    steps = len(made().steps)
    for step in range(steps):
        for fault in (Fault.CUT_BEFORE, Fault.CUT_DURING):
            disk = SimulatedDisk({step: fault})
            with pytest.raises(PowerCut):
                LogStructuredStore(disk)
            for after in (disk.after_kill(), disk.after_power_cut()):
                with LogStructuredStore(after) as store:
                    assert list(store.scan()) == []


def made() -> SimulatedDisk:
    disk = SimulatedDisk()
    LogStructuredStore(disk).close()
    return disk


def test_a_manifest_that_was_seen_and_not_kept() -> None:
    """A process killed between rename and sync of the directory; the next promises, and the power fails."""
    for step in range(len(made().steps)):
        disk = SimulatedDisk({step: Fault.CUT_BEFORE})
        with pytest.raises(PowerCut):
            LogStructuredStore(disk)
        again = disk.after_kill()
        store = LogStructuredStore(again)
        store.write([Put(b"k", b"v")])
        after = again.after_power_cut()
        with LogStructuredStore(after) as found:
            assert found.get(b"k") == b"v", disk.steps


def test_names_that_the_manifest_knows_stay() -> None:
    disk = SimulatedDisk()
    manifest = Manifest(5, 4)
    disk.append("000004.log", b"")
    prepare_manifest(disk, manifest)
    commit_manifest(disk)
    disk.append("000003.log", b"")
    assert recovery.remove_leftovers(disk, manifest) == 1
    assert disk.names() == ["000004.log", MANIFEST]
