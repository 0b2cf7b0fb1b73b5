"""A host's disk: what a crash leaves of it."""

from __future__ import annotations

import pytest

from p2plib.sim.disk import Disk


def test_a_write_is_read_at_once_and_survives_only_if_it_was_synced() -> None:
    disk = Disk()
    disk.write("kept", b"old")
    disk.sync()
    disk.append("kept", b" and new")
    disk.write("lost", b"x")
    assert (disk.read("kept"), disk.names()) == (b"old and new", ["kept", "lost"])
    disk.cut_power(lost=False)
    assert (disk.read("kept"), disk.names()) == (b"old", ["kept"])


def test_a_file_that_was_deleted_comes_back_unless_that_was_synced() -> None:
    disk = Disk()
    disk.append("log", b"1")
    disk.sync()
    disk.delete("log")
    disk.cut_power(lost=False)
    assert disk.read("log") == b"1"
    disk.delete("log")
    disk.sync()
    disk.cut_power(lost=False)
    assert disk.names() == []


def test_a_disk_that_is_lost_keeps_nothing() -> None:
    disk = Disk()
    disk.write("log", b"1")
    disk.sync()
    disk.cut_power(lost=True)
    assert disk.names() == []


def test_what_is_not_there() -> None:
    for call in (Disk.read, Disk.delete):
        with pytest.raises(FileNotFoundError, match="no file 'log'"):
            call(Disk(), "log")


def test_what_is_written_is_a_copy() -> None:
    disk, data = Disk(), bytearray(b"1")
    disk.write("log", data)
    data[0] = 0
    assert disk.read("log") == b"1"
