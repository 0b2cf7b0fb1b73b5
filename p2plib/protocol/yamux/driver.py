"""yamux over any stream: many streams, each with its own end and its own back-pressure. A driver.

The rules are `p2plib.protocol.yamux.session`'s. Two tasks do the work: one reads, one writes.

    async with YamuxConnection(secured, is_client=True) as connection:
        async with await connection.open_stream() as stream:
            await stream.write(b"hello")

Rules
    1. When the block is left, streams that are still open are reset, the other side is told (go away), and
       the stream below is closed, all of it within `close_timeout_s`.
    2. When the other side goes, or breaks a rule, every stream of ours raises `StreamReset`, and every call
       that waits for a stream raises `Closed`. Nothing is left waiting.
    3. A slow reader stops only its own stream: the others have windows of their own, and a share of the
       memory that a connection may use (`p2plib.protocol.yamux.limits`).
    4. A stream of theirs counts against `max_streams` until we have closed or reset it, even if they reset it
       long before: so what they make us begin is bounded, too.
"""

from __future__ import annotations

import asyncio
from typing import assert_never

from p2plib.errors import Closed, DecodeError, P2PError, PeerTimeout, StreamReset, UsageError
from p2plib.protocol.buffers import Bell
from p2plib.protocol.muxed import PING_TIMEOUT_S, MuxedConnection, MuxedStream
from p2plib.protocol.stream import CLOSE_TIMEOUT_S, READ_BYTES, Stream
from p2plib.protocol.yamux.events import Ended, Event, GoAway, Opened, Pong, Readable, Reset, Writable
from p2plib.protocol.yamux.limits import Limits
from p2plib.protocol.yamux.session import Session
from p2plib.protocol.yamux.states import SendState
from p2plib.protocol.yamux.substream import Substream

PROTOCOL_ID = "/yamux/1.0.0"  # as multistream names it


class YamuxStream(MuxedStream):
    """One of the streams of a connection; `open_stream` and `accept_stream` make them."""

    def __init__(self, connection: YamuxConnection, substream: Substream) -> None:
        super().__init__(f"stream {substream.stream_id} of {connection.remote}")
        self.connection = connection
        self.changed = Bell()
        self._substream = substream
        self._session = connection.session

    @property
    def stream_id(self) -> int:
        """Its id on the wire."""
        return self._substream.stream_id

    @property
    def has_room(self) -> bool:
        """Whether a writer need not wait."""
        return self._session.has_room(self._substream)

    def broke(self) -> None:
        """Wakes whatever waits, and what works for it unless the other side had ended it before."""
        self.changed.ring()
        if not self._substream.fin_received:
            self._tell_broken()

    def _check_alive(self) -> None:
        if self._substream.send_state is not SendState.RESET_RECEIVED:
            self.connection.check_for_streams()
        if self._substream.is_reset:
            why = self._substream.why_reset
            raise StreamReset(f"{self.remote} was reset{why and ': ' + why}")

    async def _read(self, max_bytes: int) -> bytes:
        substream = self._substream
        while True:
            data = self._session.read(substream, max_bytes)
            if data:
                self.connection.wake_writer()
                return data
            if substream.fin_received:
                return b""
            self._check_alive()
            await self.changed.wait()
            self._check_open()

    async def _drain(self) -> None:
        self._check_alive()
        while not self.has_room:
            self.connection.wants_room(self)
            await self.changed.wait()
            self._check_writable()
            self._check_alive()

    def _send(self, data: bytes) -> None:
        self._check_alive()
        self._session.write(self._substream, data)
        self.connection.wake_writer()

    def _end_writing(self) -> None:
        self._session.close_write(self._substream)
        self.connection.wake_writer()

    async def _finish(self) -> None:
        substream = self._substream
        self._session.close_read(substream)
        self.changed.ring()
        self.connection.wake_writer()
        while not substream.fin_sent and not substream.is_reset and not self.connection.is_over:
            await self.changed.wait()
        self.connection.forget(self)

    def _abort(self) -> None:
        self._session.reset(self._substream)
        self.changed.ring()
        self.connection.wake_writer()
        self.connection.forget(self)


class YamuxConnection(MuxedConnection):
    """Many streams over one; use it with `async with`.

    Args:
        below: the stream that carries everything; it is closed with the connection.
        is_client: whether we dialled.
        limits: what the other side may make us spend.
    """

    close_timeout_s: float = CLOSE_TIMEOUT_S

    def __init__(self, below: Stream, *, is_client: bool, limits: Limits | None = None) -> None:
        self.session = Session(is_client=is_client, limits=limits)
        self._below = below
        self._streams: dict[int, YamuxStream] = {}
        self._want_room: dict[int, YamuxStream] = {}  # their writers wait, perhaps for other streams' memory
        self._problem: P2PError | None = None
        self._we_closed = False
        self._tasks: list[asyncio.Task[None]] = []
        # For the tasks that wait: all of these are rung when the connection is over.
        self._work = Bell()  # there is something to send
        self._sent = Bell()  # something was sent
        self._opened = Bell()  # the other side opened a stream
        self._acknowledged = Bell()  # the other side acknowledged one of ours, or goes away
        self._ended = Bell()
        self._pings: dict[int, asyncio.Future[float]] = {}  # when the pong came
        self._next_ping = 0

    def __repr__(self) -> str:
        return f"YamuxConnection({self.remote}, {len(self.session.streams)} streams)"

    @property
    def remote(self) -> str:
        """What is on the other side, in words."""
        return self._below.remote

    @property
    def is_over(self) -> bool:
        """Whether nothing more goes over it."""
        return self._problem is not None

    @property
    def is_idle(self) -> bool:
        """Whether no stream is open on it, and none waits to be accepted."""
        return not self._streams and not self.session.waiting

    # What callers use.

    async def open_stream(self) -> YamuxStream:
        """A new stream. Waits while too many of ours are not acknowledged yet.

        Raises:
            Closed: the connection is over, or one of the sides is going away.
        """
        self._check()
        while not self.session.can_open and not self.session.is_going_away:
            await self._acknowledged.wait()
            self._check()
        return self._made(self.session.open())

    async def accept_stream(self) -> YamuxStream:
        """The next stream that the other side opened.

        Raises:
            Closed: the connection is over.
        """
        while True:
            substream = None if self._we_closed else self.session.accept()
            if substream is not None:  # which may be whole, though the other side has gone since
                return self._made(substream)
            self._check()
            await self._opened.wait()

    async def ping(self, *, timeout_s: float = PING_TIMEOUT_S) -> float:
        """The seconds that a ping to the other side's yamux and back takes.

        Raises:
            PeerTimeout: no pong came in time.
            Closed: the connection is over.
        """
        self._check()
        loop = asyncio.get_running_loop()
        value, self._next_ping = self._next_ping, (self._next_ping + 1) % 2**32
        self.session.ping(value)
        answered: asyncio.Future[float] = loop.create_future()
        self._pings[value] = answered
        self.wake_writer()
        started_s = loop.time()
        try:
            async with asyncio.timeout(timeout_s):
                return await answered - started_s
        except TimeoutError:
            raise PeerTimeout(f"{self.remote} did not answer a ping within {timeout_s:g} s") from None
        finally:
            del self._pings[value]
            self.session.forget_ping(value)

    async def wait_closed(self) -> None:
        """Waits until the connection is over, whichever side ended it."""
        while self._problem is None:
            await self._ended.wait()

    async def close(self, reason: str = "") -> None:
        """Goes away: resets what is open, tells the other side, and closes the stream below."""
        if not self._we_closed:
            self._we_closed = True
            self._over(Closed(f"we closed the connection to {self.remote}{reason and ': ' + reason}"))
        if not self._tasks:  # it was never started
            self._below.reset()
            return
        try:
            async with asyncio.timeout(self.close_timeout_s):
                await asyncio.wait(self._tasks[1:])
        except TimeoutError:
            pass
        finally:
            self._below.reset()  # does nothing when the writer has closed it
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def start(self) -> None:
        """Begins to read and write, as `async with` does. Whatever calls it must call `close` later."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self.heard_at = loop.time()
            self._tasks = [loop.create_task(self._receive()), loop.create_task(self._send())]

    # What its streams use.

    def wake_writer(self) -> None:
        """There may be something to send."""
        if self.session.has_work:
            self._work.ring()

    def forget(self, stream: YamuxStream) -> None:
        """A stream is closed, and need not be told of anything more."""
        self._streams.pop(stream.stream_id, None)
        self._want_room.pop(stream.stream_id, None)

    def wants_room(self, stream: YamuxStream) -> None:
        """Has a stream's writer woken when the session has room for it."""
        self._want_room[stream.stream_id] = stream

    def check_for_streams(self) -> None:
        """Raises for a stream the error that ended the connection, if it is over."""
        if self._problem is not None:
            kind = Closed if self._we_closed else StreamReset
            raise kind(str(self._problem))

    # How it works.

    def _made(self, substream: Substream) -> YamuxStream:
        stream = self._streams[substream.stream_id] = YamuxStream(self, substream)
        self.wake_writer()
        return stream

    def _check(self) -> None:
        if self._problem is not None:
            raise Closed(str(self._problem))

    def _over(self, problem: P2PError) -> None:
        """Receives no more, and tells the calls that wait why. The writer sends what is left, and closes."""
        if self._problem is not None:
            return
        self._problem = problem
        if self._we_closed:
            for substream in list(self.session.streams.values()):
                if not substream.fin_sent:
                    self.session.reset(substream)
            self.session.go_away()
        for answered in self._pings.values():
            if not answered.done():
                answered.set_exception(Closed(str(problem)))
        for stream in self._streams.values():
            if self._we_closed:
                stream.changed.ring()
            else:
                stream.broke()
        for bell in (self._work, self._sent, self._opened, self._acknowledged, self._ended):
            bell.ring()

    async def _receive(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while data := await self._below.read(READ_BYTES):
                self.heard_at = clock()
                if self._problem is not None:
                    continue  # read on: if nobody did, two peers that close at once would wait for room
                for event in self.session.receive(data):
                    self._happened(event)
                if self.session.can_open:
                    self._acknowledged.ring()
                self._give_room()
                self.wake_writer()
                while self.session.is_congested and self._problem is None:
                    await self._sent.wait()
            self._over(StreamReset(f"{self.remote} has gone"))
        except (P2PError, UsageError) as error:
            what = "broke a rule: " if isinstance(error, DecodeError) else ""
            self._over(StreamReset(f"the connection to {self.remote} is over: {what}{error}"))

    def _happened(self, event: Event) -> None:
        match event:
            case Opened():
                self._opened.ring()
            case Readable(stream_id) | Writable(stream_id) | Ended(stream_id):
                self._ring(stream_id)
            case Reset(stream_id):
                stream = self._streams.get(stream_id)
                if stream is not None:
                    stream.broke()
            case Pong(value):
                answered = self._pings.get(value)
                if answered is not None and not answered.done():
                    answered.set_result(asyncio.get_running_loop().time())
            case GoAway():
                self._acknowledged.ring()
            case _:
                assert_never(event)

    def _ring(self, stream_id: int) -> None:
        """Wakes the calls that wait for news of a stream."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.changed.ring()

    def _give_room(self) -> None:
        """Wakes the writers that have room now."""
        for stream in [each for each in self._want_room.values() if each.has_room]:
            del self._want_room[stream.stream_id]
            stream.changed.ring()

    async def _send(self) -> None:
        below, session = self._below, self.session
        try:
            while True:
                await below.drain()
                data = session.to_send()
                self._give_room()
                if data:
                    below.send(data)
                    for stream_id in session.progress:
                        self._ring(stream_id)
                    self._sent.ring()
                elif self._problem is not None:
                    break
                else:
                    await self._work.wait()
            below.close_timeout_s = self.close_timeout_s
            await below.close()
        except P2PError as error:
            self._over(StreamReset(f"the connection to {self.remote} is over: {error}"))
            below.reset()
        except asyncio.CancelledError:
            below.reset()
            raise
