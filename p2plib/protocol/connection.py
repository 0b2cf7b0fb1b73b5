"""Connection: private, to a known peer, of many streams with names for what is spoken on each. A driver.

::

    raw stream  →  multistream: /noise  →  Noise XX  →  (multistream: /yamux/1.0.0)  →  yamux
    UDP         →  QUIC, which is all of that in one
                →  on every stream of it: multistream, then the protocol that was agreed on

The step in brackets is left out when both sides named their multiplexers in the Noise handshake.

Rules
    1. All of it together has one deadline. If it fails, the stream is reset, whatever the reason.
    2. A stream that the other side opens has a deadline for agreeing on its protocol.
    3. What a handler raises because of its peer is counted by name in `failures`, and resets its stream;
       anything else is a bug of ours and goes to the loop's exception handler as well.
    4. Nobody works for a peer that does not wait: when the other side resets a stream, or is gone, the
       handler's `read` or `write` raises, and a handler that is waiting for something else is cancelled. If
       the other side had ended the stream before, what it sent is complete, and its handler goes on; once
       the connection is over, for `LINGER_S` at most.
    5. At most `max_handlers` run at a time, and one counts until it has ended, even if its stream was reset
       long before (the attack called rapid reset). While there are so many, no stream is accepted.
    6. When the other side is silent, or nothing needs the connection, it is ended by the rules of
       `p2plib.protocol.keep_alive`.
    7. When a connection is over, whichever side ended it, it leaves nothing: no task, no socket. Then
       `when_over` is called.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Self

from p2plib.errors import Closed, P2PError, PeerTimeout, UsageError
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.identity.secret import Random
from p2plib.protocol import multistream, secure
from p2plib.protocol.keep_alive import KeepAlive, Monitor
from p2plib.protocol.muxed import MuxedConnection, MuxedStream
from p2plib.protocol.noise import libp2p as libp2p_noise
from p2plib.protocol.stream import Stream
from p2plib.protocol.yamux import driver as yamux
from p2plib.protocol.yamux.driver import YamuxConnection
from p2plib.protocol.yamux.limits import Limits
from p2plib.wire.multiaddr import Multiaddr

UPGRADE_TIMEOUT_S = 10.0
NEGOTIATION_TIMEOUT_S = 10.0
MAX_HANDLERS = 1024  # as many as yamux lets streams be alive
LINGER_S = 10.0  # for a handler to finish with what is in memory already
KEEP_ALIVE = KeepAlive()

StreamHandler = Callable[[Stream, "Connection"], Awaitable[None]]


class Connection:
    """A private connection to a peer that has proved its key; used with `async with`.

    Args:
        muxed: what carries the streams to that peer; it is started and closed with this connection.
        remote_key: the key that the peer has proved.
        is_client: whether we dialled.
        handlers: what we speak on streams that the other side opens, by name; may be changed later.
        has_early_muxer: whether both sides named their multiplexers in the handshake.
        keep_alive: rule 6; None keeps the connection until one of the sides ends it.
        max_handlers: rule 5.

    Attributes:
        failures: why streams that the other side opened came to nothing, by name.
        seen_at: the other side's address, as we see it; None if it has none.
        when_over: called once, when nothing of the connection is left.
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
        keep_alive: KeepAlive | None = KEEP_ALIVE,
        max_handlers: int = MAX_HANDLERS,
    ) -> None:
        self.muxed = muxed
        self.remote_key = remote_key
        self.has_early_muxer = has_early_muxer
        self.is_client = is_client
        self.handlers = {} if handlers is None else handlers
        self.failures: collections.Counter[str] = collections.Counter()
        self.seen_at: Multiaddr | None = None
        self.when_over: Callable[[], object] = lambda: None
        self._watch = Monitor(muxed, keep_alive)
        self._room = asyncio.Semaphore(max_handlers)
        self._is_started = False
        self._tasks: dict[asyncio.Task[None], bool] = {}  # and whether we have cancelled them
        self._handlers: dict[asyncio.Task[None], None] = {}  # those that serve a stream, a set with an order

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

    @property
    def is_idle(self) -> bool:
        """Whether it carries no stream."""
        return self.muxed.is_idle

    @property
    def used_at(self) -> float:
        """When it last carried a stream, as far as we saw, in seconds of the loop's clock."""
        return self._watch.used_at

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
                stream = await self._open()
                return stream, await multistream.select(stream, protocols, timeout_s=timeout_s)
        except TimeoutError as error:
            if isinstance(error, PeerTimeout):
                raise
            raise PeerTimeout(f"{self.remote} took no stream within {timeout_s:g} s") from None

    async def propose_stream(self, protocol: str) -> Stream:
        """A new stream with a protocol proposed on it that the other side is known to speak; it may be
        spoken at once, which saves a round trip (`p2plib.protocol.multistream.propose`)."""
        return multistream.propose(await self._open(), protocol)

    async def _open(self) -> MuxedStream:
        stream = await self.muxed.open_stream()
        self._watch.touch()
        return stream

    async def wait_closed(self) -> None:
        """Waits until the connection is over, whichever side ended it, and what came before is served.

        A handler that calls it waits only until it is over.
        """
        await self.muxed.wait_closed()
        while self._tasks and asyncio.current_task() not in self._handlers:
            await asyncio.wait(self._tasks)

    async def close(self, reason: str = "") -> None:
        """Ends it, with everything that runs on it; a handler may call it, too, and goes on then.

        Args:
            reason: why, for the sentences of errors that calls of this connection raise from now on.
        """
        mine = asyncio.current_task()
        others = [task for task in self._tasks if task is not mine]
        for task in others:
            self._cancel(task)
        await self.muxed.close(reason)
        if others:
            await asyncio.wait(others)

    def start(self) -> None:
        """Begins to serve; `async with` does it too. Whoever calls it must `close` in the end.

        It may be over by now. Then it serves what had come before, and ends as any other (rule 7).
        """
        if not self._is_started:
            self._is_started = True
            self.muxed.start()
            self._watch.touch()
            self._run(self._accept())
            self._run(self._see_it_end())

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # How it works.

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = False
        task.add_done_callback(self._has_run)
        return task

    def _has_run(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task)
        if not self._tasks:
            self.when_over()

    async def _see_it_end(self) -> None:
        reason = await self._watch.run()
        if not reason:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await self._serve_out()
        await self.close(reason)

    async def _serve_out(self) -> None:
        """Rule 4: what came before the end is served, streams included that nobody has accepted yet."""
        while others := [task for task in self._tasks if task is not asyncio.current_task()]:
            await asyncio.wait(others)

    async def _accept(self) -> None:
        try:
            while True:
                await self._room.acquire()
                stream = await self.muxed.accept_stream()
                self._watch.touch()
                task = self._run(self._serve(stream))
                self._handlers[task] = None
                stream.when_broken = functools.partial(self._broke, task)
                task.add_done_callback(functools.partial(self._has_served, stream))
        except Closed:
            return

    def _broke(self, task: asyncio.Task[None]) -> None:
        """Rule 4, for a handler that waits for something else."""
        self.failures["StreamReset"] += 1
        self._cancel(task)

    def _cancel(self, task: asyncio.Task[None]) -> None:
        """Cancels a task, but only once: it must not be cut short in ending because of it.

        What it says of being cancelled will not do: a time-out of its own that has just run out looks the
        same, and the task would live on.
        """
        if self._tasks.get(task) is False:
            self._tasks[task] = True
            task.cancel()

    def _has_served(self, stream: MuxedStream, task: asyncio.Task[None]) -> None:
        self._handlers.pop(task)
        self._room.release()
        stream.when_broken = None
        stream.reset()  # a handler that was cancelled before it began has not done it

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
    keep_alive: KeepAlive | None = KEEP_ALIVE,
    offers_early_muxer: bool = True,
    timeout_s: float = UPGRADE_TIMEOUT_S,
    random: Random = os.urandom,
) -> Connection:
    """Makes of a raw stream a connection, to be used with `async with`.

    Args:
        stream: what both sides have so far, such as a TCP connection.
        identity: who we are.
        is_client: whether we dialled.
        expected: the peer that must be at the other side, as a key or an id in any form; None if any will do.
        handlers: what we speak on streams that the other side opens, by name.
        limits: what the other side may cost us.
        keep_alive: when the connection is ended for its silence; None never does.
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
        keep_alive=keep_alive,
        max_handlers=(limits or Limits()).max_streams,
    )
