"""Blocks as files, one each, in the layout of Kubo's flatfs or of npm's blockstore-fs.

The name of a file is the block's multihash in upper-case base32; the file is in one of about a thousand
folders, so that no folder grows too large::

    FLATFS         X3/CIQFTFEE...RZ6CMLX3Y.data      the two letters before the last; a file SHARDING says so
    BLOCKSTORE_FS  3Y/BCIQFTFEE...RZ6CMLX3Y.data     with multibase's letter B; the last two letters

Putting, so that a crash at any moment leaves each block whole, or none::

    1. write each block of a group to a new file in a folder that is the store's own (`PRIVATE`)
    2. sync all of these files: a name must never be there before the bytes are durable
    3. rename each to its place
    4. if it must be durable, sync each folder in which a name has changed since its last sync, once

So blocks that are put together cost one sync each, and one for each folder; the syncs of a group come after
all of its writes, so that the disk can take them together.

Rules
    1. A block that is already there is compared with the one that is put: equal bytes are not written again,
       damaged ones are replaced.
    2. A name that a killed process has left may not be durable: a folder counts as synced only after this
       object has synced it.
    3. After a failed sync of a folder, nobody knows which names the disk has. The store takes no more blocks
       (`StoreFull`) until it is opened again; reading still works.
    4. A block is hashed whenever it is read; what another program left half-written is found then. An empty
       file counts as damaged even before that, unless it is the block of no bytes.
    5. A removal is not waited for: after a power failure a removed block may be back.
    6. While one thread syncs folders, no other renames files: a name that came during a sync would count as
       synced.
    7. Where the file system ignores case, a name in lower case is a block's too, in a listing as elsewhere: a
       copy through another system may have changed the case.

Nobody else may write to the folder while the store is open. A block that another program wrote earlier
without a sync, as npm's does, counts as there, and neither a put nor a pin makes its file durable: after a
power failure it may be empty or cut short. Then it is damaged: it is not given out, `damaged` lists it, and
putting it again repairs it.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.blocks.base import (
    CheckedBlocks,
    demand_possible_size,
    demand_whole,
    in_groups,
    missing,
    raw_cid,
)
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block
from p2plib.data.stores.blobs.folder import Folder, NewFile, disk_errors
from p2plib.data.stores.blobs.names import PRIVATE
from p2plib.data.stores.blobs.plain_files import LOCK, MISSING, UNFINISHED
from p2plib.errors import DecodeError, StoreCorrupt, StoreError, StoreFull, UsageError
from p2plib.wire import multibase
from p2plib.wire import multihash as multihashes
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

SHARDING = "SHARDING"
SHARDING_PREFIX = "/repo/flatfs/shard/v1/"
MAX_SHARDING_BYTES = 256
EXTENSION = ".data"
# All files of a group are open at once, and macOS lets a process have 256.
GROUP_BLOCKS = 64
GROUP_BYTES = 16 * 1024 * 1024

_SHARD_FUNCTION = re.compile(r"(prefix|suffix|next-to-last)/([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """Which file a block is in.

    Args:
        letter: what comes before the base32 text of the multihash: nothing, or multibase's "B".
        shard: which letters name the folder: "prefix/n", "suffix/n", or "next-to-last/n", n from 1 to 99.
        has_sharding_file: whether a file SHARDING says which letters; it overrides `shard`, and is written
            where it is missing.

    Raises:
        UsageError: the letter or the shard is none of these.
    """

    letter: str
    shard: str
    has_sharding_file: bool

    def __post_init__(self) -> None:
        if self.letter not in ("", "B"):
            raise UsageError(
                f"the letter before the name of a block's file is B or none, not {self.letter!r}"
            )
        if not _SHARD_FUNCTION.fullmatch(self.shard):
            raise UsageError(f"{self.shard!r} does not say which letters name the folder of a block")

    def path_of(self, multihash: Multihash) -> str:
        """The path of a block's file, below the folder."""
        name = self.letter + multibase.encode("base32upper", multihash.encode())[1:]
        return f"{self.folder_of(name)}/{name}{EXTENSION}"

    def folder_of(self, name: str) -> str:
        """The folder of a name without extension; a name that is too short is padded with underscores."""
        function, _, count = self.shard.partition("/")
        letters, padding = int(count), "_" * (int(count) + 1)
        match function:
            case "prefix":
                return (name + padding)[:letters]
            case "suffix":
                return (padding + name)[-letters:]
            case _:
                return (padding + name)[-letters - 1 : -1]

    def multihash_of(self, file: str) -> Multihash:
        """The block that a file name stands for.

        Raises:
            DecodeError: it is not the name of a block's file in this layout.
        """
        name = file.removesuffix(EXTENSION)
        if name == file or not name.startswith(self.letter):
            raise DecodeError(
                f"the name of a block's file begins with {self.letter!r}, ends with {EXTENSION}"
            )
        raw = multibase.decode("B" + name.removeprefix(self.letter))[1]
        multihash = raw_cid(multihashes.decode(raw)).multihash
        if self.path_of(multihash).rpartition("/")[2] != file:
            raise DecodeError("the name of a block's file is in upper case")
        return multihash


FLATFS = BlockLayout("", "next-to-last/2", has_sharding_file=True)
BLOCKSTORE_FS = BlockLayout("B", "suffix/2", has_sharding_file=False)


class FileBlocks(CheckedBlocks):
    """Blocks in files, a `BlockStore`.

    Args:
        folder: where the files are; nobody else may write to it while the store is open.
        layout: `FLATFS`, `BLOCKSTORE_FS`, or another.

    Attributes:
        layout: as given, with the shard that the file SHARDING says, if there is one.
        leftovers: how many unfinished files, left by a crash, were removed when the store was opened.

    Raises:
        StoreLocked: another store has the folder open, in this process or another.
        StoreFull: the folder cannot be written.
        StoreError: it holds something else, or its file SHARDING names a function unknown to this library.
    """

    def __init__(self, folder: Folder, layout: BlockLayout = FLATFS) -> None:
        super().__init__()
        self._folder = folder
        self.layout = layout
        self.leftovers = 0
        self._numbers = itertools.count(1)
        self._synced: set[str] = set()  # folders whose names, as they are now, are durable; "" is the root
        self._is_doubtful = False  # a folder could not be synced
        self._writing = threading.Lock()
        self._held = contextlib.ExitStack()
        with self._held, disk_errors(folder, PRIVATE, writing=True):
            folder.make_folder(PRIVATE)
            self._held.enter_context(folder.lock(LOCK))
            for entry in folder.entries(PRIVATE):
                if entry.name.startswith(UNFINISHED):
                    folder.unlink(f"{PRIVATE}/{entry.name}")
                    self.leftovers += 1
            if layout.has_sharding_file:
                self.layout = BlockLayout(layout.letter, self._sharding(), has_sharding_file=True)
            self._ignores_case = self._finds_folder(PRIVATE.upper())
            # Even where SHARDING was there: a killed process may have left its name only in the cache, and
            # after a power failure the folders would be refused without it.
            folder.sync_folder("")
            self._synced.add("")
            self._held = self._held.pop_all()

    def _finds_folder(self, path: str) -> bool:
        try:
            self._folder.entries(path)
        except MISSING:
            return False
        return True

    # The file SHARDING

    def _sharding(self) -> str:
        try:
            found = self._read(SHARDING, MAX_SHARDING_BYTES)
        except MISSING:
            if any(entry.is_folder and entry.name != PRIVATE for entry in self._folder.entries("")):
                raise StoreError(f"{self._folder.name} has folders but no file {SHARDING}") from None
            return self._write_sharding()
        said = found.decode("latin1").strip()
        shard = said.removeprefix(SHARDING_PREFIX)
        if shard == said or not _SHARD_FUNCTION.fullmatch(shard):
            raise StoreError(
                f"{self._folder.name}/{SHARDING} says {found[:80]!r}, which this library does not know"
            )
        return shard

    def _write_sharding(self) -> str:
        path = self._new_path()
        file = self._folder.create(path)
        try:
            file.write(f"{SHARDING_PREFIX}{self.layout.shard}\n".encode())
            file.sync()
        finally:
            file.close()
        self._folder.replace(path, SHARDING)
        return self.layout.shard

    # Reading

    def _read(self, path: str, max_bytes: int) -> bytes:
        file = self._folder.open(path)
        try:
            if file.size_bytes > max_bytes:
                raise StoreCorrupt(
                    f"{file.size_bytes} bytes, where {max_bytes} is the most", f"{self._folder.name}/{path}"
                )
            return file.read(max_bytes)
        finally:
            file.close()

    def _get(self, cid: Cid) -> bytes:
        path = self.layout.path_of(cid.multihash)
        with disk_errors(self._folder, path):
            try:
                data = self._read(path, MAX_BLOCK_BYTES)
            except MISSING:
                raise missing(cid) from None
        return demand_whole(cid, data, f"{self._folder.name}/{path}")

    def _size(self, cid: Cid) -> int:
        path = self.layout.path_of(cid.multihash)
        with disk_errors(self._folder, path):
            try:
                size_bytes = self._folder.size(path)
            except MISSING:
                raise missing(cid) from None
        return demand_possible_size(cid, size_bytes, f"{self._folder.name}/{path}")

    def _hashes(self) -> Iterator[Multihash]:
        with disk_errors(self._folder, ""):
            shards = [entry.name for entry in self._folder.entries("") if entry.is_folder]
        for shard in shards:
            with disk_errors(self._folder, shard):
                try:
                    files = self._folder.entries(shard)
                except MISSING:
                    continue
            for file in files:
                if not file.is_folder and (multihash := self._block_at(shard, file.name)) is not None:
                    yield multihash

    def _block_at(self, shard: str, name: str) -> Multihash | None:
        if self._ignores_case:
            stem, dot, extension = name.rpartition(".")
            shard, name = shard.upper(), stem.upper() + dot + extension.lower()
        try:
            multihash = self.layout.multihash_of(name)
        except DecodeError:
            return None
        return multihash if self.layout.path_of(multihash) == f"{shard}/{name}" else None

    # Writing

    def _new_path(self) -> str:
        return f"{PRIVATE}/{UNFINISHED}{next(self._numbers)}"

    def _demand_writable(self) -> None:
        if self._is_doubtful:
            raise StoreFull(
                f"a folder in {self._folder.name} could not be synced, so nobody knows what the disk has: "
                f"look at the disk, then open the store again"
            )

    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        touched = {""}
        for group in in_groups(blocks, GROUP_BLOCKS, GROUP_BYTES):
            paths = {self.layout.path_of(multihash): data for multihash, data in group.items()}
            touched |= {path.rpartition("/")[0] for path in paths}
            with self._writing, disk_errors(self._folder, "", writing=True):
                self._demand_writable()
                self._place({path: data for path, data in paths.items() if not self._is_whole(path, data)})
        if durable:
            with self._writing, disk_errors(self._folder, "", writing=True):
                self._demand_writable()
                self._sync_folders(sorted(touched - self._synced))

    def _is_whole(self, path: str, data: bytes) -> bool:
        """Whether a block's file is there with the right bytes; an unreadable one counts as wrong."""
        try:
            return self._folder.size(path) == len(data) and self._read(path, len(data)) == data
        except (OSError, StoreCorrupt):
            return False

    def _place(self, blocks: dict[str, bytes]) -> None:
        """Steps 1 to 3 of the head of this module, for one group."""
        waiting: dict[str, tuple[str, NewFile]] = {}
        try:
            for path, data in blocks.items():
                new = self._new_path()
                waiting[path] = new, self._folder.create(new)
                waiting[path][1].write(data)
            for _, file in waiting.values():
                file.sync()
                file.close()
            for path in blocks:
                shard = path.rpartition("/")[0]
                self._make_shard(shard)
                self._synced.discard(shard)  # before the name is there, in case of an interruption
                with disk_errors(self._folder, path, writing=True):  # something else may be in its place
                    self._folder.replace(waiting[path][0], path)
                del waiting[path]
        finally:
            # What cannot be removed now is removed when the store is next opened.
            for new, file in waiting.values():
                with contextlib.suppress(OSError):
                    file.close()
                with contextlib.suppress(OSError):
                    self._folder.unlink(new)

    def _make_shard(self, shard: str) -> None:
        was_synced = "" in self._synced
        self._synced.discard("")  # before the folder is there, in case of an interruption
        if not self._folder.make_folder(shard) and was_synced:
            self._synced.add("")

    def _sync_folders(self, folders: list[str]) -> None:
        try:
            for folder in folders:
                self._folder.sync_folder(folder)
                self._synced.add(folder)
        except OSError:
            self._is_doubtful = True
            raise

    def _remove(self, multihash: Multihash) -> None:
        path = self.layout.path_of(multihash)
        with disk_errors(self._folder, path, writing=True), contextlib.suppress(*MISSING):
            self._folder.unlink(path)

    def _let_go(self) -> None:
        self._held.close()
