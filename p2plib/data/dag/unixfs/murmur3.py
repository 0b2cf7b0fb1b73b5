"""MurmurHash3 for 64-bit machines, 128 bits: fast, and anybody can make collisions. Pure functions.

Follows Austin Appleby's public description of MurmurHash3_x64_128. UnixFS uses its first half to spread the
names of a large directory over shards, where a collision only makes the tree a level deeper.

Vocabulary::

    h1, h2    the two halves of the state, 64 bits each
    k1, k2    two words of the data, 8 bytes each, little-endian

    >>> murmur3_x64_128(b"hello").hex()
    'cbd8a7b341bd9b025b1e906a48ae1d19'
"""

from __future__ import annotations

import struct

_WORD = (1 << 64) - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
_BLOCK_BYTES = 16


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & _WORD


def _mixed_k1(k1: int) -> int:
    return _rotated(k1 * _C1 & _WORD, 31) * _C2 & _WORD


def _mixed_k2(k2: int) -> int:
    return _rotated(k2 * _C2 & _WORD, 33) * _C1 & _WORD


def _finished(word: int) -> int:
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & _WORD
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & _WORD
    return word ^ word >> 33


def murmur3_x64_128(data: bytes, seed: int = 0) -> bytes:
    """The 16 bytes of the hash, each half big-endian.

    Args:
        data: any bytes.
        seed: the initial state, 0 to 2**64 - 1.
    """
    h1 = h2 = seed & _WORD
    whole = len(data) - len(data) % _BLOCK_BYTES
    for k1, k2 in struct.iter_unpack("<QQ", data[:whole]):
        h1 = (_rotated(h1 ^ _mixed_k1(k1), 27) + h2) * 5 + 0x52DCE729 & _WORD
        h2 = (_rotated(h2 ^ _mixed_k2(k2), 31) + h1) * 5 + 0x38495AB5 & _WORD
    tail = data[whole:]
    h1 ^= _mixed_k1(int.from_bytes(tail[:8], "little")) ^ len(data)
    h2 ^= _mixed_k2(int.from_bytes(tail[8:], "little")) ^ len(data)
    h1 = h1 + h2 & _WORD
    h2 = h2 + h1 & _WORD
    h1, h2 = _finished(h1), _finished(h2)
    h1 = h1 + h2 & _WORD
    h2 = h2 + h1 & _WORD
    return struct.pack(">QQ", h1, h2)
