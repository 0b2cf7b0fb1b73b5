"""BLAKE3's compression function, on one block or on hundreds at once. Pure functions.

Follows the BLAKE3 paper (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020), sections 2.2 to 2.4.

Compression takes a chaining value of eight 32-bit words and a block of sixteen, and stirs them in a square of
sixteen words, here called v::

    v[0]   v[1]   v[2]   v[3]      the chaining value
    v[4]   v[5]   v[6]   v[7]
    v[8]   v[9]   v[10]  v[11]     constants
    v[12]  v[13]  v[14]  v[15]     counter (2 words), size, flags

A round mixes each of the four columns, such as v[0], v[4], v[8], v[12], with two words of the block; then
each of the four diagonals, such as v[0], v[5], v[10], v[15], with two others. After seven rounds the lower
two rows are xored into the upper two, and that is the next chaining value.

There is nothing in it but additions, xors and rotations, always of the same words, whatever the data. And
when Python adds two small numbers, most of the time goes into everything but the addition. So we put the
words of many blocks side by side into one long integer, and each line does its work for all of them: a
thousand together take less than a twentieth of the time. The place of a block in such a number is a *lane*:
64 bits, of which a word takes the lower 32, and the upper 32 are zero::

    lane 1                    lane 0
    00000000 | word of B      00000000 | word of A       one number, two blocks

    >>> lanes = Lanes.of(2)
    >>> hex(lanes.pack([0xAAAAAAAA, 0xBBBBBBBB]))
    '0xbbbbbbbb00000000aaaaaaaa'

Why no lane disturbs another
    1. Addition: the sum of three words is less than 2**34. The carry stays in the lane's own upper half.
    2. Xor never leaves its bit.
    3. Rotation to the right by n is `number >> n | number << 32 - n`. The left shift goes no further than bit
       56 of the lane. The right shift drops the lowest bits of a lane into the *upper* half of the lane
       below.
    4. So after each step only upper halves are wrong, and `& mask` makes all of those zero again.

Rotated right by 4, 0x1 is 0x10000000 and 0x18 is 0x80000001. Below, the 8 in the middle has fallen down from
lane 1, the 1 in front is what lane 1 pushed up, and the mask clears both::

    >>> number = lanes.pack([0x1, 0x18])
    >>> f"{number >> 4 | number << 28:_x}"
    '1_8000_0001_8000_0000_1000_0000'
    >>> f"{(number >> 4 | number << 28) & lanes.mask:_x}"
    '8000_0001_0000_0000_1000_0000'

Vocabulary::

    words     a list of numbers; each holds one 32-bit word of every lane
    value     a chaining value: what a node of the tree hashes to, 32 bytes
    counter   which chunk of the input a chunk is; 0 for a parent
    flags     what is compressed: the start or end of a chunk, a parent, the root, and in which mode
"""

from __future__ import annotations

import functools
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BLOCK_BYTES = 64
CHUNK_BYTES = 1024
VALUE_BYTES = 32
BLOCK_WORDS, CHUNK_WORDS = 16, 256
WORD_MASK = 0xFFFFFFFF
MAX_LANES = 1024  # four times as many would be a twentieth faster, and take four times the memory

# Bits of the argument `flags` (table 3 of the paper).
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
KEYED_HASH, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = 16, 32, 64

# SHA-256's initial values: the key where none is given.
IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip

# Between two rounds, the words of the block change places (table 2): the word at PERMUTATION[i] moves to i.
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
ROUNDS = 7


def _schedules() -> tuple[tuple[int, ...], ...]:
    """For each round, which words of the original block are mixed in, in order.

    So the block itself never moves: what a round needs is looked up.
    """
    orders = [tuple(range(16))]
    while len(orders) < ROUNDS:
        orders.append(tuple(orders[-1][place] for place in PERMUTATION))
    return tuple(orders)


SCHEDULES = _schedules()


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many words one number carries, and the two constants for that many.

    Args:
        count: 1 to `MAX_LANES`.
        ones: 1 in every lane; times a word, it is that word in every lane.
        mask: the lower 32 bits of every lane.
    """

    count: int
    ones: int
    mask: int

    @classmethod
    @functools.lru_cache(maxsize=64)
    def of(cls, count: int) -> Lanes:
        """The lanes for this many blocks.

        Args:
            count: 1 to `MAX_LANES`.
        """
        ones = int.from_bytes((1).to_bytes(8, "little") * count, "little")
        return cls(count, ones, ones * WORD_MASK)

    def pack(self, words: Iterable[int]) -> int:
        """One word for each lane, as one number; the first word gets the lowest lane.

        Args:
            words: `count` words.
        """
        # An array of "Q" gives each word 8 bytes, so its bytes are those of the number.
        return int.from_bytes(_swapped(array("Q", words)).tobytes(), "little")

    def unpack(self, number: int) -> array[int]:
        """The words of all lanes, the lowest lane's first.

        Args:
            number: what `pack` makes, or `compress`.
        """
        wide = array("Q", number.to_bytes(8 * self.count, "little"))
        return array("I", _swapped(wide))


def _mix(v: list[int], a: int, b: int, c: int, d: int, x: int, y: int, mask: int) -> None:
    """The function G of the paper: mix x and y, two words of the block, into four words of the square.

    The four, v[a] to v[d], are a column or a diagonal. Python's precedence: first +, then << and >>, then &,
    ^ and |; so `va + vb + x & mask` masks the sum.
    """
    va, vb, vc, vd = v[a], v[b], v[c], v[d]
    va = va + vb + x & mask
    vd ^= va
    vd = (vd >> 16 | vd << 16) & mask
    vc = vc + vd & mask
    vb ^= vc
    vb = (vb >> 12 | vb << 20) & mask
    va = va + vb + y & mask
    vd ^= va
    vd = (vd >> 8 | vd << 24) & mask
    vc = vc + vd & mask
    vb ^= vc
    v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & mask, vc, vd


def compress(
    value: Sequence[int], block: Sequence[int], counter: tuple[int, int], size: int, flags: int, lanes: Lanes
) -> list[int]:
    """Sixteen words; the first eight are the next chaining value, and all sixteen are output of the root.

    Args:
        value: the chaining value before, 8 words.
        block: 16 words.
        counter: two packed numbers: the low 32 bits of each lane's counter, and the high 32 bits.
        size: how many bytes of the block count, 0 to 64; the same in all lanes.
        flags: the same in all lanes.
        lanes: how many blocks the words carry.
    """
    ones, mask = lanes.ones, lanes.mask
    # The square: the words that differ from lane to lane are packed already, the others are the same in all.
    v = [*value, *(word * ones for word in IV[:4]), *counter, size * ones, flags * ones]
    for order in SCHEDULES:
        m = [block[place] for place in order]
        # Columns.
        _mix(v, 0, 4, 8, 12, m[0], m[1], mask)
        _mix(v, 1, 5, 9, 13, m[2], m[3], mask)
        _mix(v, 2, 6, 10, 14, m[4], m[5], mask)
        _mix(v, 3, 7, 11, 15, m[6], m[7], mask)
        # Diagonals.
        _mix(v, 0, 5, 10, 15, m[8], m[9], mask)
        _mix(v, 1, 6, 11, 12, m[10], m[11], mask)
        _mix(v, 2, 7, 8, 13, m[12], m[13], mask)
        _mix(v, 3, 4, 9, 14, m[14], m[15], mask)
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ value[i] for i in range(8)]


def to_words(data: bytes) -> array[int]:
    """Bytes as 32-bit words, little-endian.

    Args:
        data: a multiple of 4 bytes.
    """
    words = array("I")
    words.frombytes(data)  # array("I", data) would make a word of each byte of a memoryview
    return _swapped(words)


def to_bytes(words: Iterable[int]) -> bytes:
    """32-bit words as bytes, little-endian.

    Args:
        words: each below 2**32.
    """
    return _swapped(array("I", words)).tobytes()


def chunk_values(data: bytes, first: int, key: Sequence[int], flags: int) -> bytes:
    """The chaining values of whole chunks, 32 bytes for each.

    Args:
        data: a multiple of 1,024 bytes.
        first: the number of the first chunk in the whole input.
        key: 8 words.
        flags: of the mode.
    """
    count = len(data) // CHUNK_BYTES
    if count > MAX_LANES:
        step = MAX_LANES * CHUNK_BYTES
        parts = [data[at : at + step] for at in range(0, len(data), step)]
        return b"".join(
            chunk_values(part, first + MAX_LANES * number, key, flags) for number, part in enumerate(parts)
        )
    lanes, words = Lanes.of(count), to_words(data)
    numbers = range(first, first + count)
    counter = lanes.pack(n & WORD_MASK for n in numbers), lanes.pack(n >> 32 for n in numbers)
    value = [word * lanes.ones for word in key]
    # The 16 blocks of a chunk must go one after another, as each needs the value of the one before. But the
    # first blocks of all chunks go together, then all the second ones, and so on.
    for start in range(0, CHUNK_WORDS, BLOCK_WORDS):
        # The word at `place` of every chunk: one in 256 of all words. Packed, they are one word in each lane.
        block = [lanes.pack(words[place::CHUNK_WORDS]) for place in range(start, start + BLOCK_WORDS)]
        edge = CHUNK_START if start == 0 else CHUNK_END if start == CHUNK_WORDS - BLOCK_WORDS else 0
        value = compress(value, block, counter, BLOCK_BYTES, flags | edge, lanes)[:8]
    return _interleaved(value, lanes)


def parent_values(pairs: bytes, key: Sequence[int], flags: int) -> bytes:
    """The chaining values of parents, 32 bytes for each.

    Args:
        pairs: for each parent 64 bytes: the values of its children.
        key: 8 words.
        flags: of the mode.
    """
    count = len(pairs) // BLOCK_BYTES
    if count > MAX_LANES:
        step = MAX_LANES * BLOCK_BYTES
        parts = [pairs[at : at + step] for at in range(0, len(pairs), step)]
        return b"".join(parent_values(part, key, flags) for part in parts)
    lanes, words = Lanes.of(count), to_words(pairs)
    block = [lanes.pack(words[place::BLOCK_WORDS]) for place in range(BLOCK_WORDS)]
    value = [word * lanes.ones for word in key]
    return _interleaved(compress(value, block, (0, 0), BLOCK_BYTES, flags | PARENT, lanes), lanes)


def _interleaved(value: Sequence[int], lanes: Lanes) -> bytes:
    """The chaining value of every lane, lane after lane: `pack` undone, for eight numbers."""
    words = array("I", bytes(VALUE_BYTES * lanes.count))
    for place in range(8):
        words[place::8] = lanes.unpack(value[place])
    return to_bytes(words)


def _swapped(words: array[int]) -> array[int]:
    """The same in the other byte order, where this machine's is big-endian."""
    if sys.byteorder == "big":
        words.byteswap()
    return words
