"""libp2p's secure channel `/noise`: Noise XX, with who we are signed inside. Machines.

libp2p's specification "noise-libp2p", revision 5: Noise_XX_25519_ChaChaPoly_SHA256, every message in a frame
of its own, its size in front as two bytes, big-endian.

::

    initiator                                      responder
    e                                          →
                                               ←   e, ee, s, es, payload
    s, se, payload                             →

The static key s is drawn for the connection. What makes it somebody's is the payload, in which a peer's own
key signs it: `p2plib.protocol.noise.libp2p_payload`.

Rules
    1. The first message is 32 bytes: a payload in it could be read by anybody and is signed by nobody. The
       others have at most `MAX_HANDSHAKE_BYTES`. Both are checked when the frame's size has arrived.
    2. The initiator says who it is after the responder has proved who *it* is, and only if that is the peer
       that was dialled. The responder says it to everybody who asks: that is what XX gives away, and what
       `p2plib.protocol.scuttlebutt.secret_handshake` does not.
    3. One signature is checked for each handshake, of a key of bounded size.
    4. Whatever is wrong, it is `HandshakeFailed`, also a peer that proves to be ourselves. One that proves to
       be another than the one that we dialled is `WrongPeer`. In either case nothing more is sent.

Nothing says that a stream is complete: a frame that is cut is noticed, a stream that ends between two frames
is not. What runs inside must say its own farewell, as yamux does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from p2plib.errors import (
    Closed,
    DecodeError,
    HandshakeFailed,
    SignatureError,
    Tampered,
    Truncated,
    UsageError,
    WeakKey,
)
from p2plib.identity import ids
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.identity.secret import Random
from p2plib.protocol.noise import libp2p_payload as libp2p_noise_payload
from p2plib.protocol.noise import patterns as noise_patterns
from p2plib.protocol.noise.handshake import MAX_PLAINTEXT_BYTES, HandshakeState, Session
from p2plib.protocol.noise.libp2p_payload import Payload, choose_muxer
from p2plib.protocol.noise.patterns import KEY_BYTES, TAG_BYTES
from p2plib.wire.fields import Field, bytes_follow

PROTOCOL_ID = "/noise"  # as multistream names it
NOISE_NAME = "Noise_XX_25519_ChaChaPoly_SHA256"

SIZE_BYTES = 2
# With an Ed25519 key and a few muxers, about 220; an RSA key of 8192 bits and its signature take 2,091.
MAX_HANDSHAKE_BYTES = 4096


def dissect(number: int, raw: bytes) -> tuple[Field, ...]:
    """The parts of handshake message `number` (1 to 3) with its frame, as anybody on the wire sees them.

    Raises:
        DecodeError: the frame's size is not that of the message, or it is too short.
    """
    if len(raw) < SIZE_BYTES or int.from_bytes(raw[:SIZE_BYTES], "big") != len(raw) - SIZE_BYTES:
        raise DecodeError("the size in front of a frame is that of its message", 0)
    head = Field("size", raw[:SIZE_BYTES], bytes_follow(len(raw) - SIZE_BYTES))
    return (head, *noise_patterns.dissect(NOISE_NAME, number, raw[SIZE_BYTES:]))


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(SIZE_BYTES, "big") + message


class NoiseSealer:
    """Turns what we write into frames. A machine, for one direction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def seal(self, data: bytes) -> bytes:
        """The frames that carry some bytes, each with up to 65519 of them; none for no bytes.

        Raises:
            KeyExhausted: the key was used 2^64 - 1 times.
        """
        if len(data) <= MAX_PLAINTEXT_BYTES:
            return _framed(self._session.encrypt(data)) if data else b""
        parts = (data[at : at + MAX_PLAINTEXT_BYTES] for at in range(0, len(data), MAX_PLAINTEXT_BYTES))
        return b"".join([_framed(self._session.encrypt(part)) for part in parts])

    def goodbye(self) -> bytes:
        """What says that nothing follows: this protocol has no such thing, so no bytes."""
        return b""


class NoiseOpener:
    """Turns frames into what the other side wrote. A machine, for one direction.

    Give it exactly `need_bytes` bytes at a time: a frame's size, then the frame.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reads_size = True
        self._is_broken = False
        self.need_bytes = SIZE_BYTES

    @property
    def has_ended(self) -> bool:
        """Whether the other side said that nothing follows: in this protocol it cannot."""
        return False

    def receive(self, data: bytes) -> bytes:
        """What these bytes say: nothing for a size, the plaintext for a frame (which may be empty).

        Raises:
            Tampered: a frame too small for a tag, or not the next one that the other side sent. It is over.
            Closed: it was over before.
        """
        if self._is_broken:
            raise Closed("this channel was tampered with, and nothing more is read from it")
        if len(data) != self.need_bytes:
            raise UsageError(f"the opener needs {self.need_bytes} bytes, not {len(data)}")
        if self._reads_size:
            self.need_bytes = int.from_bytes(data, "big")
            if self.need_bytes < TAG_BYTES:
                self._is_broken = True
                raise Tampered(
                    f"a frame of {self.need_bytes} bytes, which has no room for a tag of {TAG_BYTES}"
                )
            self._reads_size = False
            return b""
        plaintext = self._session.decrypt(data)  # after a failure the session says Closed by itself
        self._reads_size, self.need_bytes = True, SIZE_BYTES
        return plaintext

    def end_of_stream(self, left_over_bytes: int) -> None:
        """Call this when the stream below has ended; returns if that was between two frames.

        Args:
            left_over_bytes: how many bytes had arrived of the `need_bytes` that were waited for.

        Raises:
            Truncated: it ended inside a frame.
        """
        if left_over_bytes or not self._reads_size:
            raise Truncated("the stream ended inside a Noise frame")


class NoiseHandshake:
    """One side of libp2p's handshake. A machine.

    Send what `to_send` gives, give `receive` exactly `need_bytes` bytes, until `is_finished`. It never asks
    for a byte behind the handshake. Then `sealer` and `opener` are the channel.

    Args:
        identity: who we are.
        initiator: whether we dialled.
        expected: the peer that we dialled, as a key or an id in any form; None if any will do.
        muxers: multiplexers that we can speak, the dearest first; empty to negotiate later.
        prologue: bytes that both must have the same; libp2p's is empty.
        random: called twice for 32 bytes, for the static and the ephemeral key.

    Raises:
        DecodeError: `expected` is no id.
    """

    def __init__(
        self,
        identity: SecretKey,
        *,
        initiator: bool,
        expected: PeerKey | str | None = None,
        muxers: Sequence[str] = (),
        prologue: bytes = b"",
        random: Random = os.urandom,
    ) -> None:
        self.initiator = initiator
        self.expected = None if expected is None else ids.canonical(expected)
        self._static = ExchangeKey.generate(random)
        self._noise = HandshakeState(
            NOISE_NAME, initiator=initiator, prologue=prologue, static=self._static, random=random
        )
        self._ours = libp2p_noise_payload.sign(identity, self._static.public, muxers)
        self._our_payload = libp2p_noise_payload.encode(self._ours)
        self._theirs: Payload | None = None
        self._reads_size = True
        self._has_failed = False
        self._outgoing = b""
        self.need_bytes = SIZE_BYTES
        if initiator:
            self._write()

    def __repr__(self) -> str:
        return f"NoiseHandshake({'initiator' if self.initiator else 'responder'}, {self._noise!r})"

    @property
    def is_finished(self) -> bool:
        """Whether both sides are done. There may be something left to send."""
        return self._noise.is_finished and not self._has_failed

    def to_send(self) -> bytes:
        """What is to be sent now, once; no bytes if nothing is. After a failure there is nothing."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def receive(self, data: bytes) -> None:
        """Takes the next `need_bytes` bytes of the other side.

        Raises:
            HandshakeFailed: they do not hold, whatever the reason.
            WrongPeer: they hold, and it is another peer than the one that was expected.
            LocalError: the peer's key is of a kind that needs a package which is not installed.
            Closed: it failed before.
        """
        if self._has_failed:
            raise Closed("this handshake failed, and nothing more is sent or read in it")
        if len(data) != self.need_bytes or self.is_finished:
            raise UsageError(f"the handshake needs {self.need_bytes} bytes, not {len(data)}")
        self._has_failed = True  # until it went well
        if self._reads_size:
            self._read_size(int.from_bytes(data, "big"))
        else:
            self._read_message(data)
        self._has_failed = False

    def _read_size(self, size_bytes: int) -> None:
        number = self._noise.next_message
        smallest = self._noise.pattern.overhead_bytes(number)
        largest = KEY_BYTES if number == 1 else MAX_HANDSHAKE_BYTES
        if not smallest <= size_bytes <= largest:
            raise HandshakeFailed(
                f"message {number} has {smallest} to {largest} bytes here, not {size_bytes}"
            )
        self._reads_size, self.need_bytes = False, size_bytes

    def _read_message(self, message: bytes) -> None:
        number = self._noise.next_message
        raw = self._noise.read_message(message)
        if number > 1:
            self._theirs = self._authenticate(raw)
        if self._noise.writes_next:
            self._write()
        self._reads_size = True
        self.need_bytes = 0 if self._noise.is_finished else SIZE_BYTES

    def _write(self) -> None:
        payload = b"" if self._noise.next_message == 1 else self._our_payload
        self._outgoing += _framed(self._noise.write_message(payload))

    def _authenticate(self, raw: bytes) -> Payload:
        static, problem, payload = self._noise.remote_static, "", None
        assert static is not None
        try:
            payload = libp2p_noise_payload.decode(raw)
            payload.verify(static)
        except (DecodeError, SignatureError, WeakKey) as error:
            problem = str(error)
        if problem or payload is None:
            raise HandshakeFailed(f"who the peer says it is does not hold: {problem}")
        if payload.key == self._ours.key:
            raise HandshakeFailed(
                "the peer is ourselves: our messages came back, or our key is in two places"
            )
        if self.expected is not None:
            ids.expect(self.expected, payload.key)
        return payload

    def _payload_of_peer(self) -> Payload:
        if not self.is_finished or self._theirs is None:
            raise UsageError("the handshake is not finished")
        return self._theirs

    @property
    def remote(self) -> PeerKey:
        """Who the other side has proved to be; UsageError before the handshake is finished."""
        return self._payload_of_peer().key

    @property
    def muxer(self) -> str | None:
        """The multiplexer that both go on with; None if it must be negotiated, because one of them named
        none, or none that the other has."""
        ours, theirs = self._ours.muxers, self._payload_of_peer().muxers
        return choose_muxer(ours, theirs) if self.initiator else choose_muxer(theirs, ours)

    @property
    def session(self) -> Session:
        """The Noise session; UsageError before the handshake is finished."""
        self._payload_of_peer()
        return self._noise.session

    def channel(self) -> tuple[NoiseSealer, NoiseOpener]:
        """The machines of the channel: one for what we write, one for what we read."""
        return NoiseSealer(self.session), NoiseOpener(self.session)
