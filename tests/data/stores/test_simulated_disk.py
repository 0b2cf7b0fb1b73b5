"""A disk that breaks as it is told: what a power cut keeps, what a failed sync forgets."""

from __future__ import annotations

import errno
from random import Random

import pytest

from p2plib.data.stores.simulated_disk import Fault, PowerCut, SimulatedDisk
from p2plib.errors import StoreLocked, UsageError


def kept(disk: SimulatedDisk, name: str, count: int = 300) -> set[bytes | None]:
    """What a power cut leaves of a file, over many seeds; None for no file."""
    found: set[bytes | None] = set()
    for seed in range(count):
        after = disk.after_power_cut(Random(seed))
        found.add(after.read(name) if name in after.names() else None)
    return found


def test_without_a_sync_nothing_is_certain() -> None:
    disk = SimulatedDisk(sector_bytes=2)
    disk.append("a", b"1234")
    assert disk.read("a") == b"1234"
    assert disk.after_power_cut().names() == []
    assert disk.after_kill().read("a") == b"1234"
    left = kept(disk, "a")
    assert {None, b"", b"1234", b"12", b"\0\x0034", b"12\0\0"} <= left


def test_a_name_needs_a_sync_of_its_own() -> None:
    disk = SimulatedDisk()
    disk.append("a", b"1234")
    disk.sync("a")
    assert disk.after_power_cut().names() == []
    assert kept(disk, "a") == {None, b"1234"}
    disk.sync_directory()
    assert kept(disk, "a") == {b"1234"}
    assert disk.after_power_cut().read("a") == b"1234"


def test_what_was_synced_stays_while_more_is_written() -> None:
    disk = SimulatedDisk(sector_bytes=4)
    disk.append("a", b"12345678")
    disk.sync("a")
    disk.sync_directory()
    disk.append("a", b"9abc")
    left = kept(disk, "a")
    assert {b"12345678", b"123456789abc", b"12345678\0\0\0\0"} <= left
    assert all(content and content.startswith(b"12345678") for content in left)


def test_names_are_kept_in_any_combination() -> None:
    disk = SimulatedDisk()
    for name in ("old", "new"):
        disk.append(name, name.encode())
        disk.sync(name)
    disk.sync_directory()
    disk.replace("new", "old")
    disk.append("other", b"")
    disk.remove("other")
    left = {tuple(disk.after_power_cut(Random(seed)).names()) for seed in range(100)}
    assert left >= {("new", "old"), ("old",), ("new", "old", "other"), ("old", "other")}
    assert disk.after_power_cut().read("old") == b"old"


def test_a_sync_that_failed_has_forgotten() -> None:
    """What PostgreSQL learnt in 2018: the second fsync returns, and the bytes are gone all the same."""
    disk = SimulatedDisk({2: Fault.BAD_DISK})
    disk.append("a", b"1234")
    disk.sync_directory()
    with pytest.raises(OSError, match="Input/output") as caught:
        disk.sync("a")
    assert caught.value.errno == errno.EIO
    assert disk.read("a") == b"1234"
    disk.sync("a")
    assert disk.after_power_cut().read("a") == b"\0\0\0\0"
    assert disk.after_kill().read("a") == b"1234"
    assert disk.after_kill().after_power_cut().read("a") == b"\0\0\0\0"


def test_a_disk_that_lies_about_syncs() -> None:
    disk = SimulatedDisk({3: Fault.CUT_DURING}, ignores_sync=True)
    disk.append("a", b"1234")
    disk.sync("a")
    disk.sync_directory()
    with pytest.raises(PowerCut):
        disk.sync("a")
    assert disk.after_power_cut().read("a") == b""
    assert kept(disk, "a") >= {b"", b"1234"}
    disk = SimulatedDisk(ignores_directory_sync=True)
    disk.append("a", b"1234")
    disk.sync("a")
    disk.sync_directory()
    assert disk.after_power_cut().names() == []
    assert disk.after_kill().names() == ["a"]


def test_a_full_disk_takes_a_part() -> None:
    disk = SimulatedDisk({1: Fault.NO_ROOM, 4: Fault.FULL})
    disk.append("a", b"1234")
    with pytest.raises(OSError, match="No space"):
        disk.append("a", b"5678")
    assert disk.read("a") == b"123456"
    disk.truncate("a", 4)
    disk.append("a", b"5")
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            disk.append("a", b"6")
    disk.sync("a")  # which needs no room
    assert disk.read("a") == b"12345"


def test_a_read_only_disk_changes_nothing_any_more() -> None:
    disk = SimulatedDisk({1: Fault.READ_ONLY})
    disk.append("a", b"1")
    for change in (
        lambda: disk.append("b", b"2"),
        lambda: disk.truncate("a", 0),
        lambda: disk.replace("a", "b"),
        lambda: disk.remove("a"),
        lambda: disk.sync("a"),
        disk.sync_directory,
    ):
        with pytest.raises(OSError, match="Read-only"):
            change()
    assert (disk.names(), disk.read("a")) == (["a"], b"1")


def test_after_the_power_is_gone_nothing_answers() -> None:
    disk = SimulatedDisk({1: Fault.CUT_DURING, 2: Fault.CUT_BEFORE})
    disk.append("a", b"1234")
    with pytest.raises(PowerCut, match="step 1: append a 4"):
        disk.append("a", b"5678")
    for question in (disk.names, lambda: disk.read("a"), lambda: disk.sync("a"), disk.lock):
        with pytest.raises(PowerCut):
            question()
    assert disk.after_kill().read("a") == b"123456"
    assert disk.steps == ["append a 4", "append a 4"]


def test_flip_lock_and_arguments() -> None:
    disk = SimulatedDisk()
    disk.append("a", b"\0\0")
    disk.flip("a", 9)
    assert disk.read("a") == b"\0\x02"
    release = disk.lock()
    with pytest.raises(StoreLocked):
        disk.lock()
    release()
    disk.lock()()
    with pytest.raises(UsageError):
        SimulatedDisk(sector_bytes=0)
    with pytest.raises(FileNotFoundError):
        disk.size("b")


def test_a_truncated_file_after_a_power_cut() -> None:
    disk = SimulatedDisk(sector_bytes=4)
    disk.append("a", b"12345678")
    disk.sync("a")
    disk.sync_directory()
    disk.truncate("a", 2)
    disk.append("a", b"xy")
    left = kept(disk, "a")
    assert {b"12345678", b"12xy", b"1234"} <= left
    disk.sync("a")
    assert kept(disk, "a") == {b"12xy"}
