"""What the two stores of plain files have in common: how a blob gets onto a disk, and off it again.

Writing, so that a crash at any moment leaves the old blob or the new one, whole, or none::

    1. write the bytes into a new file of a folder that is the store's own (`PRIVATE`)
    2. sync it: a name must never be durable before the bytes are
    3. make the folders of the blob's path, and rename the file to it
    4. if it must be durable, sync every folder on the way that this store has not synced yet, and the last
       one

What a crash leaves over are files in `PRIVATE`; the next opening removes them. A lock makes sure that their
writer is dead (`StoreLocked`).

A rename is all that readers of other programs see, so npm's modules may read the same folder at any time.
They write without steps 1 and 2; what they leave half-written, a store whose names are hashes finds out
when it reads.

After a sync of a file that failed, that file is given up. After a sync of a folder that failed, nobody knows
which names the disk has, and a second sync may say that all is well because the system has forgotten what it
could not write. So the store takes no more blobs (`StoreFull`) until it is opened again; reading goes on.

A removal is not waited for: after a power failure a removed blob may be back.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator

from p2plib.data.stores.blobs.folder import Folder, NewFile, OldFile, disk_errors
from p2plib.data.stores.blobs.lifetime import ClosableBlobs
from p2plib.data.stores.blobs.names import PRIVATE, promised_key
from p2plib.data.stores.blobs.store import PIECE_BYTES, BlobInfo, BlobReader, BlobWriter, part_of
from p2plib.errors import NotFound, StoreCorrupt, StoreFull, UsageError

LOCK = f"{PRIVATE}/lock"
UNFINISHED = "new-"
MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class _FileSink:
    """A file of the private folder that becomes a blob."""

    def __init__(self, store: PlainFiles, path: str, key: str | None) -> None:
        self._store = store
        self._path = path
        self._key = key
        self._hash = hashlib.sha256() if store.NAMES_ARE_HASHES else None
        with disk_errors(store.folder, path, writing=True):
            self._file: NewFile = store.folder.create(path)

    def append(self, data: bytes) -> None:
        with disk_errors(self._store.folder, self._path, writing=True):
            self._file.write(data)
        if self._hash is not None:
            self._hash.update(data)

    def commit(self, durable: bool) -> str:
        key = promised_key(self._key, self._hash.digest()) if self._hash is not None else self._key
        assert key is not None
        with disk_errors(self._store.folder, self._store._path_of(key), writing=True):
            self._file.sync()
            self._file.close()
            self._store._place(self._path, self._store._path_of(key), durable)
        return key

    def discard(self) -> None:
        # What cannot be removed now, is removed when the store is opened next.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._store.folder.unlink(self._path)


class PlainFiles(ClosableBlobs, ABC):
    """A store that keeps each blob in a file. Two kinds inherit it: `KeyedFiles` and `ContentFiles`.

    Args:
        folder: where; nobody else may write into it while the store is open.

    Attributes:
        folder: the same.
        leftovers: how many unfinished blobs of a crash were removed when the store was opened.

    Raises:
        StoreLocked: another store has the folder open, in this process or another.
        StoreFull: the folder cannot be written.
    """

    NAMES_ARE_HASHES = False

    def __init__(self, folder: Folder) -> None:
        super().__init__()
        self.folder = folder
        self.leftovers = 0
        self._numbers = itertools.count(1)  # of unfinished files; threads may share it
        self._synced: set[str] = set()  # folders whose own names are durable
        self._is_doubtful = False  # a folder could not be synced
        self._held = contextlib.ExitStack()
        with self._held, disk_errors(folder, PRIVATE, writing=True):
            folder.make_folder(PRIVATE)
            self._held.enter_context(folder.lock(LOCK))
            for entry in folder.entries(PRIVATE):
                if entry.name.startswith(UNFINISHED):
                    folder.unlink(f"{PRIVATE}/{entry.name}")
                    self.leftovers += 1
            self._held = self._held.pop_all()

    @abstractmethod
    def _demand_key(self, key: str) -> None:
        """Returns if a text may be a key of this store; raises UsageError otherwise."""

    @abstractmethod
    def _path_of(self, key: str) -> str:
        """The path of a key's file, below the folder."""

    @abstractmethod
    def _pieces(self, file: OldFile, key: str, first: int, last: int) -> Iterator[bytes]:
        """The bytes of a part, in pieces."""

    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        """Begin to write a blob; see `BlobStore`."""
        self._demand_open()
        if key is not None:
            self._demand_key(key)
        self._demand_writable()
        sink = _FileSink(self, f"{PRIVATE}/{UNFINISHED}{next(self._numbers)}", key)
        return self._opened_writer(BlobWriter(sink, size_bytes))

    def _place(self, new: str, path: str, durable: bool) -> None:
        """Steps 3 and 4 of the head of this module."""
        self._demand_writable()
        above = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        try:
            for folder in above:
                self.folder.make_folder(folder)
            self.folder.replace(new, path)
        except (FileExistsError, *MISSING) as error:
            raise UsageError(
                f"no blob can be put at {path[:60]!a}: there is a blob or a link where a folder would "
                f"have to be, or a folder where the blob would"
            ) from error
        if not durable:
            return
        try:
            for folder in above:
                if folder not in self._synced:
                    self.folder.sync_folder(folder.rpartition("/")[0])
                    self._synced.add(folder)
            self.folder.sync_folder(path.rpartition("/")[0])
        except OSError:
            self._is_doubtful = True
            raise

    def _demand_writable(self) -> None:
        if self._is_doubtful:
            raise StoreFull(
                f"a folder in {self.folder.name} could not be synced, so nobody knows what the disk has: "
                f"look at the disk, then open the store again"
            )

    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        """Begin to read a blob, or a part of it; see `BlobStore`."""
        self._demand_open()
        self._demand_key(key)
        with disk_errors(self.folder, self._path_of(key)), self._missing(key):
            file = self.folder.open(self._path_of(key))
        try:
            first, last = part_of(file.size_bytes, start, end)
        except UsageError:
            file.close()
            raise
        info = BlobInfo(key, file.size_bytes)
        pieces = self._pieces(file, key, first, last)
        return self._opened_reader(BlobReader(info, pieces, file.close))

    def _read_through(self, file: OldFile, key: str) -> Iterator[bytes]:
        """All bytes of a file, which must be as many as it had when it was opened."""
        left = file.size_bytes
        while left:
            with disk_errors(self.folder, self._path_of(key)):
                piece = file.read(min(left, PIECE_BYTES))
            if not piece:
                raise StoreCorrupt(
                    f"a blob ends {left} bytes too early", self._where(key), file.size_bytes - left
                )
            left -= len(piece)
            yield piece

    def _where(self, key: str) -> str:
        return f"{self.folder.name}/{self._path_of(key)}"

    def exists(self, key: str) -> bool:
        """Whether a blob of this name is there; it may still turn out to be damaged."""
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def size(self, key: str) -> int:
        """How large a blob is, in bytes; raises NotFound if it is not there."""
        self._demand_open()
        self._demand_key(key)
        with disk_errors(self.folder, self._path_of(key)), self._missing(key):
            return self.folder.size(self._path_of(key))

    @contextlib.contextmanager
    def _missing(self, key: str) -> Iterator[None]:
        try:
            yield
        except MISSING as error:
            raise NotFound(f"there is no blob {key!a} in {self.folder.name}") from error

    def remove(self, key: str) -> None:
        """Take a blob out of the store; one that is not there stays so. Its folder is left."""
        if self.exists(key):
            with disk_errors(self.folder, self._path_of(key), writing=True), contextlib.suppress(*MISSING):
                self.folder.unlink(self._path_of(key))

    def _let_go(self) -> None:
        self._held.close()
