"""TcpEndpoint: one end of a TCP connection as an operating system's kernel keeps it. A driver.

The machine is `p2plib.sim.tcp.connection`; this gives it the loop's timers and the host's network, and gives
its holder, an asyncio transport or a `socket.socket`, the calls that a kernel has. None of them blocks.

Rules
    1. `write` takes as many bytes as the send buffer has room for, and no more. They are the kernel's from
       then on, and are sent even if the holder closes the endpoint.
    2. What arrives waits in the receive buffer for `read`. Bytes come first, then an error, then the end.
    3. After `close` the connection goes on without the holder: a FIN follows what was taken, and segments
       that are lost are sent again. But if bytes were left unread, or more arrive, the other side gets a RST,
       and what was still to be sent is lost (RFC 9293, 3.6; Linux does the same). With SO_LINGER set to a
       time of 0, it gets a RST in any case.
    4. All segments that arrive at one instant are dealt with together, after the last of them: `on_ready` is
       called, and then what is to be sent leaves, an acknowledgement together with the bytes of an answer.
       In the same way a process wakes up only when the kernel has emptied the network card.

Vocabulary: *local* and *remote* are the two addresses as this host sees them; *gone* means that the host has
crashed and nothing may happen any more; the *holder* is the transport or socket that has the endpoint open.
"""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from p2plib.sim import multicast
from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address, Segment
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.states import MODULUS, Connected, ConnectionClosed, Event, Reset, State, TimedOut

if TYPE_CHECKING:
    import p2plib.sim.tcp.listener  # named in full: p2plib.protocol has another TcpListener
    from p2plib.sim.host import Host

ISS_TICKS_PER_S = 250_000  # RFC 9293, 3.4.1: one every 4 microseconds
_EXPECTS_MORE = (State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2)
_END_IS_KNOWN = (State.CLOSED, State.FIN_WAIT_2, State.TIME_WAIT)  # our FIN was acknowledged, or none is due


class TcpEndpoint:
    """One end of a TCP connection, and before that a socket that may become one.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_INET or AF_INET6.
        options: what `setsockopt` has set, by (level, option).
        place: where it was made, in words; by default, the caller's line.

    Attributes:
        local: its own address; None before `bind` and `connect`.
        remote: the other end's address; None before `connect`.
        on_ready: called when there may be something to read, room to write, or an error.
        on_vanish: called when the machine has crashed, for the holder to forget it.
        kind: "TCP" or "TLS", for leak reports.
        is_open: whether a holder still has it; a connection lives on for a while without one.
        is_connected: whether the handshake was ever completed.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        family: int = socket.AF_INET,
        options: dict[tuple[int, int], Any] | None = None,
        place: str | None = None,
    ) -> None:
        self.incarnation, self.host = incarnation, incarnation.host
        self.family, self.options = family, dict(options or {})
        self.place = caller() if place is None else place
        self.local: Address | None = None
        self.remote: Address | None = None
        self.on_ready: Callable[[], None] | None = None
        self.on_vanish: Callable[[], None] | None = None
        self.kind = "TCP"
        self.is_open, self.is_connected = True, False
        self._ports = incarnation.host.ports
        self._ports.endpoints[self] = None
        self._loop = incarnation.host.net.loop
        self._connection: Connection | None = None
        self._listener: p2plib.sim.tcp.listener.TcpListener | None = None
        self._error: OSError | None = None
        self._shut = self._gone = self._work_is_due = self._wants_room = self._has_news = False
        self._is_working = False
        self._told = 1  # the position after the last byte that the holder knows of
        self._rings_at_s: float | None = None

    def what_it_is(self) -> str:
        """Describe what it is and where it was made, for an error."""
        if self.local is None or self.remote is None:
            return f"a TCP socket, made by {self.place}"
        local, remote = (f"{ip}:{port}" for ip, port in (self.local, self.remote))
        return f"a {self.kind} connection from {local} to {remote}, made by {self.place}"

    # Beginning

    def bind(self, address: Address, *, shared: bool = False) -> None:
        """Bind it to a local address; port 0 stands for a free one.

        Args:
            address: an IP address of this host, "0.0.0.0" or "::", and a port.
            shared: whether others may have it, too.

        Raises:
            OSError: EINVAL, it has one already; EADDRNOTAVAIL; EADDRINUSE.
        """
        if shared and self.local is None:
            self.local = self.host.local(address, self.host.listening, address[0])
            self._ports.enter(self, "tcp")
        else:
            self._ports.bind(self, "tcp", address)

    def connect(self, remote: Address) -> None:
        """Begin to connect. When it is writable, it is connected, or `take_error` returns why not.

        Raises:
            OSError: EISCONN, EALREADY, EADDRNOTAVAIL, EINVAL, ENETUNREACH.
        """
        if self._connection is not None:
            number = errno.EISCONN if self.is_connected else errno.EALREADY
            raise OSError(number, "the socket is connected, or about to be; use another one")
        own = self.local or ("::" if ":" in remote[0] else "0.0.0.0", 0)
        remote = self._ports.itself(own[0], remote[0]), remote[1]
        if multicast.is_for_many(self.host, remote[0]):
            raise OSError(errno.ENETUNREACH, f"Network is unreachable: {remote[0]} is not a single machine")
        local = self._ports.source_for(own, remote[0])
        if not local[1]:
            local = local[0], self._ports.port_to(local[0], remote)
        elif (local, remote) in self._ports.tcp:
            raise OSError(
                errno.EADDRNOTAVAIL,
                f"Cannot assign requested address: {local} is connected to {remote} already",
            )
        self._begin(local, remote)
        self.machine.open()
        self._turn()

    def accept(
        self, listener: p2plib.sim.tcp.listener.TcpListener, local: Address, remote: Address, syn: Segment
    ) -> None:
        """Begin a connection with a SYN that has arrived at a listener, which is told of the outcome.

        A program holds it only after `is_accepted`.
        """
        self._listener, self.is_open = listener, False
        self._ports.endpoints.pop(self, None)
        self._begin(local, remote)
        self.machine.accept(syn)
        self._turn()

    def is_accepted(self) -> None:
        """Note that a program has accepted it."""
        self.is_open = True
        self._ports.endpoints[self] = None

    def _begin(self, local: Address, remote: Address) -> None:
        self._ports.release(self, "tcp")
        self.local, self.remote = local, remote
        self._connection = Connection(initial_sequence_number(self.host, local, remote))
        self._connection.set_reading(False)  # bytes wait for `read`
        self._size_buffers(self._connection, is_known=False)
        self._send = self.host.net.fabric.path(self.host, "tcp", local, remote).send
        self._ports.enter(self, "tcp")
        self._ports.tcp[local, remote] = self

    @property
    def machine(self) -> Connection:
        """The connection itself.

        Raises:
            OSError: ENOTCONN, there is none.
        """
        if self._connection is None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return self._connection

    # Between the machine and the world

    def receive(self, segment: Segment) -> None:
        """Take a segment that arrived for this connection."""
        self.machine.receive(segment, self._loop.now)
        self._handle_events()
        if not self._work_is_due:
            loop, heap = self._loop, self._loop._heap
            if heap and heap[0][0] <= loop.now:  # rule 4: another one may come
                self._work_is_due = True
                loop.schedule(loop.now, self._work, None)
            else:
                self._work(None)

    def _work(self, _: None) -> None:
        """Notify the holder of what has arrived at this instant, and send what is to be sent then."""
        self._work_is_due = False
        if self._gone:
            return
        self._look()
        has_news, self._has_news = self._has_news, False
        if has_news and self.on_ready is not None:
            self._is_working = True
            try:
                self.on_ready()
            finally:
                self._is_working = False
        self._turn()

    def _look(self) -> None:
        """Find out whether there is news for the holder."""
        connection = self.machine
        self._handle_events()
        has_room = self._wants_room and self.writable
        if has_room or connection.receiver.nxt != self._told:
            self._wants_room &= not has_room
            self._told = connection.receiver.nxt
            self._has_news = True

    def _flush(self) -> None:
        """Send what the machine has to send, and set its timer."""
        if self._gone:
            return  # a program has made its own host crash
        connection = self.machine
        for segment in connection.segments_to_send(self._loop.now):
            self._send(segment)
        when = connection.timer()
        if when is not None and (self._rings_at_s is None or when < self._rings_at_s):
            self._rings_at_s = when
            self._loop.schedule(when, self._ring, when)

    def _turn(self) -> None:
        """Carry out what the holder has set off, now or at the end of `_work`."""
        if self._is_working:
            return
        self._handle_events()
        self._flush()

    def _ring(self, when: float) -> None:
        if when == self._rings_at_s and not self._gone:
            self._rings_at_s = None
            self.machine.on_timer(self._loop.now)
            self._work(None)

    def _handle_events(self) -> None:
        for event in self.machine.events():
            self._handle(event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Connected):
            self.is_connected = True
            self._has_news = True
            if self._listener is not None:
                self._listener.established(self)
        elif isinstance(event, ConnectionClosed):
            self._forget()
        elif isinstance(event, Reset | TimedOut):
            self._error = self._error_of(event)
            self._has_news = True

    def _error_of(self, event: Reset | TimedOut) -> OSError:
        if isinstance(event, TimedOut):
            return TimeoutError(errno.ETIMEDOUT, "Connection timed out")
        if event.refused:
            return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        if self.machine.receiver.finished:
            return BrokenPipeError(errno.EPIPE, "Broken pipe")
        return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    def _forget(self) -> None:
        """Free the two addresses: the connection has ended."""
        if self._ports.tcp.get((self.local, self.remote)) is self:
            del self._ports.tcp[self.local, self.remote]
        self._ports.release(self, "tcp")
        if self._listener is not None and not self.is_connected:
            self._listener.failed(self)

    # What the holder does

    @property
    def readable(self) -> bool:
        """Whether `read` would return bytes, raise an error, or report the end."""
        connection = self._connection
        return connection is not None and bool(
            connection.unread_bytes
            or self._error is not None
            or connection.receiver.finished
            or connection.state is State.CLOSED
        )

    @property
    def writable(self) -> bool:
        """Whether there is enough room (a third of the send buffer, as on Linux), or an error."""
        connection = self._connection
        if connection is None or self._error is not None or connection.state is State.CLOSED:
            return True
        return self.is_connected and 2 * connection.sender.room >= connection.unacknowledged_bytes

    @property
    def at_eof(self) -> bool:
        """Whether everything that will ever come has been read."""
        connection = self._connection
        over = connection is not None and (connection.receiver.finished or connection.state is State.CLOSED)
        return over and self._error is None and not self.unread

    @property
    def is_known_to_end(self) -> bool:
        """Whether the other side knows that this one has ended: everything was acknowledged, the FIN too."""
        return self._connection is None or self._connection.state in _END_IS_KNOWN

    @property
    def is_over(self) -> bool:
        """Whether nothing more goes either way, and the kernel at most waits out TIME_WAIT."""
        return self._connection is not None and self._connection.state in (State.CLOSED, State.TIME_WAIT)

    @property
    def expects_more(self) -> bool:
        """Whether a program has it open, and has heard of no end by the other side."""
        connection = self._connection
        return self.is_open and connection is not None and connection.state in _EXPECTS_MORE

    @property
    def was_closed(self) -> bool:
        """Whether its program has closed it, and the kernel is still telling the other side so."""
        return not self.is_open and self._connection is not None and self._connection.sender.eof

    @property
    def unread(self) -> int:
        """How many bytes wait for `read`."""
        return 0 if self._connection is None else self._connection.unread_bytes

    @property
    def unsent(self) -> int:
        """How many bytes were taken and are not known to have arrived (Linux's SIOCOUTQ)."""
        return 0 if self._connection is None else self._connection.unacknowledged_bytes

    def set_option(self, level: int, option: int, value: Any) -> None:
        """Set an option; SO_SNDBUF and SO_RCVBUF fix sizes that otherwise grow by themselves.

        Args:
            level: SOL_SOCKET and the like.
            option: its number.
            value: its value as the kernel keeps it: a buffer's size is twice what a program asks for.
        """
        self.options[level, option] = value
        if self._connection is not None:
            self._size_buffers(self._connection, is_known=True)

    def _size_buffers(self, connection: Connection, *, is_known: bool) -> None:
        """Apply SO_SNDBUF and SO_RCVBUF: half of the size that Linux keeps is for the data itself.

        Args:
            connection: the connection whose buffers they are.
            is_known: whether a window has been announced to the other side.
        """
        to_send = self.options.get((socket.SOL_SOCKET, socket.SO_SNDBUF))
        to_read = self.options.get((socket.SOL_SOCKET, socket.SO_RCVBUF))
        if to_send is not None:
            connection.sender.buffer_size = to_send // 2
        if to_read is not None:
            connection.receiver.set_capacity(to_read // 2, is_known=is_known)

    def take_error(self) -> OSError | None:
        """Return the pending error (SO_ERROR) and clear it; None if there is none."""
        error, self._error = self._error, None
        return error

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Send bytes.

        Returns:
            How many were taken, from the front; 0 if there is no room, or no connection yet.

        Raises:
            OSError: the pending error; EPIPE, after `shutdown_write` or when the connection has ended.
        """
        connection = self._connection
        if self._error is not None:
            raise self._taken()
        if self._shut or connection is None or connection.state is State.CLOSED:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        room = connection.sender.room if self.is_connected else 0
        if room <= 0:
            self._wants_room = True
            return 0
        self._wants_room = len(data) > room
        taken = memoryview(data)[:room] if self._wants_room else data
        connection.write(taken)
        self._turn()
        return len(taken)

    def read(self, size: int) -> bytes:
        """Return bytes that have arrived, *size* at most; b"" if there are none, now or ever (`at_eof`).

        Raises:
            OSError: the pending error, or ENOTCONN.
        """
        connection = self.machine
        data = connection.read(size, self._loop.now)
        if data:
            self._turn()
        elif self._error is not None:
            raise self._taken()
        return data

    def _taken(self) -> OSError:
        error = self.take_error()
        assert error is not None
        return error

    def shutdown_write(self) -> None:
        """Send a FIN after what was taken; the other direction stays open.

        Raises:
            OSError: ENOTCONN.
        """
        connection = self.machine
        if not self.is_connected or self.is_over:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        self._shut = True
        connection.write_eof()
        self._turn()

    def close(self) -> None:
        """Close it for the holder (rule 3); the kernel ends the connection by itself."""
        if self.is_open:
            is_on, time_s = struct.unpack(
                "ii", self.options.get((socket.SOL_SOCKET, socket.SO_LINGER), bytes(8))
            )
            self._end(is_cut=bool(is_on) and not time_s)

    def abort(self) -> None:
        """Close it for the holder, and end the connection with a RST."""
        self._end(is_cut=True)

    def _end(self, *, is_cut: bool) -> None:
        self._let_go()
        if self._connection is None:
            self._ports.release(self, "tcp")
            return
        if is_cut:
            self._connection.abort()
        else:
            self._connection.close(self._loop.now)
        self._turn()

    def _let_go(self) -> None:
        self.is_open, self.on_ready = False, None
        self._ports.endpoints.pop(self, None)

    def gives_way_to(self, syn: Segment) -> bool:
        """Return whether it has ended, in TIME_WAIT, for a SYN that is to begin a new connection."""
        assert self.local is not None
        assert self.remote is not None
        is_over = self.machine.gives_way_to(syn, initial_sequence_number(self.host, self.local, self.remote))
        self._turn()
        return is_over

    def cut_off(self) -> None:
        """End the connection as if the other side had sent a RST."""
        self.machine.cut_off()
        self._work(None)

    def vanish(self) -> None:
        """Disappear without a word: the machine has crashed."""
        self._gone = True
        self._let_go()
        if self.on_vanish is not None:
            self.on_vanish()
        self._forget()


def initial_sequence_number(host: Host, local: Address, remote: Address) -> int:
    """Return a number from a clock and a keyed hash of the addresses (RFC 9293, 3.4.1), below 2**32."""
    key = f"{host.net.seed}/tcp/{host.name}/{local}/{remote}".encode()
    clock = int(host.net.loop.time() * ISS_TICKS_PER_S)
    return (int.from_bytes(hashlib.sha256(key).digest()[:4], "big") + clock) % MODULUS
