"""Peers that shake hands as libp2p does, for tests of its handshake and of its payload."""

from __future__ import annotations

from collections.abc import Callable

from p2plib.errors import HandshakeFailed
from p2plib.identity import ids
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol.noise import libp2p_payload as libp2p_noise_payload
from p2plib.protocol.noise.handshake import HandshakeState
from p2plib.protocol.noise.libp2p import NOISE_NAME, NoiseHandshake
from p2plib.protocol.noise.libp2p_payload import SIGNATURE_PREFIX
from p2plib.wire.protobuf import BYTES, ProtoField
from tests.identity.foreign import signer

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
MALLORY = SecretKey.from_seed(bytes([3]) * 32)
YAMUX, MPLEX = "/yamux/1.0.0", "/mplex/6.7.0"


def signed_by(secret: SecretKey, static: bytes, prefix: bytes = SIGNATURE_PREFIX) -> bytes:
    return ProtoField(2, BYTES, secret.sign_raw(prefix + static)).encode()


def short_rsa_key(static: bytes) -> bytes:
    return ProtoField(1, BYTES, b"\x08\x00\x12\x04" + bytes(4)).encode() + signed_by(BOB, static)


def weak_key(static: bytes) -> bytes:
    key = b"\x08\x01\x12\x20" + b"\x01" + bytes(31)
    return ProtoField(1, BYTES, key).encode() + ProtoField(2, BYTES, b"\x01" + bytes(63)).encode()


def counting(first: int) -> Callable[[int], bytes]:
    numbers = iter(range(first, 256))
    return lambda size: bytes([next(numbers)]) * size


def pair(
    *,
    expected: PublicKey | str | None = BOB.public,
    muxers: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    prologues: tuple[bytes, bytes] = (b"", b""),
    responder: SecretKey = BOB,
    first: int = 10,
) -> tuple[NoiseHandshake, NoiseHandshake]:
    dialler = NoiseHandshake(
        ALICE,
        initiator=True,
        expected=expected,
        muxers=muxers[0],
        prologue=prologues[0],
        random=counting(first),
    )
    listener = NoiseHandshake(
        responder, initiator=False, muxers=muxers[1], prologue=prologues[1], random=counting(first + 100)
    )
    return dialler, listener


def feed(reader: NoiseHandshake, raw: bytes) -> None:
    """Give a side what came, piece by piece as it asks; what is missing at the end is a peer that hung up."""
    offset = 0
    while not reader.is_finished and offset < len(raw):
        piece = raw[offset : offset + reader.need_bytes]
        if len(piece) < reader.need_bytes:
            raise HandshakeFailed("the peer hung up")
        offset += reader.need_bytes
        reader.receive(piece)
    if offset < len(raw):
        raise HandshakeFailed("more than the handshake")


def listener_that_says(
    make_payload: Callable[[bytes], bytes], *, expected: PublicKey | str | None = BOB.public
) -> NoiseHandshake:
    """A dialler that has just read message 2 of a listener with a payload of its own making."""
    dialler, _ = pair(expected=expected)
    static = ExchangeKey.from_bytes(bytes([77]) * 32)
    listener = HandshakeState(NOISE_NAME, initiator=False, static=static)
    listener.read_message(dialler.to_send()[2:])
    message = listener.write_message(make_payload(static.public))
    feed(dialler, len(message).to_bytes(2, "big") + message)
    return dialler


def foreign_payload(kind: str, static: bytes, signed: bytes | None = None) -> bytes:
    """The payload of a peer with a key of another kind, with its signature unless another field is given."""
    peer = signer(kind)
    if signed is None:
        signed = ProtoField(2, BYTES, peer.sign_raw(SIGNATURE_PREFIX + static)).encode()
    return ProtoField(1, BYTES, ids.encode_public_key(peer.public)).encode() + signed


def honest(static: bytes) -> bytes:
    return libp2p_noise_payload.encode(libp2p_noise_payload.sign(BOB, static))
