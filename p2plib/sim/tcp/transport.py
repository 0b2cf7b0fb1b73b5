"""SimStreamTransport: the asyncio transport of one TCP connection in the simulated internet. A driver.

The machine is `p2plib.sim.tcp.connection`; this gives it the loop's timers, the host's network and a
protocol.

Rules
    1. What the transport calls its write buffer is what was written and never sent. Bytes under way are the
       network's, as they are an operating system's behind a real transport.
    2. `close` sends what is in that buffer first. When it is empty, the protocol hears `connection_lost` and
       the connection goes on without it, as it does inside an operating system: a FIN goes out, or a RST if
       bytes were left unread or still come.
    3. `abort` forgets the buffer and then does the same: the other end sees an early end of the stream, and
       no error. That is what asyncio does on a real socket, too. For a RST, set SO_LINGER with a time of 0.
    4. Who neither waits for bytes (reading is paused, or the end has come) nor has bytes in the buffer hears
       that the connection was reset or timed out when it reads or writes again: asyncio does not look.
    5. All callbacks run in the context in which the connection was made, and so on its host.

Vocabulary: *local* and *remote* are the two addresses as this host sees them; *gone* means that the host's
machine has crashed and nothing may happen any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import socket
import struct
from asyncio import protocols
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from p2plib.sim.capture.trace import shown
from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address, Segment
from p2plib.sim.sockets.sockets import SimSocket
from p2plib.sim.tcp import tls
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.states import (
    Connected,
    ConnectionClosed,
    DataReceived,
    EofReceived,
    Event,
    Reset,
    State,
    TimedOut,
)

if TYPE_CHECKING:
    from p2plib.sim.tcp.server import SimServer

HIGH_WATER = 65_536  # asyncio's own
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


class SimStreamTransport(asyncio.Transport):
    """One end of a TCP connection.

    Args:
        incarnation: the life of the host that it belongs to.
        local: its own address.
        remote: the other end's.
        connection: the machine, not begun.
        server: the listener that it came in at; None for a connection that this host opens.

    Attributes:
        is_open: whether a program still has it; a connection lives on for a while without one.
        connected: done when the handshake is, or failed with what an operating system says; for clients.
    """

    _start_tls_compatible = True  # asyncio's `start_tls` asks

    def __init__(
        self,
        incarnation: Incarnation,
        local: Address,
        remote: Address,
        connection: Connection,
        server: SimServer | None = None,
    ) -> None:
        super().__init__()
        self._incarnation, self._host, self._loop = incarnation, incarnation.host, incarnation.host.net.loop
        self.local, self.remote, self.connection = local, remote, connection
        self._server = server
        self._protocol: Any = None
        self._socket = SimSocket(self, local, remote, udp=False)
        self.context = contextvars.copy_context()
        self.place = caller() if server is None else server.place
        self.connected: asyncio.Future[None] = self._loop.create_future()
        self._rings_at_s: float | None = None
        self._closing = self._lost = self._gone = self._pumping = self._inside = False
        self._error: OSError | None = None  # what has ended the connection, told or not
        self._waits_to_write = self._eof_told = False
        self._eof_written = self._reading_paused = self._writing_paused = False
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4
        connection.set_reading(False)  # until there is a protocol
        self._host.tcp[local, remote] = self

    @property
    def is_open(self) -> bool:
        return not self._lost

    def what_it_is(self) -> str:
        """Return words for what it is and who made it."""
        local, remote = (f"{ip}:{port}" for ip, port in (self.local, self.remote))
        kind = "TLS" if tls.is_tls(self._protocol) else "TCP"
        return f"a {kind} connection from {local} to {remote}, made by {self.place}"

    # Between the machine and the world

    def receive(self, segment: Segment) -> None:
        """Takes a segment that arrived for this connection."""
        self.connection.receive(segment, self._loop.time())
        self.pump()

    def pump(self) -> None:
        """Hands on what the machine has to say, as often as it has; call it after everything done to it."""
        if self._pumping or self._gone:
            return
        self._pumping = True
        try:
            while True:
                while events := self.connection.events():
                    for event in events:
                        self._handle(event)
                if self._is_gone():
                    return
                for segment in self.connection.segments_to_send(self._loop.time()):
                    self._host.send_segment(self.local, self.remote, segment)
                if not self._after_sending():
                    break
        finally:
            self._pumping = False
        self._set_timer()

    def _is_gone(self) -> bool:
        return self._gone  # a program may have let its own host crash

    def _after_sending(self) -> bool:
        """What an emptier buffer brings about. Whether the machine has to be looked at again."""
        if self._lost:
            return False
        unsent = self.connection.unsent_bytes
        self._waits_to_write = unsent > 0
        if self._writing_paused and unsent <= self._low:
            self._writing_paused = False
            self._tell(self._protocol.resume_writing)
            return True
        if self._closing and not unsent:
            self._let_go(None)
            return True
        return False

    def _set_timer(self) -> None:
        """Puts the machine's timer on the loop's heap, unless one that rings no later is there already.

        It is an event and no `call_at`: whoever looks for timers that a program forgot shall not find it.
        """
        when = self.connection.timer()
        if when is not None and (self._rings_at_s is None or when < self._rings_at_s):
            self._rings_at_s = when
            self._loop.schedule(when, self._ring, when)

    def _ring(self, when: float) -> None:
        if when == self._rings_at_s and not self._gone:
            self._rings_at_s = None
            self.connection.on_timer(self._loop.time())
            self.pump()

    def _handle(self, event: Event) -> None:
        if self._gone:
            return
        if isinstance(event, DataReceived):
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                self._tell(protocols._feed_data_to_buffered_proto, self._protocol, event.data)  # type: ignore[attr-defined]
            else:
                self._tell(self._protocol.data_received, event.data)
        elif isinstance(event, EofReceived):
            self._eof_told = True
            if not self._closing and not self._tell(self._protocol.eof_received):
                self.close()
        elif isinstance(event, Connected):
            self._is_connected()
        elif isinstance(event, ConnectionClosed):
            self._forget()
        else:
            self._fail(event)

    def _is_connected(self) -> None:
        if self._server is not None:
            self._server.accepted(self)
        elif not self.connected.done():
            self.connected.set_result(None)
        else:
            self.abort()  # whoever wanted it was cancelled at this very moment

    def _fail(self, event: Reset | TimedOut) -> None:
        """RST and time-out, as an operating system says them."""
        if self._protocol is None:
            number = errno.ETIMEDOUT
            if isinstance(event, Reset):
                number = errno.ECONNREFUSED if event.refused else errno.ECONNRESET
            if not self.connected.done() and self._server is None:
                self.connected.set_exception(OSError(number, f"Connect call failed {shown(self.remote)}"))
            return
        if isinstance(event, TimedOut):
            self._error = TimeoutError(errno.ETIMEDOUT, "Connection timed out")
        elif self._eof_told:
            self._error = BrokenPipeError(errno.EPIPE, "Broken pipe")
        else:
            self._error = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        if self._waits_to_write or (self.is_reading() and not self._eof_told):  # rule 4
            self._lose(self._error)

    def _tell(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Calls the protocol; if it raises, the connection is lost, as with asyncio."""
        try:
            return self._run(callback, *args)
        except Exception as error:
            message = {
                "message": f"protocol.{getattr(callback, '__name__', 'callback')}() raised",
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
            self._run(self._loop.call_exception_handler, message)
            if not self._gone:
                self.connection.discard_unsent()
                self._let_go(error)
            return True

    def _run(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Rule 5. A context cannot be entered twice, and a callback may call us, who call back."""
        if self._inside:
            return callback(*args)
        self._inside = True
        try:
            return self.context.run(callback, *args)
        finally:
            self._inside = False

    # Beginning and end

    def begin(self, protocol: asyncio.BaseProtocol) -> None:
        """Gives the connection its protocol, which may read from now on."""
        self._protocol = protocol
        self._tell(protocol.connection_made, self)
        if not self._closing and not self._reading_paused:
            self.connection.set_reading(True)
        self.pump()

    def _let_go(self, error: Exception | None) -> None:
        """The program's part of the connection is over; the machine goes on by itself."""
        linger = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER)
        if linger == RESET_ON_CLOSE:
            self.connection.abort()
        else:
            self.connection.close(self._loop.time())
        self._lose(error)

    def _lose(self, error: Exception | None) -> None:
        self._closing = True
        if not self._lost:
            self._lost = True
            self._loop.call_soon(self._call_connection_lost, error)

    def _call_connection_lost(self, error: Exception | None) -> None:
        if self._gone:
            return
        try:
            if self._protocol is not None:
                self._run(self._protocol.connection_lost, error)
        except Exception as raised:
            message = {"message": "protocol.connection_lost() raised", "exception": raised, "transport": self}
            self._run(self._loop.call_exception_handler, message)
        finally:
            if self._server is not None:
                self._server.detach(self)

    def _forget(self) -> None:
        """The machine is closed: the two addresses are free again."""
        if self._host.tcp.get((self.local, self.remote)) is self:
            del self._host.tcp[self.local, self.remote]
        if self._protocol is None:
            self._lost = True
            if self._server is not None:
                self._server.detach(self)

    def vanish(self) -> None:
        """Be gone without a word: the machine has crashed."""
        self._gone = self._closing = self._lost = True
        tls.forget(self._protocol)
        self._forget()

    # asyncio.Transport

    def write(self, data: Any) -> None:
        """Sends bytes, or keeps them until they can be sent."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._closing:
            return
        if self.connection.state is State.CLOSED:
            self._lose(self._error)
            return
        self.connection.write(data)
        self.pump()
        if not self._writing_paused and self.connection.unsent_bytes > self._high:
            self._writing_paused = True
            self._tell(self._protocol.pause_writing)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Sends several pieces as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Return True: the two directions end each by itself."""
        return True

    def write_eof(self) -> None:
        """Ends our direction behind what is in the buffer; the other one goes on."""
        if not self._closing and not self._eof_written:
            self._eof_written = True
            self.connection.write_eof()
            self.pump()

    def close(self) -> None:
        """Closes, once everything in the buffer is sent (rule 2)."""
        if not self._closing:
            self._closing = True
            self.connection.set_reading(False)
            self.pump()

    def abort(self) -> None:
        """Closes at once; what is in the buffer is lost (rule 3)."""
        self._force_close(None)

    def _force_close(self, error: Exception | None) -> None:
        """The same, and *error* is why: asyncio's TLS calls it."""
        if not self._lost:
            self.connection.discard_unsent()
            self._let_go(error)
            self.pump()

    def reset(self) -> None:
        """Cuts the connection with a RST: nobody was ever told of it."""
        self.connection.abort()
        self._lose(None)
        self.pump()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether bytes that arrive are handed on."""
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Hands no bytes on until `resume_reading`; the other side may send a window full meanwhile."""
        if self.is_reading():
            self._reading_paused = True
            self.connection.set_reading(False)

    def resume_reading(self) -> None:
        """Hands bytes on again, those that came meanwhile first, after what is being done now."""
        if not self._closing and self._reading_paused:
            self._reading_paused = False
            self._loop.call_soon(self._read_again)

    def _read_again(self) -> None:
        if self.is_reading() and self._protocol is not None and not self._gone:
            self.connection.set_reading(True)
            self.pump()
            if self._error is not None:
                self._lose(self._error)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Sets the marks, in bytes, above and below which the protocol is told to pause and to go on."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks (low, high) in bytes."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes were written and not sent."""
        return self.connection.unsent_bytes

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol told of what happens from now on."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol that is told of what happens."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sockname", "peername" or "socket"."""
        found = {"sockname": shown(self.local), "peername": shown(self.remote), "socket": self._socket}
        return found.get(name, default)
