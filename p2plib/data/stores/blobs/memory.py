"""Blob stores in memory: for tests, for caches, and to say in a few lines what a blob store is.

`MemoryBlobs` has names that the caller gives, `MemoryContent` names made of the content: the SHA-256 of the
bytes, in hexadecimal. Nothing outlives the object. What is read is not hashed again: memory is trusted.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

from p2plib.data.stores.blobs.lifetime import ClosableBlobs
from p2plib.data.stores.blobs.names import demand_content_key, demand_key, promised_key
from p2plib.data.stores.blobs.store import PIECE_BYTES, BlobInfo, BlobReader, BlobWriter, part_of
from p2plib.errors import NotFound, UsageError


class _MemorySink:
    def __init__(self, store: MemoryBlobs, key: str | None) -> None:
        self._store = store
        self._key = key
        self._data = bytearray()

    def append(self, data: bytes) -> None:
        self._data += data

    def commit(self, durable: bool) -> str:
        return self._store._put(self._key, bytes(self._data))

    def discard(self) -> None:
        self._data.clear()


def _pieces(data: bytes, start: int, end: int) -> Iterator[bytes]:
    for first in range(start, end, PIECE_BYTES):
        yield data[first : min(first + PIECE_BYTES, end)]


class MemoryBlobs(ClosableBlobs):
    """Blobs in memory under names that the caller gives, a `BlobStore`."""

    def __init__(self) -> None:
        super().__init__()
        self._blobs: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def _demand_key(self, key: str) -> None:
        self._demand_open()
        demand_key(key)

    def _put(self, key: str | None, data: bytes) -> str:
        self._demand_open()
        assert key is not None
        with self._lock:
            self._blobs[key] = data
        return key

    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        """Begin to write a blob; see `BlobStore`. It must have a key."""
        self._demand_open()
        if key is None:
            raise UsageError("a blob of this store needs a key: its names are not made of the content")
        self._demand_key(key)
        return self._opened_writer(BlobWriter(_MemorySink(self, key), size_bytes))

    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        """Begin to read a blob, or a part of it; see `BlobStore`."""
        data = self._data_of(key)
        first, last = part_of(len(data), start, end)
        info = BlobInfo(key, len(data))
        return self._opened_reader(BlobReader(info, _pieces(data, first, last), lambda: None))

    def _data_of(self, key: str) -> bytes:
        self._demand_key(key)
        with self._lock:
            if key not in self._blobs:
                raise NotFound(f"there is no blob {key!a}")
            return self._blobs[key]

    def exists(self, key: str) -> bool:
        """Whether a blob of this name is there."""
        self._demand_key(key)
        with self._lock:
            return key in self._blobs

    def size(self, key: str) -> int:
        """How large a blob is, in bytes; raises NotFound if it is not there."""
        return len(self._data_of(key))

    def remove(self, key: str) -> None:
        """Take a blob out of the store; one that is not there stays so."""
        self._demand_key(key)
        with self._lock:
            self._blobs.pop(key, None)

    def keys(self) -> Iterator[str]:
        """The names of all blobs, in order, as they were at the call."""
        self._demand_open()
        with self._lock:
            return iter(sorted(self._blobs))

    def _let_go(self) -> None:
        self._blobs.clear()


class MemoryContent(MemoryBlobs):
    """Blobs in memory named by the SHA-256 of their content, a `BlobStore`."""

    def _demand_key(self, key: str) -> None:
        self._demand_open()
        demand_content_key(key)

    def _put(self, key: str | None, data: bytes) -> str:
        return super()._put(promised_key(key, hashlib.sha256(data).digest()), data)

    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        """Begin to write a blob; see `BlobStore`. A key is a promise of the content."""
        self._demand_open()
        if key is not None:
            self._demand_key(key)
        return self._opened_writer(BlobWriter(_MemorySink(self, key), size_bytes))
