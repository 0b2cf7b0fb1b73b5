"""The ports of a host: what is bound where, which socket gets what, and which address a packet leaves from.

Rules, all of them Linux's:
    1. Two sockets may be bound to addresses that overlap at one port only if both have set SO_REUSEPORT, or
       both have set SO_REUSEADDR and, of TCP, the one that is there already does not listen. "0.0.0.0"
       overlaps with all of IPv4; "::" with all of IPv6, and with IPv4 too unless IPV6_V6ONLY is set.
    2. A unicast datagram goes to one socket, the one bound most specifically: connected to the sender before
       any other, bound to that very address before "0.0.0.0", IPv4's own before "::". Of equals, the one that
       was bound last gets it; if that one has set SO_REUSEPORT, one of those that have, chosen by a hash of
       the two addresses, so that a sender keeps its receiver. (Linux's hash has a secret; ours is a CRC-32,
       the same in each run.) The listener for a SYN is chosen in the same way.
    3. A multicast or broadcast datagram goes to every socket that is bound to its port, and to its address or
       to all addresses.
    4. A socket bound to 127.0.0.0/8 can only reach its own host; anything else is EINVAL.
    5. 0.0.0.0 as a destination is the host itself.

What differs: ephemeral ports are the 16,384 of RFC 6335 (Linux: 32,768 to 60,999), taken in turn and not at
random. Any program may bind a port below 1024. SO_REUSEPORT does not require the same user.
"""

from __future__ import annotations

import errno
import socket
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from p2plib.sim.packet import Address, Kind
from p2plib.sim.sockets.constants import SO_REUSEADDR, SO_REUSEPORT
from p2plib.sim.sockets.error_queue import wants_refusals
from p2plib.sim.sockets.kernel import Endpoint, family_of, is_on
from p2plib.sim.sockets.names import BROADCAST, is_group, is_loopback

if TYPE_CHECKING:
    from p2plib.sim.host import Host
    from p2plib.sim.sockets.datagrams import UdpEndpoint

FIRST_PORT, LAST_PORT = 49_152, 65_535  # the ephemeral ports of RFC 6335
EVERYWHERE = ("0.0.0.0", "::")


class Ports:
    """The ports of one host.

    Args:
        host: the host.
        addresses: its own IP addresses, without loopback.

    Attributes:
        own: its addresses, 127.0.0.1 and ::1 included.
        udp: the one UDP endpoint that gets all that arrives at (ip, port); if several share the port, or it
            depends on the sender, it is not here, and `hearer` finds it.
        tcp: connections by (local, remote).
        listening: listeners by local address.
        endpoints: the kernel objects that are open, in the order in which they were made.
    """

    def __init__(self, host: Host, addresses: tuple[str, ...]) -> None:
        self.host, self.addresses = host, addresses
        self.own = frozenset((*addresses, "127.0.0.1", "::1"))
        self.udp: dict[Address, UdpEndpoint] = {}
        self.tcp: dict[Any, Any] = {}
        self.listening: dict[Any, Any] = {}
        self.endpoints: dict[Endpoint, None] = {}
        self._bound: dict[tuple[Kind, int], dict[Any, None]] = {}
        self._listeners: dict[Any, None] = {}
        self._next_port = FIRST_PORT

    # Binding

    def bind(self, endpoint: Endpoint, kind: Kind, address: Address) -> Address:
        """Give an endpoint an address of its own; `endpoint.local` is that from now on.

        Args:
            endpoint: what is to be bound; its options SO_REUSEADDR, SO_REUSEPORT and IPV6_V6ONLY count.
            kind: "udp" or "tcp".
            address: an IP address of this host, "0.0.0.0" or "::", and a port; 0 for a free one.

        Returns:
            The address.

        Raises:
            OSError: EADDRNOTAVAIL, the address is not this host's, or no port is free; EADDRINUSE, by rule 1;
                EINVAL, the endpoint has an address already.
        """
        ip, port = address
        if endpoint.local is not None:
            raise OSError(errno.EINVAL, "Invalid argument: the socket is bound already")
        if not self._can_bind(ip):
            raise OSError(
                errno.EADDRNOTAVAIL, f"Cannot assign requested address: {ip} is not {self.host.name}'s"
            )
        port = port or self.free_port(kind)
        in_use = self._conflict(endpoint, kind, (ip, port))
        if in_use is not None:
            raise OSError(
                errno.EADDRINUSE,
                f"Address already in use: {self.host.name} has a socket at {in_use.local}",
            )
        endpoint.local = (ip, port)
        self.enter(endpoint, kind)
        return endpoint.local

    def enter(self, endpoint: Endpoint, kind: Kind) -> None:
        """Enter an endpoint at its local address without a check: a connection that was accepted."""
        assert endpoint.local is not None
        self._bound.setdefault((kind, endpoint.local[1]), {})[endpoint] = None
        if kind == "udp":
            self.refresh(endpoint.local[1])

    def release(self, endpoint: Endpoint, kind: Kind) -> None:
        """Take an endpoint out: its port is free, or other sockets there get what arrives again."""
        self._listeners.pop(endpoint, None)
        if endpoint.local is None:
            return
        port = endpoint.local[1]
        at_port = self._bound.get((kind, port), {})
        at_port.pop(endpoint, None)
        if not at_port:
            self._bound.pop((kind, port), None)
        if kind == "udp":
            self.refresh(port)

    def listen(self, endpoint: Endpoint) -> None:
        """Let a bound TCP endpoint listen.

        Raises:
            OSError: EADDRINUSE, another one listens there already.
        """
        assert endpoint.local is not None
        for other in self._bound.get(("tcp", endpoint.local[1]), {}):
            if other in self._listeners and other is not endpoint and _collide(endpoint, other, "tcp", True):
                raise OSError(
                    errno.EADDRINUSE, f"Address already in use: {self.host.name} listens at {other.local}"
                )
        self._listeners[endpoint] = None

    def free_port(self, kind: Kind) -> int:
        """Return an ephemeral port that nothing of that kind uses."""
        for _ in range(LAST_PORT - FIRST_PORT + 1):
            port, self._next_port = self._next_port, self._next_port + 1
            if self._next_port > LAST_PORT:
                self._next_port = FIRST_PORT
            if (kind, port) not in self._bound and (kind == "udp" or not self._listened(port)):
                return port
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address: every port is in use")

    def port_to(self, ip: str, remote: Address) -> int:
        """Return a free port of TCP, or if there is none, one from which nothing is connected to *remote*.

        Args:
            ip: the address of this host that is connected.
            remote: the other end.
        """
        try:
            return self.free_port("tcp")
        except OSError:
            for port in range(FIRST_PORT, LAST_PORT + 1):
                if ((ip, port), remote) not in self.tcp:
                    return port
            raise

    def _listened(self, port: int) -> bool:
        return any(address[1] == port for address in self.listening)

    def bound(self, kind: Kind, port: int) -> list[Any]:
        """Return the endpoints bound to a port, in the order in which they were bound."""
        return list(self._bound.get((kind, port), ()))

    def _can_bind(self, ip: str) -> bool:
        return ip in self.own or ip in EVERYWHERE or is_loopback(ip) or is_group(ip) or self._is_broadcast(ip)

    def _is_broadcast(self, ip: str) -> bool:
        return ip == BROADCAST or ip == self.host.realm.broadcast

    def _conflict(self, endpoint: Endpoint, kind: Kind, address: Address) -> Endpoint | None:
        """Rule 1: return what stands in the way."""
        endpoint.local = address
        try:
            for other in self._bound.get((kind, address[1]), ()):
                if _collide(endpoint, other, kind, other in self._listeners):
                    return other  # type: ignore[no-any-return]
        finally:
            endpoint.local = None
        return None

    # What arrives

    def refresh(self, port: int) -> None:
        """Find anew what gets datagrams at a UDP port: a socket there has come, gone or changed."""
        for ip in self.own:
            self.udp.pop((ip, port), None)
        at_port = self._bound.get(("udp", port), {})
        if len(at_port) != 1:
            return
        (endpoint,) = at_port
        if endpoint.received is None or endpoint.remote is not None:
            return
        ip = endpoint.local[0]
        for own in (*self.addresses, "127.0.0.1", "::1"):
            if family_of(own) == endpoint.family and (ip == own or ip in EVERYWHERE):
                self.udp[own, port] = endpoint

    def hearer(self, at: Address, source: Address) -> UdpEndpoint | None:
        """Rule 2: return the UDP endpoint that gets a unicast datagram; None if there is none."""
        return _closest(self._bound.get(("udp", at[1]), ()), at, source)  # type: ignore[no-any-return]

    def hearers(self, at: Address, source: Address) -> list[UdpEndpoint]:
        """Rule 3: return the UDP endpoints that get a multicast or broadcast datagram."""
        return [found for found in self._bound.get(("udp", at[1]), ()) if _closeness(found, at, source)]

    def told_of_refusal(self, local: Address, remote: Address) -> UdpEndpoint | None:
        """Return the UDP endpoint that gets the error if nobody listens where a datagram was sent to.

        That is the one that is connected to that peer, or else one that has set IP_RECVERR or IPV6_RECVERR.
        """
        wanting = None
        for endpoint in self._bound.get(("udp", local[1]), ()):
            if endpoint.remote == remote and endpoint.local == local:
                return endpoint  # type: ignore[no-any-return]
            if endpoint.remote is None and wants_refusals(endpoint, remote[0]) and _hears(endpoint, local[0]):
                wanting = endpoint
        return wanting

    def listener(self, at: Address, source: Address) -> Any:
        """Return the TCP endpoint that takes a SYN from *source*; None if none listens."""
        at_port = self._bound.get(("tcp", at[1]), ())
        return _closest([found for found in at_port if found in self._listeners], at, source)

    # What leaves

    def is_own(self, ip: str) -> bool:
        """Whether an address is one of this host's, loopback included."""
        return ip in self.own or is_loopback(ip)

    def source_for(self, local: Address, destination: str) -> Address:
        """Return the source address of a packet from a socket bound to *local*.

        Raises:
            OSError: EINVAL, by rule 4; ENETUNREACH, the host has no address of that family, or is on a LAN
                without a way out.
        """
        ip, port = local
        if not self._has_route(destination):
            raise OSError(
                errno.ENETUNREACH,
                f"Network is unreachable: {self.host.realm.name} has no route to {destination}",
            )
        if ip not in EVERYWHERE and not is_group(ip) and not self._is_broadcast(ip):
            if ip.startswith("127.") and not self.is_own(destination):
                raise OSError(
                    errno.EINVAL, f"Invalid argument: a socket bound to {ip} can only reach its own host"
                )
            return local
        if is_loopback(destination):
            return ("::1" if ":" in destination else "127.0.0.1"), port
        if ":" in destination and destination in self.own:  # RFC 6724, 5, rule 1; IPv4 has its first one
            return destination, port
        for address in self.addresses:
            if (":" in address) == (":" in destination):
                return address, port
        raise OSError(
            errno.ENETUNREACH,
            f"Network is unreachable: {self.host.name} has no address of the family of {destination}",
        )

    def _has_route(self, ip: str) -> bool:
        realm = self.host.realm
        return realm.leads_to(ip) or self.is_own(ip) or is_group(ip) or self._is_broadcast(ip)

    def itself(self, local: str, destination: str) -> str:
        """Rule 5: return where a packet to *destination* goes, from a socket bound to *local*."""
        if destination not in EVERYWHERE:
            return destination
        if local not in EVERYWHERE and family_of(local) == family_of(destination):
            return local
        return "::1" if destination == "::" else "127.0.0.1"


def _collide(one: Endpoint, other: Endpoint, kind: Kind, other_listens: bool) -> bool:
    """Rule 1."""
    if not _overlap(one, other):
        return False
    if _both(one, other, SO_REUSEPORT):
        return False
    return not _both(one, other, SO_REUSEADDR) or (kind == "tcp" and other_listens)


def _both(one: Endpoint, other: Endpoint, option: int) -> bool:
    return is_on(one, socket.SOL_SOCKET, option) and is_on(other, socket.SOL_SOCKET, option)


def _overlap(one: Endpoint, other: Endpoint) -> bool:
    assert one.local is not None
    assert other.local is not None
    mine, its = one.local[0], other.local[0]
    if mine == its:
        return True
    return _covers(one, its) or _covers(other, mine)


def _hears(endpoint: Endpoint, ip: str) -> bool:
    assert endpoint.local is not None
    return endpoint.local[0] == ip or _covers(endpoint, ip)


def _covers(endpoint: Endpoint, ip: str) -> bool:
    """Whether an endpoint is bound to all addresses of which *ip* is one."""
    assert endpoint.local is not None
    if endpoint.local[0] == "0.0.0.0":
        return ":" not in ip
    if endpoint.local[0] == "::":
        return ":" in ip or not is_on(endpoint, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return False


def _closeness(endpoint: Endpoint, at: Address, source: Address) -> int:
    """Rule 2: how specifically an endpoint is bound to what arrives; 0 if it does not get it."""
    assert endpoint.local is not None
    near = 2 if family_of(at[0]) == endpoint.family else 1
    if endpoint.local[0] == at[0]:
        near += 4
    elif not _covers(endpoint, at[0]):
        return 0
    if endpoint.remote is not None:
        if endpoint.remote != source:
            return 0
        near += 8
    return near


def _closest(endpoints: Iterable[Any], at: Address, source: Address) -> Any:
    """Rule 2: choose by closeness, and among equals."""
    best, equals = 0, []
    for endpoint in endpoints:
        near = _closeness(endpoint, at, source)
        if near > best:
            best, equals = near, [endpoint]
        elif near == best and near:
            equals.append(endpoint)
    if len(equals) < 2:
        return equals[0] if equals else None
    sharing = [found for found in equals if is_on(found, socket.SOL_SOCKET, SO_REUSEPORT)]
    if equals[-1] in sharing:
        return sharing[zlib.crc32(f"{source} {at}".encode()) % len(sharing)]
    return equals[-1]
