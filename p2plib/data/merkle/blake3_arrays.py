"""BLAKE3's chaining values of thousands of chunks at once, as arrays of numpy's. Pure functions.

The same function as `p2plib.data.merkle.blake3_lanes.compress`, with a row for each word and a column for
each chunk. The square of sixteen words is four arrays, one for each of its rows, so that one addition does
the four columns of all chunks; between columns and diagonals three of the rows turn, and turn back.

What limits it: a round has 88 operations on arrays and each goes through the cache once, reading and writing,
where code written for a processor would keep everything in registers. So the package `blake3` is several
times as fast.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from p2plib.data.merkle.blake3_lanes import (
    BLOCK_BYTES,
    CHUNK_BYTES,
    CHUNK_END,
    CHUNK_START,
    IV,
    PARENT,
    SCHEDULES,
    VALUE_BYTES,
    WORD_MASK,
)

MAX_ROWS = 4096  # chunks at once: the arrays stay in the processor's second cache
MIN_ROWS = 48  # chunks, or parents; below that, long integers are as fast
_TURNED = [[1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]


@functools.cache
def numpy() -> Any:
    """numpy; None where it is not installed."""
    try:
        return importlib.import_module("numpy")
    except ModuleNotFoundError:
        return None


@functools.cache
def _constants() -> Any:
    """How far each of the four rotations goes, and its complement; the order of the block in each step."""
    np = numpy()
    bits = [(np.array(right, np.uint32), np.array(32 - right, np.uint32)) for right in (16, 12, 8, 7)]
    steps = [
        [np.array(order[at : at + 8 : 2], np.intp) for at in (0, 1, 8, 9)] for order in SCHEDULES
    ]  # for columns x and y, then for diagonals x and y
    return bits, steps


class _Square:
    """Four rows of four words for each of many blocks."""

    def __init__(self, count: int) -> None:
        np = numpy()
        self._np = np
        self._iv = np.repeat(np.array(IV[:4], np.uint32), count).reshape(4, count)
        self._spare, self._picked = np.empty((4, count), np.uint32), np.empty((4, count), np.uint32)

    def _quarter(self, a: Any, b: Any, c: Any, d: Any, word: Any, first: Any, second: Any) -> None:
        """Half of G, in place: add a word, then two additions, two xors and two rotations."""
        np, spare = self._np, self._spare
        np.add(a, b, a)
        np.add(a, word, a)
        np.bitwise_xor(d, a, d)
        np.right_shift(d, first[0], spare)
        np.left_shift(d, first[1], d)
        np.bitwise_or(d, spare, d)
        np.add(c, d, c)
        np.bitwise_xor(b, c, b)
        np.right_shift(b, second[0], spare)
        np.left_shift(b, second[1], b)
        np.bitwise_or(b, spare, b)

    def compress(self, value: Any, block: Any, last: Any) -> Any:
        """The next chaining values: value is (8, count), block (16, count), last the fourth row."""
        bits, steps = _constants()
        a, b, c, d = value[:4].copy(), value[4:].copy(), self._iv.copy(), last.copy()
        picked = self._picked
        for order in steps:
            for half in (0, 2):
                block.take(order[half], 0, picked, "clip")
                self._quarter(a, b, c, d, picked, bits[0], bits[1])
                block.take(order[half + 1], 0, picked, "clip")
                self._quarter(a, b, c, d, picked, bits[2], bits[3])
                turns = _TURNED if half == 0 else _TURNED[::-1]
                b, c, d = b[turns[0]], c[turns[1]], d[turns[2]]
        np = self._np
        return np.concatenate((np.bitwise_xor(a, c, a), np.bitwise_xor(b, d, b)))


def _started(key: Sequence[int], count: int) -> Any:
    np = numpy()
    return np.repeat(np.array(key, np.uint32), count).reshape(8, count)


def _turned(blocks: Any) -> Any:
    """The 16 words of each block as 16 rows. One by one: numpy's own way takes three times as long."""
    near = blocks.copy()  # without it, chunks 1 KiB apart push each other out of the cache
    rows = numpy().empty((16, len(near)), "u4")
    for word in range(16):
        rows[word] = near[:, word]
    return rows


def _as_bytes(value: Any) -> bytes:
    return bytes(value.T.astype("<u4").tobytes())


def chunk_values(data: bytes, first: int, key: Sequence[int], flags: int) -> bytes:
    """The chaining values of whole chunks, 32 bytes for each.

    Args:
        data: a multiple of 1,024 bytes.
        first: which chunk of the whole input the first one is.
        key: 8 words.
        flags: of the mode.
    """
    np, parts = numpy(), list[bytes]()
    for at in range(0, len(data), MAX_ROWS * CHUNK_BYTES):
        count = min(MAX_ROWS, (len(data) - at) // CHUNK_BYTES)
        words = np.frombuffer(data, "<u4", count * CHUNK_BYTES // 4, at).reshape(count, 16, 16)
        numbers = np.arange(count, dtype=np.uint64) + np.uint64(first + at // CHUNK_BYTES)
        last = np.empty((4, count), np.uint32)
        last[0], last[1], last[2] = numbers & np.uint64(WORD_MASK), numbers >> np.uint64(32), BLOCK_BYTES
        square, value = _Square(count), _started(key, count)
        for number in range(16):
            last[3] = flags | (CHUNK_START if number == 0 else CHUNK_END if number == 15 else 0)
            value = square.compress(value, _turned(words[:, number]), last)
        parts.append(_as_bytes(value))
    return b"".join(parts)


def parent_values(pairs: bytes, key: Sequence[int], flags: int) -> bytes:
    """The chaining values of parents, 32 bytes for each.

    Args:
        pairs: for each parent 64 bytes: the values of its children.
        key: 8 words.
        flags: of the mode.
    """
    np, parts = numpy(), list[bytes]()
    for at in range(0, len(pairs), MAX_ROWS * BLOCK_BYTES):
        count = min(MAX_ROWS, (len(pairs) - at) // BLOCK_BYTES)
        block = _turned(np.frombuffer(pairs, "<u4", count * 16, at).reshape(count, 16))
        last = np.zeros((4, count), np.uint32)
        last[2], last[3] = 2 * VALUE_BYTES, flags | PARENT
        parts.append(_as_bytes(_Square(count).compress(_started(key, count), block, last)))
    return b"".join(parts)
