"""Muxrpc over a `Stream`: calls in both directions. A driver.

muxrpc has no flow control of its own: a side that sends a stream cannot know how fast it is read. So

Rules
    1. What came and was not taken is counted over all streams. Past `buffer_bytes` nothing more is read from
       the connection, and TCP makes the other side wait: one slow reader then holds up every stream.
    2. It may do so for `patience_s`. Then the stream that holds most is given up, here and there, and the
       others go on.
    3. What we send waits for room, so a peer that does not read stops our sources and nothing else. Answers
       that nobody waits for to be sent (refusals, ends) may reach `backlog_bytes`; then the connection is
       given up.
    4. When the connection is over, whatever waits is told: `Closed`, or what was wrong. Nothing is left
       running.
    5. `close` drops what is open, says goodbye and waits for theirs, at most `close_timeout_s`. As long may
       a peer that has said goodbye take to read the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from typing import Self, assert_never

from p2plib.errors import CallFailed, Closed, DecodeError, P2PError, PeerTimeout, RemoteError
from p2plib.identity.foreign_keys import PeerKey
from p2plib.protocol.buffers import Bell
from p2plib.protocol.muxrpc import methods as offered
from p2plib.protocol.muxrpc.events import (
    MuxrpcAnswered,
    MuxrpcCalled,
    MuxrpcEnded,
    MuxrpcEvent,
    MuxrpcGoodbye,
    MuxrpcItem,
)
from p2plib.protocol.muxrpc.frames import Body
from p2plib.protocol.muxrpc.machine import MAX_CALLS, MAX_STRAYS, MuxrpcMachine
from p2plib.protocol.muxrpc.methods import MuxrpcMethod
from p2plib.protocol.muxrpc.serving import Serving
from p2plib.protocol.muxrpc.streams import MuxrpcStream
from p2plib.protocol.secure import SecureStream
from p2plib.protocol.stream import Stream
from p2plib.wire.canonical_json import Value

CALL_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 5.0
BUFFER_BYTES = 1024 * 1024  # of what came on all streams; holds a frame of the largest body
ROOM_BYTES = 65_536  # of what waits to be sent; beyond it senders wait
BACKLOG_BYTES = 4 * 1024 * 1024
PATIENCE_S = 10.0


class Muxrpc:
    """One connection; used with `async with`.

    Args:
        stream: carries it, as a rule a box stream; it is closed with this.
        methods: what we can be asked for, by name: "blobs.get". `manifest` is always there.
        is_trusted: whether the other side may call what is not public.
        buffer_bytes: rule 1; at least the largest frame.
        patience_s: rule 2.
        max_calls: how many calls of the other side may be open.
        max_strays: how many frames about no open call are borne.

    Attributes:
        machine: the rules; for its counts.
        methods: as given, and `manifest`.
    """

    close_timeout_s = CLOSE_TIMEOUT_S

    def __init__(
        self,
        stream: Stream,
        methods: Mapping[str, MuxrpcMethod] | None = None,
        *,
        is_trusted: bool = False,
        buffer_bytes: int = BUFFER_BYTES,
        patience_s: float = PATIENCE_S,
        max_calls: int = MAX_CALLS,
        max_strays: int = MAX_STRAYS,
    ) -> None:
        manifest = offered.asynchronous(offered.answer_manifest, is_public=True)
        self.methods: dict[str, MuxrpcMethod] = {"manifest": manifest, **(methods or {})}
        self.machine = MuxrpcMachine(max_calls=max_calls, max_strays=max_strays)
        self._stream = stream
        self._is_trusted = is_trusted
        self._buffer_bytes = buffer_bytes
        self._patience_s = patience_s
        self._calls: dict[int, asyncio.Future[Body]] = {}
        self._streams: dict[int, MuxrpcStream] = {}
        self._serving = Serving(self)
        self._holding: dict[MuxrpcStream, None] = {}  # from which something waits to be taken
        self._buffered = 0
        self._in_hand_bytes = 0  # being written
        self._to_send = Bell()  # something waits to be sent
        self._room = Bell()  # something was sent
        self._taken = Bell()  # something was taken from a buffer
        self._problem: P2PError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()

    @property
    def remote(self) -> str:
        """What is at the other side, in words."""
        return self._stream.remote

    @property
    def remote_key(self) -> PeerKey | None:
        """The key that the other side has proved; None over a stream that proves none."""
        return self._stream.remote_key if isinstance(self._stream, SecureStream) else None

    @property
    def is_over(self) -> bool:
        """Whether nothing more goes over it."""
        return self._problem is not None

    @property
    def is_ending(self) -> bool:
        """Whether it is over, or one of the sides has said goodbye."""
        return self.is_over or self.machine.has_heard_goodbye or self.machine.has_said_goodbye

    @property
    def failures(self) -> dict[str, int]:
        """How often handlers of ours raised what they should not, by the name of the error."""
        return dict(self._serving.failures)

    # Calling

    async def call(self, name: str, *args: Value, timeout_s: float = CALL_TIMEOUT_S) -> Body:
        """Makes an async call.

        Args:
            name: of the method, with dots: "blobs.has".
            args: what JSON can write.
            timeout_s: how long to wait. The other side is not told that we wait no longer: muxrpc cannot.

        Raises:
            CallFailed: it was answered with an error.
            PeerTimeout: it was not answered in time.
            Closed: the connection is over, or was before the answer came.
            RemoteError: it is over because the other side broke a rule.
            UsageError: JSON cannot write the arguments.
        """
        self._check()
        id = self.machine.call(tuple(name.split(".")), "async", args)
        self.ring()
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._calls[id] = answer
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise PeerTimeout(f"{self.remote} did not answer {name} in {timeout_s:g} s") from None
        finally:
            self._calls.pop(id, None)

    def source(self, name: str, *args: Value) -> MuxrpcStream:
        """Calls for a stream from the other side; errors come when it is read.

        Raises:
            Closed: the connection is over.
        """
        return self._open(name, "source", args)

    def sink(self, name: str, *args: Value) -> MuxrpcStream:
        """Opens a stream to the other side; raises as `source`. After `end`, iterating waits for its end."""
        return self._open(name, "sink", args)

    def duplex(self, name: str, *args: Value) -> MuxrpcStream:
        """Opens a stream each way; raises as `source`."""
        return self._open(name, "duplex", args)

    def _open(self, name: str, kind: str, args: tuple[Value, ...]) -> MuxrpcStream:
        self._check()
        id = self.machine.call(tuple(name.split(".")), kind, args)
        self.ring()
        return self.add_stream(id)

    def _check(self) -> None:
        if self._problem is not None:
            raise self._problem.with_traceback(None)

    # What streams and handlers call

    def add_stream(self, id: int) -> MuxrpcStream:
        """This side's end of the stream that a call opened."""
        stream = self._streams[id] = MuxrpcStream(self, id)
        return stream

    def ring(self) -> None:
        """Something waits to be sent."""
        self._to_send.ring()

    async def wait_for_room(self) -> None:
        """Waits while too much waits to be sent.

        Raises:
            Closed: the connection is over; RemoteError if the other side broke a rule.
        """
        self._check()
        while self._unsent_bytes() >= ROOM_BYTES:
            await self._room.wait()
            self._check()

    def note_buffered(self, stream: MuxrpcStream, size_bytes: int) -> None:
        """So many bytes more wait to be taken from a stream."""
        self._buffered += size_bytes
        self._holding[stream] = None

    def note_taken(self, stream: MuxrpcStream, size_bytes: int) -> None:
        """So many bytes fewer do."""
        self._buffered -= size_bytes
        if not stream.buffered_bytes:
            self._holding.pop(stream, None)
        self._taken.ring()

    def may_call(self, method: MuxrpcMethod | None) -> bool:
        """Whether the other side may call a method."""
        return method is not None and (method.is_public or self._is_trusted)

    # Running

    def start(self) -> None:
        """Begins to read and to write, as `async with` does."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run(part)) for part in (self._read(), self._write())]

    async def wait_closed(self) -> None:
        """Waits until the connection is over, whichever side ended it."""
        await self._over.wait()

    async def close(self) -> None:
        """Drops what is open, says goodbye, waits for theirs, and closes the stream. May be repeated."""
        try:
            await self._say_goodbye()
        finally:
            self._finish(Closed("we closed this connection"))
            for task in self._tasks:
                task.cancel()
            await self._serving.stop()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._stream.close()

    async def _say_goodbye(self) -> None:
        if self._problem is not None or not self._tasks:
            return
        await self._serving.stop()
        self.machine.goodbye()  # it ends what is open; an end of each stream would look as if it were whole
        for stream in tuple(self._streams.values()):
            stream.drop()
        self.ring()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.close_timeout_s):
                await self._over.wait()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, part: Coroutine[None, None, None]) -> None:
        """One of the two tasks; what it raises ends the connection."""
        try:
            await part
        except P2PError as error:
            self._finish(error)
            if isinstance(error, RemoteError | PeerTimeout):
                self._stream.reset()
        except Exception:
            self._finish(Closed("a bug of ours ended this connection"))
            raise

    async def _read(self) -> None:
        while True:
            await self._wait_for_readers()
            data = await self._stream.read()
            if not data:
                self.machine.end_of_stream()
                self._finish(Closed(f"{self.remote} ended the connection"))
                return
            for event in self.machine.receive(data):
                self._dispatch(event)
            self.ring()  # there may be answers that the machine gives by itself
            if self._unsent_bytes() > BACKLOG_BYTES:
                raise DecodeError(f"{self.remote} makes calls and does not read what they are answered with")
            if self.machine.has_heard_goodbye:
                await self._send_the_rest()
                return

    async def _send_the_rest(self) -> None:
        try:
            async with asyncio.timeout(self.close_timeout_s):
                await self._over.wait()
        except TimeoutError:
            raise PeerTimeout(f"{self.remote} has said goodbye, and does not read the rest") from None

    async def _write(self) -> None:
        while True:
            if data := self.machine.to_send():
                self._in_hand_bytes = len(data)
                await self._stream.write(data)
                self._in_hand_bytes = 0
                self._room.ring()
            elif self.machine.is_done:
                await self._stream.close_write()
                self._finish(Closed(f"both sides of the connection to {self.remote} have said goodbye"))
                return
            else:
                await self._to_send.wait()

    def _unsent_bytes(self) -> int:
        return self.machine.waiting_bytes + self._in_hand_bytes

    async def _wait_for_readers(self) -> None:
        """Rules 1 and 2."""
        if self._buffered < self._buffer_bytes:
            return
        try:
            async with asyncio.timeout(self._patience_s):
                while self._buffered >= self._buffer_bytes:
                    await self._taken.wait()
        except TimeoutError:
            fullest = max(self._holding, key=lambda stream: stream.buffered_bytes)
            fullest.give_up(Closed("this stream was read too slowly, and was given up"))
            fullest.end(CallFailed("Error", "read too slowly"))

    def _dispatch(self, event: MuxrpcEvent) -> None:
        match event:
            case MuxrpcCalled():
                self._serving.begin(event)
            case MuxrpcAnswered(id, value, error):
                answer = self._calls.get(id)
                if answer is None or answer.done():
                    return
                if error is None:
                    answer.set_result(value)
                else:
                    answer.set_exception(error)
            case MuxrpcItem(id, value, size_bytes):
                if id in self._streams:
                    self._streams[id].put(value, size_bytes)
            case MuxrpcEnded(id, error):
                if id in self._streams:
                    self._streams.pop(id).finish(error)
                self._serving.they_ended(id)
            case MuxrpcGoodbye():
                self._wait_for_nothing(Closed(f"{self.remote} has said goodbye"))
                self.machine.goodbye()
            case _:
                assert_never(event)

    def _wait_for_nothing(self, problem: P2PError) -> None:
        """Tells whatever waits for the other side that nothing comes any more."""
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(problem)
        for stream in self._streams.values():
            stream.finish(problem)
        self._streams.clear()
        self._serving.cancel()

    def _finish(self, problem: P2PError) -> None:
        """The connection is over; the first reason counts."""
        if self._problem is None:
            self._problem = problem
            self._wait_for_nothing(problem)
            self._over.set()
            for bell in (self._to_send, self._room, self._taken):
                bell.ring()
