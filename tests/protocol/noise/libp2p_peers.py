"""Peers that shake hands as libp2p does, for tests of its handshake and of its payload."""

from __future__ import annotations

from p2plib.identity.keys import SecretKey
from p2plib.protocol.noise.libp2p_payload import SIGNATURE_PREFIX
from p2plib.wire.protobuf import BYTES, ProtoField

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
YAMUX, MPLEX = "/yamux/1.0.0", "/mplex/6.7.0"


def signed_by(secret: SecretKey, static: bytes, prefix: bytes = SIGNATURE_PREFIX) -> bytes:
    return ProtoField(2, BYTES, secret.sign_raw(prefix + static)).encode()


def short_rsa_key(static: bytes) -> bytes:
    return ProtoField(1, BYTES, b"\x08\x00\x12\x04" + bytes(4)).encode() + signed_by(BOB, static)


def weak_key(static: bytes) -> bytes:
    key = b"\x08\x01\x12\x20" + b"\x01" + bytes(31)
    return ProtoField(1, BYTES, key).encode() + ProtoField(2, BYTES, b"\x01" + bytes(63)).encode()
