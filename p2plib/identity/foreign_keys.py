"""Foreign keys: the kinds of key that libp2p's peers have besides Ed25519, to be read and verified. A codec.

Our own keys are Ed25519 (`p2plib.identity.keys`). Peers of libp2p may have one of three other kinds; most of
IPFS's bootstrap nodes have RSA keys to this day. This module reads such a key and verifies what it signed, no
more: nobody here makes one, signs with one, or stores what one has signed.

libp2p's specification, "Peer Ids and Keys"::

    kind        the key's bytes                             a signature, of the SHA-256 of a message
    RSA         DER of PKIX's SubjectPublicKeyInfo          RSASSA-PKCS1-v1_5, as long as the modulus
    ECDSA       the same, curve P-256, P-384 or P-521       DER of (r, s)
    Secp256k1   33 bytes, the compressed point              DER of (r, s), s in the lower half (BIP 62)

Rules
    1. Bounds come first: no key has more than `MAX_BYTES`, an RSA modulus has `MIN_RSA_BITS` to
       `MAX_RSA_BITS`, its exponent is odd, above 1 and below 2**31. That limits what it costs to check a
       signature; with a large exponent it would be as much as making one.
    2. A key has one spelling: DER without room for choice, points in the one form that everybody writes. Two
       spellings would be two peer ids of one peer.
    3. Whether a point is on its curve is found out when it verifies something; reading computes nothing.

Signatures are verified by the package `cryptography`, which the extra `foreign-keys` brings. Without it, keys
are read, ids are compared, and the one thing that fails says what to install.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from p2plib.errors import DecodeError, LocalError, SignatureError, UsageError
from p2plib.identity.keys import PublicKey
from p2plib.identity.secret import need_bytes
from p2plib.wire import der

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve

RSA, ECDSA, SECP256K1 = "RSA", "ECDSA", "Secp256k1"
KINDS = (RSA, ECDSA, SECP256K1)
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192  # as go-libp2p
MAX_RSA_EXPONENT = 2**31 - 1  # as Go
MAX_BYTES = 1063  # an RSA key of 8192 bits with the largest exponent
MAX_SIGNATURE_BYTES = MAX_RSA_BITS // 8
SECP256K1_BYTES = 33
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_RSA_ENCRYPTION = der.sequence(bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("0500"))  # RFC 8017
_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")  # RFC 5480
# The curves of RFC 5480, with the bytes of a coordinate.
_CURVES = {
    "secp256r1": (bytes.fromhex("06082a8648ce3d030107"), 32),
    "secp384r1": (bytes.fromhex("06052b81040022"), 48),
    "secp521r1": (bytes.fromhex("06052b81040023"), 66),
}
_UNCOMPRESSED = b"\x04"


@dataclass(frozen=True, slots=True, repr=False)
class ForeignKey:
    """A public key of a kind other than ours.

    Args:
        kind: `RSA`, `ECDSA` or `SECP256K1`, as libp2p's enumeration spells them.
        data: the key as that kind is written; see the module's head.

    Raises:
        DecodeError: the bytes break one of its rules.
        UsageError: there is no such kind.
    """

    kind: str
    data: bytes

    def __post_init__(self) -> None:
        need_bytes(self.data, "a key")
        if self.kind not in KINDS:
            raise UsageError(f"there is no kind of key {self.kind!r}; there are {', '.join(KINDS)}")
        if len(self.data) > MAX_BYTES:
            raise DecodeError(f"a key of {len(self.data)} bytes, where {MAX_BYTES} is the most")
        try:
            _READERS[self.kind](self.data)
        except DecodeError as error:
            raise DecodeError(f"{self.kind} key: {error.rule}") from None

    def __repr__(self) -> str:
        return f"ForeignKey({self.kind}, SHA-256 {hashlib.sha256(self.data).hexdigest()[:16]}…)"

    def verify_raw(self, message: bytes, signature: bytes) -> None:
        """Returns if this key signed exactly these bytes, as `PublicKey.verify_raw` does.

        Raises:
            SignatureError: it did not, or the key's point is on no curve.
            LocalError: the package that checks signatures is not installed.
        """
        need_bytes(message, "a message")
        need_bytes(signature, "a signature")
        if len(signature) > MAX_SIGNATURE_BYTES:
            raise SignatureError(
                f"a signature of {len(signature)} bytes, where {MAX_SIGNATURE_BYTES} is the most"
            )
        try:
            _VERIFIERS[self.kind](self.data, message, signature)
        except ModuleNotFoundError:
            raise LocalError(f"to verify {self.kind} keys, run pip install 'p2plib[foreign-keys]'") from None


PeerKey: TypeAlias = PublicKey | ForeignKey
"""A key that a peer of libp2p may have."""


# RSA


def _read_rsa(data: bytes) -> tuple[int, int]:
    """Modulus and exponent."""
    inner, offset = der.read(data, 0, der.SEQUENCE)
    der.end(data, offset)
    if not inner.startswith(_RSA_ENCRYPTION):
        raise DecodeError("it must begin with its algorithm: rsaEncryption, and NULL")
    bits, offset = der.read(inner, len(_RSA_ENCRYPTION), der.BIT_STRING)
    der.end(inner, offset)
    if bits[:1] != b"\x00":
        raise DecodeError("the bit string must begin with a zero byte: it has no unused bits")
    numbers, offset = der.read(bits, 1, der.SEQUENCE)
    der.end(bits, offset)
    modulus, offset = der.read_integer(numbers, 0)
    exponent, offset = der.read_integer(numbers, offset)
    der.end(numbers, offset)
    _check_rsa(modulus, exponent)
    return modulus, exponent


def _check_rsa(modulus: int, exponent: int) -> None:
    size_bits = modulus.bit_length()
    if not MIN_RSA_BITS <= size_bits <= MAX_RSA_BITS:
        raise DecodeError(f"a modulus has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, not {size_bits}")
    if modulus % 2 == 0:
        raise DecodeError("a modulus is the product of two odd primes, and this one is even")
    if not 3 <= exponent <= MAX_RSA_EXPONENT or exponent % 2 == 0:
        raise DecodeError(f"an exponent must be odd, and from 3 to {MAX_RSA_EXPONENT}")


def _verify_rsa(data: bytes, message: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.hashes import SHA256

    modulus, exponent = _read_rsa(data)
    try:
        RSAPublicNumbers(exponent, modulus).public_key().verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise SignatureError("not this RSA key's signature: other message, other key, or forged") from None


# Elliptic curves


def _read_ecdsa(data: bytes) -> tuple[str, bytes]:
    """The curve's name, and the point."""
    for curve, (identifier, coordinate_bytes) in _CURVES.items():
        point = data[-(1 + 2 * coordinate_bytes) :]
        if point[:1] == _UNCOMPRESSED and data == _ec_info(identifier, point):
            return curve, point
    raise DecodeError(f"it must be PKIX, with an uncompressed point of {', '.join(_CURVES)}")


def _ec_info(curve_identifier: bytes, point: bytes) -> bytes:
    return der.sequence(der.sequence(_EC_PUBLIC_KEY, curve_identifier), der.bit_string(point))


def _verify_ecdsa(data: bytes, message: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    curve, point = _read_ecdsa(data)
    curves = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1(), "secp521r1": ec.SECP521R1()}
    _verify_at(curves[curve], point, message, signature)


def _read_secp256k1(data: bytes) -> None:
    if len(data) != SECP256K1_BYTES or data[0] not in (2, 3):
        raise DecodeError(f"a compressed point is a byte 2 or 3, and {SECP256K1_BYTES - 1} more")


def _verify_secp256k1(data: bytes, message: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1 as CURVE

    _verify_at(CURVE(), data, message, signature)
    numbers, _ = der.read(signature, 0, der.SEQUENCE)
    _, offset = der.read_integer(numbers, 0)
    s, _ = der.read_integer(numbers, offset)
    if s > SECP256K1_ORDER // 2:
        raise SignatureError("s is in the upper half of the group's order, where BIP 62 wants the lower one")


def _verify_at(curve: EllipticCurve, point: bytes, message: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError:
        raise SignatureError(f"the key is not a point on the curve {curve.name}") from None
    try:
        key.verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise SignatureError(
            f"not this {curve.name} key's signature: other message, other key, or forged"
        ) from None


_READERS: dict[str, Any] = {RSA: _read_rsa, ECDSA: _read_ecdsa, SECP256K1: _read_secp256k1}
_VERIFIERS = {RSA: _verify_rsa, ECDSA: _verify_ecdsa, SECP256K1: _verify_secp256k1}
