"""The trace: every packet of a run, what became of it, counts, and one digest for all of it.

Rules:

* A packet enters the trace when it is sent, as a `Record`. Its fate may still change when it arrives: nobody
  may be listening.
* Records are taken in by the batch, which is what makes a trace of a million packets cheap: they are hashed,
  counted, and the newest `keep` of them kept.
* The digest covers time, addresses and bytes of every packet and every late fate, in order. Two runs with the
  same digest sent the same bytes at the same times.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from p2plib.sim.packet import Address, Kind, Packet, Segment

BATCH = 4096  # large enough that hashing goes by the batch, small enough to stay in the processor's cache


@dataclass(slots=True)
class Traffic:
    """Counts of packets and of the bytes in them, without headers."""

    packets: int = 0
    size_bytes: int = 0


class Route:
    """What packets from one address of one host to another have in common, until a NAT maps them anew.

    Args:
        sender: the host that sends.
        receiver: the host that has the destination; None if nobody has it, or a NAT hides it.
        source: the sender's address, as its own socket knows it.
        destination: where it sends to.
        kind: "udp" or "tcp".
        seen_source: the sender's address as the receiver sees it, after NATs.
        at: the receiver's own address that it arrives at, after NATs.
        gateway: the NAT that it reaches; None if it reaches a host.

    Attributes:
        arrive: the function that is called with a packet that has arrived.
        inner: the route behind the gateway, once a packet has been let in.
        least_s: of an inner route, the latency of its LAN in seconds.
        shown: the sender's address as the receiver's socket shows it.
        sums: where the packets of the sender are counted.
        tag: the part of all this that the digest covers; an inner route keeps that of the outer one.
    """

    __slots__ = (
        "arrive", "at", "destination", "gateway", "inner", "kind", "least_s", "receiver", "seen_source",
        "sender", "shown", "source", "sums", "tag",
    )  # fmt: skip

    def __init__(
        self,
        sender: Any,
        receiver: Any,
        source: Address,
        destination: Address,
        kind: Kind,
        seen_source: Address,
        at: Address,
        gateway: Any = None,
    ) -> None:
        self.sender, self.receiver, self.source, self.destination = sender, receiver, source, destination
        self.kind, self.seen_source, self.at, self.gateway = kind, seen_source, at, gateway
        self.arrive: Any = None
        self.inner: Route | None = None
        self.least_s = 0.0
        self.shown = shown(seen_source)
        self.sums = sender.net.trace.sums(sender.name, kind)
        here, there = str(source), str(destination)
        seen = here if seen_source is source else str(seen_source)
        arrived = there if at is destination else str(at)
        self.tag = f"{kind} {sender.name} {here} {there} {seen} {arrived};".encode()

    def further_in(self, at: Address, receiver: Any, gateway: Any, least_s: float) -> Route:
        """Return this route's end behind its gateway, and remember it.

        Args:
            at: the address to which the NAT has changed the destination.
            receiver: the host that has it; None if it is another NAT.
            gateway: that other NAT.
            least_s: the latency from gateway to receiver in seconds.
        """
        inner = Route(
            self.sender, receiver, self.source, self.destination, self.kind, self.seen_source, at, gateway
        )
        inner.tag, inner.least_s, self.inner = self.tag, least_s, inner
        return inner


@dataclass(slots=True, eq=False)
class Record:
    """A packet as the trace keeps it, not frozen: its fate may change.

    Args:
        route: from where to where.
        data: a datagram's bytes, or a segment.
        sent_s: when it was sent.
        arrives_s: when it arrives; None if it is dropped on the way.
        fate: why it is not received; "" if it is.
    """

    route: Route
    data: Any
    sent_s: float
    arrives_s: float | None
    fate: str = ""


def shown(address: Address) -> Any:
    """Return an address as Python's sockets show it: with IPv6 come a flow label and a scope, both 0."""
    return (*address, 0, 0) if ":" in address[0] else address


class Trace:
    """All packets of a run. Iterating gives the newest `keep` of them as `Packet`, in order of sending.

    Args:
        keep: how many packets are remembered; older ones are counted and hashed all the same.
    """

    def __init__(self, keep: int = 100_000) -> None:
        self.buffer: list[Record] = []
        self._kept: deque[Record] = deque(maxlen=keep)
        self._hash = hashlib.sha256()
        self._taken = 0
        self._sent: dict[tuple[str, Kind], Traffic] = {}
        self._fates: Counter[str] = Counter()

    def take(self) -> None:
        """Take the records of the buffer in: hash, count and keep them."""
        batch = self.buffer
        if not batch:
            return
        hash_ = self._hash
        hash_.update(b"".join([record.route.tag for record in batch]))
        sent = [record.data for record in batch]
        contents = [data if type(data) is bytes else segment_bytes(data) for data in sent]
        hash_.update(array("I", map(len, contents)).tobytes())
        hash_.update(b"".join(contents))
        hash_.update(array("d", [record.sent_s for record in batch]).tobytes())
        arrivals = [record.arrives_s for record in batch]
        hash_.update(array("d", [-1.0 if when is None else when for when in arrivals]).tobytes())
        for record, data in zip(batch, sent, strict=True):
            sums = record.route.sums
            sums.packets += 1
            sums.size_bytes += len(data) if type(data) is bytes else len(data.data)
            if record.arrives_s is None:
                self._fates[record.fate] += 1
                hash_.update(record.fate.encode())
        self._kept.extend(batch)
        self._taken += len(batch)
        batch.clear()

    def change_fate(self, record: Record, fate: str, now: float) -> None:
        """Note that a packet arrived and was not received."""
        record.fate = fate
        self._fates[fate] += 1
        self._hash.update(f"{now!r} {fate} ".encode() + record.route.tag)

    def __len__(self) -> int:
        """How many packets were sent, remembered or not."""
        return self._taken + len(self.buffer)

    def __iter__(self) -> Iterator[Packet]:
        """Iterate over the packets that are remembered."""
        self.take()
        first = self._taken - len(self._kept)
        return (packet_of(record, first + i) for i, record in enumerate(self._kept))

    def between(self, start_s: float, end_s: float) -> list[Packet]:
        """Return the remembered packets that were sent from *start_s* to before *end_s*."""
        return [packet for packet in self if start_s <= packet.sent_s < end_s]

    def digest(self) -> str:
        """Return the digest of everything so far: 64 hexadecimal digits."""
        self.take()
        return self._hash.copy().hexdigest()

    def sent(self) -> dict[tuple[str, Kind], Traffic]:
        """Return what each host has sent, by (host name, "udp" or "tcp"), dropped packets included."""
        self.take()
        return {key: sums for key, sums in sorted(self._sent.items()) if sums.packets}

    def sums(self, sender: str, kind: Kind) -> Traffic:
        """Return where the packets of one host are summed up."""
        found = self._sent.get((sender, kind))
        if found is None:
            found = self._sent[sender, kind] = Traffic()
        return found

    def dropped(self) -> dict[str, int]:
        """Return how many packets were dropped, by reason."""
        self.take()
        return dict(sorted(self._fates.items()))


def segment_bytes(segment: Segment) -> bytes:
    """Return what the digest covers of a segment."""
    head = f"{int(segment.flags)} {segment.seq} {segment.ack} {segment.window} "
    return head.encode() + segment.data


def packet_of(record: Record, number: int) -> Packet:
    """Return a record as a reader sees it."""
    route, data, fate = record.route, record.data, record.fate
    plain = type(data) is bytes
    return Packet(
        number=number,
        sent_s=record.sent_s,
        arrives_s=None if fate else record.arrives_s,
        sender=route.sender.name,
        receiver="" if route.receiver is None else route.receiver.name,
        source=route.source,
        destination=route.destination,
        kind=route.kind,
        data=data if plain else data.data,
        segment=None if plain else data,
        fate=fate,
        seen_source=route.seen_source if route.seen_source != route.source else None,
        seen_destination=route.at if route.at != route.destination else None,
    )
