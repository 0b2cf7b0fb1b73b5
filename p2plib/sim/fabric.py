"""The fabric of the network: what joins the hosts, and the paths that packets take.

Rules:

* A packet crosses the public internet once, over the link between the two ends there (hosts, or the gateways
  that they sit behind), and each LAN over that LAN's own link.
* Cuts, one-way failures and faults concern hosts, whatever NATs lie between them. What is under way when a
  cut begins still arrives.
* Whatever is dropped is in the trace with the reason, a short phrase of ours or the NAT's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from p2plib.sim.arrival import DOWN
from p2plib.sim.capture.trace import BATCH, Record, Route
from p2plib.sim.link import Bottleneck, Constant, Link
from p2plib.sim.packet import NOT_LISTENING, Address, Kind, Segment
from p2plib.sim.path import Path
from p2plib.sim.realms import Gateway, Realm
from p2plib.sim.sockets.names import PUBLIC_NETWORK, PUBLIC_NETWORK_6

if TYPE_CHECKING:
    import p2plib.sim.path  # named in full below: the book's reference has another Path
    from p2plib.sim.host import Host
    from p2plib.sim.internet import Internet


class Fabric:
    """The network of one internet.

    Args:
        net: the internet.

    Attributes:
        public: the public internet.
        epoch: how often paths have become stale.
    """

    def __init__(self, net: Internet) -> None:
        self.net, self.public = net, Realm("the internet", PUBLIC_NETWORK, PUBLIC_NETWORK_6)
        self.epoch = 0
        self.loop, self.heap, self.next_order = net.loop, net.loop._heap, net.loop._next_order
        self.buffer, self.take = net.trace.buffer, net.trace.take
        self._pipes: dict[tuple[str, str], Bottleneck] = {}
        self._latencies: dict[tuple[str, str], tuple[Link, float]] = {}

    # The way of a packet

    def path(
        self,
        sender: Host,
        kind: Kind,
        source: Address,
        destination: Address,
        receiver: Host | None = None,
    ) -> p2plib.sim.path.Path:
        """Return the path of all packets from one address of a host to another address; see `Path`.

        A caller that sends more than one packet keeps it. There is no path to a multicast group, but there is
        one to each host that has a member of the group, the *receiver*.
        """
        return Path(self, sender, kind, source, destination, receiver)

    def send(
        self, sender: Host, kind: Kind, source: Address, destination: Address, data: bytes | Segment
    ) -> None:
        """Send one packet to one machine, whatever may happen to it."""
        Path(self, sender, kind, source, destination).send(data)

    def latency(self, link: Link, one: Host | Gateway, other: Host | Gateway) -> float:
        """Return the latency between two ends in seconds; it is drawn once for each pair."""
        if isinstance(link.latency, Constant):
            return link.latency.seconds
        pair = (one.name, other.name) if one.name < other.name else (other.name, one.name)
        found = self._latencies.get(pair)
        if found is None or found[0] is not link:
            found = self._latencies[pair] = link, link.between(self.net.seed, *pair)
        return found[1]

    def pipes(
        self, sender: Host, end: Host | Gateway, target: Host | Gateway, link: Link
    ) -> tuple[Bottleneck, ...]:
        """Return what limits the bandwidth of a flow: its sender's upload, and its pair's share of a link."""
        pipes = [] if sender.upload is None else [sender.upload]
        if link.bytes_per_s:
            pair = end.name, target.name
            pipe = self._pipes.get(pair)
            if pipe is None:
                pipe = self._pipes[pair] = Bottleneck(link.bytes_per_s, link.queue_bytes)
            pipe.bytes_per_s, pipe.queue_bytes = link.bytes_per_s, link.queue_bytes  # as of the last link set
            pipes.append(pipe)
        return tuple(pipes)

    def drop(self, route: Route, data: Any, fate: str) -> None:
        """Note that a packet is dropped as it is sent."""
        self.note(Record(route, data, self.loop.now, None, fate))

    def note(self, record: Record) -> None:
        """Enter a packet in the trace."""
        self.buffer.append(record)
        if len(self.buffer) >= BATCH:
            self.take()

    def port_unreachable(self, record: Record) -> None:
        """Note that nobody listens at a datagram's port, and report it to its sender, as ICMP does."""
        route, net = record.route, self.net
        up = route.receiver.is_up
        net.trace.change_fate(record, NOT_LISTENING if up else DOWN, net.loop.now)
        endpoint = route.sender.ports.told_of_refusal(route.source, route.destination)
        if up and endpoint is not None and not net.is_cut(route.receiver, route.sender):
            back = net.loop.now + (net.loop.now - record.sent_s)
            net.loop.schedule(back, lambda _: endpoint.refused(record.data, route.destination), None)
