"""The fabric of the network: address realms, the NATs between them, and the way of every packet.

Rules:

* An *address realm* (RFC 2663's term) is a set of machines that reach each other by address: the public
  internet, or a LAN. A *gateway* joins a LAN to the realm around it with a NAT. A LAN around a LAN is a
  carrier-grade NAT.
* A packet crosses the public internet once, by the link of the two ends there (hosts, or the gateways they
  sit behind), and each LAN by that LAN's own link.
* Cuts, one-way failures and faults are about hosts, whatever NATs lie between them. What is under way when a
  cut begins still arrives.
* Whatever is dropped is in the trace with the reason, one of the phrases below or the NAT's own.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from p2plib.errors import UsageError
from p2plib.sim.capture.trace import BATCH, Record, Route
from p2plib.sim.link import Bottleneck, Link
from p2plib.sim.nat.machine import Nat, Refused
from p2plib.sim.packet import NOT_LISTENING, Address, Flag, Kind, Segment
from p2plib.sim.sockets.datagrams import deliver
from p2plib.sim.sockets.names import PUBLIC_NETWORK, PUBLIC_NETWORK_6, is_loopback
from p2plib.sim.tcp.stack import receive_segment

if TYPE_CHECKING:
    from p2plib.sim.host import Host
    from p2plib.sim.internet import Internet

LOOPBACK_S = 0.000_02  # a host that speaks to itself
LAN = Link(latency=0.000_5)
HEADER_BYTES = {"udp": 28, "tcp": 40}  # IPv4 and the transport's, without options
LOST, CUT_OFF, DOWN, NO_HOST = "lost", "cut off", "host down", "no such host"
QUEUE_FULL, BAD_CHECKSUM = "queue full", "bad checksum"


class Gateway:
    """A NAT between a realm and the one around it.

    Args:
        name: what links and traces call it.
        nat: the machine that rewrites addresses.
        inner: the realm behind it.
        outer: the realm around it, in which it has its external addresses.
        region: where it is, for links between regions.
    """

    def __init__(self, name: str, nat: Nat, inner: Realm, outer: Realm, region: str) -> None:
        self.name, self.nat, self.inner, self.outer, self.region = name, nat, inner, outer, region
        for address in nat.external:
            outer.members[address] = self


class Realm:
    """Machines that reach each other by address.

    Args:
        name: what it is called.
        networks: the ranges that its addresses are from, IPv4 first.
        link: what joins its members, of a LAN; None for the public internet.
    """

    def __init__(self, name: str, *networks: str, link: Link | None = None) -> None:
        self.name, self.link, self.networks = name, link, networks
        self._free = [map(str, ipaddress.ip_network(network).hosts()) for network in networks]
        self.members: dict[str, Host | Gateway] = {}
        self.gateway: Gateway | None = None
        self.groups: dict[str, dict[Host, int]] = {}  # how many sockets of which hosts have joined
        self.broadcast = str(ipaddress.ip_network(networks[0]).broadcast_address) if link is not None else ""

    def hosts(self) -> list[Host]:
        """Return its hosts, without gateways, in the order in which they were added."""
        members = dict.fromkeys(self.members.values())
        return [member for member in members if not isinstance(member, Gateway)]

    def next_address(self, *, ipv6: bool = False) -> str:
        """Return an address that nobody has yet.

        Raises:
            UsageError: they are all taken.
        """
        for address in self._free[ipv6]:
            if address not in self.members:
                return address
        raise UsageError(f"every address of {self.name} is taken")


class Fabric:
    """The network of one internet.

    Args:
        net: the internet.
    """

    def __init__(self, net: Internet) -> None:
        self.net, self.public = net, Realm("the internet", PUBLIC_NETWORK, PUBLIC_NETWORK_6)
        self._pipes: dict[tuple[str, str], Bottleneck] = {}

    # The way of a packet

    def plain_route(self, sender: Host, source: Address, destination: Address) -> Route | None:
        """Return the route of datagrams for which nothing can happen but delay; None where more can."""
        realm, net = sender.realm, self.net
        receiver = realm.members.get(destination[0])
        if receiver is None or isinstance(receiver, Gateway) or net.faults is not None:
            return None
        if receiver is sender or sender.upload or receiver.download or net.is_cut(sender, receiver):
            return None
        link = realm.link or net.link_between(sender, receiver)
        if not link.is_plain:
            return None
        least = link.between(net.seed, sender.name, receiver.name)
        return Route(sender, receiver, source, destination, "udp", source, destination, least, link.jitter_s)

    def send(
        self, sender: Host, kind: Kind, source: Address, destination: Address, data: bytes | Segment
    ) -> None:
        """Send a packet to one machine, whatever may happen to it."""
        if destination[0] in sender.own or is_loopback(destination[0]):
            route = Route(sender, sender, source, destination, kind, source, destination)
            self._launch(route, data, LOOPBACK_S)
        else:
            self._out(sender, kind, source, destination, data)

    def send_copy(
        self, sender: Host, receiver: Host, source: Address, destination: Address, data: bytes
    ) -> None:
        """Send a datagram for many to one machine on the sender's LAN, or to the sender itself."""
        route = Route(sender, receiver, source, destination, "udp", source, destination)
        if receiver is sender:
            self._launch(route, data, LOOPBACK_S)
        else:
            self._cross(route, sender.realm, sender, receiver, data, 0.0)

    def send_nowhere(
        self, sender: Host, source: Address, destination: Address, data: bytes, fate: str
    ) -> None:
        """Note a datagram that no machine gets."""
        self._drop(Route(sender, None, source, destination, "udp", source, destination), data, fate)

    def _out(
        self, sender: Host, kind: Kind, source: Address, destination: Address, data: bytes | Segment
    ) -> None:
        """Climb from realm to realm, through each NAT, to the one that has the destination; cross it."""
        end: Host | Gateway = sender
        realm, seen, at, delay = sender.realm, source, destination, 0.0
        flags = data.flags if isinstance(data, Segment) else Flag(0)
        try:
            while at[0] not in realm.members and realm.gateway is not None:
                nat, now = realm.gateway.nat, self.net.loop.time()
                delay += self._lan_s(realm, end, realm.gateway)
                end = realm.gateway
                if at[0] in nat.external:  # its own address: the packet turns round and stays inside
                    seen, at = nat.hairpin(kind, seen, at, now, flags)
                else:
                    seen, realm = nat.outbound(kind, seen, at, now, flags), end.outer
        except Refused as refused:
            self._drop(Route(sender, None, source, destination, kind, seen, at), data, refused.reason)
            return
        target = realm.members.get(at[0])
        route = Route(sender, None, source, destination, kind, seen, at)
        if target is None:
            self._drop(route, data, NO_HOST)
        else:
            self._cross(route, realm, end, target, data, delay)

    def _cross(
        self, route: Route, realm: Realm, end: Host | Gateway, target: Host | Gateway, data: Any, delay: float
    ) -> None:
        """Cross one realm by its link, with all that a link can do to a packet."""
        net, sender = self.net, route.sender
        link = realm.link or net.link_between(end, target)
        if not isinstance(target, Gateway):
            route.receiver = target
            if net.is_cut(sender, target):
                return self._drop(route, data, CUT_OFF)
        size = HEADER_BYTES[route.kind] + (len(data) if type(data) is bytes else len(data.data))
        fortune = net.fortune(sender, link, size)
        if fortune.fate:
            return self._drop(route, data, fortune.fate)
        when = self._through_pipes(sender, end, target, link, size)
        if when is None:
            return self._drop(route, data, QUEUE_FULL)
        if fortune.corrupted:
            if type(data) is not bytes:
                return self._drop(route, data, BAD_CHECKSUM)
            data = flip_one_bit(data, fortune.corrupted)
        delay += when - net.loop.now + link.between(net.seed, end.name, target.name)
        for late in fortune.late_s:
            self._launch(route, data, delay + late, target)
        return None

    def _through_pipes(
        self, sender: Host, end: Host | Gateway, target: Host | Gateway, link: Link, size: int
    ) -> float | None:
        """Return when a packet has left its sender's upload and the link's own bandwidth; None if dropped."""
        when: float | None = self.net.loop.now
        if sender.upload is not None and when is not None:
            when = sender.upload.through(size, when)
        if link.bytes_per_s and when is not None:
            pair = (end.name, target.name)
            if pair not in self._pipes:
                self._pipes[pair] = Bottleneck(link.bytes_per_s, link.queue_bytes)
            when = self._pipes[pair].through(size, when)
        return when

    def _lan_s(self, realm: Realm, one: Host | Gateway, other: Host | Gateway) -> float:
        link = realm.link or LAN
        return link.between(self.net.seed, one.name, other.name)

    def _launch(self, route: Route, data: Any, delay: float, target: Host | Gateway | None = None) -> None:
        """Put a packet on its way; it arrives after *delay* seconds."""
        loop = self.net.loop
        when = loop.now + delay
        record = Record(route, data, loop.now, when)
        arrive = self._arrive_at_gateway if isinstance(target, Gateway) else self._arrive
        loop.schedule(when, arrive, (record, target) if isinstance(target, Gateway) else record)
        self._note(record)

    def _drop(self, route: Route, data: Any, fate: str) -> None:
        self._note(Record(route, data, self.net.loop.now, None, fate))

    def _note(self, record: Record) -> None:
        self.net.trace.buffer.append(record)
        if len(self.net.trace.buffer) >= BATCH:
            self.net.trace.take()

    # Arrival

    def _arrive_at_gateway(self, packet: tuple[Record, Gateway]) -> None:
        """Take a packet that reached a NAT from outside further in."""
        record, gateway = packet
        route, data, now = record.route, record.data, self.net.loop.now
        flags = data.flags if isinstance(data, Segment) else Flag(0)
        try:
            at = gateway.nat.inbound(route.kind, route.at, route.seen_source, now, flags)
        except Refused as refused:
            self.net.trace.change_fate(record, refused.reason, now)
            return
        route.at = at
        target = gateway.inner.members.get(at[0])
        if target is None:
            self.net.trace.change_fate(record, NO_HOST, now)
            return
        when = now + self._lan_s(gateway.inner, gateway, target)
        record.arrives_s = when
        if isinstance(target, Gateway):
            self.net.loop.schedule(when, self._arrive_at_gateway, (record, target))
        else:
            route.receiver = target
            if self.net.is_cut(route.sender, target):
                self.net.trace.change_fate(record, CUT_OFF, now)
            else:
                self.net.loop.schedule(when, self._arrive, record)

    def _arrive(self, record: Record) -> None:
        """Hand a packet to its host, once the host's download has let it through."""
        route, data, loop = record.route, record.data, self.net.loop
        receiver = route.receiver
        if receiver.download is not None and receiver is not route.sender:
            size = HEADER_BYTES[route.kind] + (len(data) if type(data) is bytes else len(data.data))
            when = receiver.download.through(size, loop.now)
            if when is None:
                self.net.trace.change_fate(record, QUEUE_FULL, loop.now)
                return
            record.arrives_s = when
            loop.schedule(when, self._hand_over, record)
        else:
            self._hand_over(record)

    def _hand_over(self, record: Record) -> None:
        route = record.route
        if not route.receiver.is_up:
            self.net.trace.change_fate(record, DOWN, self.net.loop.now)
        elif route.kind == "udp":
            deliver(record)
        else:
            receive_segment(route.receiver, route.seen_source, route.at, record.data)

    def port_unreachable(self, record: Record) -> None:
        """Note that nobody listens at a datagram's port; a connected sender is told, as by ICMP."""
        route, net = record.route, self.net
        up = route.receiver.is_up
        net.trace.change_fate(record, NOT_LISTENING if up else DOWN, net.loop.now)
        endpoint = route.sender.ports.connected(route.source, route.destination)
        if up and endpoint is not None and not net.is_cut(route.receiver, route.sender):
            back = net.loop.now + (net.loop.now - record.sent_s)
            net.loop.schedule(back, lambda _: endpoint.refused(), None)


def flip_one_bit(data: bytes, bit: int) -> bytes:
    """Return *data* with one bit flipped: number *bit*, modulo its length; empty data stays as it is."""
    if not data:
        return data
    place = bit % (8 * len(data))
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    return bytes(changed)
