"""How hypercore 9 encrypts a connection: a Noise handshake, then two plain stream ciphers. Machines.

npm's `simple-hypercore-protocol` 2.1, above `noise-protocol` 3.0::

    varint(size) ‖ message      three messages of Noise_XX_25519_ChaChaPoly_BLAKE2b; the payload of each is
                                the Protocol Buffers field 1: a nonce of 24 bytes, the sender's own
    then                        XSalsa20 in each direction, with a key of the handshake and the sender's
                                nonce, from position 0, over everything that `p2plib.data.hypercore.messages`
                                writes

    capability                  BLAKE2b("hypercore capability" ‖ key we send with ‖ feed's key), keyed with
                                the key we receive with: only a peer that knows the feed's key can make it,
                                    and only here

Rules
    1. A handshake that does not hold is over, whatever the reason, and nothing more is sent.
    2. Every message has a nonce as payload; both of the initiator's messages have the same. The first is
       readable by all, which does no harm.
    3. The streams are encrypted and *not* authenticated. Whoever sits between can flip bits, and cut. What
       the feed's author signed cannot be changed so; what is said beside it (have, want, request) can. An
       honest peer sees nonsense, in most cases, and leaves.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from p2plib.data.hypercore.salsa20 import XSALSA_NONCE_BYTES, XSalsa20
from p2plib.errors import DecodeError, HandshakeFailed, UsageError
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PublicKey
from p2plib.identity.secret import Random
from p2plib.protocol.framing import VarintFrames
from p2plib.protocol.noise.crypto import SessionSecret
from p2plib.protocol.noise.handshake import HandshakeState
from p2plib.protocol.noise.patterns import MAX_MESSAGE_BYTES
from p2plib.wire import protobuf
from p2plib.wire.protobuf import BYTES, ProtoField

NAME = "Noise_XX_25519_ChaChaPoly_BLAKE2b"
FRAMES = VarintFrames(MAX_MESSAGE_BYTES)
CAPABILITY_BYTES = 32

_CAPABILITY = b"hypercore capability"


class FeedChannel:
    """What both have after the handshake, each its own half.

    Args:
        remote: the other's key in the handshake, 32 bytes; it says nothing about feeds.
        send_key: of what we send, 32 bytes.
        send_nonce: ours, 24 bytes.
        receive_key: of what they send.
        receive_nonce: theirs.
    """

    def __init__(
        self,
        remote: bytes,
        send_key: SessionSecret,
        send_nonce: bytes,
        receive_key: SessionSecret,
        receive_nonce: bytes,
    ) -> None:
        self.remote = remote
        self._send_key, self._receive_key = send_key, receive_key
        self._sending = XSalsa20(send_key, send_nonce)
        self._receiving = XSalsa20(receive_key, receive_nonce)

    def encrypt(self, data: bytes) -> bytes:
        """What we write, as it goes over the wire."""
        return self._sending.apply(data)

    def decrypt(self, data: bytes) -> bytes:
        """What came over the wire, as they wrote it, or as somebody changed it."""
        return self._receiving.apply(data)

    def capability(self, key: PublicKey) -> bytes:
        """What proves to the other peer that we know a feed's key, 32 bytes."""
        return _capability(self._send_key, self._receive_key, key)

    def remote_capability(self, key: PublicKey) -> bytes:
        """What the other peer must show for a feed, 32 bytes."""
        return _capability(self._receive_key, self._send_key, key)


def _capability(sent_with: SessionSecret, received_with: SessionSecret, key: PublicKey) -> bytes:
    said = _CAPABILITY + sent_with.expose() + key.raw
    return hashlib.blake2b(said, digest_size=CAPABILITY_BYTES, key=received_with.expose()).digest()


@dataclass(frozen=True, slots=True)
class NoncePayload:
    """The payload of the handshake's messages.

    Args:
        nonce: 24 bytes.
    """

    nonce: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        return protobuf.encode([ProtoField(1, BYTES, self.nonce)])

    @classmethod
    def decode(cls, raw: bytes) -> NoncePayload:
        """The payload of these bytes.

        Raises:
            DecodeError: there is no nonce of 24 bytes in them.
        """
        nonce = protobuf.content(protobuf.decode(raw, max_fields=8), 1)
        if len(nonce) != XSALSA_NONCE_BYTES:
            raise DecodeError(f"a nonce has {XSALSA_NONCE_BYTES} bytes, not {len(nonce)}")
        return cls(nonce)


class FeedHandshake:
    """One side of the handshake. Send what `to_send` gives, give `receive` each message that came, without
    its frame, until `is_finished`; then take `channel`.

    Args:
        initiator: whether we dialled.
        static: our key, which names us to the other peer; a new one if it is None.
        random: gives so many unpredictable bytes.
    """

    def __init__(
        self, *, initiator: bool, static: ExchangeKey | None = None, random: Random = os.urandom
    ) -> None:
        own = static or ExchangeKey.generate(random)
        self._payload = NoncePayload(random(XSALSA_NONCE_BYTES))
        self._noise = HandshakeState(NAME, initiator=initiator, static=own, random=random)
        self._their_nonce = b""
        self._outgoing = b""
        self._write()

    def __repr__(self) -> str:
        return f"FeedHandshake({self._noise!r})"

    @property
    def is_finished(self) -> bool:
        """Whether all messages were written and read. There may be something left to send."""
        return self._noise.is_finished

    def to_send(self) -> bytes:
        """What is to be sent now, with its frame, once; no bytes if nothing is."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def receive(self, message: bytes) -> None:
        """Takes the next message of the other side.

        Raises:
            HandshakeFailed: it does not hold.
            Closed: the handshake failed before.
        """
        try:
            payload = NoncePayload.decode(self._noise.read_message(message))
        except DecodeError as error:
            raise HandshakeFailed(f"the payload of the handshake is no nonce: {error.rule}") from None
        self._their_nonce = payload.nonce
        self._write()

    def _write(self) -> None:
        if self._noise.writes_next:
            self._outgoing += FRAMES.encode(self._noise.write_message(self._payload.encode()))

    @property
    def channel(self) -> FeedChannel:
        """The encrypted channel; UsageError before the handshake is finished."""
        if not self.is_finished or self._noise.remote_static is None:
            raise UsageError("the handshake is not finished")
        ours, theirs = self._noise.session_secrets()
        return FeedChannel(self._noise.remote_static, ours, self._payload.nonce, theirs, self._their_nonce)
