"""The compression of many blocks in one number: each lane as if it were alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import blake3, blake3_lanes
from p2plib.data.merkle.blake3_lanes import IV, MAX_LANES, SCHEDULES, Lanes, compress

WORDS = st.integers(0, 2**32 - 1)


def test_the_schedule_of_the_paper() -> None:
    """Each round's order is the one before, permuted; all seven differ."""
    assert len(set(SCHEDULES)) == 7
    assert SCHEDULES[1] == blake3_lanes.PERMUTATION
    assert SCHEDULES[2][:4] == (3, 4, 10, 12)
    assert all(sorted(order) == list(range(16)) for order in SCHEDULES)


@given(st.lists(st.tuples(*[WORDS] * 24), min_size=1, max_size=6), st.integers(0, 64), st.integers(0, 127))
def test_lanes_do_not_touch(rows: list[tuple[int, ...]], size: int, flags: int) -> None:
    """Also where every bit of a neighbour is set."""
    rows = [(2**32 - 1,) * 24, *rows]
    lanes, one = Lanes.of(len(rows)), Lanes.of(1)
    packed = [lanes.pack(column) for column in zip(*rows, strict=True)]
    counter = lanes.pack([row[0] for row in rows]), lanes.pack([row[1] for row in rows])
    together = [lanes.unpack(n) for n in compress(packed[:8], packed[8:], counter, size, flags, lanes)]
    for lane, row in enumerate(rows):
        alone = compress(row[:8], row[8:], (row[0], row[1]), size, flags, one)
        assert [words[lane] for words in together] == alone


@pytest.mark.parametrize("count", [1, 2, 3, MAX_LANES, MAX_LANES + 1, 2 * MAX_LANES])
def test_chunks_and_parents_as_one_by_one(count: int) -> None:
    data = random.Random(count).randbytes(1024 * count)
    first = 2**32 - 1  # the counter's upper half comes in with the second chunk
    values = blake3_lanes.chunk_values(data, first, IV, 0)
    some = {0, 1, count // 2, count - 2, count - 1} & set(range(count))
    for n in some:
        node = blake3.chunk_node(data[1024 * n : 1024 * (n + 1)], first + n)
        assert values[32 * n : 32 * (n + 1)] == node.chaining_value()
    parents = blake3_lanes.parent_values(data[: 64 * count], IV, 0)
    for n in some:
        pair = data[64 * n : 64 * (n + 1)]
        assert parents[32 * n : 32 * (n + 1)] == blake3.parent_node(pair[:32], pair[32:]).chaining_value()


def test_words_are_little_endian_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert blake3_lanes.to_words(b"\x01\0\0\0\xff\0\0\x80").tolist() == [1, 0x800000FF]
    monkeypatch.setattr(blake3_lanes.sys, "byteorder", "big")
    assert blake3_lanes.to_words(b"\x01\0\0\0").tolist() == [0x01000000]
