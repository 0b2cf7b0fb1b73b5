"""Peers with keys of other kinds, made by `cryptography`, for tests that need somebody who signs with one."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from p2plib.identity.foreign_keys import ECDSA, RSA, SECP256K1, SECP256K1_ORDER, ForeignKey
from p2plib.wire import der

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
ALGORITHM = der.sequence(bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("0500"))  # rsaEncryption


@dataclass(frozen=True)
class ForeignSigner:
    """A key pair of another kind than ours."""

    secret: Any
    public: ForeignKey

    def sign_raw(self, message: bytes) -> bytes:
        """As libp2p's implementations sign."""
        if self.public.kind == RSA:
            signature: bytes = self.secret.sign(message, PKCS1v15(), SHA256())
            return signature
        signature = self.secret.sign(message, ec.ECDSA(SHA256()))
        return signature if self.public.kind == ECDSA else lower(signature)


def lower(signature: bytes, *, to_upper: bool = False) -> bytes:
    """The signature of secp256k1 with s in the lower half of the order, or in the upper one."""
    r, s = decode_dss_signature(signature)
    if (s > SECP256K1_ORDER // 2) != to_upper:
        s = SECP256K1_ORDER - s
    return encode_dss_signature(r, s)


@functools.cache
def signer(kind: str, variant: int | str = "") -> ForeignSigner:
    """A key pair of a kind; an RSA key has 2048 bits and an ECDSA key is on P-256 unless told otherwise."""
    if kind == RSA:
        secret: Any = rsa.generate_private_key(65_537, int(variant or 2048))
        return ForeignSigner(secret, ForeignKey(RSA, pkix(secret)))
    if kind == ECDSA:
        secret = ec.generate_private_key(CURVES[str(variant or "P-256")])
        return ForeignSigner(secret, ForeignKey(ECDSA, pkix(secret)))
    secret = ec.generate_private_key(ec.SECP256K1())
    point = secret.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return ForeignSigner(secret, ForeignKey(SECP256K1, point))


def pkix(secret: Any) -> bytes:
    raw: bytes = secret.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return raw


def rsa_data(modulus: int, exponent: int = 65_537) -> bytes:
    """An RSA key as PKIX writes it, whether anybody could have it or not."""
    numbers = der.sequence(der.integer(modulus), der.integer(exponent))
    return der.sequence(ALGORITHM, der.bit_string(numbers))
