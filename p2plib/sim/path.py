"""Paths: what can be known in advance about the packets of one flow, worked out once.

Rules:

* A path is the way from an address of a host to another address, for one kind of packet. It knows the NATs on
  the way, the link that is crossed, its latency, the pipes of limited bandwidth, and the route that the trace
  writes down.
* `Internet.forget_routes` makes every path stale: a link was set, a cut began or ended, or a host was added
  whose address had been sought in vain. A stale path is worked out anew for the next packet, so code that
  holds one need not care.
* The NATs on the way are asked for each packet, as each changes their tables. While they give the same
  addresses, the route stays the same.
* If nothing can happen to a datagram but delay, sending it takes one event and at most one draw. Otherwise
  seven numbers are drawn for each packet, whatever becomes of it.
* The segments of a TCP connection arrive in the order in which they were sent: jitter makes them wait for one
  another, not overtake. Datagrams may overtake one another.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING, Any

from p2plib.sim.arrival import CUT_OFF, HAND_OVER, HEADER_BYTES, NO_HOST, QUEUE_FULL, way_in
from p2plib.sim.capture.trace import BATCH, Record, Route
from p2plib.sim.faults import draw
from p2plib.sim.link import Bottleneck
from p2plib.sim.nat.machine import NO_FLAGS, Nat, Refused
from p2plib.sim.packet import Address, Kind, Segment
from p2plib.sim.realms import LAN, Gateway, Realm
from p2plib.sim.sockets.names import is_loopback

if TYPE_CHECKING:
    from p2plib.sim.fabric import Fabric
    from p2plib.sim.host import Host

LOOPBACK_S = 0.000_02  # from a host to itself
BAD_CHECKSUM = "bad checksum"


class Path:
    """The way of the packets of one flow. `Fabric.path` makes one.

    Args:
        fabric: the network.
        sender: the host that sends.
        kind: "udp" or "tcp".
        source: the sender's address.
        destination: the address that it sends to.
        receiver: the host that gets it, such as one with a member of a multicast group; None for the host
            that has the destination's address.
    """

    __slots__ = (
        "_arrive", "_at", "_climb_s", "_end", "_epoch", "_fabric", "_fate", "_given", "_jitter_s",
        "_last_s", "_latency_s", "_link", "_nats", "_pipes", "_plain", "_random", "_realm", "_route",
        "_seen", "_turn", "destination", "kind", "sender", "source",
    )  # fmt: skip

    def __init__(
        self,
        fabric: Fabric,
        sender: Host,
        kind: Kind,
        source: Address,
        destination: Address,
        receiver: Host | None = None,
    ) -> None:
        self._fabric, self.sender, self.kind = fabric, sender, kind
        self.source, self.destination = source, destination
        self._given = receiver
        self._route: Any = None
        self._link: Any = None
        self._last_s = 0.0  # when the last segment arrives that was not held back
        self._epoch = -1  # stale, so that the first packet finds the way

    def send(self, data: bytes | Segment) -> None:
        """Send a packet of this flow: a datagram's bytes, or a segment."""
        fabric = self._fabric
        if self._epoch != fabric.epoch:
            self._find()
        if not self._plain:
            self._cross(data)
            return
        now = fabric.loop.now
        when = now + self._latency_s
        if self._jitter_s:
            when += self._jitter_s * self._random()
        record = Record(self._route, data, now, when, "")
        heappush(fabric.heap, (when, fabric.next_order(), self._arrive, record))
        buffer = fabric.buffer
        buffer.append(record)
        if len(buffer) >= BATCH:
            fabric.take()

    # Finding the way

    def _find(self) -> None:
        """Work out what can be known in advance."""
        sender, ip = self.sender, self.destination[0]
        self._epoch = self._fabric.epoch
        self._plain, self._fate = False, ""
        self._pipes: tuple[Bottleneck, ...] = ()
        self._nats: tuple[Nat, ...] = ()
        self._turn: Nat | None = None
        self._realm: Realm = sender.realm
        self._end: Host | Gateway = sender
        self._climb_s = self._jitter_s = 0.0
        if self._given is not None:
            self._meet(self._given, self.source, self.destination)
        elif ip in sender.own or is_loopback(ip):
            self._meet(sender, self.source, self.destination)
        else:
            self._climb(ip)
            self._seen: Address | None = None  # what the NATs will say
            if self._end is sender:
                self._meet(self._realm.members.get(ip), self.source, self.destination)

    def _climb(self, ip: str) -> None:
        """Climb from realm to realm to the one that has the address, or to a NAT whose address it is."""
        nats: list[Nat] = []
        while ip not in self._realm.members:
            self._realm.sought.add(ip)
            gateway = self._realm.gateway
            if gateway is None:
                break
            self._climb_s += self._fabric.latency(self._realm.link or LAN, self._end, gateway)
            self._end = gateway
            if ip in gateway.nat.external:  # the packet turns round and stays inside
                self._turn = gateway.nat
                break
            nats.append(gateway.nat)
            self._realm = gateway.outer
        self._nats = tuple(nats)

    def _meet(self, target: Host | Gateway | None, seen: Address, at: Address) -> None:
        """Work out how the last realm is crossed, now that both ends are known."""
        fabric, sender, net = self._fabric, self.sender, self._fabric.net
        self._seen, self._at = seen, at
        route = self._route = self._same_or_new_route(target, seen, at)
        if target is None:
            self._fate = NO_HOST
            return
        self._arrive = route.arrive = way_in(route, target)
        if target is sender and self._end is sender:
            self._plain, self._latency_s = True, LOOPBACK_S
            return
        self._fate = CUT_OFF if not isinstance(target, Gateway) and net.is_cut(sender, target) else ""
        link = self._realm.link or net.link_between(self._end, target)
        self._link, self._jitter_s = link, link.jitter_s
        self._latency_s = fabric.latency(link, self._end, target)
        self._pipes = fabric.pipes(sender, self._end, target, link)
        only_late = self._arrive is HAND_OVER["udp"] and self._end is sender and not self._pipes
        self._plain = only_late and link.is_plain and net.faults is None and not self._fate
        if self._jitter_s or not self._plain:
            self._random = sender.draws.random  # made only when it is needed

    def _same_or_new_route(self, target: Host | Gateway | None, seen: Address, at: Address) -> Route:
        gateway, receiver = (target, None) if isinstance(target, Gateway) else (None, target)
        old: Route | None = self._route
        ends = receiver, gateway, seen, at
        if old is not None and (old.receiver, old.gateway, old.seen_source, old.at) == ends:
            return old
        return Route(self.sender, receiver, self.source, self.destination, self.kind, seen, at, gateway)

    # Where more can happen than delay

    def _translate(self, data: bytes | Segment, now: float) -> bool:
        """Ask the NATs on the way, and return whether they let the packet through."""
        seen, at, kind = self.source, self.destination, self.kind
        flags = NO_FLAGS if isinstance(data, bytes) else data.flags
        try:
            for nat in self._nats:
                seen = nat.outbound(kind, seen, at, now, flags)
            if self._turn is not None:
                seen, at = self._turn.hairpin(kind, seen, at, now, flags)
        except Refused as refused:
            route = Route(self.sender, None, self.source, self.destination, kind, seen, at)
            self._fabric.drop(route, data, refused.reason)
            return False
        if seen != self._seen or at != self._at:
            self._meet(self._realm.members.get(at[0]), seen, at)
        return True

    def _cross(self, data: Any) -> None:
        """Send a packet through the NATs on the way, and over a link that may lose, copy or delay it."""
        fabric, sender = self._fabric, self.sender
        now = fabric.loop.now
        if self._end is not sender and not self._translate(data, now):
            return None
        route, link, faults = self._route, self._link, fabric.net.faults
        if self._fate:
            return fabric.drop(route, data, self._fate)
        size = HEADER_BYTES[self.kind] + (len(data) if type(data) is bytes else len(data.data))
        fortune = draw(link, size, self._random) if faults is None else faults.fortune(sender, link, size)
        if fortune.fate:
            return fabric.drop(route, data, fortune.fate)
        out = now
        for pipe in self._pipes:
            through = pipe.through(size, out)
            if through is None:
                return fabric.drop(route, data, QUEUE_FULL)
            out = through
        in_order = self.kind == "tcp" and not fortune.overtaken
        if fortune.corrupted:
            if type(data) is not bytes:
                return fabric.drop(route, data, BAD_CHECKSUM)
            data = flip_one_bit(data, fortune.corrupted)
        delay = self._climb_s + (out - now + self._latency_s)
        for late in fortune.late_s:
            when = now + (delay + late)
            if in_order:
                when = self._last_s = max(when, self._last_s)
                in_order = False  # a second copy comes when it comes
            record = Record(route, data, now, when, "")
            heappush(fabric.heap, (when, fabric.next_order(), self._arrive, record))
            fabric.note(record)
        return None


def flip_one_bit(data: bytes, bit: int) -> bytes:
    """Return *data* with one bit flipped: number *bit*, modulo its length; empty data stays as it is."""
    if not data:
        return data
    place = bit % (8 * len(data))
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    return bytes(changed)
