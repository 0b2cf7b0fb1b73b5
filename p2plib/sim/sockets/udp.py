"""UDP in the simulated internet: the transport behind `loop.create_datagram_endpoint`.

Rules:

* A datagram that arrives runs `datagram_received` in the context of its socket, so that what the handler
  starts belongs to the socket's host.
* Where nothing goes wrong on the way, a datagram is one event: `sendto` reckons its arrival and puts it on
  the heap. Whatever else there is (loss, NATs, bandwidth, faults) is the business of `p2plib.sim.fabric`.
* Errors come as an operating system has them: a datagram that is too large, or a port that nobody listens at,
  if the socket is connected, arrives at `error_received`.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
from typing import TYPE_CHECKING, Any

from p2plib.sim.capture.trace import Record, shown
from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address
from p2plib.sim.sockets.sockets import SimSocket

if TYPE_CHECKING:
    from p2plib.sim.path import Path

LARGEST_BYTES = 65_507  # 65,535 less the headers of IPv4 and UDP


class SimDatagramTransport(asyncio.DatagramTransport):
    """A UDP socket of a simulated host.

    Args:
        incarnation: the life of the host that it belongs to.
        local: the address that it is bound to; "0.0.0.0" and "::" stand for all of the host's.
        remote: the only peer that it speaks with; None for any.
        protocol: what is told of datagrams.
    """

    __slots__ = (  # a crowd of ten thousand has to fit into a processor's cache
        "_closing", "_fabric", "_incarnation", "_loop", "_paths", "_protocol", "_socket", "context", "host",
        "local", "place", "port", "received", "remote",
    )  # fmt: skip

    def __init__(
        self,
        incarnation: Incarnation,
        local: Address,
        remote: Address | None,
        protocol: asyncio.DatagramProtocol,
    ) -> None:
        super().__init__()
        net = incarnation.host.net
        self._incarnation, self.host = incarnation, incarnation.host
        self._fabric, self._loop = net.fabric, net.loop
        self.local, self.remote, self.port = local, remote, local[1]
        self._paths: dict[Any, Path] = {}
        self._closing = False
        self._socket = SimSocket(self, local, remote, udp=True)
        self.context = contextvars.copy_context()
        self.place = caller()
        self.set_protocol(protocol)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram to *addr*, or to the peer that the socket is connected to."""
        path = self._paths.get(addr)
        if path is None:
            path = self._first_time(data, addr)
            if path is None:
                return
        if type(data) is not bytes or len(data) > LARGEST_BYTES:
            if not isinstance(data, bytes | bytearray | memoryview):
                raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
            data = bytes(data)
            if len(data) > LARGEST_BYTES:
                self._too_long()
                return
        path.send(data)

    def _first_time(self, data: Any, addr: Any) -> Path | None:
        """Find the way to an address and remember it; send to a group at once, which has many ways."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._closing:
            return None
        if self.remote is not None and addr is not None and addr[:2] != self.remote:
            raise ValueError(f"Invalid address: must be None or {self.remote}")
        if self.remote is None and addr is None:
            raise ValueError("this socket is not connected, so a datagram needs an address")
        destination = self.host.net.names.numeric(self.remote or addr)
        source = self.host.source_for(self.local, destination[0])
        if not self._fabric.is_group(self.host, destination[0]):
            path: Path = self._fabric.path(self.host, "udp", source, destination)
            self._paths[addr] = path
            return path
        if len(data) > LARGEST_BYTES:
            self._too_long()
        else:
            self._fabric.send(self.host, "udp", source, destination, bytes(data), self)
        return None

    @property
    def key(self) -> Address:
        """The address under which its host knows it, or the first of them."""
        return (self.host.address if self.local[0] in ("0.0.0.0", "::") else self.local[0]), self.port

    def _error(self, error: OSError) -> None:
        self._loop.call_soon(self._protocol.error_received, error, context=self.context)

    def _too_long(self) -> None:
        self._error(OSError(errno.EMSGSIZE, "Message too long"))

    def refused(self) -> None:
        """Tell a connected socket that nobody listens at the other end."""
        if not self._closing and self._incarnation.alive:
            self._error(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol told of datagrams from now on."""
        self._protocol: Any = protocol
        whole: Any = protocol
        self.received = whole.datagram_received if self.remote is None else self._from_peer

    def _from_peer(self, data: bytes, addr: Any) -> None:
        if addr[:2] == self.remote:  # a connected socket hears its peer alone
            self._protocol.datagram_received(data, addr)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that is told of datagrams."""
        return self._protocol  # type: ignore[no-any-return]

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sockname", "peername" or "socket"."""
        found = {
            "sockname": shown(self.local),
            "peername": None if self.remote is None else shown(self.remote),
            "socket": self._socket,
        }
        return found.get(name, default)

    def is_closing(self) -> bool:
        """Whether the socket is closed."""
        return self._closing

    def close(self) -> None:
        """Close the socket; the protocol's `connection_lost` comes next."""
        if not self._closing:
            self.vanish()
            self._loop.call_soon(self._protocol.connection_lost, None, context=self.context)

    abort = close

    def vanish(self) -> None:
        """Be gone without a word: the machine has crashed."""
        self._closing = True
        self._paths.clear()
        self.host.unbind(self)
        self._fabric.leave_groups(self)

    def what_it_is(self) -> str:
        """Return words for what it is and who made it."""
        return f"a UDP socket at {self.local[0]}:{self.port}, made by {self.place}"

    def get_write_buffer_size(self) -> int:
        """Return 0: datagrams leave at once."""
        return 0


def deliver(record: Record) -> None:
    """Hand a datagram that arrives to the socket it was sent to."""
    route = record.route
    endpoint = route.receiver.udp.get(route.at)
    if endpoint is None:
        route.sender.net.fabric.port_unreachable(record)
        return
    try:
        endpoint.context.run(endpoint.received, record.data, route.shown)
    except Exception as error:
        message = {"message": "datagram_received raised", "exception": error, "transport": endpoint}
        endpoint.context.run(endpoint._loop.call_exception_handler, message)
