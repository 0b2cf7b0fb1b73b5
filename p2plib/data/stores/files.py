"""The few things that a store asks of a disk, as an object that is passed in: the real one is `DiskFiles`.

A store that takes its files as an argument can be given a disk that breaks (`simulated_disk`). Names are
plain file names inside one directory.

Rules
    1. What was written is *seen* by every later read. It is *kept* through a power failure only after
       `sync` of that file has returned, and the file's name only after `sync_directory` has.
    2. A write that raises may have written a part.
    3. After a `sync` that raised, nobody knows what was kept, and another `sync` that succeeds says
       nothing: the kernel may have dropped what it could not write.
    4. `replace` changes a name whole: a reader sees the old file or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from weakref import WeakValueDictionary

from p2plib.errors import StoreLocked

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

LOCK = "LOCK"
_KNOWS_NO_FULL_SYNC = (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY)  # what a disk in the network says
_held: WeakValueDictionary[str, BinaryIO] = WeakValueDictionary()  # what this process has locked, by path


class FileSystem(Protocol):
    """One directory of files, for one store."""

    path: str

    def names(self) -> list[str]:
        """The names of all files, in order."""
        ...

    def size(self, name: str) -> int:
        """How many bytes a file has.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes of a file; fewer than asked for where it ends.

        Args:
            name: of the file.
            offset: of the first byte.
            size: how many bytes; None for all up to the end.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of a file, which is made if it is not there."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut a file to a size.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def sync(self, name: str) -> None:
        """Wait until what was written to a file would survive a power failure.

        Raises:
            FileNotFoundError: there is none.
        """
        ...

    def replace(self, old: str, new: str) -> None:
        """Give a file another name; any file that had that name is gone."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def sync_directory(self) -> None:
        """Wait until the names of files, as they are now, would survive a power failure."""
        ...

    def lock(self) -> Callable[[], None]:
        """Take the directory for oneself, and make it if it is not there.

        Calling what is returned gives it back. So does dropping it, or the end of the process.

        Raises:
            StoreLocked: another process, or another part of this one, has it.
        """
        ...

    def close(self) -> None:
        """Let go of all open files; a later call opens them again."""
        ...


class DiskFiles:
    """A directory of the real disk. Files stay open between calls, for reading and for writing.

    Args:
        path: of the directory. `lock` makes it if it is not there; what is above it must be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(Path(path).resolve())
        self._open: dict[str, FileIO] = {}

    def names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.path) if entry.is_file())

    def size(self, name: str) -> int:
        return os.stat(self._at(name)).st_size

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        file = self._file(name, writes=False)
        file.seek(offset)
        if size is None:
            return file.read()
        parts = []
        while size and (part := file.read(size)):
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def append(self, name: str, data: bytes) -> None:
        file = self._file(name, writes=True, makes=True)
        file.seek(0, os.SEEK_END)
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]

    def truncate(self, name: str, size: int) -> None:
        self._file(name, writes=True).truncate(size)

    def sync(self, name: str) -> None:
        descriptor = self._file(name, writes=True).fileno()
        full_sync = getattr(fcntl, "F_FULLFSYNC", None)
        if full_sync is not None:  # macOS: its fsync leaves the bytes in the disk's own cache
            try:
                fcntl.fcntl(descriptor, full_sync)
                return
            except OSError as error:
                if error.errno not in _KNOWS_NO_FULL_SYNC:
                    raise
        getattr(os, "fdatasync", os.fsync)(descriptor)  # the size counts as data, the times do not

    def replace(self, old: str, new: str) -> None:
        self._forget(old)
        self._forget(new)
        os.replace(self._at(old), self._at(new))

    def remove(self, name: str) -> None:
        self._forget(name)
        os.remove(self._at(name))

    def sync_directory(self) -> None:
        _sync_directory(Path(self.path))

    def lock(self) -> Callable[[], None]:
        if self.path in _held:
            raise StoreLocked(f"this process has {self.path} open already: close that store first")
        Path(self.path).mkdir(exist_ok=True)
        with contextlib.suppress(PermissionError):  # not ours to read, so it was there before us
            _sync_directory(Path(self.path).parent)  # even if it is there: was its name ever synced?
        file = self._lock_file()
        try:
            _lock(file, self.path)
        except BaseException:
            file.close()
            raise
        _held[self.path] = file

        def release() -> None:
            _held.pop(self.path, None)
            if fcntl is not None:  # closing is not enough where a fork has the file open as well
                fcntl.flock(file.fileno(), fcntl.LOCK_UN)
            file.close()

        return release

    def close(self) -> None:
        for name in list(self._open):
            self._forget(name)

    def _lock_file(self) -> BinaryIO:
        """The file that is locked; on a read-only disk one that is there already serves."""
        try:
            return open(self._at(LOCK), "ab")
        except OSError:
            if not os.path.exists(self._at(LOCK)):
                raise
            return open(self._at(LOCK), "rb")

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _file(self, name: str, *, writes: bool, makes: bool = False) -> FileIO:
        file = self._open.get(name)
        if file is None or (writes and not file.writable()):
            self._forget(name)
            mode = "w+" if makes and not os.path.exists(self._at(name)) else "r+" if writes else "r"
            file = self._open[name] = FileIO(self._at(name), mode)
        return file

    def _forget(self, name: str) -> None:
        file = self._open.pop(name, None)
        if file is not None:
            file.close()


def _sync_directory(path: Path) -> None:
    """Waits for the names in a directory; where they cannot be opened (Windows) there is no such wait."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system whose directories know no fsync
            raise
    finally:
        os.close(descriptor)


def _lock(file: BinaryIO, path: str) -> None:
    if fcntl is None:
        return  # the lock within this process is all there is
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreLocked(f"another process has {path} open: a store is opened once") from None
