"""Connection: private, to a known peer, of many streams with names for what is spoken on each. A driver.

    raw stream  →  multistream: /noise  →  Noise XX  →  (multistream: /yamux/1.0.0)  →  yamux
    UDP         →  QUIC, which is all of that in one
                →  on every stream of it: multistream, then the protocol that was agreed on

The step in brackets is left out when both sides named their multiplexers in the Noise handshake.

Rules
    1. All of it together has one deadline. If it fails, the stream is reset, whatever the reason.
    2. A stream that the other side opens has a deadline for agreeing on its protocol.
    3. What a handler raises because of its peer is counted by name in `failures`, and resets its stream;
       anything else is a bug of ours and goes to the loop's exception handler as well.
"""

from __future__ import annotations

import asyncio
import collections
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from p2plib.errors import Closed, P2PError, PeerTimeout, UsageError
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.identity.secret import Random
from p2plib.protocol import multistream, secure
from p2plib.protocol.muxed import MuxedConnection
from p2plib.protocol.noise import libp2p as libp2p_noise
from p2plib.protocol.stream import Stream
from p2plib.protocol.yamux import driver as yamux
from p2plib.protocol.yamux.driver import YamuxConnection
from p2plib.protocol.yamux.limits import Limits
from p2plib.wire.multiaddr import Multiaddr

UPGRADE_TIMEOUT_S = 10.0
NEGOTIATION_TIMEOUT_S = 10.0
SERVE_OUT_S = 5.0  # for handlers, once their connection is over

StreamHandler = Callable[[Stream, "Connection"], Awaitable[None]]


class Connection:
    """A private connection to a peer that has proved its key; used with `async with`.

    Args:
        muxed: what carries the streams to that peer; it is started and closed with this connection.
        remote_key: the key that the peer has proved.
        is_client: whether we dialled.
        handlers: what we speak on streams that the other side opens, by name; may be changed later.
        has_early_muxer: whether both sides named their multiplexers in the handshake.
    """

    negotiation_timeout_s: float = NEGOTIATION_TIMEOUT_S

    def __init__(
        self,
        muxed: MuxedConnection,
        remote_key: PeerKey,
        *,
        is_client: bool,
        handlers: Mapping[str, StreamHandler] | None = None,
        has_early_muxer: bool = False,
    ) -> None:
        self.muxed = muxed
        self.remote_key = remote_key
        self.has_early_muxer = has_early_muxer
        self.is_client = is_client
        self.handlers = {} if handlers is None else handlers
        self.failures: collections.Counter[str] = collections.Counter()
        self.seen_at: Multiaddr | None = None  # the other side's address, as we see it
        self.when_over: Callable[[], object] = lambda: None
        self._accepting: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"Connection({self.remote_id[-8:]} at {self.remote})"

    @property
    def remote(self) -> str:
        """What is at the other side, in words."""
        return self.muxed.remote

    @property
    def remote_id(self) -> str:
        """The other side's peer id."""
        return ids.peer_id(self.remote_key)

    @property
    def is_over(self) -> bool:
        """Whether nothing more goes over it."""
        return self.muxed.is_over

    async def open_stream(
        self, *protocols: str, timeout_s: float = NEGOTIATION_TIMEOUT_S
    ) -> tuple[Stream, str]:
        """A new stream, and which of the protocols is spoken on it.

        Args:
            protocols: names, the dearest first.

        Raises:
            NoCommonProtocol: the other side speaks none of them.
            PeerTimeout: it did not say so in time.
            Closed: the connection is over.
        """
        try:
            async with asyncio.timeout(timeout_s):
                stream = await self.muxed.open_stream()
                return stream, await multistream.select(stream, protocols, timeout_s=timeout_s)
        except TimeoutError as error:
            if isinstance(error, PeerTimeout):
                raise
            raise PeerTimeout(f"{self.remote} took no stream within {timeout_s:g} s") from None

    async def propose_stream(self, protocol: str) -> Stream:
        """A new stream with a protocol proposed on it that the other side is known to speak; it may be
        spoken at once, which saves a round trip (`p2plib.protocol.multistream.propose`)."""
        return multistream.propose(await self.muxed.open_stream(), protocol)

    async def wait_closed(self) -> None:
        """Waits until the connection is over, whichever side ended it, and what came before is served.

        A peer that closes well has perhaps said everything; handlers have `SERVE_OUT_S` to read it.
        """
        await self.muxed.wait_closed()
        if self._accepting is not None:
            await asyncio.wait([self._accepting])
        serving = self._serving - {asyncio.current_task()}
        if serving:
            await asyncio.wait(serving, timeout=SERVE_OUT_S)

    async def close(self) -> None:
        """Ends it, with everything that runs on it."""
        mine = asyncio.current_task()  # a handler may close its own connection
        tasks = [task for task in (*self._serving, self._accepting) if task is not None and task is not mine]
        for task in tasks:
            task.cancel()
        try:
            await self.muxed.close()
        finally:
            if tasks:
                await asyncio.wait(tasks)

    def start(self) -> None:
        """Begins to serve; `async with` does it too. Whoever calls it must `close` in the end."""
        if self._accepting is None:
            self.muxed.start()
            self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                task = loop.create_task(self._serve(await self.muxed.accept_stream()))
                self._serving.add(task)
                task.add_done_callback(self._serving.discard)
        except Closed:
            return
        finally:
            self.when_over()

    async def _serve(self, stream: Stream) -> None:
        try:
            async with stream:
                name = await multistream.answer(stream, self.handlers, timeout_s=self.negotiation_timeout_s)
                await self.handlers[name](stream, self)
        except P2PError as error:
            self.failures[type(error).__name__] += 1
        except Exception as error:
            self.failures[type(error).__name__] += 1
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a handler of {stream.remote} raised", "exception": error}
            )


async def upgrade(
    stream: Stream,
    identity: SecretKey,
    *,
    is_client: bool,
    expected: PeerKey | str | None = None,
    handlers: Mapping[str, StreamHandler] | None = None,
    limits: Limits | None = None,
    offers_early_muxer: bool = True,
    timeout_s: float = UPGRADE_TIMEOUT_S,
    random: Random = os.urandom,
) -> Connection:
    """Makes of a raw stream a connection, to be used with `async with`.

    Args:
        stream: what both sides have so far, such as a TCP connection.
        identity: who we are.
        is_client: whether we dialled.
        expected: who must be at the other side, as a key or an id in any form; None if anybody will do.
        offers_early_muxer: whether to name yamux in the Noise handshake, which saves a round trip.
        timeout_s: for all of it.

    Raises:
        NoCommonProtocol: the other side speaks no `/noise`, or no yamux.
        HandshakeFailed: the handshake does not hold.
        WrongPeer: another peer answered.
        PeerTimeout: it was not done in time.
        DecodeError: what was said is no negotiation.
        Closed: the other side hung up.
    """
    muxers = [yamux.PROTOCOL_ID] if offers_early_muxer else []
    agree = multistream.select if is_client else multistream.answer
    try:
        async with asyncio.timeout(timeout_s):
            await agree(stream, [libp2p_noise.PROTOCOL_ID], timeout_s=timeout_s)
            secured = await secure.noise(
                stream,
                identity,
                initiator=is_client,
                expected=expected,
                muxers=muxers,
                timeout_s=timeout_s,
                random=random,
            )
            if secured.muxer is None:
                await agree(secured, [yamux.PROTOCOL_ID], timeout_s=timeout_s)
            elif secured.muxer != yamux.PROTOCOL_ID:
                raise UsageError(f"there is no muxer {secured.muxer} here")
    except TimeoutError:
        stream.reset()
        raise PeerTimeout(f"{stream.remote} was not upgraded within {timeout_s:g} s") from None
    except BaseException:
        stream.reset()
        raise
    return Connection(
        YamuxConnection(secured, is_client=is_client, limits=limits),
        secured.remote_key,
        is_client=is_client,
        handlers=handlers,
        has_early_muxer=secured.muxer is not None,
    )
