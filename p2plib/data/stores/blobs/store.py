"""What every blob store can do: a protocol, and the objects that write and read one blob.

A blob is any number of bytes under a **key**, a text. In some stores the caller names the key; in the
others the key is the SHA-256 of the bytes, in hexadecimal, and a key that is given is a promise which they
must keep.

Rules
    1. A blob is there whole or not at all: nobody sees it before `finish` has returned, and a writer that is
       left without `finish`, or that meets an error, leaves nothing. A crash is such an end, too.
    2. A reader gives the blob that was there when it began, even if that is removed or replaced meanwhile.
    3. What is read is what was written. A store that cannot know that by itself says so in its head; one
       whose keys are hashes never gives the last piece of a blob, or of a part of one, before the hash of the
       whole blob was right.
    4. Pieces are small (`PIECE_BYTES`), so a blob may be larger than the memory.
    5. Missing, full, damaged and closed are the errors of `p2plib.data.stores.interfaces`.

`p2plib.data.stores.blobs.conformance` is its test. The interface in npm is abstract-blob-store; there,
rules 1 and 3 are not kept by every store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from p2plib.errors import Closed, UsageError, WrongContent

# Large enough that a hash runs at its full speed, small enough that a hundred readers take no memory.
PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A blob that is in a store now.

    Args:
        key: its name there.
        size_bytes: how large it is.
    """

    key: str
    size_bytes: int


class BlobSink(Protocol):
    """What a store gives to a `BlobWriter`: the place where the bytes go. For authors of stores."""

    def append(self, data: bytes) -> None:
        """Put bytes after those that are there."""
        ...

    def commit(self, durable: bool) -> str:
        """Make what was appended a blob of the store, and return its key."""
        ...

    def discard(self) -> None:
        """Forget what was appended. Never raises; is called once at most, and not after a commit returned."""
        ...


class BlobWriter:
    """Writes one blob. Use it with `with`: when the block is left without `finish`, nothing is kept.

    Args:
        sink: where the bytes go.
        size_bytes: the size that was promised; None if nobody promised any.

    Attributes:
        size_bytes: how much was written so far.
    """

    def __init__(self, sink: BlobSink, size_bytes: int | None = None) -> None:
        if size_bytes is not None and size_bytes < 0:
            sink.discard()
            raise UsageError(f"a blob cannot have {size_bytes} bytes")
        self.size_bytes = 0
        self._sink = sink
        self._promised = size_bytes
        self._over = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Put bytes after those that were written before. An error ends the writer, and nothing is kept.

        Raises:
            WrongContent: these are more than were promised.
            StoreFull: there is no room for them.
            UsageError: they are not bytes.
            Closed: the writer or the store is at its end.
        """
        self._demand_open()
        try:
            view = memoryview(data).cast("B")
        except TypeError:
            self.discard()
            raise UsageError(f"a blob is made of bytes, not of {type(data).__name__}") from None
        if self._promised is not None and self.size_bytes + len(view) > self._promised:
            self.discard()
            raise WrongContent(f"a blob of {self._promised} bytes went on past its end")
        try:
            for start in range(0, len(view), PIECE_BYTES):
                piece = bytes(view[start : start + PIECE_BYTES])
                self._sink.append(piece)
                self.size_bytes += len(piece)
        except BaseException:
            self.discard()
            raise

    def finish(self, *, durable: bool = True) -> BlobInfo:
        """Make what was written a blob of the store. An error ends the writer, and nothing is kept.

        Args:
            durable: whether to wait until the blob would survive a power failure.

        Raises:
            WrongContent: this is not what the key, or the size, promised.
            StoreFull: the disk does not take it. If its very last step failed, the blob is there all the
                same, and only a power failure may undo that.
            Closed: the writer or the store is at its end.
        """
        self._demand_open()
        try:
            if self._promised is not None and self.size_bytes < self._promised:
                raise WrongContent(f"a blob of {self._promised} bytes ended after {self.size_bytes}")
            key = self._sink.commit(durable)
        except BaseException:
            self.discard()
            raise
        self._over = "was finished"
        return BlobInfo(key, self.size_bytes)

    @property
    def is_open(self) -> bool:
        """Whether the blob is neither finished nor discarded."""
        return not self._over

    def discard(self, why: str = "was discarded") -> None:
        """Keep nothing of what was written. After `finish`, or when repeated, it does nothing."""
        if not self._over:
            self._over = why
            self._sink.discard()

    def _demand_open(self) -> None:
        if self._over:
            raise Closed(f"this writer of a blob {self._over}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class BlobReader:
    """Reads one blob, or a part of one: an iterator over its pieces. Use it with `with`, or to its end.

    Args:
        info: which blob, and how large the whole of it is.
        pieces: gives its bytes, one piece after the other.
        close: lets go of what the pieces come from; called once.
    """

    def __init__(self, info: BlobInfo, pieces: Iterator[bytes], close: Callable[[], None]) -> None:
        self.info = info
        self._pieces = pieces
        self._close = close
        self._over = ""
        self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """The next piece: 1 to `PIECE_BYTES` bytes.

        Raises:
            StoreCorrupt: the disk has changed the blob. What was read before must not be used.
            Closed: the reader or the store was closed before the end.
        """
        if self._ended:
            raise StopIteration
        if self._over:
            raise Closed(f"this reader of a blob {self._over}")
        try:
            return next(self._pieces)
        except StopIteration:
            self._ended = True
            self.close()
            raise
        except BaseException:
            self.close("has met an error")
            raise

    @property
    def is_open(self) -> bool:
        """Whether it still holds the blob: it is neither at its end nor closed."""
        return not self._over

    def read_all(self) -> bytes:
        """All that is left of it, at once."""
        return b"".join(self)

    def close(self, why: str = "was closed") -> None:
        """Let go of the blob. Repeating it does nothing."""
        if not self._over:
            self._over = why
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BlobStore(Protocol):
    """Blobs under keys."""

    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        """Begin to write a blob. One that is under this key already stays until the new one is finished.

        Args:
            key: its name. Where names are hashes: the one that it must turn out to have, or None.
            size_bytes: how large it must turn out to be; None if that is not known.

        Raises:
            UsageError: the store cannot have such a key.
            StoreFull: there is no room for so much.
            Closed: the store is closed.
        """
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        """Begin to read a blob, or the part of it from `start` (included) to `end` (excluded).

        Args:
            key: its name.
            start: the first byte that counts, in bytes from 0; where the blob is shorter there is nothing.
            end: the first that no longer counts; None, or more than there are, for the end of the blob.

        Raises:
            NotFound: there is no such blob.
            StoreCorrupt: there was one, and the disk cannot give it any more.
            UsageError: there can be no such key or no such part.
            Closed: the store is closed.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether a blob of this name is there; it may still turn out to be damaged."""
        ...

    def size(self, key: str) -> int:
        """How large a blob is, in bytes; raises NotFound if it is not there."""
        ...

    def remove(self, key: str) -> None:
        """Take a blob out of the store; one that is not there stays so."""
        ...

    def keys(self) -> Iterator[str]:
        """The names of all blobs, in order; those that come or go meanwhile may or may not be among them."""
        ...

    def close(self) -> None:
        """End all readers and writers, and let go of files and locks. Repeating it does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def part_of(size_bytes: int, start: int, end: int | None) -> tuple[int, int]:
    """Where a part of a blob really begins and ends.

    Raises:
        UsageError: the part begins before the blob does, or ends before it begins.
    """
    if start < 0 or (end is not None and end < start):
        raise UsageError(f"a blob has no part from {start} to {end}")
    last = size_bytes if end is None else min(end, size_bytes)
    return min(start, last), last
