"""QUIC as a connection of many streams, each with its own end and its own back-pressure. A driver.

The rules of the wire are `p2plib.protocol.quic.machine`'s. There is no task: datagrams, timers and our own
calls move the machine, and everything that it has to send is sent before the loop turns.

Rules
    1. `handshake` comes first; it says which peer is there. Before that no stream is opened or accepted.
    2. `close` delivers: a stream whose writing was ended is sent again until the other side has all of it,
       within `close_timeout_s`; every other one is reset. Then the other side is told that we are leaving.
    3. When the other side goes, is silent for too long, or breaks a rule, every stream of ours raises
       `StreamReset` once what had arrived is read, and every call that waits raises `Closed`.
    4. A stream that was reset before anybody accepted it is not given to anybody.
    5. After `close` of a stream, the other side is told that nobody reads what it still writes (STOP_SENDING)
       once it has acknowledged all of ours, and not before: many give up a whole stream when they are told.

QUIC's goodbye is not acknowledged, and one that is lost leaves the other side waiting until its idle limit.
So it is said `FAREWELLS` times.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from typing import Any

from p2plib.errors import Closed, HandshakeFailed, P2PError, PeerTimeout, RemoteError, StreamReset
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.protocol.buffers import Bell
from p2plib.protocol.muxed import PING_TIMEOUT_S, MuxedConnection
from p2plib.protocol.quic import certificate
from p2plib.protocol.quic.machine import Machine, events
from p2plib.protocol.quic.stream import RESET_CODE, QuicStream
from p2plib.protocol.stream import CLOSE_TIMEOUT_S, LIMIT_BYTES, PIECE_BYTES

HANDSHAKE_TIMEOUT_S = 10.0
FAREWELLS = 3
_KEEP_ALIVE = 0  # the number of pings that nobody waits for

Address = tuple[Any, ...]  # where a datagram came from: host, port, and for IPv6 two numbers more


def spell(address: Address) -> str:
    """An address in words, as errors say it."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class QuicConnection(MuxedConnection):
    """Many streams with one peer; a listener and `p2plib.protocol.quic.dial` make them.

    Args:
        machine: the connection itself.
        send: what puts a datagram on the wire, to an address.
        address: where the other side is, as far as we know.

    Attributes:
        remote_key: the key that the other side has proved, once the handshake is over.
        heard_at: when the last datagram came from it, in seconds of the loop's clock.
        when_over: called once, when nothing more is to be sent or received.
        when_known: called with an id that the other side may call this connection by from now on, and True;
            or with one that it may not use any more, and False.
    """

    close_timeout_s: float = CLOSE_TIMEOUT_S

    def __init__(self, machine: Machine, send: Callable[[bytes, Address], None], address: Address) -> None:
        self.machine = machine
        self.remote_key: PeerKey | None = None
        self.when_over: Callable[[], object] = lambda: None
        self.when_known: Callable[[bytes, bool], object] = lambda _id, _is_known: None
        self.sending: dict[QuicStream, None] = {}  # those that wait until something was sent
        self._let_go: dict[QuicStream, None] = {}  # those that were closed, and rule 5 is not done with yet
        self._put = send
        self._address = address
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self._streams: dict[int, QuicStream] = {}
        self._held_at_most = 0  # of our bytes, over all streams
        self._arrived: dict[QuicStream, None] = {}  # and nobody has accepted them yet
        self._problem: P2PError | None = None
        self._we_closed = False
        self._is_silent = False  # nothing more is sent or received
        self._timer: asyncio.TimerHandle | None = None
        self._wake: asyncio.Handle | None = None
        self._beat: asyncio.Handle | None = None
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._next_ping = _KEEP_ALIVE + 1
        # For the tasks that wait: all of these are rung when the connection is over.
        self._moved = Bell()  # datagrams came or went
        self._opened = Bell()  # the other side opened a stream
        self._ended = Bell()

    def __repr__(self) -> str:
        return f"QuicConnection({self.remote}, {len(self._streams)} streams)"

    @property
    def remote_address(self) -> tuple[str, int]:
        """The other end of the connection; it may change, when a NAT gives the other side another port."""
        host, port = (self.machine.get_peer_address() or self._address)[:2]
        return host, port

    @property
    def remote(self) -> str:
        """What is at the other side, in words."""
        return spell(self._address)

    @property
    def is_over(self) -> bool:
        """Whether nothing more goes over it."""
        return self._problem is not None

    @property
    def is_idle(self) -> bool:
        """Whether no stream is open on it, and none waits to be accepted."""
        return len(self._streams) == len(self._let_go)

    # What callers use.

    async def handshake(
        self, *, expected: str | PeerKey | None = None, timeout_s: float = HANDSHAKE_TIMEOUT_S
    ) -> PeerKey:
        """The key that the other side has proved. If it fails, the connection is over.

        Args:
            expected: the peer that must be there, as a key or an id; None if any will do.
            timeout_s: for all of it, in seconds.

        Raises:
            HandshakeFailed: what came does not hold, or the other side refused us.
            WrongPeer: another peer answered.
            PeerTimeout: it was not done in time.
            Closed: it was given up; or it failed, and the other side's address may be a forged one.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.remote_key is None and self._problem is None:
                    await self._moved.wait()
            if self.remote_key is None:
                assert self._problem is not None
                raise self._problem.with_traceback(None)
            if expected is not None:
                ids.expect(expected, self.remote_key)
        except TimeoutError:
            self.abort()
            raise PeerTimeout(f"{self.remote} did not finish the handshake in {timeout_s:g} s") from None
        except RemoteError:
            self.machine.refuse()
            self.abort()
            raise
        except BaseException:
            self.abort()
            raise
        return self.remote_key

    async def open_stream(self) -> QuicStream:
        """A new stream. Waits while the other side allows no more. It learns of it with the first byte.

        Raises:
            Closed: the connection is over.
        """
        self._check()
        while not self.machine.can_open:
            await self._moved.wait()
            self._check()
        return self._made(self.machine.open())

    async def accept_stream(self) -> QuicStream:
        """The next stream that the other side opened.

        Raises:
            Closed: the connection is over.
        """
        while not self._arrived or self._we_closed:
            self._check()
            await self._opened.wait()
        stream = next(iter(self._arrived))  # which may be whole, though the other side has gone since
        del self._arrived[stream]
        return stream

    async def ping(self, *, timeout_s: float = PING_TIMEOUT_S) -> float:
        """The seconds that a ping to the other side and back takes, its delay included.

        Raises:
            PeerTimeout: no answer came in time.
            Closed: the connection is over.
        """
        self._check()
        number, self._next_ping = self._next_ping, self._next_ping + 1
        answered = self._pings[number] = self._loop.create_future()
        self.machine.send_ping(number)
        self.wake()
        started = self._loop.time()
        try:
            async with asyncio.timeout(timeout_s):
                await answered
        except TimeoutError:
            raise PeerTimeout(f"{self.remote} did not answer a ping within {timeout_s:g} s") from None
        finally:
            self._pings.pop(number, None)
        return self._loop.time() - started

    def start(self) -> None:
        """Does nothing: a connection works from its first datagram on."""

    async def wait_closed(self) -> None:
        """Waits until the connection is over, whichever side ended it."""
        while self._problem is None:
            await self._ended.wait()

    async def close(self, reason: str = "") -> None:
        """Goes away; see rule 2."""
        if self._we_closed:  # the socket may be closed behind us, so not before the first close has ended
            while not self._is_silent:
                await self._moved.wait()
            return
        self._we_closed = True
        self._end(Closed(f"we closed the connection to {self.remote}{reason and ': ' + reason}"))
        try:
            async with asyncio.timeout(self.close_timeout_s):
                while self.machine.is_delivering and not self._is_silent:
                    await self._moved.wait()
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Goes away at once, and says so."""
        self._we_closed = True
        self._end(Closed(f"we closed the connection to {self.remote}"))
        if not self._is_silent:
            self.machine.close()
            self._transmit(FAREWELLS)
            self._fall_silent()

    # What its streams use.

    def wake(self) -> None:
        """There may be something to send; it is sent before the loop turns."""
        if self._wake is None and not self._is_silent:
            self._wake = self._loop.call_soon(self._transmit)

    @property
    def room(self) -> int:
        """How many of our bytes may be held over all streams."""
        return max(LIMIT_BYTES + PIECE_BYTES, self.machine.limits.memory_bytes)

    def check_memory(self, written_bytes: int) -> None:
        """Resets the stream that holds most of what we wrote, when that is too much; it may be closed by now.

        Args:
            written_bytes: what was written just now.
        """
        self._held_at_most += written_bytes
        if self._held_at_most <= self.room:
            return
        held = self.machine.held_by_stream()
        self._held_at_most = sum(held.values())
        if self._held_at_most > self.room:
            heaviest = max(held, key=held.__getitem__)
            stream = self._streams.get(heaviest)
            if stream is None:
                self.machine.reset_stream(heaviest, RESET_CODE)
            else:
                stream.break_off()

    def let_go(self, stream: QuicStream) -> None:
        """A stream is closed, and what it sent is on its way; the rest is done without it."""
        self._let_go[stream] = None
        self._forget_some()

    def forget(self, stream: QuicStream) -> None:
        """A stream is over, and need not be told of anything more."""
        self._let_go.pop(stream, None)
        if self._streams.pop(stream.stream_id, None) is not None:
            self.machine.release(stream.stream_id)
        self.wake()

    def check_for_streams(self) -> None:
        """Raises for a stream the error that ended the connection, if it is over."""
        if self._problem is not None:
            kind = Closed if self._we_closed else StreamReset
            raise kind(str(self._problem))

    # What the socket's side uses.

    def connect(self) -> None:
        """Sends the first datagram."""
        self.machine.connect(self._address, now=self._loop.time())
        self._transmit()

    def receive(self, data: bytes, address: Address) -> None:
        """Takes a datagram."""
        if self._is_silent:
            return
        self.heard_at = self._loop.time()
        try:
            self.machine.receive_datagram(data, address, now=self.heard_at)
        except Exception as error:  # aioquic met what nobody has thought of, and the other side made it so
            self.fail(f"aioquic could not read what came: {error!r}")
        else:
            self._move()

    def fail(self, why: str) -> None:
        """Nothing goes over it any more."""
        self._end(self._problem_of(why))
        self._fall_silent()

    # How it works.

    def _made(self, stream_id: int) -> QuicStream:
        stream = self._streams[stream_id] = QuicStream(self, stream_id)
        return stream

    def _check(self) -> None:
        if self._problem is not None:
            raise Closed(str(self._problem))

    def _move(self) -> None:
        """Sees what the machine has to say and to send, and whether it is over."""
        while (event := self.machine.next_event()) is not None:
            self._happened(event)
        self._forget_some()
        self._transmit()
        if self.machine.why_over is not None:
            self.fail(self.machine.why_over)

    def _forget_some(self) -> None:
        for stream in [each for each in self._let_go if each.may_be_forgotten()]:
            self.forget(stream)

    def _transmit(self, copies: int = 1) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._is_silent:
            return
        for data, address in self.machine.datagrams_to_send(now=self._loop.time()):
            for _ in range(copies):
                self._put(data, address)
        self._set_timer()
        sending, self.sending = self.sending, {}
        for stream in sending:
            stream.changed.ring()
        self._moved.ring()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        when = self.machine.get_timer()
        self._timer = None if when is None else self._loop.call_at(when, self._timer_is_due, when)

    def _timer_is_due(self, when: float) -> None:
        self.machine.handle_timer(now=max(when, self._loop.time()))
        self._move()

    def _keep_alive(self) -> None:
        """Says something before the other side could take us for dead."""
        if self._problem is None:
            self.machine.send_ping(_KEEP_ALIVE)
            self.wake()
            self._beat = self._loop.call_later(self.machine.idle_timeout_s / 3, self._keep_alive)

    def _happened(self, event: events.QuicEvent) -> None:
        match event:
            case events.StreamDataReceived():
                stream = self._stream(event.stream_id)
                if stream is None:
                    self.machine.consume(event.stream_id, len(event.data))
                else:
                    stream.receive(event.data, event.end_stream)
            case events.StreamReset():
                stream = self._stream(event.stream_id)
                if stream is None:
                    self.machine.consume_rest(event.stream_id)
                else:
                    self._was_reset(stream)
            case events.StopSendingReceived():
                self.machine.reset_stream(event.stream_id, RESET_CODE)
                stream = self._stream(event.stream_id)
                if stream is not None:
                    stream.receive_stop()
            case events.PingAcknowledged():
                answered = self._pings.get(event.uid)
                if answered is not None and not answered.done():
                    answered.set_result(None)
            case events.HandshakeCompleted():
                self._shook_hands()
            case events.ConnectionIdIssued():
                self.when_known(event.connection_id, True)
            case events.ConnectionIdRetired():
                self.when_known(event.connection_id, False)

    def _stream(self, stream_id: int) -> QuicStream | None:
        """A stream of ours; None if we are done with it."""
        stream = self._streams.get(stream_id)
        if stream is None and self.machine.is_new(stream_id):
            stream = self._made(stream_id)
            self._arrived[stream] = None
            self._opened.ring()
        return stream

    def _was_reset(self, stream: QuicStream) -> None:
        stream.receive_reset()
        if stream in self._arrived:
            del self._arrived[stream]
            stream.reset()

    def _shook_hands(self) -> None:
        try:
            now = datetime.datetime.now(datetime.UTC)
            self.remote_key = certificate.verify(self.machine.peer_certificate(), now)
        except RemoteError as error:
            self._end(HandshakeFailed(f"{self.remote} has not proved who it is: {error}"))
            self.machine.refuse()
        else:
            self._keep_alive()

    def _problem_of(self, why: str) -> P2PError:
        if self.remote_key is not None:
            return StreamReset(
                f"the connection to {self.remote} is over: {why}" if why else f"{self.remote} has gone"
            )
        what = f"no handshake with {self.remote}: {why or 'it hung up'}"
        return HandshakeFailed(what) if self.machine.has_proved_its_address else Closed(what)

    def _end(self, problem: P2PError) -> None:
        """Tells everything that waits why it is over; what has to be sent is sent by others."""
        if self._problem is not None:
            return
        self._problem = problem
        for stream in tuple(self._streams.values()):
            if self._we_closed:
                stream.leave()
            else:
                stream.broke()
        for answered in self._pings.values():
            if not answered.done():
                answered.set_exception(Closed(str(problem)))
        self.wake()
        for bell in (self._moved, self._opened, self._ended):
            bell.ring()

    def _fall_silent(self) -> None:
        if not self._is_silent:
            self._is_silent = True
            for handle in (self._timer, self._wake, self._beat):
                if handle is not None:
                    handle.cancel()
            self._moved.ring()
            self.when_over()
