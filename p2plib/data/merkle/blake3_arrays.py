"""BLAKE3's chaining values of thousands of chunks at once, as numpy arrays. Pure functions.

The same function as `p2plib.data.merkle.blake3_lanes.compress`: read that first. There a long integer holds
one word of many blocks; here a row of an array does, with a column for each block. The numbers in it have 32
bits and wrap round, so nothing has to be masked.

One thing is arranged differently, so that each operation has more to do. The square is kept as four arrays, a
to d, one for each of its *rows*::

    a   v[0]   v[1]   v[2]   v[3]          each v[i] is itself a row, with a word of every block
    b   v[4]   v[5]   v[6]   v[7]
    c   v[8]   v[9]   v[10]  v[11]
    d   v[12]  v[13]  v[14]  v[15]

Mixing the columns is then one pass over a, b, c and d for all four columns together: G adds all of b to all
of a. For the diagonals, b, c and d are first rotated by one, two and three places, so that each diagonal
becomes a column::

    a   v[0]   v[1]   v[2]   v[3]
    b   v[5]   v[6]   v[7]   v[4]          the first column is now the first diagonal,
    c   v[10]  v[11]  v[8]   v[9]          v[0] v[5] v[10] v[15], and so on
    d   v[15]  v[12]  v[13]  v[14]

Then the same pass mixes the diagonals, and the rows are rotated back.

What limits it: each round has 44 such operations and ten copies, and each reads and writes its arrays through
the cache, where native code keeps everything in registers. So the package `blake3` is several times as fast.
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

MAX_ROWS = 4096  # chunks at once: the arrays stay in the processor's second-level cache
MIN_ROWS = 48  # chunks, or parents; below that, long integers are as fast
# b, c and d rotated to the left by one, two and three places; in reverse order, these undo themselves.
_ROTATIONS = [[1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]]


@functools.cache
def numpy() -> Any:
    """numpy; None where it is not installed."""
    try:
        return importlib.import_module("numpy")
    except ModuleNotFoundError:
        return None


@functools.cache
def _constants() -> Any:
    """How far each of the four rotations goes, right and left; which words of the block each step takes."""
    np = numpy()
    shifts = [(np.array(right, np.uint32), np.array(32 - right, np.uint32)) for right in (16, 12, 8, 7)]
    # A round takes the words of its schedule in pairs, x and y: four pairs for the columns, four for the
    # diagonals. We need all x of the columns (places 0, 2, 4, 6) and all y (1, 3, 5, 7); then the diagonals'.
    picks = [[np.array(order[at : at + 8 : 2], np.intp) for at in (0, 1, 8, 9)] for order in SCHEDULES]
    return shifts, picks


class _Square:
    """The squares of many blocks, with scratch arrays for intermediate results.

    All arrays are (4, count): four words of each of `count` blocks. Operations overwrite these arrays: a new
    array would not be in the cache.
    """

    def __init__(self, count: int) -> None:
        np = numpy()
        self._np = np
        self._iv = np.repeat(np.array(IV[:4], np.uint32), count).reshape(4, count)
        self._spare, self._picked = np.empty((4, count), np.uint32), np.empty((4, count), np.uint32)

    def _half(self, a: Any, b: Any, c: Any, d: Any, word: Any, first: Any, second: Any) -> None:
        """The first or the second half of G, on four columns at once, in place::

            a = a + b + word;  d = (d ^ a) rotated by first;  c = c + d;  b = (b ^ c) rotated by second

        The last argument of a numpy function is where the result goes.
        """
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
        shifts, picks = _constants()
        a, b, c, d = value[:4].copy(), value[4:].copy(), self._iv.copy(), last.copy()
        picked = self._picked
        for x_columns, y_columns, x_diagonals, y_diagonals in picks:
            for x, y, rotations in (
                (x_columns, y_columns, _ROTATIONS),
                (x_diagonals, y_diagonals, _ROTATIONS[::-1]),
            ):
                # "clip" saves numpy a copy, which it would otherwise make to check the indices first.
                block.take(x, 0, picked, "clip")
                self._half(a, b, c, d, picked, shifts[0], shifts[1])
                block.take(y, 0, picked, "clip")
                self._half(a, b, c, d, picked, shifts[2], shifts[3])
                b, c, d = b[rotations[0]], c[rotations[1]], d[rotations[2]]
        np = self._np
        return np.concatenate((np.bitwise_xor(a, c, a), np.bitwise_xor(b, d, b)))


def _initial_values(key: Sequence[int], count: int) -> Any:
    """The key as the first chaining value of every block: (8, count)."""
    np = numpy()
    return np.repeat(np.array(key, np.uint32), count).reshape(8, count)


def _transposed(blocks: Any) -> Any:
    """Blocks, (count, 16), as (16, count): a row for each word. numpy's own way takes three times as long."""
    near = blocks.copy()  # without this, words 1 KiB apart push each other out of the cache
    rows = numpy().empty((16, len(near)), "u4")
    for word in range(16):
        rows[word] = near[:, word]
    return rows


def _as_bytes(value: Any) -> bytes:
    """The chaining value of every block, block after block."""
    return bytes(value.T.astype("<u4").tobytes())


def chunk_values(data: bytes, first: int, key: Sequence[int], flags: int) -> bytes:
    """The chaining values of whole chunks, 32 bytes for each.

    Args:
        data: a multiple of 1,024 bytes.
        first: the number of the first chunk in the whole input.
        key: 8 words.
        flags: of the mode.
    """
    np, parts = numpy(), list[bytes]()
    for at in range(0, len(data), MAX_ROWS * CHUNK_BYTES):
        count = min(MAX_ROWS, (len(data) - at) // CHUNK_BYTES)
        # The axes: chunks, blocks of a chunk, words of a block.
        words = np.frombuffer(data, "<u4", count * CHUNK_BYTES // 4, at).reshape(count, 16, 16)
        numbers = np.arange(count, dtype=np.uint64) + np.uint64(first + at // CHUNK_BYTES)
        last = np.empty((4, count), np.uint32)
        last[0], last[1], last[2] = numbers & np.uint64(WORD_MASK), numbers >> np.uint64(32), BLOCK_BYTES
        square, value = _Square(count), _initial_values(key, count)
        for number in range(16):
            last[3] = flags | (CHUNK_START if number == 0 else CHUNK_END if number == 15 else 0)
            value = square.compress(value, _transposed(words[:, number]), last)
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
        block = _transposed(np.frombuffer(pairs, "<u4", count * 16, at).reshape(count, 16))
        last = np.zeros((4, count), np.uint32)
        last[2], last[3] = 2 * VALUE_BYTES, flags | PARENT
        parts.append(_as_bytes(_Square(count).compress(_initial_values(key, count), block, last)))
    return b"".join(parts)
