"""A Bloom filter: "this key is surely not here", in a few bits a key. It never says so of a key that is.

Each key sets a few bits of a field of zeros, at places that its hash gives. A key that finds one of its bits
unset was never put in. One that finds them all set may have been; how often that is wrong is `expected`.

Bloom's paper (1970) is the source; the places are made of two halves of one hash (Kirsch and Mitzenmacher,
2006), which is as good as independent ones.

Whoever knows the hash and the keys can find keys that pass, each of which costs the store a read. A *salt*
that they do not know is mixed into the hash, and takes that from them.

Layout::

    hashes u8 | the bits, the lowest of each byte first

    m   bits
    n   keys
    k   bits set by each key, ln 2 · m / n at best
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from hashlib import blake2b
from typing import Self

from p2plib.errors import DecodeError, UsageError

BITS_PER_KEY = 10  # LevelDB's number: one miss in a hundred is not noticed
MAX_HASHES = 30


class BloomFilter:
    """A set of keys that may claim more than it has.

    Args:
        bits: its field, as bytes.
        hashes: how many bits each key sets, 1 to 30.
        salt: mixed into the hash, at most 64 bytes; kept elsewhere.
    """

    def __init__(self, bits: bytes | bytearray, hashes: int, salt: bytes = b"") -> None:
        self.salt = salt
        self.bits = bits
        self.hashes = hashes

    @classmethod
    def of(cls, keys: Iterable[bytes], bits_per_key: int = BITS_PER_KEY, salt: bytes = b"") -> Self:
        """The filter of some keys.

        Args:
            keys: any bytes.
            bits_per_key: more of them, fewer mistakes; 0 for a filter that knows nothing.
            salt: mixed into the hash.

        Raises:
            UsageError: the number of bits is negative.
        """
        if bits_per_key < 0:
            raise UsageError(f"a filter has 0 bits a key or more, not {bits_per_key}")
        kept = list(keys)
        made = cls(bytearray(-(-len(kept) * bits_per_key // 8)), best_hashes(bits_per_key), salt)
        for key in kept if bits_per_key else ():
            for place in made.places(key):
                made.bits[place >> 3] |= 1 << (place & 7)  # type: ignore[index]
        return made

    def places(self, key: bytes) -> list[int]:
        """The numbers of the bits that a key sets."""
        digest = int.from_bytes(blake2b(key, digest_size=16, key=self.salt).digest(), "little")
        first, step = digest & 0xFFFFFFFFFFFFFFFF, digest >> 64 | 1
        count = len(self.bits) * 8
        return [(first + i * step) % count for i in range(self.hashes)]

    def may_have(self, key: bytes) -> bool:
        """Whether the key may have been put in; False is certain."""
        if not self.bits:
            return True
        return all(self.bits[place >> 3] >> (place & 7) & 1 for place in self.places(key))

    def encode(self) -> bytes:
        """Its bytes."""
        return bytes([self.hashes]) + self.bits

    @classmethod
    def decode(cls, data: bytes, salt: bytes = b"") -> Self:
        """The filter that these bytes encode.

        Args:
            data: its bytes.
            salt: the one that it was made with.

        Raises:
            DecodeError: there are none, or the number of hashes is not 1 to 30.
        """
        if not data or not 1 <= data[0] <= MAX_HASHES:
            raise DecodeError(f"a filter begins with its number of hashes, 1 to {MAX_HASHES}", 0)
        return cls(data[1:], data[0], salt)


def best_hashes(bits_per_key: int) -> int:
    """How many bits a key should set: with that, half of all bits are set, and each tells us most."""
    return min(MAX_HASHES, max(1, round(bits_per_key * math.log(2))))


def expected(bits_per_key: int, hashes: int | None = None) -> float:
    """How often a key that was not put in passes: (1 - e^(-k n / m))^k.

    Args:
        bits_per_key: m / n.
        hashes: k; None for the best.

    Returns:
        A share, 0 to 1.
    """
    if not bits_per_key:
        return 1.0
    k = best_hashes(bits_per_key) if hashes is None else hashes
    return float((1 - math.exp(-k / bits_per_key)) ** k)
