"""Where a chunk could end: no place that the loop finds may be missing."""

from __future__ import annotations

from random import Random

import pytest

from p2plib.data.chunking.fastcdc import ChunkSizes
from p2plib.data.chunking.gear import GEAR
from p2plib.data.chunking.gear_arrays import TILE_BYTES, ArraySearch

SIZES = ChunkSizes(64, 256, 1024)


def reference(data: bytes, first: int) -> set[int]:
    """The bytes after which the hash, begun at `first`, has its low bits zero."""
    pattern, found = 0, set()
    for at in range(first, len(data)):
        pattern = (pattern >> 1) + GEAR[data[at]]
        if not pattern & SIZES.loose_mask:
            found.add(at)
    return found


@pytest.mark.parametrize("first", [0, 1, 5000, TILE_BYTES - 40])
def test_no_place_is_missed(first: int) -> None:
    data = Random(1).randbytes(3 * TILE_BYTES + 77)
    places = ArraySearch(SIZES, GEAR).candidates(data)
    assert places == sorted(set(places))
    real = {at for at in reference(data, first) if at >= first + 31}
    assert real <= set(places)
    assert len(real) > 700 * (len(data) - first) / len(data)
    # All zeros and all ones: twice as many places as there are ends, about.
    assert 1.7 < len(places) / len(reference(data, 0)) < 2.3


def test_a_search_gives_what_the_whole_search_gives_wherever_it_begins() -> None:
    data = Random(2).randbytes(60_000)
    cut = ArraySearch(SIZES, GEAR)(data)
    for start in range(0, 50_000, 7919):
        expected = ArraySearch(SIZES, GEAR)(data[start:])(data[start:], 0)
        assert cut(data, start) == start + expected


def test_short_batches() -> None:
    search = ArraySearch(SIZES, GEAR)
    for size_bytes in range(64):
        data = bytes(range(size_bytes))
        assert all(0 <= at < size_bytes for at in search.candidates(data))
        assert search(data)(data, 0) == size_bytes
