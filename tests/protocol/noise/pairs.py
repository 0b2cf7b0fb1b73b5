"""Two sides of a Noise handshake with fixed keys, and a wire between them that a test can reach into."""

from __future__ import annotations

from collections.abc import Callable

from p2plib.identity.exchange import ExchangeKey
from p2plib.protocol.noise import patterns as noise_patterns
from p2plib.protocol.noise.handshake import HandshakeState

INITIATOR_STATIC = ExchangeKey.from_bytes(bytes([1]) * 32)
RESPONDER_STATIC = ExchangeKey.from_bytes(bytes([2]) * 32)
STRANGER_STATIC = ExchangeKey.from_bytes(bytes([3]) * 32)
EPHEMERALS = {True: bytes([4]) * 32, False: bytes([5]) * 32}
PROLOGUE = b"a conversation of two"
PSK = bytes(range(32))


def full_name(pattern: str, hash_name: str = "SHA256") -> str:
    return f"Noise_{pattern}_25519_ChaChaPoly_{hash_name}"


def side(
    pattern: str,
    initiator: bool,
    *,
    prologue: bytes = PROLOGUE,
    static: ExchangeKey | None = None,
    remote: ExchangeKey | None = None,
    psk: bytes = PSK,
    ephemeral: bytes | None = None,
) -> HandshakeState:
    """One side, with the keys that its pattern needs and no others."""
    needed = noise_patterns.pattern(pattern)
    ours = static or (INITIATOR_STATIC if initiator else RESPONDER_STATIC)
    theirs = remote or (RESPONDER_STATIC if initiator else INITIATOR_STATIC)
    return HandshakeState(
        full_name(pattern),
        initiator=initiator,
        prologue=prologue,
        static=ours if needed.needs_static(initiator) else None,
        remote_static=theirs.public if needed.knows_remote(initiator) else None,
        psks=[psk] * needed.psks,
        random=lambda size: (ephemeral or EPHEMERALS[initiator])[:size],
    )


def pair(pattern: str) -> tuple[HandshakeState, HandshakeState]:
    return side(pattern, True), side(pattern, False)


def unchanged(number: int, message: bytes) -> bytes:
    return message


def payload_of(one: HandshakeState, number: int) -> bytes:
    """Something to say in message `number`; nothing where nothing would protect it."""
    return b"payload %d" % number if one.pattern.layout(number)[-1][1] else b""


def shake_hands(
    initiator: HandshakeState,
    responder: HandshakeState,
    on_the_wire: Callable[[int, bytes], bytes] = unchanged,
) -> list[bytes]:
    """Run a handshake to its end, and return what was sent; `on_the_wire` may change message `number`."""
    sent = []
    while not (initiator.is_finished and responder.is_finished):
        writer, reader = (initiator, responder) if initiator.writes_next else (responder, initiator)
        number = writer.next_message
        payload = payload_of(writer, number)
        sent.append(writer.write_message(payload))
        assert reader.read_message(on_the_wire(number, sent[-1])) == payload
    return sent
