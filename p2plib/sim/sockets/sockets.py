"""The simulated `socket.socket`: the interface of Python's own, on the network of the host that makes it.

It is a subclass of `socket.socket`, so that `isinstance` holds, but there is no real socket behind it: only
the parts of the real class that need none are inherited.

Rules:

* Every call does what it does on Linux, with the same errors. Names are looked up at once, without taking
  time.
* A call that would have to wait raises `BlockingIOError` on a non-blocking socket. On a blocking one it is
  refused, for a call that blocks would stop every host. So `sendto`, `bind`, or a `recv` for which data has
  arrived work on any socket; other calls need `setblocking(False)`, and asyncio's `loop.sock_recv`,
  `loop.sock_connect` and so on.
* A socket that nothing refers to any more is closed, with a ResourceWarning, as Python's is.
"""

from __future__ import annotations

import errno
import os
import socket
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

from p2plib.errors import HostDown
from p2plib.sim.sockets import options
from p2plib.sim.sockets.arguments import checked, joined, kind_of, raw
from p2plib.sim.sockets.constants import (
    AF_UNIX,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_ERRQUEUE,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
)
from p2plib.sim.sockets.datagrams import UdpEndpoint
from p2plib.sim.sockets.kernel import shown_to
from p2plib.sim.sockets.opened import (
    Opened,
    Taken,
    current_incarnation,
    descriptor,
    fail,
)
from p2plib.sim.sockets.opened_datagrams import OpenDatagrams
from p2plib.sim.sockets.opened_streams import OpenStream
from p2plib.sim.sockets.refused import refuse
from p2plib.sim.tcp.listener import TcpListener

T = TypeVar("T")

BLOCKS = (
    "a call that blocks would stop every host, in asyncio.to_thread, too; use an asynchronous library in "
    "place of a blocking one. With a socket of your own, call setblocking(False), and await asyncio's "
    "loop.sock_recv, sock_accept, sock_connect and so on, or use streams"
)
_FAMILIES = {*map(int, socket.AddressFamily)}
_HEADER_BYTES = 16  # of one piece of ancillary data


class SimSocket(socket.socket):
    """A socket of the host on which the calling code runs. The arguments are those of `socket.socket`.

    Args:
        family: AF_INET, the default, or AF_INET6.
        type: SOCK_STREAM, the default, or SOCK_DGRAM; SOCK_NONBLOCK may be added.
        proto: 0, or the protocol's number.
        fileno: a descriptor that `detach` returned, to use instead of a new socket.

    Raises:
        UsageError: the calling code runs on no host.
        Unsupported: a simulated host has no sockets of that kind.
    """

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        self._io_refs, self._closed = 0, True
        self._number = -1
        self._timeout = socket.getdefaulttimeout()
        if fileno is not None:
            self._opened = descriptor(fileno)
            self._number, self._closed = fileno, False
            return
        family = socket.AF_INET if family == -1 else int(family)
        type = socket.SOCK_STREAM if type == -1 else int(type)
        if type & SOCK_NONBLOCK:
            self._timeout = 0.0
        kind = kind_of(family, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), max(proto, 0))
        if family not in (socket.AF_INET, socket.AF_INET6) or kind not in (
            socket.SOCK_STREAM,
            socket.SOCK_DGRAM,
        ):
            _refuse_kind(family, kind)
        incarnation, proto = current_incarnation(), max(int(proto), 0)
        make = OpenDatagrams if kind == socket.SOCK_DGRAM else OpenStream
        self._hold(make(incarnation, family, proto))

    def _hold(self, opened: Opened) -> None:
        self._opened = opened
        self._number, self._closed = opened.new_descriptor(), False

    @classmethod
    def of(cls, opened: Opened, timeout: float | None = None) -> SimSocket:
        """Return a socket object for a socket that is open already."""
        found = cls.__new__(cls)
        found._io_refs, found._timeout = 0, timeout
        found._hold(opened)
        return found

    @property
    def opened(self) -> Opened:
        """The open socket behind it.

        Raises:
            OSError: EBADF, it is closed.
            HostDown: its host has crashed or was stopped.
        """
        if self._number < 0:
            raise fail(errno.EBADF)
        if not self._opened.incarnation.alive:
            raise HostDown(f"{self._opened.incarnation.host.name} is down")
        return self._opened

    def _do(self, call: str, action: Callable[[], T]) -> T:
        """Carry out a call, and refuse it if it would have to wait on a blocking socket."""
        try:
            return action()
        except BlockingIOError:
            if self._timeout == 0.0:
                raise
        return refuse(f"a call of socket.{call} that has to wait", BLOCKS)

    # What it is

    @property
    def family(self) -> Any:
        """Its address family, a `socket.AddressFamily` if Python has one of that number."""
        family = self._opened.family
        return socket.AddressFamily(family) if family in _FAMILIES else family

    @property
    def type(self) -> socket.SocketKind:
        """Its kind, without SOCK_NONBLOCK."""
        return socket.SocketKind(self._opened.type)

    @property
    def proto(self) -> int:
        """The number of its protocol, as the program gave it."""
        return self._opened.proto

    @property
    def timeout(self) -> float | None:
        """The time-out of its calls in seconds; None if they block."""
        return self._timeout

    def fileno(self) -> int:
        """Return its descriptor; -1 if it is closed."""
        return self._number

    def getsockname(self) -> Any:
        """Return its own address."""
        return self.opened.name()

    def getpeername(self) -> Any:
        """Return its peer's address."""
        return self.opened.peer()

    def getsockopt(self, level: int, optname: int, buflen: int = 0) -> Any:
        """Return an option, as Linux does: a number, or up to *buflen* bytes."""
        return options.get_option(self.opened, level, optname, buflen)

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None) -> None:
        """Set an option."""
        options.set_option(self.opened, level, optname, value, optlen)

    def setblocking(self, flag: bool) -> None:
        """Let calls block, or not."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """Whether calls block."""
        return self._timeout != 0.0

    def settimeout(self, value: float | None) -> None:
        """Set the time-out of calls in seconds; 0 for not blocking at all, None for no time-out."""
        if self._number < 0:
            raise fail(errno.EBADF)
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._timeout = None if value is None else float(value)

    def gettimeout(self) -> float | None:
        """Return what `settimeout` set."""
        return self._timeout

    def get_inheritable(self) -> bool:
        """Return False: there is no other program."""
        return False

    def set_inheritable(self, inheritable: bool) -> None:
        """Do nothing: there is no other program."""

    # Ends

    def close(self) -> None:
        """Close it."""
        self._closed = True
        if self._io_refs <= 0 and self._number >= 0:
            number, self._number = self._number, -1
            self._opened.close_descriptor(number)

    def detach(self) -> int:
        """Close the object but not its descriptor, and return that."""
        number, self._number, self._closed = self._number, -1, True
        return number

    def dup(self) -> SimSocket:
        """Return another socket object for the same socket."""
        return SimSocket.of(self.opened, self._timeout)

    def __del__(self) -> None:
        if getattr(self, "_number", -1) >= 0:
            if self._opened.incarnation.alive:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._io_refs = 0
            self.close()

    def shutdown(self, how: int) -> None:
        """Shut down one direction (SHUT_RD or SHUT_WR), or both."""
        if how not in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
            raise fail(errno.EINVAL)
        self.opened.shutdown(how)

    # Beginnings

    def _address(self, call: str, address: Any) -> Any:
        return checked(call, self.opened.family, address)

    def bind(self, address: Any) -> None:
        """Bind it to a local address."""
        self.opened.bind(self._address("bind", address))

    def listen(self, backlog: int = 128) -> None:
        """Listen for connections from now on."""
        self.opened.listen(max(0, backlog))

    def accept(self) -> tuple[SimSocket, Any]:
        """Return the connection that has waited longest, and its peer's address."""
        accepted = self._do("accept", self.opened.accept)
        found = SimSocket.of(accepted, socket.getdefaulttimeout())
        return found, shown_to(accepted.family, accepted.end.remote)

    def connect(self, address: Any) -> None:
        """Connect to *address*: UDP at once; TCP begins to, and raises `BlockingIOError`."""
        remote = self._address("connect", address)
        if self._timeout != 0.0 and isinstance(self.opened, OpenStream) and not self.opened.listening:
            refuse("a call of socket.connect that has to wait", BLOCKS)
        self.opened.connect(remote)

    def connect_ex(self, address: Any) -> int:
        """Connect, and return the number of the error instead of raising it; 0 if there is none."""
        try:
            self.connect(address)
        except socket.gaierror:
            raise
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    # Sending

    def send(self, data: Any, flags: int = 0) -> int:
        """Send data to the peer, and return how many bytes were taken."""
        opened, content = self.opened, raw(data)
        return self._do("send", lambda: opened.give(content, None))

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of the data to the peer."""
        opened, rest = self.opened, raw(data)

        def some() -> int:
            return opened.give(rest, None)

        while True:
            rest = rest[self._do("sendall", some) :]
            if not rest:
                return

    def sendto(self, data: Any, *flags_and_address: Any) -> int:
        """Send a datagram to an address."""
        if not 1 <= len(flags_and_address) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(flags_and_address)} given)")
        opened, content = self.opened, raw(data)
        address = self._address("sendto", flags_and_address[-1])
        return self._do("sendto", lambda: opened.give(content, address))

    def sendmsg(
        self, buffers: Iterable[Any], ancdata: Iterable[Any] = (), flags: int = 0, address: Any = None
    ) -> int:
        """Send the contents of several buffers as one; of ancillary data only the source address counts."""
        opened, content, ancillary = self.opened, joined(buffers), list(ancdata)
        to = None if address is None else self._address("sendmsg", address)
        return self._do("sendmsg", lambda: opened.give(content, to, ancillary))

    # Receiving

    def _take(self, call: str, size: int, flags: int) -> Taken:
        if size < 0:
            raise ValueError(f"negative buffersize in {call}")
        opened = self.opened
        if flags & (MSG_DONTWAIT | MSG_ERRQUEUE):
            return opened.take(size, flags)
        return self._do(call, lambda: opened.take(size, flags))

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Receive data, *bufsize* bytes at most."""
        if bufsize == 0:
            return b""  # Python does not ask
        return self._take("recv", bufsize, flags)[0]

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        """Receive data; return it with its sender's address."""
        return self._take("recvfrom", bufsize, flags)[:2]

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive data into a buffer; return how many bytes."""
        if nbytes == 0 and memoryview(buffer).nbytes == 0:
            return 0  # as in `recv`
        return self.recvfrom_into(buffer, nbytes, flags)[0]

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """Receive data into a buffer; return how many bytes, and the sender's address."""
        with memoryview(buffer) as whole, whole.cast("B") as view:
            if nbytes < 0:
                raise ValueError("negative buffersize in recvfrom_into")
            if nbytes > len(view):
                raise ValueError("nbytes is greater than the length of the buffer")
            data, sender, _, _ = self._take("recvfrom_into", nbytes or len(view), flags)
            view[: len(data)] = data
        return len(data), sender

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, Any, int, Any]:
        """Receive data; return it with ancillary data, flags and the sender's address."""
        data, sender, ancillary, told = self._take("recvmsg", bufsize, flags)
        fits = [item for item in ancillary if _HEADER_BYTES + len(item[2]) <= ancbufsize]
        return data, fits, told | (0 if len(fits) == len(ancillary) else MSG_CTRUNC), sender

    def recvmsg_into(
        self, buffers: Iterable[Any], ancbufsize: int = 0, flags: int = 0
    ) -> tuple[int, Any, int, Any]:
        """Receive data into several buffers, one after the other; return its length and as `recvmsg`."""
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        data, ancillary, told, sender = self.recvmsg(sum(map(len, views)), ancbufsize, flags)
        rest = data
        for view in views:
            part, rest = rest[: len(view)], rest[len(view) :]
            view[: len(part)] = part
        return len(data), ancillary, told, sender

    # What it does not have

    def makefile(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: the calls of a file block."""
        refuse(
            "socket.makefile", "reading from a file blocks, and would stop every host; use asyncio's streams"
        )

    def sendfile(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: there are no files."""
        refuse("socket.sendfile", "it reads a real file; read that yourself, and use loop.sock_sendall")


def socket_of(transport: Any, endpoint: Any) -> SimSocket:
    """Return the socket that an asyncio transport shows if the program gave it none."""
    opened: Opened
    if isinstance(endpoint, UdpEndpoint):
        opened = OpenDatagrams(endpoint.incarnation, endpoint.family, socket.IPPROTO_UDP, endpoint)
    else:
        opened = OpenStream(endpoint.incarnation, endpoint.family, socket.IPPROTO_TCP, endpoint)
    opened.transport = transport
    return SimSocket.of(opened, 0.0)


def own_socket(call: str, sock: Any, kind: int) -> SimSocket:
    """Check the socket that a program has passed to one of asyncio's calls, and return it.

    Raises:
        Unsupported: it is a real one.
        ValueError: it is of another kind.
        RuntimeError: a transport uses it.
    """
    if not isinstance(sock, SimSocket):
        refuse(f"{call} with a socket made outside the run", "make the socket on a host, within the run")
    if sock.type != kind:
        wanted = "UDP" if kind == socket.SOCK_DGRAM else "Stream"
        raise ValueError(f"A {wanted} Socket was expected, got {sock!r}")
    if sock.opened.transport is not None:
        raise RuntimeError(f"{sock!r} is used by transport {sock.opened.transport!r}")
    sock.setblocking(False)
    return sock


def listener_of(sock: SimSocket) -> TcpListener:
    """Return the listener of a program's TCP socket, which listens or is about to.

    Raises:
        OSError: EINVAL, it is not a TCP socket.
    """
    opened = sock.opened
    if not isinstance(opened, OpenStream):
        raise fail(errno.EINVAL)
    return opened.listener()


def _refuse_kind(family: int, kind: int) -> NoReturn:
    unix = "AF_UNIX" if family == AF_UNIX else ""
    names = [unix or _name(socket.AddressFamily, family), _name(socket.SocketKind, kind)]
    if names[0].isdigit():
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    instead = "a host has TCP and UDP over IPv4 and IPv6: AF_INET or AF_INET6, SOCK_STREAM or SOCK_DGRAM"
    refuse(f"socket.socket({', '.join(names)})", instead)


def _name(kinds: Any, number: int) -> str:
    try:
        return str(kinds(number).name)
    except ValueError:
        return str(number)
