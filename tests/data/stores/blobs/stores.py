"""All blob stores of the library, for tests that run over each; and an ordered store for pins."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.keyed import KeyedFiles
from p2plib.data.stores.blobs.memory import MemoryBlobs, MemoryContent
from p2plib.data.stores.blobs.pins import PinnedBlobs
from p2plib.data.stores.blobs.quota import QuotaBlobs
from p2plib.data.stores.blobs.store import BlobStore
from p2plib.data.stores.interfaces import Change, Put
from p2plib.errors import NotFound, StoreFull

PLENTY_BYTES = 10**7


class PinRecords:
    """An ordered store that keeps nothing but what pins need, and is full when it is told to be."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}
        self.is_full = False
        self.durable: list[bool] = []

    def get(self, key: bytes) -> bytes:
        if key not in self.records:
            raise NotFound("no such record")
        return self.records[key]

    def write(self, batch: Iterable[Change], *, durable: bool = True) -> None:
        if self.is_full:
            raise StoreFull("no room for records")
        self.durable.append(durable)
        for change in batch:
            if isinstance(change, Put):
                self.records[change.key] = change.value
            else:
                self.records.pop(change.key, None)

    def scan(
        self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        found = [
            (key, value)
            for key, value in sorted(self.records.items(), reverse=reverse)
            if key >= start and (end is None or key < end)
        ]
        return iter(found[:limit])

    def close(self) -> None:
        """It holds nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# Each kind of store in a folder of its own; and whether its names are hashes.
KINDS: dict[str, tuple[Callable[[Path], BlobStore], bool]] = {
    "memory": (lambda folder: MemoryBlobs(), False),
    "memory content": (lambda folder: MemoryContent(), True),
    "keyed files": (lambda folder: KeyedFiles(DiskFolder(folder)), False),
    "content files": (lambda folder: ContentFiles(DiskFolder(folder)), True),
    "quota": (lambda folder: QuotaBlobs(MemoryBlobs(), PLENTY_BYTES), False),
    "quota of content": (lambda folder: QuotaBlobs(MemoryContent(), PLENTY_BYTES), True),
    "pins": (lambda folder: PinnedBlobs(MemoryBlobs(), PinRecords()), False),
    "pins of content": (lambda folder: PinnedBlobs(MemoryContent(), PinRecords()), True),
    "all of it": (
        lambda folder: PinnedBlobs(QuotaBlobs(ContentFiles(DiskFolder(folder)), PLENTY_BYTES), PinRecords()),
        True,
    ),
}


def fresh(kind: str, folder: Path) -> Callable[[], BlobStore]:
    """Gives an empty store of a kind at each call, in a new folder below this one."""
    make, numbers = KINDS[kind][0], itertools.count()

    def give() -> BlobStore:
        return make(folder / f"store-{next(numbers)}")

    return give
