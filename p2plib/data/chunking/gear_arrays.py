"""The boundaries of FastCDC, found with arrays; needs numpy, which is imported when it is used. A machine.

The hash of `p2plib.data.chunking.fastcdc` goes from byte to byte, p = (p >> 1) + GEAR[byte], which looks as
if it could not be computed at many places at once. But rounding down twice is rounding down once, so p is a
sum over the last bytes, rounded down, and the sum over 32 of them is exact in 64 bits::

    S   GEAR[byte] + GEAR[byte before] / 2 + ... + GEAR[31 bytes before] / 2**31, 32 bits for the fraction
    p   S + R, rounded down, where R is what all earlier bytes add: less than 1

    sum over 2k bytes = sum over k bytes here + (sum over k bytes, k bytes before) >> k

Five such doublings give S at every byte. p is S rounded down, or one more: so a chunk can end only where the
low bits of S, rounded down, are all zeros or all ones. That is one place in hundreds, and there p is computed
byte by byte: from 64 bytes back, once from the smallest p that could have been there and once from the
largest; and if these two still differ (a run of one byte can do that), from the last place where p is known.
So no content makes it look at a byte more than three times. The first 31 bytes of a search, where S would
count bytes that p does not, are gone through one by one.

S is computed for a tile of 32 KiB at a time, when the search gets there: content that makes every byte a
candidate costs time for each of its bytes, but memory only for those of one tile.
"""

from __future__ import annotations

import functools
import importlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p2plib.data.chunking.fastcdc import ChunkSizes, Gear

WINDOW_BYTES = 32
LOOK_BACK_BYTES = 64  # after this many, the two bounds of p nearly always agree
TILE_BYTES = 1 << 15  # its sums are half a megabyte: they stay in the processor's cache
FRACTION_BITS = 32
LARGEST_PATTERN = (1 << 32) - 1


class ArraySearch:
    """Finds where chunks end. Call it with a batch of bytes; what it returns says where a chunk in it ends.

    Args:
        sizes: of a chunk.
        gear: the table of the hash, checked.
    """

    def __init__(self, sizes: ChunkSizes, gear: Gear) -> None:
        self._sizes = sizes
        self._gear = gear
        self._np = np = importlib.import_module("numpy")
        self._shifted = np.array(gear, dtype=np.uint64) << np.uint64(FRACTION_BITS)

    def __call__(self, data: bytes) -> Callable[[bytes, int], int]:
        raw = self._np.frombuffer(data, dtype=self._np.uint8)
        # The next chunk often begins in the tile in which the last one ended.
        tile = functools.lru_cache(maxsize=1)(lambda begin: self._tile(raw, begin))
        return lambda data, start: self._next_cut(data, start, tile)

    def candidates(self, data: bytes) -> list[int]:
        """The offsets of all bytes after which a chunk could end, in order, whatever its size.

        Args:
            data: a batch of bytes; the first 31 are looked at as if nothing came before them.
        """
        raw = self._np.frombuffer(data, dtype=self._np.uint8)
        return [at for begin in range(0, len(raw), TILE_BYTES) for at in self._tile(raw, begin)]

    def _tile(self, raw: Any, begin: int) -> list[int]:
        """The candidates in the tile that begins at `begin`."""
        np = self._np
        before = min(begin, WINDOW_BYTES - 1)
        sums = self._sums(raw[begin - before : begin + TILE_BYTES])[before:]
        # One more than the low bits, so that all zeros and all ones become 1 and 0.
        low = (sums >> np.uint64(FRACTION_BITS)).astype(np.uint32) + np.uint32(1)
        low &= np.uint32(self._sizes.loose_mask)
        return list[int]((np.flatnonzero(low <= 1) + begin).tolist())

    def _sums(self, raw: Any) -> Any:
        """S at every byte: of 1 byte, then of 2, 4, 8, 16 and 32."""
        sums = self._np.take(self._shifted, raw)
        count = 1
        while count < WINDOW_BYTES:
            sums[count:] += sums[:-count] >> self._np.uint64(count)
            count *= 2
        return sums

    def _next_cut(self, data: bytes, start: int, tile: Callable[[int], list[int]]) -> int:
        sizes = self._sizes
        end = min(len(data), start + sizes.maximum_bytes)
        first = min(end, start + sizes.minimum_bytes)
        middle = start + sizes.strict_until_bytes
        pattern, known = 0, first  # p, and the first byte that it does not count
        alone = min(end, first + WINDOW_BYTES - 1)
        for at in range(first, alone):
            pattern, known = (pattern >> 1) + self._gear[data[at]], at + 1
            if not pattern & (sizes.strict_mask if at < middle else sizes.loose_mask):
                return at + 1
        for at in _candidates(tile, alone, end):
            pattern, known = self._pattern(data, pattern, known, at), at + 1
            if not pattern & (sizes.strict_mask if at < middle else sizes.loose_mask):
                return at + 1
        return end

    def _pattern(self, data: bytes, pattern: int, known: int, at: int) -> int:
        """p after the byte at `at`, where `pattern` is what it was before the byte at `known`."""
        near = at + 1 - LOOK_BACK_BYTES
        if near > known:
            least, most = 0, LARGEST_PATTERN
            for byte in data[near : at + 1]:
                least = (least >> 1) + self._gear[byte]
                most = (most >> 1) + self._gear[byte]
            if least == most:
                return least
        for byte in data[known : at + 1]:
            pattern = (pattern >> 1) + self._gear[byte]
        return pattern


def _candidates(tile: Callable[[int], list[int]], low: int, high: int) -> Iterator[int]:
    """The candidates from `low` up to `high`, tile after tile."""
    for begin in range(low - low % TILE_BYTES, high, TILE_BYTES):
        places = tile(begin)
        for index in range(bisect_left(places, low), bisect_left(places, high)):
            yield places[index]
