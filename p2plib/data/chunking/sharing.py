"""What versions of a file have in common, chunk by chunk. A machine.

A peer that has the chunks of one version needs only the new chunks of the next. A `ChunkIndex` counts them,
without keeping a byte of content::

    given    everything that was added, for example 10 versions of 1 MB: 10 MB
    stored   every different chunk once
    ratio    given / stored: 1 where nothing is shared, 10 where all ten versions are the same
    index    what it takes to recognise a chunk: 32 bytes of SHA-256 and 4 of length

    >>> from p2plib.data.chunking import fixed
    >>> index = ChunkIndex()
    >>> index.add(fixed.chunks([b"moss moss fern"], 5))
    AddedVersion(given_chunks=3, new_chunks=2, given_bytes=14, new_bytes=9)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

INDEX_ENTRY_BYTES = 36


@dataclass(frozen=True, slots=True)
class AddedVersion:
    """What a version added to an index.

    Args:
        given_chunks: how many chunks it has.
        new_chunks: how many of them were not there before, each counted once.
        given_bytes: its size.
        new_bytes: what a peer that has everything before it must be sent.
    """

    given_chunks: int
    new_chunks: int
    given_bytes: int
    new_bytes: int

    @property
    def shared(self) -> float:
        """The share of its bytes that were there before, 0 to 1; 0 for an empty version."""
        return 1 - self.new_bytes / self.given_bytes if self.given_bytes else 0.0


class ChunkIndex:
    """Which chunks are there, known by their SHA-256. Each attribute starts at 0 and only grows.

    Attributes:
        given_bytes: everything that was added.
        stored_bytes: the different chunks in it, each counted once.
    """

    def __init__(self) -> None:
        self.given_bytes = 0
        self.stored_bytes = 0
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, chunks: Iterable[bytes]) -> AddedVersion:
        """Add the chunks of a version.

        Args:
            chunks: in any order; a chunk that comes twice is stored once.

        Returns:
            How much of it is new. If the iteration raises, nothing is added.
        """
        given_chunks = given_bytes = 0
        sizes: dict[bytes, int] = {}  # of the chunks that were not there when they came
        for chunk in chunks:
            given_chunks += 1
            given_bytes += len(chunk)
            digest = sha256(chunk).digest()
            if digest not in self._known:
                sizes[digest] = len(chunk)
        # The iterator of the chunks may itself have added some of them to this index meanwhile.
        new = {digest: size for digest, size in sizes.items() if digest not in self._known}
        self._known.update(new)
        new_bytes = sum(new.values())
        self.given_bytes += given_bytes
        self.stored_bytes += new_bytes
        return AddedVersion(given_chunks, len(new), given_bytes, new_bytes)

    @property
    def ratio(self) -> float:
        """Bytes given for each byte stored, at least 1; 1 for an empty index."""
        return self.given_bytes / self.stored_bytes if self.stored_bytes else 1.0

    @property
    def index_bytes(self) -> int:
        """What the index itself takes, as a table of digests and lengths."""
        return INDEX_ENTRY_BYTES * len(self._known)
