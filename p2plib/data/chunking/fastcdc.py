"""FastCDC: chunks that end where the content says so, and survive an insertion before them. A machine.

Xia and others, "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication"
(USENIX ATC 2016), in the variant of ronomon's deduplication that the fastcdc package on PyPI follows: the
boundaries are that package's, to the byte. A hash rolls over the content, and a chunk ends where its low
bits are all zero::

    p   the hash: p = (p >> 1) + GEAR[byte], from 0 at the first byte that may end the chunk
    n   the average size of a chunk, for example 8192 bytes
    b   log2 of n, rounded, for example 13

Rules
    1. The first `minimum_bytes` of a chunk are not looked at; it never ends before them.
    2. Normalisation: until the chunk has `strict_until_bytes`, it ends where b + 1 low bits of p are zero;
       after that where b - 1 are. So sizes are closer to the average than chance alone would make them.
    3. Where no boundary was found, a chunk ends at `maximum_bytes`, and at the end of the file.
    4. p loses one bit of a byte with each byte that follows: a boundary depends on the bytes just before it
       and, apart from a carry of one, on no more than 32 of them.
    5. The pieces in which a file arrives do not matter. A batch of two chunks of the largest size is held,
       or of 256 KiB if that is more; with what is copied out of it, about twice as much memory in all,
       whatever the length of the file.

Without numpy a loop goes over the bytes. With numpy `p2plib.data.chunking.gear_arrays` finds the few places
where a chunk could end, and looks only at those: the same boundaries, found several times as fast.

    >>> from p2plib.data.chunking import fastcdc
    >>> sizes = fastcdc.ChunkSizes(64, 256, 1024)
    >>> [len(chunk) for chunk in fastcdc.chunks([bytes(range(256)) * 3], sizes)]
    [281, 256, 231]
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from p2plib.data.chunking.gear import GEAR, checked
from p2plib.errors import UsageError

# The bounds of the variant that we follow.
SMALLEST_MINIMUM_BYTES = 64
SMALLEST_AVERAGE_BYTES = 256
LARGEST_AVERAGE_BYTES = 1 << 28
SMALLEST_MAXIMUM_BYTES = 1 << 10
LARGEST_MAXIMUM_BYTES = 1 << 30

ARRAYS_FROM_BYTES = 512  # with smaller chunks there are too many candidates, and the loop is as fast
BATCH_BYTES = 1 << 18  # enough at a time to make array operations worthwhile

Gear = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """How large chunks may be.

    Args:
        minimum_bytes: at least 64; no chunk but the last has fewer.
        average_bytes: 256 to 2**28.
        maximum_bytes: 1024 to 2**30; no chunk has more.

    Raises:
        UsageError: one is out of its range, or they are not in this order.
    """

    minimum_bytes: int
    average_bytes: int
    maximum_bytes: int

    def __post_init__(self) -> None:
        if self.minimum_bytes < SMALLEST_MINIMUM_BYTES:
            raise UsageError(f"chunks have at least {SMALLEST_MINIMUM_BYTES} bytes, not {self.minimum_bytes}")
        if not SMALLEST_AVERAGE_BYTES <= self.average_bytes <= LARGEST_AVERAGE_BYTES:
            raise UsageError(f"the average size of a chunk is 256 to 2**28 bytes, not {self.average_bytes}")
        if not SMALLEST_MAXIMUM_BYTES <= self.maximum_bytes <= LARGEST_MAXIMUM_BYTES:
            raise UsageError(f"chunks have at most 1024 to 2**30 bytes, not {self.maximum_bytes}")
        if not self.minimum_bytes <= self.average_bytes <= self.maximum_bytes:
            raise UsageError("the average size of a chunk lies between its minimum and its maximum")

    @classmethod
    def around(cls, average_bytes: int) -> ChunkSizes:
        """The usual sizes for an average: a quarter of it at least, eight times it at most.

        Args:
            average_bytes: 256 to 2**27.

        Raises:
            UsageError: it is out of range.
        """
        if not SMALLEST_AVERAGE_BYTES <= average_bytes <= LARGEST_MAXIMUM_BYTES // 8:
            raise UsageError(f"there are usual sizes for 256 to 2**27 bytes, not {average_bytes}")
        return cls(average_bytes // 4, average_bytes, average_bytes * 8)

    @property
    def average_bits(self) -> int:
        """log2 of the average, rounded to the nearest; in integers, so that every machine agrees."""
        bits = self.average_bytes.bit_length() - 1
        return bits + (self.average_bytes**2 > 1 << 2 * bits + 1)

    @property
    def strict_until_bytes(self) -> int:
        """Up to this size, a chunk ends only where `strict_mask` is zero, which has two bits more."""
        skipped = self.minimum_bytes + (self.minimum_bytes + 1) // 2
        return max(0, self.average_bytes - skipped)

    @property
    def strict_mask(self) -> int:
        """The bits that must be zero while the chunk is small."""
        return (1 << self.average_bits + 1) - 1

    @property
    def loose_mask(self) -> int:
        """The bits that must be zero later."""
        return (1 << self.average_bits - 1) - 1


Cut = Callable[[bytes, int], int]
Search = Callable[[bytes], Cut]


def chunks(
    pieces: Iterable[bytes], sizes: ChunkSizes, gear: Gear = GEAR, *, arrays: bool | None = None
) -> Iterator[bytes]:
    """Cut a stream into chunks whose ends its content decides.

    Args:
        pieces: the bytes of the file in order, in pieces of any size.
        sizes: the minimum, average and maximum of a chunk.
        gear: the table of the hash, the published one or one of `secret_gear`.
        arrays: True to use numpy, False not to; None to use it where it is installed and faster.

    Returns:
        The chunks in order; together they are the bytes of the file.

    Raises:
        UsageError: this is not a gear table, or numpy is asked for and not installed.
    """
    return _chunks(pieces, sizes, _search(sizes, checked(gear), arrays))


def lengths(data: bytes, sizes: ChunkSizes, gear: Gear = GEAR, *, arrays: bool | None = None) -> list[int]:
    """The lengths of the chunks of a file that is in memory as a whole.

    Args:
        data: the file.
        sizes: as for `chunks`.
        gear: as for `chunks`.
        arrays: as for `chunks`.

    Raises:
        UsageError: as for `chunks`.
    """
    return [len(chunk) for chunk in chunks([data], sizes, gear, arrays=arrays)]


def _chunks(pieces: Iterable[bytes], sizes: ChunkSizes, search: Search) -> Iterator[bytes]:
    batch_bytes = max(BATCH_BYTES, 2 * sizes.maximum_bytes)
    held = bytearray()
    for piece in pieces:
        view = memoryview(piece).cast("B")  # so that its length counts bytes
        while len(view):  # a piece of a gigabyte is not copied as a whole
            room = batch_bytes - len(held)
            held += view[:room]
            view = view[room:]
            if len(held) == batch_bytes:
                # A chunk is cut only while the largest would fit: what follows cannot move its end.
                start = yield from _cut_off(held, search, batch_bytes - sizes.maximum_bytes)
                held = held[start:]  # not in place: the arrays of the search may still share its memory
    yield from _cut_off(held, search, len(held) - 1)


def _cut_off(held: bytearray, search: Search, last_start: int) -> Generator[bytes, None, int]:
    """Yields chunks as long as they begin no later than `last_start`; returns where the next one begins."""
    data = cast("bytes", held)  # a search only slices and indexes, so no copy is needed
    cut = search(data)
    view = memoryview(held)
    start = 0
    while start <= last_start:
        end = cut(data, start)
        yield bytes(view[start:end])
        start = end
    return start


def _search(sizes: ChunkSizes, gear: Gear, arrays: bool | None) -> Search:
    installed = importlib.util.find_spec("numpy") is not None
    if arrays and not installed:
        raise UsageError("numpy is not installed: leave arrays at None, or install p2plib[topology]")
    if arrays is None:
        arrays = installed and sizes.average_bytes >= ARRAYS_FROM_BYTES
    if arrays:
        from p2plib.data.chunking.gear_arrays import ArraySearch

        return ArraySearch(sizes, gear)
    return lambda data: lambda data, start: next_cut(data, start, sizes, gear)


def next_cut(data: bytes, start: int, sizes: ChunkSizes, gear: Gear = GEAR) -> int:
    """Where the chunk that begins at `start` ends, found byte by byte.

    Args:
        data: the file, or at least `maximum_bytes` of it from `start` on.
        start: an offset in it, in bytes.
        sizes: of a chunk.
        gear: the table of the hash.

    Returns:
        The offset after its last byte.
    """
    end = min(len(data), start + sizes.maximum_bytes)
    first = min(end, start + sizes.minimum_bytes)
    middle = max(first, min(end, start + sizes.strict_until_bytes))
    mask, pattern = sizes.strict_mask, 0
    for after, byte in enumerate(data[first:middle], first + 1):
        pattern = (pattern >> 1) + gear[byte]
        if not pattern & mask:
            return after
    mask = sizes.loose_mask
    for after, byte in enumerate(data[middle:end], middle + 1):
        pattern = (pattern >> 1) + gear[byte]
        if not pattern & mask:
            return after
    return end
