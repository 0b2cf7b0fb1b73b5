"""Files and folders of a disk become blocks: what `ipfs add -r` does.

    root = add_path(store, "holiday")

What is added and what is left out is what IPIP-499's profiles say, so that two people with the same folder
get the same identifier.

Rules
    1. A symbolic link is added as a link and never followed: what is outside the folder stays out of it. A
       link that takes the place of a folder meanwhile is not followed either, as names are looked up in
       folders that are held open; Windows cannot do that.
    2. An empty folder is added. Entries whose names begin with a dot, permissions and times are left out
       unless the profile has them (`has_hidden`, `has_modes`, `has_times`); what `path` itself is called is
       no matter.
    3. Pipes, sockets and devices are refused, as are names that are not UTF-8: none is left out silently.
    4. A file that changes while it is read is refused, as its identifier would be that of a file that nobody
       ever had. Its size and its times tell, so two changes within one tick of the disk's clock are taken for
       one. What is in a folder is listed once; nobody should write to it meanwhile.
    5. Entries are taken in the order of the bytes of their names. The identifier does not depend on it.
    6. After an error, blocks may be in the store, but not the root.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from p2plib.data.blocks.base import BlocksAround
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.data.dag.unixfs import nodes
from p2plib.data.dag.unixfs.data import UnixTime
from p2plib.data.dag.unixfs.directories import MAX_DEPTH, add_directory, add_symlink
from p2plib.data.dag.unixfs.importing import BATCH_BYTES, UnixFsRoot, add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V1_2025, UnixFsProfile
from p2plib.data.stores.blobs.folder import REFUSED
from p2plib.errors import StoreError, StoreFull, UsageError

_HOLDS_FOLDERS = {os.open, os.stat, os.readlink} <= os.supports_dir_fd and os.listdir in os.supports_fd


@contextlib.contextmanager
def disk_errors(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turns what the disk refuses into the errors of a store.

    Args:
        path: which file or folder it is about.
        writing: whether it is to be written.

    Raises:
        StoreFull: while writing; the disk has no room, or cannot be written.
        StoreError: anything else.
    """
    try:
        yield
    except OSError as error:
        kind = StoreFull if writing and error.errno in REFUSED else StoreError
        raise kind(f"{path}: {error.strerror or error}") from error


def add_path(
    store: BlockStore, path: str | Path, profile: UnixFsProfile = UNIXFS_V1_2025, *, durable: bool = True
) -> UnixFsRoot:
    """Put a file, a folder with all that is in it, or a symbolic link of the disk into a store.

    Args:
        store: where the blocks go, `BATCH_BYTES` at a time.
        path: which file, folder or link.
        profile: how files and folders become blocks, and what of a folder is left out.
        durable: whether every block would survive a power failure when this returns.

    Raises:
        StoreError: something cannot be read or has changed, is a pipe, a socket or a device, has a name or
            leads to a path that is not UTF-8, or is more than `MAX_DEPTH` folders deep.
        UsageError: two names of a sharded directory have the same hash.
        StoreFull: there is no room.
    """
    batch = _Batch(store, durable)
    root = _Scan(batch, profile).add(_Place(Path(path)), 0)
    batch.flush()
    return root


class _Batch(BlocksAround):
    """Gathers what is put, so that a thousand small files cost the store no more than a large one."""

    def __init__(self, store: BlockStore, durable: bool) -> None:
        super().__init__(store)
        self._durable = durable
        self._blocks: list[Block] = []
        self._held_bytes = 0

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        for block in blocks:
            self._blocks.append(block)
            self._held_bytes += len(block.data)
        if self._held_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Put into the store what was gathered."""
        self._store.put(self._blocks, durable=self._durable)
        self._blocks, self._held_bytes = [], 0


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    folder: int | None = None
    """The folder that it is in, held open; None where the whole path is looked up."""

    @property
    def name(self) -> str:
        return str(self.path) if self.folder is None else self.path.name

    @contextlib.contextmanager
    def opened(self, *flags: str) -> Iterator[int]:
        """A descriptor of it, unless it is a link. Flags that this system does not have are left out."""
        given = (getattr(os, flag, 0) for flag in ("O_NOFOLLOW", *flags))
        with disk_errors(self.path):
            opened = os.open(self.name, os.O_RDONLY | sum(given), dir_fd=self.folder)
        try:
            yield opened
        finally:
            os.close(opened)


class _Scan:
    def __init__(self, store: BlockStore, profile: UnixFsProfile) -> None:
        self._store, self._profile = store, profile

    def add(self, place: _Place, depth: int) -> UnixFsRoot:
        if depth > MAX_DEPTH:
            raise StoreError(f"{place.path}: this is more than {MAX_DEPTH} folders deep")
        with disk_errors(place.path):
            status = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        match stat.S_IFMT(status.st_mode):
            case stat.S_IFDIR if _HOLDS_FOLDERS:
                with place.opened("O_DIRECTORY") as folder:
                    return self._add_folder(place.path, folder, os.fstat(folder), depth)
            case stat.S_IFDIR:
                return self._add_folder(place.path, None, status, depth)
            case stat.S_IFREG:
                with place.opened("O_NONBLOCK", "O_BINARY") as file:
                    return self._add_file(place.path, file)
            case stat.S_IFLNK:
                return self._add_link(place, status)
            case _:
                raise StoreError(f"{place.path}: this is not a file, a folder or a symbolic link")

    def _add_folder(self, path: Path, folder: int | None, status: os.stat_result, depth: int) -> UnixFsRoot:
        with disk_errors(path):
            names = sorted(os.listdir(path if folder is None else folder), key=os.fsencode)
        entries = {}
        for name in names:
            if name.startswith(".") and not self._profile.has_hidden:
                continue
            if fault := nodes.name_fault(name):
                raise StoreError(f"{path}: the name {name!r} {fault}")
            entries[name] = self.add(_Place(path / name, folder), depth + 1)
        mode, mtime = self._mode(status), self._mtime(status)
        return add_directory(self._store, entries, self._profile, mode=mode, mtime=mtime)

    def _add_file(self, path: Path, opened: int) -> UnixFsRoot:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path}: this was a file, and is none now")
        pieces = self._pieces(path, opened, status)
        mode, mtime = self._mode(status), self._mtime(status)
        return add_file(self._store, pieces, self._profile, mode=mode, mtime=mtime)

    def _pieces(self, path: Path, opened: int, before: os.stat_result) -> Iterator[bytes]:
        """What is in a file, in pieces of the size of a chunk, which need not be copied."""
        size = 0
        with disk_errors(path):
            while piece := os.read(opened, self._profile.chunk_bytes):
                size += len(piece)
                yield piece
            after = os.fstat(opened)
        times = [(status.st_mtime_ns, status.st_ctime_ns) for status in (before, after)]
        if size != before.st_size or times[0] != times[1]:
            raise StoreError(f"{path}: this file has changed while it was read")

    def _add_link(self, place: _Place, status: os.stat_result) -> UnixFsRoot:
        with disk_errors(place.path):
            target = os.readlink(place.name, dir_fd=place.folder)
        try:
            return add_symlink(self._store, target, self._profile, mtime=self._mtime(status))
        except UsageError as error:
            raise StoreError(f"{place.path}: {error}") from None

    def _mode(self, status: os.stat_result) -> int | None:
        return stat.S_IMODE(status.st_mode) if self._profile.has_modes else None

    def _mtime(self, status: os.stat_result) -> UnixTime | None:
        return UnixTime(*divmod(status.st_mtime_ns, 10**9)) if self._profile.has_times else None
