"""The real disk behind the few calls of a store, and its lock."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from p2plib.data.stores import files as module
from p2plib.data.stores.files import LOCK, DiskFiles
from p2plib.errors import StoreLocked


def test_what_is_written_is_read(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path / "new")
    assert not (tmp_path / "new").exists()  # looking makes nothing
    release = files.lock()
    files.append("b", b"hello")
    files.append("b", b", disk")
    files.append("a", b"")
    files.sync("b")
    files.sync_directory()
    assert files.names() == ["LOCK", "a", "b"]
    assert (files.size("a"), files.size("b")) == (0, 11)
    assert files.read("b") == b"hello, disk"
    assert files.read("b", 7, 2) == b"di"
    assert files.read("b", 7, 100) == b"disk"
    assert files.read("b", 50, 1) == b""
    files.truncate("b", 5)
    files.append("b", b"!")
    assert files.read("b") == b"hello!"
    files.replace("b", "a")
    assert files.read("a") == b"hello!"
    files.close()
    assert files.read("a") == b"hello!"  # and opens it again
    files.remove("a")
    assert files.names() == ["LOCK"]
    files.close()
    release()


def test_what_is_missing(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path)
    for call in (files.size, files.read, files.remove, files.sync, lambda name: files.truncate(name, 0)):
        with pytest.raises(FileNotFoundError):
            call("nothing")
    assert files.names() == []
    with pytest.raises(FileNotFoundError):
        DiskFiles(tmp_path / "no" / "parent").lock()


@pytest.mark.fault("F122")
def test_a_directory_is_locked_within_a_process_and_across_processes(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path)
    release = files.lock()
    with pytest.raises(StoreLocked, match="this process"):
        DiskFiles(tmp_path / ".").lock()
    link = tmp_path.with_name("link")
    link.symlink_to(tmp_path)
    with pytest.raises(StoreLocked, match="this process"):
        DiskFiles(link).lock()
    program = f"from p2plib.data.stores.files import DiskFiles\nDiskFiles({str(tmp_path)!r}).lock()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert "StoreLocked: another process" in done.stderr
    release()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
    DiskFiles(tmp_path).lock()()  # the other process has ended, and its lock with it


def test_a_lock_on_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = DiskFiles(tmp_path)
    files.lock()()

    def refusing(path: str, mode: str) -> object:
        if mode == "ab":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return open(path, mode)

    monkeypatch.setattr(module, "open", refusing, raising=False)
    files.lock()()
    os.remove(tmp_path / LOCK)
    with pytest.raises(OSError, match="Read-only"):
        files.lock()


def test_a_write_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(module.FileIO):
        def write(self, data: object) -> int:
            return super().write(bytes(data)[:3])  # type: ignore[call-overload, no-any-return]

        def read(self, size: int = -1) -> bytes:
            return super().read(min(size, 2) if size > 0 else size)

    monkeypatch.setattr(module, "FileIO", Slow)
    files = DiskFiles(tmp_path)
    files.append("a", b"0123456789")
    assert files.read("a", 0, 10) == b"0123456789"
    files.close()


def test_no_file_stays_open(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path)
    files.append("a", b"x")
    opened = files._open["a"]
    files.read("a")
    assert files._open["a"] is opened  # it reads as well
    files.close()
    assert opened.closed


@pytest.mark.fault("F122")
def test_a_lock_that_is_dropped_is_given_back(tmp_path: Path) -> None:
    with pytest.warns(ResourceWarning):
        DiskFiles(tmp_path).lock()
    DiskFiles(tmp_path).lock()()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # it may have threads, and the child uses none
@pytest.mark.fault("F122")
def test_a_lock_that_is_given_back_is_free_although_a_fork_has_the_file(tmp_path: Path) -> None:
    release = DiskFiles(tmp_path).lock()
    ends, keep = os.pipe()
    child = os.fork()
    if not child:
        os.close(keep)
        os.read(ends, 1)  # lives until the parent has looked
        os._exit(0)
    try:
        release()
        DiskFiles(tmp_path).lock()()
    finally:
        os.close(ends)
        os.close(keep)
        os.waitpid(child, 0)


@pytest.mark.fault("F121")
def test_the_name_of_the_directory_is_synced_even_if_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it may have died before its name was on the disk."""
    synced: list[Path] = []
    monkeypatch.setattr(module, "_sync_directory", synced.append)
    DiskFiles(tmp_path).lock()()
    assert synced == [tmp_path.resolve().parent]

    def refuses(path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_sync_directory", refuses)
    DiskFiles(tmp_path).lock()()


def test_a_sync_on_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fsync does not reach the disk; where the full one is not known, it is better than nothing."""
    calls: list[str] = []

    class Fcntl:
        F_FULLFSYNC = 51
        answer = 0

        def fcntl(self, descriptor: int, command: int) -> None:
            calls.append("full")
            if self.answer:
                raise OSError(self.answer, os.strerror(self.answer))

    monkeypatch.setattr(module, "fcntl", Fcntl())
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: calls.append("data"), raising=False)
    files = DiskFiles(tmp_path)
    files.append("a", b"x")
    files.sync("a")
    Fcntl.answer = errno.ENOTSUP
    files.sync("a")
    assert calls == ["full", "full", "data"]
    Fcntl.answer = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        files.sync("a")
    files.close()
