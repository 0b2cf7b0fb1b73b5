"""SimStreamTransport: the asyncio transport of one TCP connection in the simulated internet. A driver.

It sits on a `p2plib.sim.tcp.endpoint`, as asyncio's own sits on a non-blocking socket.

Rules
    1. What the kernel's send buffer has no room for waits in the transport's write buffer, and the protocol
       is paused when that grows too large. Bytes that the kernel has taken no longer count.
    2. `close` first hands the kernel what is in the write buffer. When that is empty, `connection_lost` is
       called, and the kernel goes on by itself: see `p2plib.sim.tcp.endpoint`, rule 3.
    3. `abort` drops the write buffer and then does the same: the other end sees an early end of the stream,
       and no error. That is what asyncio does on a real socket, too. For a RST, set SO_LINGER with a time
       of 0.
    4. A transport that is not reading (it is paused, or the end has come) and has nothing in its write buffer
       notices that the connection was reset or timed out only when it reads or writes again: asyncio does
       not look earlier either.
    5. All callbacks run in the context in which the connection was made, and so on its host.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from p2plib.sim.sockets.arguments import write_buffer_limits
from p2plib.sim.sockets.kernel import shown_to
from p2plib.sim.sockets.sockets import SimSocket, socket_of
from p2plib.sim.tcp import tls
from p2plib.sim.tcp.endpoint import TcpEndpoint

if TYPE_CHECKING:
    from p2plib.sim.tcp.server import SimServer

HARMLESS = (
    "connection_made",
    "pause_writing",
    "resume_writing",
)  # an error in one of these does not end a connection
READ_AT_MOST = 262_144  # asyncio's own, bytes for one `data_received`


class SimStreamTransport(asyncio.Transport):
    """One end of a TCP connection.

    Args:
        endpoint: the kernel's end of it, connected.
        protocol: the protocol that it serves.
        server: the server that accepted it; None for a connection that this host opened.
        sock: the program's own socket for this endpoint; None if the program has none.
    """

    _start_tls_compatible = True  # asyncio's `start_tls` checks this

    def __init__(
        self,
        endpoint: TcpEndpoint,
        protocol: asyncio.BaseProtocol,
        server: SimServer | None = None,
        sock: SimSocket | None = None,
    ) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.set_protocol(protocol)
        self._loop, self._server = endpoint.host.net.loop, server
        self._local, self._remote = endpoint.local, endpoint.remote
        self._socket = sock
        if endpoint.family in (socket.AF_INET, socket.AF_INET6) and (sock is None or sock.proto):
            endpoint.options[socket.IPPROTO_TCP, socket.TCP_NODELAY] = 1  # asyncio does that
        if sock is not None:
            sock.opened.transport = self
        self.context = contextvars.copy_context()
        self._buffer: deque[bytes | memoryview] = deque()  # what the kernel has not taken
        self._buffered = 0
        self._low, self._high = write_buffer_limits(None, None)
        self._closing = self._lost = self._inside = False
        self._eof_told = self._eof_written = self._reading_paused = self._writing_paused = False

    def begin(self) -> None:
        """Call the protocol's `connection_made`, and read from now on."""
        self.endpoint.on_ready = self._on_ready
        self._tell(self._whole.connection_made, self)
        if self.endpoint.readable:
            self._on_ready()

    @property
    def _whole(self) -> Any:
        return self._protocol  # of whichever kind it is

    # What the kernel has to say

    def _on_ready(self) -> None:
        """Read and write as long as there is something to do."""
        if not self.endpoint.is_open:
            self._lose(None)  # the kernel has closed it: the host stops
            if self.endpoint.on_vanish is not None and not self.endpoint.incarnation.alive:
                self.endpoint.on_vanish()  # no line of the program runs any more
            return
        if self._buffer:
            self._send()
        while self._waits_for_bytes() and self.endpoint.readable:
            self._receive()

    def _waits_for_bytes(self) -> bool:
        return self.endpoint.is_open and not (self._closing or self._reading_paused or self._eof_told)

    def _receive(self) -> None:
        is_buffered = isinstance(self._protocol, asyncio.BufferedProtocol)
        room = self._tell(self._room) if is_buffered else None
        if self._lost:
            return
        try:
            data = self.endpoint.read(READ_AT_MOST if room is None else len(room))
        except OSError as error:
            self._let_go(error)
            return
        if not data:
            self._eof_told = True
            if not self._tell(self._whole.eof_received):
                self.close()
        elif room is not None:
            room[: len(data)] = data
            self._tell(self._whole.buffer_updated, len(data))
        else:
            self._tell(self._whole.data_received, data)

    def _room(self) -> memoryview:
        """Return where the protocol wants its next bytes."""
        room = memoryview(self._whole.get_buffer(-1)).cast("B")
        if not room:
            raise RuntimeError("get_buffer() returned an empty buffer")
        return room

    def _send(self) -> None:
        """Hand the kernel what it has room for, and act on the emptier buffer."""
        buffer = self._buffer
        try:
            while buffer:
                taken = self.endpoint.write(buffer[0])
                self._buffered -= taken
                if taken < len(buffer[0]):
                    buffer[0] = memoryview(buffer[0])[taken:]
                    break
                buffer.popleft()
        except OSError as error:
            self._let_go(error)
            return
        if self._writing_paused and self._buffered <= self._low:
            self._writing_paused = False
            self._tell(self._whole.resume_writing)
        if not buffer and not self._lost:
            if self._closing:
                self._let_go(None)
            elif self._eof_written:
                self.endpoint.shutdown_write()

    def _tell(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Call the protocol. If it raises about what has arrived, the connection is lost, as in asyncio."""
        try:
            return self._run(callback, *args)
        except BaseException as error:
            name = getattr(callback, "__name__", "callback")
            message = {
                "message": f"protocol.{name}() raised",
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
            self._run(self._loop.handle_raised, message)
            if isinstance(error, SystemExit):
                self._let_go(None)
            elif name not in HARMLESS:
                self._let_go(error)
            return True

    def _run(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Rule 5. A context cannot be entered twice, and a callback may call this transport again."""
        if self._inside:
            return callback(*args)
        self._inside = True
        try:
            return self.context.run(callback, *args)
        finally:
            self._inside = False

    # The end

    def _let_go(self, error: BaseException | None) -> None:
        """Close the endpoint; the kernel goes on by itself."""
        if self.endpoint.is_open:
            self.endpoint.close()
        self._lose(error)

    def _lose(self, error: BaseException | None) -> None:
        self._closing = True
        self._buffer.clear()
        self._buffered = 0
        if not self._lost:
            self._lost = True
            self._loop.call_soon(self._call_connection_lost, error)

    def _call_connection_lost(self, error: BaseException | None) -> None:
        if not self.endpoint.incarnation.alive:
            return
        try:
            self._run(self._whole.connection_lost, error)
        except Exception as raised:
            message = {"message": "protocol.connection_lost() raised", "exception": raised, "transport": self}
            self._run(self._loop.call_exception_handler, message)
        finally:
            if self._socket is not None:
                self._socket.close()
            if self._server is not None:
                self._server.detach(self)

    # asyncio.Transport

    def write(self, data: Any) -> None:
        """Send bytes, or keep them until they can be sent."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._closing:
            return
        taken = 0
        if not self._buffer:
            try:
                taken = self.endpoint.write(data)
            except OSError as error:
                self._let_go(error)
                return
        if taken < len(data):
            self._buffer.append(memoryview(data if type(data) is bytes else bytes(data))[taken:])
            self._buffered += len(data) - taken
            if not self._writing_paused and self._buffered > self._high:
                self._writing_paused = True
                self._tell(self._whole.pause_writing)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send several pieces as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Return True: each direction ends by itself."""
        return True

    def write_eof(self) -> None:
        """Send a FIN after what is in the buffer; the other direction stays open."""
        if not self._closing and not self._eof_written:
            self._eof_written = True
            if not self._buffer:
                self.endpoint.shutdown_write()

    def close(self) -> None:
        """Close it, once the kernel has taken everything (rule 2)."""
        if not self._closing:
            self._closing = True
            if not self._buffer:
                self._let_go(None)

    def abort(self) -> None:
        """Close it at once; what is in the buffer is lost (rule 3)."""
        self._force_close(None)

    def _force_close(self, error: Exception | None) -> None:
        """Do the same because of *error*; asyncio's TLS layer calls this."""
        if not self._lost:
            self._let_go(error)

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be.

        On a machine without power it counts as closed, for no program is left that could close it, and
        StreamWriter would warn of it as forgotten.
        """
        return self._closing or not self.endpoint.incarnation.alive

    def is_reading(self) -> bool:
        """Whether bytes that arrive are passed to the protocol."""
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Pass on no bytes until `resume_reading`; the other side may still send a full window."""
        if self.is_reading():
            self._reading_paused = True

    def resume_reading(self) -> None:
        """Pass on bytes again, after what is being done now; those that came in the meantime are first."""
        if not self._closing and self._reading_paused:
            self._reading_paused = False
            self._loop.call_soon(self._on_ready)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits in bytes above which the protocol is paused, and down to which it is resumed."""
        self._low, self._high = write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the limits (low, high) in bytes."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Return how many bytes were written and have not been taken by the kernel."""
        return self._buffered

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol receive what happens from now on."""
        self._protocol = protocol
        if tls.is_tls(protocol):
            self.endpoint.kind, self.endpoint.on_vanish = "TLS", partial(tls.forget, protocol)

    def get_protocol(self) -> Any:
        """Return the protocol that receives what happens."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sockname", "peername" or "socket"; *default* for any other name."""
        if name == "socket":
            if self._socket is None:
                self._socket = socket_of(self, self.endpoint)
            return self._socket
        if name == "sockname":
            return "" if self._local is None else shown_to(self.endpoint.family, self._local)
        if name == "peername":
            return "" if self._remote is None else shown_to(self.endpoint.family, self._remote)
        return default
