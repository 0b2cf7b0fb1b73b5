"""A folder that is not there: it loses its power, fills up, or breaks, at the step that it is told to.

Each call that changes something is a step. A power cut keeps what was synced; of the rest, whatever the
caller's random numbers choose: any of the unsynced changes of names, and for an unsynced file nothing, all, a
part, or zeros. That is the least that POSIX promises.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from p2plib.data.stores.blobs.folder import FolderEntry, NewFile, OldFile
from p2plib.errors import StoreLocked


class PowerCut(Exception):
    """The machine went off."""


@dataclass(eq=False)
class Inode:
    seen: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    is_folder: bool = False


Change = tuple[dict[str, Inode], list[str]]  # names that come, names that go, at once


class PretendNewFile:
    is_closed = False

    def __init__(self, folder: PretendFolder, inode: Inode) -> None:
        self.folder, self.inode = folder, inode
        folder.open_files += 1

    def write(self, data: bytes) -> None:
        half = len(data) // 2
        try:
            self.folder.step("write")
        except OSError:
            self.inode.seen += data[:half]  # a part was written
            raise
        self.inode.seen += data

    def sync(self) -> None:
        self.folder.step("sync")
        self.inode.kept = bytes(self.inode.seen)

    def close(self) -> None:
        self.folder.open_files -= not self.is_closed
        self.is_closed = True


class PretendOldFile:
    def __init__(self, folder: PretendFolder, data: bytes) -> None:
        self.folder, self.data, self.size_bytes = folder, data, len(data)
        folder.open_files += 1

    def read(self, max_bytes: int) -> bytes:
        if self.folder.is_unreadable:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        found, self.data = self.data[:max_bytes], self.data[max_bytes:]
        return found

    def close(self) -> None:
        self.folder.open_files -= 1


class PretendFolder:
    """A `Folder` of which a test decides what becomes.

    Args:
        fail_at: the number of a step, and what happens at it instead.
    """

    name = "pretend"

    def __init__(self, fail_at: dict[int, Exception] | None = None) -> None:
        self.fail_at = fail_at or {}
        self.steps: list[str] = []
        self.names: dict[str, Inode] = {"": Inode(is_folder=True)}
        self.durable: dict[str, Inode] = dict(self.names)
        self.pending: list[Change] = []
        self.open_files = 0
        self.is_unreadable = False
        self.is_locked = False

    def step(self, what: str) -> None:
        number = len(self.steps)
        self.steps.append(what)
        if number in self.fail_at:
            raise self.fail_at[number]

    def _change(self, come: dict[str, Inode], go: list[str]) -> None:
        self.pending.append((come, go))
        _apply(self.names, (come, go))

    def _need(self, path: str) -> Inode:
        if path.rpartition("/")[0] not in self.names and path:
            raise FileNotFoundError(errno.ENOENT, "no folder")
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no file")
        return self.names[path]

    def create(self, path: str) -> NewFile:
        self.step(f"create {path}")
        if path in self.names:
            raise FileExistsError(errno.EEXIST, "exists")
        self._need(path.rpartition("/")[0])
        inode = Inode()
        self._change({path: inode}, [])
        return PretendNewFile(self, inode)

    def open(self, path: str) -> OldFile:
        inode = self._need(path)
        if inode.is_folder:
            raise FileNotFoundError(errno.ENOENT, "a folder")
        return PretendOldFile(self, bytes(inode.seen))

    def size(self, path: str) -> int:
        inode = self._need(path)
        if inode.is_folder:
            raise FileNotFoundError(errno.ENOENT, "a folder")
        return len(inode.seen)

    def replace(self, old: str, new: str) -> None:
        self.step(f"replace {new}")
        if new in self.names and self.names[new].is_folder:
            raise IsADirectoryError(errno.EISDIR, "a folder")
        self._change({new: self._need(old)}, [old])

    def unlink(self, path: str) -> None:
        self.step(f"unlink {path}")
        self._need(path)
        self._change({}, [path])

    def make_folder(self, path: str) -> bool:
        if path in self.names:
            if not self.names[path].is_folder:
                raise FileExistsError(errno.EEXIST, "a file")
            return False
        self.step(f"make {path}")
        self._change({path: Inode(is_folder=True)}, [])
        return True

    def sync_folder(self, path: str) -> None:
        self.step(f"sync folder {path}")

        def inside(name: str) -> bool:
            return name.rpartition("/")[0] == path and name != ""

        left = []
        for come, go in self.pending:
            if any(map(inside, (*come, *go))):
                _apply(self.durable, (come, go))  # a rename is one change, wherever its two ends are
            else:
                left.append((come, go))
        self.pending = left

    def entries(self, path: str) -> list[FolderEntry]:
        self._need(path)
        found = [name for name in self.names if name and name.rpartition("/")[0] == path]
        return [FolderEntry(name.rpartition("/")[2], self.names[name].is_folder) for name in sorted(found)]

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        if self.is_locked:
            raise StoreLocked("locked")
        self.is_locked = True
        try:
            yield
        finally:
            self.is_locked = False

    def after_power_cut(self, random: Random | None) -> PretendFolder:
        """What is found when the machine is on again.

        Args:
            random: chooses what is kept of that which was not synced; None keeps nothing of it.
        """
        again = PretendFolder()
        names = dict(self.durable)
        for change in self.pending:
            if random and random.random() < 0.5:
                _apply(names, change)
        for name in sorted(names):
            above = name.rpartition("/")[0]
            if name and above not in again.names:
                continue  # its folder is lost
            inode = names[name]
            kept = inode.kept
            if random and bytes(inode.seen) != kept:
                part = random.randrange(len(inode.seen) + 1)
                whole = bytes(inode.seen)
                kept = random.choice([kept, whole, whole[:part], bytes(len(whole))])
            again.names[name] = Inode(bytearray(kept), kept, inode.is_folder)
        again.durable = dict(again.names)
        return again


def _apply(names: dict[str, Inode], change: Change) -> None:
    come, go = change
    for name in go:
        names.pop(name, None)
    names.update(come)
