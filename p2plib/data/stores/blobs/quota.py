"""A limit on what a blob store may hold, around any store.

A blob that is being written counts from its first byte; if its size was promised, all of it counts from the
start, so a promise that does not fit is refused before anything was sent. Until a blob that replaces
another is finished, both count: both are on the disk.

The sizes of all blobs are read once, when the wrapper is made, and are kept in memory after that. So nobody
else may write into the store.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from p2plib.data.stores.blobs.lifetime import ClosableBlobs
from p2plib.data.stores.blobs.store import BlobReader, BlobStore, BlobWriter
from p2plib.errors import StoreError, StoreFull, UsageError


class _QuotaSink:
    def __init__(self, quota: QuotaBlobs, writer: BlobWriter, reserved: int) -> None:
        self._quota = quota
        self._writer = writer
        self._reserved = reserved

    def append(self, data: bytes) -> None:
        more = self._writer.size_bytes + len(data) - self._reserved
        if more > 0:
            self._quota._reserve(more, self._reserved)
            self._reserved += more
        self._writer.write(data)

    def commit(self, durable: bool) -> str:
        try:
            info = self._writer.finish(durable=durable)
        except StoreError:  # if the very last step failed, the blob is there all the same
            self._quota._recount()
            raise
        self._quota._settle(info.key, info.size_bytes, self._reserved)
        return info.key

    def discard(self) -> None:
        self._writer.discard()
        self._quota._give_back(self._reserved)


class QuotaBlobs(ClosableBlobs):
    """A `BlobStore` that holds no more than it may. Closing it closes the store within.

    Args:
        store: where the blobs are.
        max_bytes: how much it may hold in all, unfinished blobs included.
        max_blob_bytes: how large one blob may be; None for as large as all.

    Raises:
        UsageError: a limit is below 0.
    """

    def __init__(self, store: BlobStore, max_bytes: int, max_blob_bytes: int | None = None) -> None:
        super().__init__()
        if max_bytes < 0 or (max_blob_bytes is not None and max_blob_bytes < 0):
            raise UsageError("a quota is at least 0 bytes")
        self.max_bytes = max_bytes
        self.max_blob_bytes = max_bytes if max_blob_bytes is None else max_blob_bytes
        self._store = store
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._used_bytes = 0
        self._recount()

    @property
    def used_bytes(self) -> int:
        """What the blobs take, and what is reserved for those being written, in bytes."""
        return self._used_bytes

    def _reserve(self, size_bytes: int, already: int = 0) -> None:
        with self._lock:
            if already + size_bytes > self.max_blob_bytes:
                raise StoreFull(f"a blob may have {self.max_blob_bytes} bytes here, and no more")
            if self._used_bytes + size_bytes > self.max_bytes:
                left = max(0, self.max_bytes - self._used_bytes)
                raise StoreFull(
                    f"{size_bytes} bytes more, where the quota of {self.max_bytes} has {left} left"
                )
            self._used_bytes += size_bytes

    def _recount(self) -> None:
        with self._lock:
            before = sum(self._sizes.values())
            self._sizes = {key: self._store.size(key) for key in self._store.keys()}  # noqa: SIM118 - no dict
            self._used_bytes += sum(self._sizes.values()) - before

    def _settle(self, key: str, size_bytes: int, reserved: int) -> None:
        with self._lock:
            self._used_bytes += size_bytes - reserved - self._sizes.get(key, 0)
            self._sizes[key] = size_bytes

    def _give_back(self, reserved: int) -> None:
        with self._lock:
            self._used_bytes -= reserved

    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        """Begin to write a blob; see `BlobStore`. StoreFull if a promised size does not fit."""
        self._demand_open()
        if size_bytes is not None and size_bytes < 0:
            raise UsageError(f"a blob cannot have {size_bytes} bytes")
        reserved = size_bytes or 0
        self._reserve(reserved)
        try:
            within = self._store.write(key)
        except BaseException:
            self._give_back(reserved)
            raise
        return self._opened_writer(BlobWriter(_QuotaSink(self, within, reserved), size_bytes))

    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        """Begin to read a blob, or a part of it; see `BlobStore`."""
        self._demand_open()
        return self._store.read(key, start, end)

    def exists(self, key: str) -> bool:
        """Whether a blob of this name is there; it may still turn out to be damaged."""
        self._demand_open()
        return self._store.exists(key)

    def size(self, key: str) -> int:
        """How large a blob is, in bytes; raises NotFound if it is not there."""
        self._demand_open()
        return self._store.size(key)

    def remove(self, key: str) -> None:
        """Take a blob out of the store; one that is not there stays so."""
        self._demand_open()
        with self._lock:
            self._store.remove(key)
            self._used_bytes -= self._sizes.pop(key, 0)

    def keys(self) -> Iterator[str]:
        """The names of all blobs, in order."""
        self._demand_open()
        return self._store.keys()

    def _let_go(self) -> None:
        self._store.close()
