"""An open TCP socket: what each call of a `socket.socket` does with the kernel's endpoint or listener.

Rules:

* A new socket has an endpoint. `listen` puts a listener in its place, at the same address.
* `connect` begins to connect, and raises EINPROGRESS; when the socket is writable, SO_ERROR has the outcome.
  After a failed attempt the socket may try again, with a new endpoint.
* Errors come as Linux has them, each once.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address
from p2plib.sim.sockets.constants import MSG_ERRQUEUE, MSG_PEEK
from p2plib.sim.sockets.kernel import shown_to
from p2plib.sim.sockets.opened import Opened, Taken, fail, would_wait
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener


class OpenStream(Opened):
    """An open TCP socket.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_INET or AF_INET6.
        proto: the protocol's number, as the program gave it.
        end: the endpoint or listener; a new endpoint by default.
    """

    end: TcpEndpoint | TcpListener

    def __init__(self, incarnation: Incarnation, family: int, proto: int = 0, end: Any = None) -> None:
        super().__init__(
            incarnation, family, socket.SOCK_STREAM, proto, end or TcpEndpoint(incarnation, family)
        )
        self._peeked = b""
        self._bound: Address | None = None
        self._may_read = True
        self._knows_it_is_connected = False

    @property
    def listening(self) -> bool:
        """Whether it listens for connections."""
        return isinstance(self.end, TcpListener)

    @property
    def readable(self) -> bool:
        """Whether there are bytes, an error, the end of the stream or a connection."""
        return bool(self._peeked) or not self._may_read or self._unconnected() or bool(self.end.readable)

    @property
    def writable(self) -> bool:
        """Whether there is room to write, or an error pending."""
        return self._unconnected() or bool(self.end.writable)

    def _unconnected(self) -> bool:
        """Whether it was never connected: Linux polls such a socket as ready, for every call fails."""
        return self.end.remote is None and not self.listening

    def _resolved(self, address: Any, call: str) -> Address:
        return self.incarnation.host.net.names.resolve(address, self.family, call)

    def set_option(self, key: tuple[int, int], value: int | bytes) -> None:
        """Set an option; an endpoint may change its buffers because of it."""
        if isinstance(self.end, TcpEndpoint):
            self.end.set_option(*key, value)
        else:
            self.end.options[key] = value

    # Beginnings

    def bind(self, address: Any) -> None:
        """Bind it to a local address."""
        if self.listening or self.end.local is not None:
            raise fail(errno.EINVAL)
        self.end.bind(self._resolved(address, "bind()"))  # type: ignore[union-attr]
        self._bound = self.end.local

    def listen(self, backlog: int) -> None:
        """Listen for connections from now on."""
        self.listener().listen(backlog)

    def listener(self) -> TcpListener:
        """Return its listener, which takes the place of an endpoint that was never connected."""
        if isinstance(self.end, TcpListener):
            return self.end
        if self.end.remote is not None:
            raise fail(errno.EINVAL)
        if self.end.local is None:
            self.bind((self._everywhere(), 0))
        old, local = self.end, self.end.local
        assert local is not None
        found = TcpListener(self.incarnation, local, old.options, old.place, instead_of=old)
        self._replace(found)
        return found

    def _replace(self, end: TcpEndpoint | TcpListener) -> None:
        old, self.end = self.end, end
        end.on_ready, old.on_ready = old.on_ready, None
        if old.is_open:
            old.close()

    def connect(self, address: Any) -> None:
        """Begin to connect.

        Raises:
            BlockingIOError: EINPROGRESS, the attempt has begun; EALREADY, it is still going on.
            OSError: EISCONN, what made the last attempt fail, or what the network refuses at once.
        """
        end = self.end
        if isinstance(end, TcpListener):
            raise fail(errno.EISCONN)
        if end.remote is not None:
            self._connect_again(end)
            return
        end.connect(self._resolved(address, "connect()"))
        raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))

    def _connect_again(self, end: TcpEndpoint) -> None:
        """Report how the last attempt went, once, as Linux does."""
        if end.is_connected:
            if self._knows_it_is_connected:
                raise fail(errno.EISCONN)
            self._knows_it_is_connected = True
        elif not end.writable:
            raise BlockingIOError(errno.EALREADY, os.strerror(errno.EALREADY))
        else:
            error = end.take_error() or fail(errno.ECONNABORTED)
            fresh = TcpEndpoint(self.incarnation, self.family, end.options, end.place)
            self._replace(fresh)
            if self._bound is not None:
                fresh.bind(self._bound)
            raise error

    def accept(self) -> OpenStream:
        """Return the connection that has waited longest."""
        if not isinstance(self.end, TcpListener):
            raise fail(errno.EINVAL)
        endpoint = self.end.accept()
        if endpoint is None:
            raise would_wait()
        return OpenStream(self.incarnation, self.family, self.proto, endpoint)

    # Names

    def name(self) -> Any:
        """Return its own address, as `getsockname` does."""
        return shown_to(self.family, self.end.local or (self._everywhere(), 0))

    def _everywhere(self) -> str:
        return "::" if self.family == socket.AF_INET6 else "0.0.0.0"

    def peer(self) -> Any:
        """Return the other end's address, as `getpeername` does."""
        end = self.end
        if isinstance(end, TcpListener) or end.remote is None or not end.is_connected or end.is_over:
            raise fail(errno.ENOTCONN)
        return shown_to(self.family, end.remote)

    # Bytes

    def give(self, data: bytes, address: Any = None, ancillary: Any = ()) -> int:
        """Hand bytes to the kernel, and return how many it took; *address* is ignored, as on Linux."""
        end = self.end
        if isinstance(end, TcpListener) or end.remote is None:
            raise fail(errno.EPIPE)
        taken = end.write(data)
        if not taken and data:
            raise would_wait()
        return taken

    def take(self, size: int, flags: int) -> Taken:
        """Return bytes that have arrived, *size* at most; b"" at the end of the stream."""
        if flags & MSG_ERRQUEUE:
            raise would_wait()
        end = self.end
        if isinstance(end, TcpListener) or end.remote is None:
            raise fail(errno.ENOTCONN)
        data, self._peeked = self._peeked[:size], self._peeked[size:]
        if len(data) < size and (end.unread or not data):  # an error waits until all bytes are read
            data += end.read(size - len(data))
        if flags & MSG_PEEK:
            self._peeked = data + self._peeked
        if not data and self._may_read and not end.at_eof:
            raise would_wait()
        return data, None, [], 0

    def shutdown(self, how: int) -> None:
        """Shut down one direction, or both."""
        end = self.end
        if isinstance(end, TcpListener):
            if how in (socket.SHUT_RD, socket.SHUT_RDWR):
                self._stop_listening(end)
            return
        if end.remote is None or not end.is_connected:
            raise fail(errno.ENOTCONN)
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            self._may_read = False
            self.wake()
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            end.shutdown_write()

    def _stop_listening(self, end: TcpListener) -> None:
        """Make a listener an unconnected socket again, at the same address: Linux does so on shutdown."""
        fresh, local = TcpEndpoint(self.incarnation, self.family, end.options, end.place), end.local
        self._replace(fresh)
        if local is not None:
            fresh.bind(local)
