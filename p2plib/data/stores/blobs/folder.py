"""The operations on files that a store of plain files is made of, as an object that is passed to the store.

`DiskFolder` does them on a disk. A test passes a disk of its own that breaks, fills up, or loses its power
between any two of them. All paths are relative to the folder, with "/" between their parts; all failures are
`OSError`, as Python raises it, and `disk_errors` turns them into the errors of a store.

The files of an ordered store lie in one flat directory, are appended to, and stay open; blobs lie in a
tree, are written once, and are read by many at a time, even after they were removed. So this is an object
of its own.

Rules, which are those of POSIX
    1. What was written is seen at once. It is kept through a power failure only after `sync` has returned,
       and a name only after `sync_folder` of the folder that it stands in.
    2. After a `sync` that raised, nobody knows what was kept, and one that succeeds later says nothing.
    3. `replace` is one step: a reader sees the old file or the new one, whole.
    4. A file that is open can be read to its end, whatever becomes of its name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from p2plib.errors import StoreCorrupt, StoreError, StoreFull, StoreLocked

try:
    import fcntl
except ImportError:  # a browser, where there is no second process; and Windows
    fcntl = None  # type: ignore[assignment]

# What a disk says that takes nothing more, whatever the reason.
REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM}


class NewFile(Protocol):
    """A file that is being written."""

    def write(self, data: bytes) -> None:
        """Put all of these bytes after those that are there."""
        ...

    def sync(self) -> None:
        """Wait until the disk has them; after a failure, give the file up."""
        ...

    def close(self) -> None: ...


class OldFile(Protocol):
    """A file that is being read."""

    size_bytes: int

    def read(self, max_bytes: int) -> bytes:
        """The next bytes, fewer only at the end of the file."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """One name in a folder.

    Args:
        name: without the folder's.
        is_folder: whether it is a folder itself; everything else that is listed is a plain file.
    """

    name: str
    is_folder: bool


class Folder(Protocol):
    """A folder with files and folders in it. `name` is for messages."""

    name: str

    def create(self, path: str) -> NewFile:
        """Make a file that is not there yet. Its folder must be there."""
        ...

    def open(self, path: str) -> OldFile:
        """Open a plain file; a symbolic link anywhere on the way is as if nothing were there."""
        ...

    def size(self, path: str) -> int:
        """The size of a plain file, in bytes."""
        ...

    def replace(self, old: str, new: str) -> None:
        """Give a file another name, and take that name from the file that had it, in one step."""
        ...

    def unlink(self, path: str) -> None:
        """Remove the name of a file."""
        ...

    def make_folder(self, path: str) -> bool:
        """Make a folder in one that is there; returns False if it was there already."""
        ...

    def sync_folder(self, path: str) -> None:
        """Wait until the disk has the names in a folder; "" for the folder itself."""
        ...

    def entries(self, path: str) -> list[FolderEntry]:
        """The plain files and folders in a folder, in the order of their names."""
        ...

    def lock(self, path: str) -> contextlib.AbstractContextManager[None]:
        """Hold a lock that one holder at a time can have, in this process and in others.

        Raises:
            StoreLocked: somebody has it.
        """
        ...


@contextlib.contextmanager
def disk_errors(folder: Folder, path: str, *, writing: bool = False) -> Iterator[None]:
    """Turns what the disk refuses into the errors of a store.

    Raises:
        StoreFull: while writing; the disk has no room, or cannot be written.
        StoreCorrupt: while reading; the disk cannot give back what was there.
        StoreError: anything else.
    """
    try:
        yield
    except OSError as error:
        where = f"{folder.name}/{path}"
        said = error.strerror or str(error)
        if writing and error.errno in REFUSED:
            raise StoreFull(f"the disk did not take a blob at {where}: {said}") from error
        if not writing and error.errno == errno.EIO:
            raise StoreCorrupt(f"the disk cannot read a blob: {said}", where) from error
        raise StoreError(f"{where}: {said}") from error


def _sync(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system whose folders know no fsync
            raise
    finally:
        os.close(opened)


class _DiskNewFile:
    def __init__(self, path: Path) -> None:
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        self._file = open(os.open(path, flags, 0o666), "wb", buffering=0)  # noqa: SIM115 - until close

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class _DiskOldFile:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = os.fstat(file.fileno()).st_size

    def read(self, max_bytes: int) -> bytes:
        found = b""
        while len(found) < max_bytes and (more := self._file.read(max_bytes - len(found))):
            found += more
        return found

    def close(self) -> None:
        self._file.close()


class DiskFolder:
    """A folder on this machine's disk, made if it is not there yet; the one above it must be.

    Args:
        path: the folder. It may be a symbolic link to one; below it links are neither followed nor listed.

    Raises:
        StoreFull: the disk has no room for it, or cannot be written.
        StoreError: there is something else at this path, or nothing where the folder above should be.
    """

    def __init__(self, path: str | Path) -> None:
        self._root = Path(path).resolve()
        self.name = str(path)
        with disk_errors(self, "", writing=True):
            if not self._root.is_dir():
                self._root.mkdir()
                _sync(self._root.parent)

    def _at(self, path: str) -> Path:
        """Where a path is; raises FileNotFoundError if a link is on the way there."""
        found = self._root
        for part in path.split("/")[:-1]:
            found = found / part
            if found.is_symlink():
                raise FileNotFoundError(errno.ENOENT, "a symbolic link is not followed")
        return self._root / path

    def create(self, path: str) -> NewFile:
        """Make a file that is not there yet."""
        return _DiskNewFile(self._at(path))

    def open(self, path: str) -> OldFile:
        """Open a plain file. A pipe or a device is not waited for."""
        found = self._at(path)
        self._demand_plain(os.lstat(found))
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        file = open(os.open(found, flags | getattr(os, "O_BINARY", 0)), "rb", buffering=0)  # noqa: SIM115
        return _DiskOldFile(file)

    def _demand_plain(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "this is not a plain file")

    def size(self, path: str) -> int:
        """The size of a plain file."""
        status = os.lstat(self._at(path))
        self._demand_plain(status)
        return status.st_size

    def replace(self, old: str, new: str) -> None:
        """Rename a file over another."""
        os.replace(self._at(old), self._at(new))

    def unlink(self, path: str) -> None:
        """Remove a file."""
        os.unlink(self._at(path))

    def make_folder(self, path: str) -> bool:
        """Make a folder."""
        found = self._at(path)
        if found.is_symlink():
            raise FileNotFoundError(errno.ENOENT, "a symbolic link is not followed")
        try:
            found.mkdir()
        except FileExistsError:
            if not found.is_dir():
                raise
            return False
        return True

    def sync_folder(self, path: str) -> None:
        """Wait for a folder; where the system has no such call, as on Windows, nothing is waited for."""
        _sync(self._at(path) if path else self._root)

    def entries(self, path: str) -> list[FolderEntry]:
        """What is in a folder."""
        with os.scandir(self._at(path) if path else self._root) as listed:
            found = [
                FolderEntry(entry.name, entry.is_dir(follow_symlinks=False))
                for entry in listed
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            ]
        return sorted(found, key=lambda entry: entry.name)

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Lock a file of this folder with flock, which holds between processes and between objects of one."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(self._at(path), flags, 0o666), "rb") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise StoreLocked(f"somebody has the blob store {self.name} open") from None
            yield
