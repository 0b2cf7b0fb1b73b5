"""numpy's values are those of the long integers, for every number of chunks."""

from __future__ import annotations

import random

import pytest

from p2plib.data.merkle import blake3_arrays, blake3_lanes
from p2plib.data.merkle.blake3_lanes import IV, KEYED_HASH

pytest.importorskip("numpy")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 47, 48, 49, 200])
@pytest.mark.parametrize("first", [0, 2**32 - 2, 2**54 - 300])
def test_chunks(count: int, first: int) -> None:
    data = random.Random(count).randbytes(1024 * count)
    key = [word ^ 0xFFFFFFFF for word in IV]
    expected = blake3_lanes.chunk_values(data, first, key, KEYED_HASH) if count else b""
    assert blake3_arrays.chunk_values(data, first, key, KEYED_HASH) == expected


@pytest.mark.parametrize("count", [0, 1, 2, 48, 333])
def test_parents(count: int) -> None:
    pairs = random.Random(count).randbytes(64 * count)
    expected = blake3_lanes.parent_values(pairs, IV, 0) if count else b""
    assert blake3_arrays.parent_values(pairs, IV, 0) == expected


def test_more_rows_than_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blake3_arrays, "MAX_ROWS", 7)
    data = random.Random(1).randbytes(1024 * 30)
    assert blake3_arrays.chunk_values(data, 5, IV, 0) == blake3_lanes.chunk_values(data, 5, IV, 0)
    assert blake3_arrays.parent_values(data, IV, 0) == blake3_lanes.parent_values(data, IV, 0)
