"""Secure: a handshake machine and its channel machines over any stream. A driver.

`noise`, `shs_client` and `shs_server` take a `Stream` that anybody can read and change, and give back one
that nobody can, whose other end has proved a key. Which bytes go over the wire is said in
`p2plib.protocol.noise.libp2p`, and in the modules `secret_handshake` and `box_stream` of
`p2plib.protocol.scuttlebutt`.

Rules
    1. A handshake has a deadline for the whole of it. A peer that sends a byte now and then does not keep us.
    2. A handshake that fails resets the stream below, without another byte, whatever the reason was. A peer
       that hangs up in the middle has failed as well: `HandshakeFailed`.
    3. What was read before somebody tampered is given to the reader; then it is `Tampered`, forever, and the
       stream below is reset.
    4. A stream that ends without its authenticated end is `Truncated`, forever. Noise has no such end: only
       an end inside a frame is noticed there.
    5. Nothing is read from below before the reader has taken what was decrypted.
    6. The half-close of a secret-handshake stream is its goodbye. The stream below is left open until we
       close, because npm's peers answer its end with their own, and would cut what they still have to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from p2plib.errors import Closed, HandshakeFailed, PeerTimeout, RemoteError, StreamReset, Tampered, Truncated
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.identity.secret import Random
from p2plib.protocol.buffers import Chunks
from p2plib.protocol.noise.libp2p import NoiseHandshake
from p2plib.protocol.scuttlebutt import box_stream
from p2plib.protocol.scuttlebutt.secret_handshake import MAIN_NETWORK, ClientHandshake, ServerHandshake
from p2plib.protocol.stream import READ_BYTES, Stream

HANDSHAKE_TIMEOUT_S = 10.0


class Handshake(Protocol):
    """A handshake as a machine: send what `to_send` gives, give `receive` exactly `need_bytes` bytes."""

    need_bytes: int

    @property
    def is_finished(self) -> bool:
        """Whether nothing more is to be read."""

    def to_send(self) -> bytes:
        """What is to be sent now, once."""

    def receive(self, data: bytes) -> None:
        """Takes the next bytes of the other side."""


class Sealer(Protocol):
    """Turns what we write into what goes over the wire."""

    def seal(self, data: bytes) -> bytes:
        """The bytes that carry some bytes."""

    def goodbye(self) -> bytes:
        """The bytes that say that nothing follows, if the protocol has such."""


class Opener(Protocol):
    """Turns what came over the wire into what the other side wrote; give it exactly `need_bytes` bytes."""

    need_bytes: int

    @property
    def has_ended(self) -> bool:
        """Whether the other side said that nothing follows."""

    def receive(self, data: bytes) -> bytes:
        """What these bytes say."""

    def end_of_stream(self, left_over_bytes: int) -> None:
        """Raises Truncated if the stream below must not end here."""


class SecureStream(Stream):
    """A stream that nobody else can read or change.

    Args:
        below: the stream that carries it; it is closed and reset with this one.
        sealer: of what we write.
        opener: of what we read.
        remote_key: who the other side has proved to be.
        muxer: the multiplexer that both agreed on in the handshake; None if they did not.
    """

    def __init__(
        self, below: Stream, sealer: Sealer, opener: Opener, remote_key: PeerKey, muxer: str | None = None
    ) -> None:
        super().__init__(below.remote)
        self.remote_key = remote_key
        self.muxer = muxer
        self._below = below
        self._sealer = sealer
        self._opener = opener
        self._sealed = Chunks()  # came over the wire, and is not enough yet
        self._plain = Chunks()  # was decrypted, and not read yet
        self._has_ended = False
        self._says_goodbye = False
        self._problem: RemoteError | None = None

    async def close_write(self) -> None:
        """Says to the other side that nothing follows what was written; it does not wait."""
        if self.is_closed or self._has_ended_writing:
            return
        await super().close_write()
        if not self._says_goodbye:
            await self._below.close_write()

    async def _read(self, max_bytes: int) -> bytes:
        while not self._plain:
            if self._problem is not None:
                raise self._problem.with_traceback(None)
            if self._has_ended:
                return b""
            self._open(await self._below.read(READ_BYTES))
        return self._plain.take(max_bytes)

    def _open(self, data: bytes) -> None:
        """Takes what came from below; what is wrong with it is raised when what was right has been read."""
        try:
            if data:
                self._open_frames(data)
            else:
                self._opener.end_of_stream(len(self._sealed))
                self._has_ended = True
        except Truncated as error:
            self._problem = error
        except Tampered as error:
            self._problem = error
            self._below.reset()

    def _open_frames(self, data: bytes) -> None:
        opener, sealed = self._opener, self._sealed
        sealed.append(data)
        while not opener.has_ended and len(sealed) >= opener.need_bytes:
            self._plain.append(opener.receive(sealed.take_exactly(opener.need_bytes)))
        self._has_ended = opener.has_ended

    async def _drain(self) -> None:
        if self._problem is not None:
            raise self._problem.with_traceback(None)
        await self._below.drain()

    def _send(self, data: bytes) -> None:
        self._below.send(self._sealer.seal(data))

    def _end_writing(self) -> None:
        goodbye = self._sealer.goodbye()
        self._says_goodbye = bool(goodbye)
        if goodbye:
            with contextlib.suppress(Closed):  # a peer that has gone needs no goodbye
                self._below.send(goodbye)

    async def _finish(self) -> None:
        self._below.close_timeout_s = self.close_timeout_s
        await self._below.close()

    def _abort(self) -> None:
        self._below.reset()


async def shake_hands(stream: Stream, machine: Handshake, timeout_s: float) -> None:
    """Runs a handshake machine over a stream; returns when it is finished.

    Args:
        stream: carries the handshake; it is reset if that fails, or is cancelled.
        machine: our side of it.
        timeout_s: for all of it.

    Raises:
        HandshakeFailed: what came does not hold, or the peer hung up.
        WrongPeer: another peer answered.
        PeerTimeout: it was not finished in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while not machine.is_finished:
                await stream.write(machine.to_send())
                machine.receive(await stream.read_exactly(machine.need_bytes))
            await stream.write(machine.to_send())
    except TimeoutError:
        stream.reset()
        raise PeerTimeout(f"{stream.remote} did not finish the handshake in {timeout_s:g} s") from None
    except (Truncated, StreamReset):
        stream.reset()
        raise HandshakeFailed(f"{stream.remote} hung up during the handshake") from None
    except BaseException:
        stream.reset()
        raise


async def noise(
    stream: Stream,
    identity: SecretKey,
    *,
    initiator: bool,
    expected: PeerKey | str | None = None,
    muxers: Sequence[str] = (),
    prologue: bytes = b"",
    timeout_s: float = HANDSHAKE_TIMEOUT_S,
    random: Random = os.urandom,
) -> SecureStream:
    """A stream secured by libp2p's `/noise`; the arguments are those of `NoiseHandshake`.

    Raises:
        HandshakeFailed: as `shake_hands`, and so the next two; the stream is reset.
        WrongPeer: another peer answered.
        PeerTimeout: it took too long.
    """
    machine = NoiseHandshake(
        identity, initiator=initiator, expected=expected, muxers=muxers, prologue=prologue, random=random
    )
    await shake_hands(stream, machine, timeout_s)
    sealer, opener = machine.channel()
    return SecureStream(stream, sealer, opener, machine.remote, machine.muxer)


async def shs_client(
    stream: Stream,
    identity: SecretKey,
    server: PublicKey,
    *,
    network: bytes = MAIN_NETWORK,
    timeout_s: float = HANDSHAKE_TIMEOUT_S,
    random: Random = os.urandom,
) -> SecureStream:
    """A stream secured by Scuttlebutt's secret handshake, for the caller; the arguments are those of
    `ClientHandshake`.

    Raises:
        HandshakeFailed: as `shake_hands`, and so the next one; the stream is reset.
        PeerTimeout: it took too long.
    """
    return await _shs(stream, ClientHandshake(identity, server, network=network, random=random), timeout_s)


async def shs_server(
    stream: Stream,
    identity: SecretKey,
    *,
    network: bytes = MAIN_NETWORK,
    allows: Callable[[PublicKey], bool] | None = None,
    timeout_s: float = HANDSHAKE_TIMEOUT_S,
    random: Random = os.urandom,
) -> SecureStream:
    """A stream secured by Scuttlebutt's secret handshake, for the one called; the arguments are those of
    `ServerHandshake`.

    Raises:
        HandshakeFailed: as `shake_hands`, and so the next one; the stream is reset.
        PeerTimeout: it took too long.
    """
    machine = ServerHandshake(identity, network=network, allows=allows, random=random)
    return await _shs(stream, machine, timeout_s)


async def _shs(stream: Stream, machine: ClientHandshake | ServerHandshake, timeout_s: float) -> SecureStream:
    await shake_hands(stream, machine, timeout_s)
    sealer, opener = box_stream.channel(machine.outcome)
    return SecureStream(stream, sealer, opener, machine.outcome.remote)
