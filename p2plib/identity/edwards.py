"""Edwards: the curve under Ed25519 in plain Python, for reading and for judging. A codec and its arithmetic.

Follows RFC 8032, section 5.1; the second reading of its verification equation follows ZIP 215.

NOT FOR SECRETS. Nothing here runs in constant time: how long it takes depends on the numbers, and a neighbour
on the same machine can listen to that. `p2plib.identity.keys` signs with libsodium. What is here explains
signatures, checks libsodium's verdicts, and builds the strange signatures of `p2plib.identity.edge_cases`.

The group has 8·L points. Those that `BASE` generates are the L honest ones; the other factor, 8, is the
*cofactor*, and all trouble comes from it: every point is an honest point plus one of eight points of small
order.

Vocabulary (RFC 8032's letters, the same here as in the chapter)::

    p      the prime 2**255 - 19; coordinates are numbers below it            `PRIME`
    L      the prime order of the base point, about 2**252                     `ORDER`
    B      the base point that everybody uses                                  `BASE`
    a, A   a secret scalar and its public point, A = a·B
    r, R   a scalar used for one signature and its point, R = r·B
    k      the challenge, SHA-512(R ‖ A ‖ message) as a number below L
    S      the answer, (r + k·a) mod L; the signature is the bytes R ‖ S
    small order   one of the eight points P with 8·P = O, where O is the neutral point
    mixed order   an honest point plus a small-order one that is not O
    residue       what is left of the small-order parts in S·B - k·A - R
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
COFACTOR = 8
D = -121665 * pow(121666, -1, PRIME) % PRIME  # the curve is -x² + y² = 1 + D·x²·y²
SIGN_BIT = 1 << 255  # the top bit of an encoding: is x odd?

_SQRT_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A point of the curve, in extended coordinates: x = X/Z, y = Y/Z, T = X·Y/Z (RFC 8032, section 5.1.4).

    Two tuples of coordinates can be one point; `==` compares points. Written with the operators of the
    papers: `3 * BASE - A` is a point. Build one with `decompress` or from `BASE`: nothing here checks the
    coordinates.
    """

    X: int
    Y: int
    Z: int
    T: int

    def __add__(self, other: Point) -> Point:
        a = (self.Y - self.X) * (other.Y - other.X) % PRIME
        b = (self.Y + self.X) * (other.Y + other.X) % PRIME
        c = 2 * D * self.T * other.T % PRIME
        d = 2 * self.Z * other.Z % PRIME
        e, f, g, h = b - a, d - c, d + c, b + a
        return Point(e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)

    def __neg__(self) -> Point:
        return Point(-self.X % PRIME, self.Y, self.Z, -self.T % PRIME)

    def __sub__(self, other: Point) -> Point:
        return self + -other

    def __rmul__(self, scalar: int) -> Point:
        if scalar < 0:
            return -scalar * -self
        total, power = NEUTRAL, self
        while scalar:
            if scalar & 1:
                total += power
            power += power
            scalar >>= 1
        return total

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Point):
            return NotImplemented
        same_x = (self.X * other.Z - other.X * self.Z) % PRIME == 0
        same_y = (self.Y * other.Z - other.Y * self.Z) % PRIME == 0
        return same_x and same_y

    def __hash__(self) -> int:
        return hash(self.affine())

    def affine(self) -> tuple[int, int]:
        """The coordinates (x, y), both below p."""
        inverse = pow(self.Z, -1, PRIME)
        return self.X * inverse % PRIME, self.Y * inverse % PRIME

    def has_small_order(self) -> bool:
        """True for the eight points that 8 times give the neutral point."""
        return COFACTOR * self == NEUTRAL

    def has_mixed_order(self) -> bool:
        """True for a point outside the honest subgroup that is not of small order."""
        return not self.has_small_order() and ORDER * self != NEUTRAL


NEUTRAL = Point(0, 1, 1, 0)


def is_canonical(raw: bytes) -> bool:
    """Whether 32 bytes are the encoding that `compress` would give, if they are a point at all.

    There are two ways not to be: a y that is p or more (it stands for y - p), and an x of zero with the sign
    of a negative number ("minus zero").
    """
    encoded = int.from_bytes(raw, "little")
    y = encoded & ~SIGN_BIT
    x_is_zero = y in (1, PRIME - 1)
    return y < PRIME and not (x_is_zero and encoded & SIGN_BIT)


def compress(point: Point) -> bytes:
    """The 32 bytes of a point: y, little-endian, with the lowest bit of x on top (RFC 8032, 5.1.2)."""
    x, y = point.affine()
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decompress(raw: bytes, *, canonical: bool = True) -> Point:
    """The point that 32 bytes stand for (RFC 8032, section 5.1.3).

    Args:
        raw: 32 bytes.
        canonical: False also takes the encodings that `is_canonical` names, as ZIP 215 does.

    Raises:
        DecodeError: the size is wrong, the encoding is not canonical, or no point of the curve has that y.
    """
    if len(raw) != 32:
        raise DecodeError(f"a point takes 32 bytes, not {len(raw)}")
    if canonical and not is_canonical(raw):
        raise DecodeError("the encoding of the point is not canonical: y is not below p, or x is minus zero")
    encoded = int.from_bytes(raw, "little")
    y, sign = encoded & ~SIGN_BIT, encoded >> 255
    # From the curve's equation x² = u / v. The candidate below is x, or x times a square root of -1, or there
    # is none.
    u, v = (y * y - 1) % PRIME, (D * y * y + 1) % PRIME
    x = u * pow(v, 3, PRIME) * pow(u * pow(v, 7, PRIME), (PRIME - 5) // 8, PRIME) % PRIME
    if v * x * x % PRIME == -u % PRIME:
        x = x * _SQRT_MINUS_ONE % PRIME
    if v * x * x % PRIME != u:
        raise DecodeError("no point of the curve has that y")
    if x & 1 != sign:
        x = -x % PRIME
    y %= PRIME
    return Point(x, y, 1, x * y % PRIME)


BASE = decompress(bytes([0x58]) + bytes([0x66]) * 31)  # y = 4/5, x even


def _order_eight_point() -> Point:
    """A point of order 8: L times a point is a small-order one, so try y = 2, 3, ... until its order is 8."""
    y = 2
    while True:
        try:
            small = ORDER * decompress(y.to_bytes(32, "little"))
        except DecodeError:
            y += 1
            continue
        if 4 * small != NEUTRAL:
            return small
        y += 1


def _encodings(point: Point) -> set[bytes]:
    """Every string of 32 bytes that `decompress(..., canonical=False)` takes for this point: one to four."""
    x, y = point.affine()
    signs = (0, 1) if x == 0 else (x & 1,)
    return {(n | s << 255).to_bytes(32, "little") for n in (y, y + PRIME) if n < SIGN_BIT for s in signs}


ORDER_EIGHT = _order_eight_point()
# The eight points are a cycle: number i has order 8 / gcd(i, 8). They have 8 canonical encodings and 6 more.
SMALL_ORDER_POINTS = tuple(i * ORDER_EIGHT for i in range(COFACTOR))
SMALL_ORDER_ENCODINGS = frozenset(raw for point in SMALL_ORDER_POINTS for raw in _encodings(point))


def expand_seed(seed: bytes) -> tuple[int, bytes]:
    """The secret scalar a and the nonce prefix that a 32-byte seed stands for (RFC 8032, section 5.1.5).

    Raises:
        UsageError: the seed is not 32 bytes.
    """
    if len(seed) != 32:
        raise UsageError(f"a seed takes 32 bytes, not {len(seed)}")
    h = hashlib.sha512(seed).digest()
    # Clamping: the three low bits are cleared (a multiple of the cofactor), the top bit but one is set.
    a = int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254
    return a, h[32:]


def hash_to_scalar(*parts: bytes) -> int:
    """SHA-512 of the joined parts as a little-endian number below L."""
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def challenge(R: bytes, A: bytes, message: bytes) -> int:
    """k: the number that binds a signature to its key and message, made from the bytes as they were sent."""
    return hash_to_scalar(R, A, message)


def sign_with(a: int, A: bytes, r: int, R: bytes, message: bytes) -> bytes:
    """R ‖ S for any scalars and any encodings, honest or not. Only for building edge cases.

    An honest signer has A = compress(a·B), R = compress(r·B), and derives r from its seed and the message.
    """
    S = (r + challenge(R, A, message) * a) % ORDER
    return R + S.to_bytes(32, "little")


def sign(seed: bytes, message: bytes) -> bytes:
    """An honest signature (RFC 8032, section 5.1.6), slow and not in constant time: to judge `keys`, not for
    use."""
    a, prefix = expand_seed(seed)
    r = hash_to_scalar(prefix, message)
    return sign_with(a, compress(a * BASE), r, compress(r * BASE), message)


def _split(signature: bytes) -> tuple[bytes, int]:
    """R's bytes and S, or DecodeError: a size other than 64, or S not below L (RFC 8032 asks for both)."""
    if len(signature) != 64:
        raise DecodeError(f"a signature takes 64 bytes, not {len(signature)}")
    S = int.from_bytes(signature[32:], "little")
    if S >= ORDER:
        raise DecodeError("S is not below the order L")
    return signature[:32], S


def verify_cofactorless(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether S·B - k·A, encoded, is R byte for byte. No check of small orders.

    Args:
        public: A, 32 bytes; must be canonical.
        message: any bytes.
        signature: R ‖ S, 64 bytes; S must be below L.
    """
    try:
        R, S = _split(signature)
        A = decompress(public)
    except DecodeError:
        return False
    return compress(S * BASE - challenge(R, public, message) * A) == R


def verify_cofactored(public: bytes, message: bytes, signature: bytes, *, canonical: bool = True) -> bool:
    """Whether 8·S·B = 8·R + 8·k·A, so that small-order parts do not count. No check of small orders.

    Args:
        public: A, 32 bytes.
        message: any bytes.
        signature: R ‖ S, 64 bytes; S must be below L.
        canonical: True is RFC 8032's own equation; False also takes non-canonical A and R, which is ZIP 215.
    """
    try:
        R, S = _split(signature)
        A_point, R_point = decompress(public, canonical=canonical), decompress(R, canonical=canonical)
    except DecodeError:
        return False
    return (S * BASE - challenge(R, public, message) * A_point - R_point).has_small_order()
