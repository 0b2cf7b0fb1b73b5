"""Blocks become files and folders of a disk: what `ipfs get` does.

    write_path(store, root.cid, "holiday")

Whoever made the blocks may be hostile, so nothing is written outside the path that was given.

Rules
    1. No name leads out of its folder: `p2plib.data.dag.unixfs.nodes` refuses ".." and slashes, and this
       module what the system reads as more than a name. Two names that are one file on this disk are refused.
    2. Folders are made or are real ones already, never symbolic links. Links are made last, so nothing is
       ever written through them.
    3. A link that leads out of the written folder is refused unless it is allowed: whoever opened it later
       would be where they did not mean to be. A path stays inside if its ".." stand at its beginning, and are
       no more than the folders above it: after a name, which may be another link, nobody knows where ".."
       leads.
    4. A file is written under a name that nothing has, and then renamed: under its own name it is whole. It
       replaces nothing unless that is allowed; folders that are there are kept, with what is in them.
    5. Permissions and times are kept only if that is asked for, and never the bits that let a program run as
       somebody else. A folder that was there already keeps its own unless it may be replaced.
    6. The number of entries, their bytes and their depth have a budget: a hundred small blocks can stand for
       more files than there are atoms.
    7. After an error, what was written stays. Nothing is synced to the disk.
    8. Others may write to the same folders meanwhile: an unfinished file is never written or removed by
       anybody but its writer. But they are trusted. A file that they make just before ours gets the same name
       is replaced, and where they put a link in the place of a folder, it is followed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.unixfs import reading
from p2plib.data.dag.unixfs.data import UnixFsKind, UnixTime
from p2plib.data.dag.unixfs.nodes import UnixFsNode
from p2plib.data.dag.unixfs.scanning import disk_errors
from p2plib.errors import DecodeError, OverBudget, StoreError
from p2plib.wire.cid import Cid

ON_WINDOWS = os.name == "nt"
PERMISSIONS = 0o777  # of a mode: without set-user-id, set-group-id and the sticky bit
LATEST_SECONDS = 2**31 - 1  # what the specification puts for a time that the disk cannot hold

MAX_NAME_CHARACTERS = 255  # more than that no common disk takes; where it counts bytes, it says so itself
MAX_TARGET_BYTES = 4095  # of a link, on Linux; other systems take less

# Spaces before the dot count for nothing, and the raised digits 1 to 3 are digits to Windows.
_WINDOWS_DEVICE = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\xb9\xb2\xb3]) *(\..*)?", re.IGNORECASE
)
_WINDOWS_SIGNS = re.compile(r'[\x00-\x1f<>:"/\\|?*]')

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class DiskBudget:
    """How much may be written.

    Args:
        entries: files, folders and links together.
        size_bytes: of all files.
        depth: of folders in each other.
    """

    entries: int = 1_000_000
    size_bytes: int = 2**34
    depth: int = 128


def write_path(
    store: BlockStore,
    cid: Cid,
    path: str | Path,
    *,
    may_replace: bool = False,
    may_lead_outside: bool = False,
    with_metadata: bool = False,
    budget: DiskBudget = DiskBudget(),  # noqa: B008 - it is frozen
) -> None:
    """Write a file, or a directory with all that is below it, to the disk.

    Args:
        store: where the blocks are.
        cid: of the file or the directory.
        path: what the file or the folder will be called; the folder above must be there.
        may_replace: whether files and links that are there already are replaced.
        may_lead_outside: whether symbolic links may lead out of what is written.
        with_metadata: whether permissions and times are set where the blocks have them.
        budget: how much may be written.

    Raises:
        StoreError: something is there already or cannot be written, a link leads outside, or a name cannot be
            one of this disk; the sentence names the path.
        StoreFull: the disk has no room, or cannot be written.
        NotFound: a block is not there.
        DecodeError: a block breaks a rule of UnixFS, or is not what its parent says.
        OverBudget: there is more to write than the budget allows.
    """
    writer = _Writer(store, may_replace, with_metadata, budget)
    writer.write(cid, Path(path))
    writer.link(may_lead_outside)
    writer.date_folders()


def name_fault(name: str, *, on_windows: bool = ON_WINDOWS) -> str:
    """Why a name of a directory cannot be that of a file here, as the end of a sentence; "" if it can.

    Args:
        name: which can be part of a path of UnixFS.
        on_windows: whether the rules of Windows hold: there, backslashes and colons lead elsewhere.
    """
    if len(name) > MAX_NAME_CHARACTERS:
        return f"has more than {MAX_NAME_CHARACTERS} characters"
    if on_windows and _WINDOWS_SIGNS.search(name):
        return "has a sign in it that Windows does not have in names"
    if on_windows and (name[-1] in ". " or _WINDOWS_DEVICE.fullmatch(name)):
        return "means something else to Windows"
    return ""


def leads_inside(target: str, depth: int, *, on_windows: bool = ON_WINDOWS) -> bool:
    """Whether a symbolic link certainly stays in the folder that it was written with.

    Args:
        target: where it leads.
        depth: how many folders of what is written the link is in; 0 for a link that is all of it.
        on_windows: whether the rules of Windows hold.
    """
    if depth == 0 or target.startswith("/") or "\0" in target:
        return False
    names = [name for name in target.split("/") if name not in ("", ".")]
    ups = sum(1 for _ in itertools.takewhile(lambda name: name == "..", names))
    below = names[ups:]
    return ups < depth and ".." not in below and not any(name_fault(n, on_windows=on_windows) for n in below)


@dataclass(frozen=True, slots=True)
class _Entry:
    cid: Cid
    path: Path
    depth: int = 0


@dataclass(frozen=True, slots=True)
class _Metadata:
    mode: int | None
    mtime: UnixTime | None


class _Writer:
    def __init__(self, store: BlockStore, may_replace: bool, with_metadata: bool, budget: DiskBudget) -> None:
        self._store, self._budget = store, budget
        self._may_replace, self._with_metadata = may_replace, with_metadata
        self._entries = self._bytes = 0
        self._numbers = itertools.count(1)
        self._mine: set[tuple[int, int]] = set()  # device and number of everything that was written
        # Nothing that is remembered holds what was in a block: a million entries may share one large block.
        self._folders: list[tuple[Path, _Metadata]] = []
        self._links: list[_Entry] = []

    def write(self, cid: Cid, path: Path) -> None:
        """Write folders and files, and remember the links."""
        pending = [_Entry(cid, path)]
        while pending:
            entry = pending.pop()
            self._entries += 1
            node = reading.node_at(self._store, entry.cid)
            if node.is_file:
                self._write_file(entry, node)
            elif node.kind == UnixFsKind.SYMLINK:
                self._links.append(entry)
            elif node.kind in (UnixFsKind.DIRECTORY, UnixFsKind.HAMT_SHARD):
                self._make_folder(entry.path, _metadata(node))
                pending += reversed(self._below(entry, len(pending)))
            else:
                raise DecodeError(f"a node of kind {node.kind.name} is neither a file nor a folder")

    def _below(self, folder: _Entry, pending: int) -> list[_Entry]:
        found: list[_Entry] = []
        for entry in reading.listing(self._store, folder.cid):
            if folder.depth == self._budget.depth:
                raise OverBudget(f"more than {self._budget.depth} folders in each other")
            if self._entries + pending + len(found) >= self._budget.entries:
                raise OverBudget(f"more than {self._budget.entries} files and folders to write")
            if fault := name_fault(entry.name):
                raise StoreError(f"{folder.path}: the name {entry.name!r} {fault}")
            found.append(_Entry(entry.cid, folder.path / entry.name, folder.depth + 1))
        return found

    def _make_folder(self, path: Path, metadata: _Metadata) -> None:
        with disk_errors(path, writing=True):
            is_ours = self._may_replace
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                is_ours = True
            status = os.lstat(path)
            if not stat.S_ISDIR(status.st_mode):
                raise StoreError(f"{path}: something that is not a folder is there already")
            self._demand_new(path, status)
            self._mine.add((status.st_dev, status.st_ino))
        if is_ours and self._with_metadata:
            self._folders.append((path, metadata))

    def _demand_new(self, path: Path, status: os.stat_result) -> None:
        if (status.st_dev, status.st_ino) in self._mine:
            raise StoreError(f"{path}: two names of the directory are one on this disk")

    def _write_file(self, entry: _Entry, node: UnixFsNode) -> None:
        self._bytes += node.file_bytes
        if self._bytes > self._budget.size_bytes:
            raise OverBudget(f"files of more than {self._budget.size_bytes} bytes to write")
        with (
            disk_errors(entry.path, writing=True),
            self._beside(entry.path, _new_file) as (beside, opened),
        ):
            with open(opened, "wb") as file:
                for piece in reading.read(self._store, entry.cid):
                    file.write(piece)
            self._set_metadata(beside, _metadata(node))

    @contextlib.contextmanager
    def _beside(self, path: Path, make: Callable[[Path], Made]) -> Iterator[tuple[Path, Made]]:
        """Something under a name of its own, which gets its true name at the end, or goes after an error."""
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(path)
            self._demand_new(path, status)
            if not self._may_replace:
                raise StoreError(f"{path}: something with this name is there already")
            if stat.S_ISDIR(status.st_mode):
                raise StoreError(f"{path}: a folder is there already, and only files and links are replaced")
        beside, made = self._first_free(path, make)
        try:
            yield beside, made
            status = os.lstat(beside)
            os.replace(beside, path)
            self._mine.add((status.st_dev, status.st_ino))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            raise

    def _first_free(self, path: Path, make: Callable[[Path], Made]) -> tuple[Path, Made]:
        """Make it under the first free name. A look first would not do: somebody else may take the name."""
        while True:
            beside = path.with_name(f".{next(self._numbers)}.partial")
            with contextlib.suppress(FileExistsError):
                return beside, make(beside)

    def link(self, may_lead_outside: bool) -> None:
        """Make the links."""
        for entry in self._links:
            target = self._target(entry, may_lead_outside)
            mtime = reading.node_at(self._store, entry.cid).about.mtime
            with (
                disk_errors(entry.path, writing=True),
                self._beside(entry.path, functools.partial(os.symlink, target)) as (beside, _),
            ):
                if os.utime in os.supports_follow_symlinks:
                    self._set_metadata(beside, _Metadata(None, mtime), is_link=True)

    def _target(self, entry: _Entry, may_lead_outside: bool) -> str:
        target = reading.read_symlink(self._store, entry.cid)
        if len(target.encode("utf-8")) > MAX_TARGET_BYTES:
            raise StoreError(f"{entry.path}: a symbolic link leads to more than {MAX_TARGET_BYTES} bytes")
        if not may_lead_outside and not leads_inside(target, entry.depth):
            raise StoreError(f"{entry.path}: a symbolic link leads to {target!r}, out of what is written")
        if "\0" in target:
            raise StoreError(f"{entry.path}: a symbolic link leads to a path with a zero byte in it")
        return target

    def date_folders(self) -> None:
        """Set permissions and times of the folders, those within before those around them."""
        for path, metadata in reversed(self._folders):
            with disk_errors(path, writing=True):
                self._set_metadata(path, metadata)

    def _set_metadata(self, path: Path, metadata: _Metadata, *, is_link: bool = False) -> None:
        if not self._with_metadata:
            return
        if metadata.mode is not None:
            os.chmod(path, metadata.mode & PERMISSIONS)
        if metadata.mtime is not None:
            try:
                _set_time(path, metadata.mtime, is_link)
            except OverflowError:
                _set_time(path, UnixTime(LATEST_SECONDS if metadata.mtime.seconds > 0 else 0), is_link)


def _metadata(node: UnixFsNode) -> _Metadata:
    return _Metadata(node.about.mode, node.about.mtime)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _set_time(path: Path, time: UnixTime, is_link: bool) -> None:
    ns = time.seconds * 10**9 + time.nanoseconds
    os.utime(path, ns=(ns, ns), follow_symlinks=not is_link)
