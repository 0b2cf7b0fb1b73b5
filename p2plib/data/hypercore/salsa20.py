"""Salsa20, HSalsa20 and XSalsa20: the stream cipher of hypercore 9's connections. Pure functions, and a
machine.

Bernstein, "The Salsa20 family of stream ciphers" (2007) and "Extending the Salsa20 nonce" (2011). A stream
cipher makes of a key and a nonce a stream of bytes that nobody can tell from random ones; what is sent is
xored with it. Salsa20 makes each 64 bytes of the stream on its own, from their number, so a reader can begin
anywhere::

    words    16 numbers of 32 bits, little-endian, in a square:
                 c0 k0 k1 k2        c  "expand 32-byte k"
                 k3 c1 n0 n1        k  the key, 32 bytes
                 p0 p1 c2 k4        n  the nonce, 8 bytes
                 k5 k6 k7 c3        p  the number of the block, 64 bits
    block    20 rounds over the square, by turns its columns and its rows, then the words of before are added

XSalsa20 takes a nonce of 24 bytes, so that it may be drawn: HSalsa20 makes a new key of the first 16, and
Salsa20 takes that key and the last 8.

Rules
    1. A stream is used once. Two messages under one key, nonce and position give away their difference.
    2. It hides and does not protect: whoever flips a bit on the way flips it for the reader. hypercore leans
       on its signed blocks; p2plib's own protocols have authenticated ciphers (`p2plib.protocol.noise`).

Adding and rotating work on numbers and on arrays of numpy's alike. So where numpy is installed, `keystream`
makes many blocks at once with the same lines; without it a block takes a bit less than
a millisecond.

    >>> XSalsa20(bytes(32), bytes(24)).apply(b"moss").hex()
    'd70155ac'
    >>> XSalsa20(bytes(32), bytes(24)).apply(bytes.fromhex("d70155ac"))
    b'moss'
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from p2plib.errors import UsageError
from p2plib.protocol.noise.crypto import SessionSecret

KEY_BYTES = 32
NONCE_BYTES = 8
HSALSA_NONCE_BYTES = 16
XSALSA_NONCE_BYTES = 24
BLOCK_BYTES = 64
ROUNDS = 20
ARRAY_BLOCKS = 4  # from so many blocks on arrays are quicker than numbers
MAX_ARRAY_BLOCKS = 4096  # made at once: 256 KiB of stream
AHEAD_BYTES = 4096  # with arrays, so many bytes of the stream take no longer than 64

_MASK = 0xFFFFFFFF
_CONSTANTS = tuple(int.from_bytes(b"expand 32-byte k"[at : at + 4], "little") for at in range(0, 16, 4))
_COLUMNS = ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11))
_ROWS = ((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14))

Word = Any  # a number of 32 bits, or an array of them


def _rotated(word: Word, bits: int) -> Word:
    word = word & _MASK
    return (word << bits | word >> 32 - bits) & _MASK


def quarter_round(a: Word, b: Word, c: Word, d: Word) -> tuple[Word, Word, Word, Word]:
    """The step of which everything is made: four times add, rotate and xor."""
    b = b ^ _rotated(a + d, 7)
    c = c ^ _rotated(b + a, 9)
    d = d ^ _rotated(c + b, 13)
    a = a ^ _rotated(d + c, 18)
    return a, b, c, d


def double_round(words: Sequence[Word]) -> list[Word]:
    """A round over the columns of the square, and one over its rows."""
    square = list(words)
    for four in (*_COLUMNS, *_ROWS):
        for place, word in zip(four, quarter_round(*(square[place] for place in four)), strict=True):
            square[place] = word
    return square


def _rounds(words: Sequence[Word]) -> list[Word]:
    square = list(words)
    for _ in range(ROUNDS // 2):
        square = double_round(square)
    return square


def _numbers(raw: bytes) -> list[int]:
    return [int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4)]


def _bytes(words: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


def _square(key: bytes, middle: Sequence[Word]) -> list[Word]:
    """The square of a key and the four words in its middle."""
    c, k = _CONSTANTS, _numbers(key)
    return [c[0], *k[:4], c[1], *middle, c[2], *k[4:], c[3]]


def core(words: Sequence[Word]) -> list[Word]:
    """The 16 words of a block."""
    return [(after + before) & _MASK for after, before in zip(_rounds(words), words, strict=True)]


def hsalsa20(key: bytes, nonce: bytes) -> bytes:
    """A new key of 32 bytes, made of a key of 32 and a nonce of 16."""
    _need(key, KEY_BYTES, "a key")
    _need(nonce, HSALSA_NONCE_BYTES, "the nonce of HSalsa20")
    square = _rounds(_square(key, _numbers(nonce)))
    return _bytes([square[place] for place in (0, 5, 10, 15, 6, 7, 8, 9)])


def salsa20_block(key: bytes, nonce: bytes, number: int) -> bytes:
    """Sixty-four bytes of the stream.

    Args:
        key: 32 bytes.
        nonce: 8 bytes.
        number: which 64 bytes, 0 to 2^64 - 1.
    """
    return _bytes(core(_square(key, [*_numbers(nonce), number & _MASK, number >> 32])))


@functools.cache
def _numpy() -> Any:
    """numpy; None where it is not installed."""
    try:
        return importlib.import_module("numpy")
    except ModuleNotFoundError:
        return None


def _array_blocks(key: bytes, nonce: bytes, first: int, count: int) -> bytes:
    """Many blocks at once, a word of all of them in each array."""
    np = _numpy()
    numbers = np.arange(count, dtype=np.uint64) + np.uint64(first)
    low, high = numbers.astype(np.uint32), (numbers >> np.uint64(32)).astype(np.uint32)
    middle = [np.full(count, word, np.uint32) for word in _numbers(nonce)]
    ends = [np.full(count, word, np.uint32) for word in _square(key, [0] * 4)]
    square = [*ends[:6], *middle, low, high, *ends[10:]]
    return bytes(np.stack(core(square), axis=1).astype("<u4").tobytes())


def keystream(key: bytes, nonce: bytes, position: int, size: int) -> bytes:
    """A piece of Salsa20's stream.

    Args:
        key: 32 bytes.
        nonce: 8 bytes.
        position: where it begins, in bytes.
        size: how many bytes.
    """
    _need(key, KEY_BYTES, "a key")
    _need(nonce, NONCE_BYTES, "the nonce of Salsa20")
    first, end = position // BLOCK_BYTES, -(-(position + size) // BLOCK_BYTES)
    parts = list[bytes]()
    for at in range(first, end, MAX_ARRAY_BLOCKS):
        count = min(MAX_ARRAY_BLOCKS, end - at)
        if count >= ARRAY_BLOCKS and _numpy() is not None:
            parts.append(_array_blocks(key, nonce, at, count))
        else:
            parts += [salsa20_block(key, nonce, number) for number in range(at, at + count)]
    skipped = position - first * BLOCK_BYTES
    return b"".join(parts)[skipped : skipped + size]


class XSalsa20:
    """One direction of a connection: what comes in order is encrypted, or decrypted, which is the same.

    Args:
        key: 32 bytes, or a secret of them.
        nonce: 24 bytes.
        position: where in the stream it begins, in bytes.

    Raises:
        UsageError: the key or the nonce has another size.
    """

    def __init__(self, key: bytes | SessionSecret, nonce: bytes, position: int = 0) -> None:
        raw = key if isinstance(key, bytes) else key.expose()
        _need(nonce, XSALSA_NONCE_BYTES, "the nonce of XSalsa20")
        self._key = SessionSecret.from_bytes(hsalsa20(raw, nonce[:HSALSA_NONCE_BYTES]))
        self._nonce = nonce[HSALSA_NONCE_BYTES:]
        self._ahead = b""  # of the stream, made and not used yet
        self.position = position

    def __repr__(self) -> str:
        return f"XSalsa20(at {self.position})"

    def apply(self, data: bytes) -> bytes:
        """The data, xored with the next bytes of the stream."""
        if len(data) > len(self._ahead):
            made = self.position + len(self._ahead)
            missing = len(data) - len(self._ahead)
            unit = BLOCK_BYTES if _numpy() is None else AHEAD_BYTES
            whole = -(-(made + missing) // unit) * unit - made
            self._ahead += keystream(self._key.expose(), self._nonce, made, whole)
        used, self._ahead = self._ahead[: len(data)], self._ahead[len(data) :]
        self.position += len(data)
        mixed = int.from_bytes(data, "little") ^ int.from_bytes(used, "little")
        return mixed.to_bytes(len(data), "little")


def _need(value: bytes, size: int, what: str) -> None:
    if len(value) != size:
        raise UsageError(f"{what} has {size} bytes, not {len(value)}")
