"""UdpEndpoint: a UDP socket in the kernel. An asyncio transport or a simulated `socket.socket` holds it.

Rules:
    1. Errors are Linux's and come where Linux has them: `send` raises at once what the host itself knows (no
       such address, a broadcast without SO_BROADCAST, too long); ECONNREFUSED from the other end comes later,
       only to connected sockets, as a pending error that is taken or raised by the next call.
    2. What arrives waits in a queue of SO_RCVBUF bytes, in which every datagram weighs what Linux allocates
       for it (`weight_bytes`); a datagram that finds it full is dropped, and the trace says so. A holder that
       wants each datagram at once calls `hand_to`, which bypasses the queue.
    3. `send` binds a socket that has no address yet, and so does `connect`.

What differs from Linux: nothing is fragmented, and a socket never has to wait before it sends.
"""

from __future__ import annotations

import contextvars
import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from p2plib.sim import multicast
from p2plib.sim.capture.trace import Record
from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address
from p2plib.sim.sockets.error_queue import Refusal, wants_refusals
from p2plib.sim.sockets.kernel import Options, is_on, number, shown_to
from p2plib.sim.sockets.ports import EVERYWHERE

if TYPE_CHECKING:
    import p2plib.sim.path  # named in full: the book's reference has another Path

LARGEST_BYTES = 65_507  # 65,535 less the headers of IPv4 and UDP
LARGEST_6_BYTES = 65_527  # 65,535 less the header of UDP: IPv6 does not count its own
RECEIVE_BUFFER_BYTES = 212_992  # Linux's net.core.rmem_default
HEADER_BYTES = 256  # of each datagram in Linux's memory; its data has a block of its own
SMALLEST_BLOCK_BYTES, LARGEST_BLOCK_BYTES = 576, 16_384
BLOCK_OVERHEAD_BYTES = 384  # of a block, what lies before and after the datagram's own bytes
BUFFER_FULL = "receive buffer full"

Received = Callable[[bytes, Any], object]


class UdpEndpoint:
    """A UDP socket in a host's kernel.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_INET, or AF_INET6, which reaches IPv4 as well unless IPV6_V6ONLY is set.

    Attributes:
        received: the function that is called with each datagram and its sender; None while they wait in the
            queue.
        context: the context in which `received` runs.
        groups: the multicast groups that it has joined, with the number of the interface; None before any.
        is_closed: whether it is closed.
        arrived_at: the IP address to which the last datagram that was received had been sent.
        paths: paths by address, kept by a holder that sends a lot; emptied when options change.
    """

    __slots__ = (
        "_address_is_chosen", "_error", "_port_is_chosen", "_queue", "_queued_bytes", "_refusals",
        "arrived_at", "context", "family", "groups", "host", "incarnation", "is_closed", "local", "on_ready",
        "options", "paths", "place", "received", "remote",
    )  # fmt: skip

    def __init__(self, incarnation: Incarnation, family: int = socket.AF_INET) -> None:
        self.incarnation, self.host, self.family = incarnation, incarnation.host, int(family)
        self.options: Options = {}
        self.local: Address | None = None
        self.remote: Address | None = None
        self.on_ready: Callable[[], None] | None = None
        self.received: Received | None = None
        self.context = contextvars.copy_context()
        self.groups: dict[tuple[str, int], None] | None = None
        self.paths: dict[Any, p2plib.sim.path.Path] = {}
        self.is_closed = self._address_is_chosen = self._port_is_chosen = False
        self._queue: deque[tuple[bytes, Any, int, str]] | None = None
        self.arrived_at = ""
        self._queued_bytes = 0
        self._error: OSError | None = None
        self._refusals: tuple[Refusal, ...] = ()
        self.place = caller()
        self.host.ports.endpoints[self] = None

    # Addresses

    def bind(self, address: Any) -> None:
        """Bind it to an address of its host, such as ("0.0.0.0", 4000); port 0 stands for a free one.

        Raises:
            OSError: as `Ports.bind`, and socket.gaierror for an address of the other family.
        """
        where = self.host.net.names.resolve(address, self.family, "bind()")
        self.host.ports.bind(self, "udp", where)
        self._address_is_chosen, self._port_is_chosen = where[0] not in EVERYWHERE, where[1] != 0

    def connect(self, address: Any) -> None:
        """Send to one peer and hear only that one from now on; None ends that.

        Raises:
            OSError: as `send`.
        """
        ports = self.host.ports
        self.paths.clear()
        if address is not None:
            source, destination = self.way_to(address, "connect()")
            assert self.local is not None
            self.local, self.remote = (source[0], self.local[1]), destination
            ports.refresh(self.local[1])
        elif self.remote is not None:
            assert self.local is not None
            ports.release(self, "udp")
            port, self.remote = self.local[1], None
            if self._port_is_chosen:
                self.local = (self.local[0] if self._address_is_chosen else self._everywhere()), port
                ports.enter(self, "udp")
            else:
                self.local = None

    def _everywhere(self) -> str:
        return "::" if self.family == socket.AF_INET6 else "0.0.0.0"

    def shown(self, address: Address | None) -> Any:
        """Return an address as a program sees it at this socket; None stays None."""
        return None if address is None else shown_to(self.family, address)

    def sockname(self) -> Any:
        """Return its own address as a program sees it, even before it is bound."""
        return self.shown(self.local or (self._everywhere(), 0))

    # Sending

    def send(self, data: Any, address: Any = None, own: str | None = None) -> None:
        """Send a datagram to an address, or to the peer that it is connected to.

        Args:
            data: what it carries.
            address: where it goes; None for the peer.
            own: the IP address of this host to send it from; None for the one that is bound, or usual.

        Raises:
            OSError: EACCES, EDESTADDRREQ, EINVAL, EMSGSIZE, ENETUNREACH, as Linux; or the pending error.
        """
        error = self.take_error()
        if error is not None:
            raise error
        source, destination = self.way_to(address)
        if own is not None and own not in EVERYWHERE and (":" in own) == (":" in destination[0]):
            if not self.host.ports.is_own(own):
                raise OSError(errno.EINVAL, f"Invalid argument: {own} is not {self.host.name}'s")
            source = own, source[1]
        self.send_from(source, destination, bytes(data))

    def send_from(self, source: Address, destination: Address, data: bytes) -> None:
        """Send a datagram between the addresses that `way_to` has returned.

        Raises:
            OSError: EMSGSIZE, it is too long.
        """
        if len(data) > (LARGEST_6_BYTES if ":" in destination[0] else LARGEST_BYTES):
            raise OSError(errno.EMSGSIZE, "Message too long")
        if multicast.is_for_many(self.host, destination[0]):
            multicast.send(self, source, destination, data)
        else:
            self.host.net.fabric.send(self.host, "udp", source, destination, data)

    def path_to(self, address: Any) -> p2plib.sim.path.Path | None:
        """Return the path to an address, for a holder that keeps it; None if it is a group or broadcast.

        Raises:
            OSError: as `send`.
        """
        source, destination = self.way_to(address)
        if multicast.is_for_many(self.host, destination[0]):
            return None
        return self.host.net.fabric.path(self.host, "udp", source, destination)

    def way_to(self, address: Any, call: str = "sendto()") -> tuple[Address, Address]:
        """Return the source and the destination of datagrams to an address; bind the socket if it is not.

        Raises:
            OSError: as Linux, if there is no way.
        """
        ports = self.host.ports
        if address is None:
            if self.remote is None or self.local is None:
                raise OSError(errno.EDESTADDRREQ, "Destination address required")
            return self.local, self.remote
        ip, port = self.host.net.names.resolve(address, self.family, call)
        if port == 0 and call != "connect()":
            raise OSError(errno.EINVAL, "Invalid argument: nobody is at port 0")
        self._check_family(ip)
        if multicast.is_broadcast(self.host, ip) and not is_on(self, socket.SOL_SOCKET, socket.SO_BROADCAST):
            raise PermissionError(errno.EACCES, "Permission denied: a broadcast needs SO_BROADCAST")
        if self.local is None:
            ports.bind(self, "udp", (self._everywhere(), 0))
        local: Any = self.local
        ip = ports.itself(local[0], ip)
        if multicast.is_for_many(self.host, ip):
            return multicast.source_for(self, local, ip, address), (ip, port)
        return ports.source_for(local, ip), (ip, port)

    def _check_family(self, ip: str) -> None:
        """Refuse what an IPv6 socket cannot reach, because of what it is bound to."""
        if self.family == socket.AF_INET:
            return
        bound = self.local[0] if self.local is not None else "::"
        if ":" not in ip and (
            (":" in bound and bound != "::") or is_on(self, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        ):
            raise OSError(errno.ENETUNREACH, "Network is unreachable: this socket is for IPv6 only")
        if ":" in ip and ":" not in bound:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    # Receiving

    def hand_to(self, received: Received | None) -> None:
        """Call a function with each datagram as it arrives, in `context`; None lets them wait again."""
        self.received = received
        if self.local is not None:
            self.host.ports.refresh(self.local[1])

    def hand_over_what_waits(self) -> None:
        """Hand over to the holder what arrived before `hand_to`."""
        while self.received is not None and (got := self.receive()) is not None:
            hand_over(self, *got)

    def take_in(self, record: Record) -> bool:
        """Take in a datagram that has arrived; return whether there was room for it."""
        shown = shown_to(self.family, record.route.seen_source)
        if self.received is not None:
            hand_over(self, record.data, shown)
            return True
        limit = number(self.options.get((socket.SOL_SOCKET, socket.SO_RCVBUF), RECEIVE_BUFFER_BYTES))
        weight = weight_bytes(len(record.data))
        if self._queued_bytes + weight > limit:
            return False
        if self._queue is None:
            self._queue = deque()
        self._queue.append((record.data, shown, weight, record.route.at[0]))
        self._queued_bytes += weight
        self._tell()
        return True

    def receive(self) -> tuple[bytes, Any] | None:
        """Return the next datagram and its sender as a program sees it; None if none waits."""
        if not self._queue:
            return None
        data, shown, weight, self.arrived_at = self._queue.popleft()
        self._queued_bytes -= weight
        return data, shown

    def peek(self) -> tuple[bytes, Any] | None:
        """Return what `receive` would, but leave it in the queue."""
        if not self._queue:
            return None
        data, shown, _, self.arrived_at = self._queue[0]
        return data, shown

    @property
    def readable(self) -> bool:
        """Whether a datagram or an error waits."""
        return bool(self._queue) or self._error is not None or bool(self._refusals)

    @property
    def writable(self) -> bool:
        """Whether it would take a datagram: always."""
        return True

    def _tell(self) -> None:
        if self.on_ready is not None:
            self.on_ready()

    # Errors and options

    def fail(self, error: OSError) -> None:
        """Set the pending error, such as ECONNREFUSED from the other end."""
        self._error = error
        self._tell()

    def refused(self, data: bytes, destination: Address) -> None:
        """Note that nobody listens where it has sent this datagram."""
        if not self.is_closed:
            if wants_refusals(self, destination[0]):
                self._refusals = (*self._refusals, (data, destination))
            self.fail(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))

    def take_refusal(self) -> Refusal | None:
        """Return the oldest datagram that was refused, for a socket that has asked for such errors."""
        if not self._refusals:
            return None
        first, *rest = self._refusals
        self._refusals = tuple(rest)
        if not rest:
            self._error = None
        return first

    def take_error(self) -> OSError | None:
        """Return the pending error and clear it; None if there is none."""
        error, self._error = self._error, None
        return error

    def join(self, group: str, interface: int = 0) -> None:
        """Join a multicast group at an interface, by number; 0 for the one that leads to the group."""
        multicast.join(self, group, interface)

    def leave(self, group: str, interface: int = 0) -> None:
        """Leave a multicast group."""
        multicast.leave(self, group, interface)

    def set_option(self, level: int, option: int, value: Any) -> None:
        """Set an option as `setsockopt` does: memberships are carried out, everything else is remembered.

        Raises:
            OSError: as Linux.
        """
        if not multicast.set_option(self, level, option, value):
            self.options[level, option] = value
        self.paths.clear()

    def get_option(self, level: int, option: int) -> int | bytes:
        """Return an option as `getsockopt` does: what was set, or Linux's default."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            error = self.take_error()
            return 0 if error is None else error.errno or 0
        default = DEFAULTS.get((level, option), 0)
        return self.options.get((level, option), default)  # type: ignore[no-any-return]

    # The end

    def close(self) -> None:
        """Close it: its port is free again, and its groups are left."""
        if not self.is_closed:
            self.vanish()

    def vanish(self) -> None:
        """Disappear without a word: the machine has crashed."""
        self.is_closed = True
        self.paths.clear()
        multicast.leave_all(self)
        self.host.ports.release(self, "udp")
        self.host.ports.endpoints.pop(self, None)
        self.on_ready = None

    def what_it_is(self) -> str:
        """Describe what it is and where it was made, for an error."""
        ip, port = self.local or (self._everywhere(), 0)
        return f"a UDP socket at {ip}:{port}, made by {self.place}"


def weight_bytes(size_bytes: int) -> int:
    """Return what a datagram weighs in a receive queue: its header and a block of memory, a power of two.

    As measured on Linux, where 212,992 bytes hold 256 datagrams of 100 bytes, 92 of 1,200 or 3 of 65,507.
    """
    needed = size_bytes + BLOCK_OVERHEAD_BYTES
    if needed <= LARGEST_BLOCK_BYTES:
        needed = max(SMALLEST_BLOCK_BYTES, 1 << (needed - 1).bit_length())
    return HEADER_BYTES + needed


DEFAULTS = {
    (socket.SOL_SOCKET, socket.SO_TYPE): int(socket.SOCK_DGRAM),
    (socket.SOL_SOCKET, socket.SO_PROTOCOL): socket.IPPROTO_UDP,
    (socket.SOL_SOCKET, socket.SO_RCVBUF): RECEIVE_BUFFER_BYTES,
    (socket.SOL_SOCKET, socket.SO_SNDBUF): 212_992,
    **multicast.DEFAULTS,
}


def deliver(record: Record) -> None:
    """Hand a datagram that arrives to the socket to which it was sent."""
    route = record.route
    endpoint = route.receiver.udp.get(route.at)
    if endpoint is None:
        _deliver_to_whom_it_concerns(record)
        return
    try:
        endpoint.context.run(endpoint.received, record.data, route.shown)
    except BaseException as error:
        _raised(endpoint, error)


def _deliver_to_whom_it_concerns(record: Record) -> None:
    """Deliver if several sockets share a port, or if it depends on the sender."""
    route = record.route
    receiver, at = route.receiver, route.at
    if multicast.is_for_many(receiver, at[0]):
        found = multicast.hearers(receiver, at, route.seen_source)
    else:
        hearer = receiver.ports.hearer(at, route.seen_source)
        found = [] if hearer is None else [hearer]
    net = receiver.net
    if not found:
        net.fabric.port_unreachable(record)
        return
    taken = [endpoint.take_in(record) for endpoint in found if not endpoint.is_closed]
    if not any(taken):
        net.trace.change_fate(record, BUFFER_FULL, net.loop.now)


def hand_over(endpoint: UdpEndpoint, data: bytes, shown: Any) -> None:
    """Hand a datagram to the holder, and report to the loop if that raises."""
    try:
        endpoint.context.run(endpoint.received, data, shown)  # type: ignore[arg-type]
    except BaseException as error:
        _raised(endpoint, error)


def _raised(endpoint: UdpEndpoint, error: BaseException) -> None:
    message = {"message": "datagram_received raised", "exception": error, "socket": endpoint}
    endpoint.context.run(endpoint.host.net.loop.handle_raised, message)
