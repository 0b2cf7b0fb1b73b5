"""A segment for machines: what one sends to the group reaches all after a millisecond, itself too."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2plib.discovery.mdns.machine import MulticastDns
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import RecordType
from p2plib.discovery.mdns.service import Offer
from p2plib.machine.addresses import Address

CHAT = DomainName.parse("_chat._udp.local")
GROUP = ("224.0.0.251", 5353)
DELAY_S = 0.001


@dataclass(frozen=True)
class Sent:
    """A datagram that somebody sent."""

    at: float
    source: Address
    to: Address
    raw: bytes

    @property
    def packet(self) -> DnsPacket:
        return decode(self.raw)


class Segment:
    """Machines on a link, and the time."""

    def __init__(self, loss: float = 0.0, seed: int = 1) -> None:
        self.now, self.loss, self.rng = 0.0, loss, random.Random(seed)
        self.hosts: dict[str, MulticastDns] = {}
        self.events: dict[str, list[Any]] = {}
        self.trace: list[Sent] = []
        self._queue: list[tuple[float, int, str, bytes, Address]] = []
        self._count = itertools.count()

    def host(self, number: int, **given: Any) -> MulticastDns:
        address = f"192.168.1.{number}"
        machine = MulticastDns(address, random.Random(f"host {number}"), **given)
        self.hosts[address], self.events[address] = machine, []
        return machine

    def remove(self, machine: MulticastDns) -> None:
        """As if its plug had been pulled."""
        del self.hosts[machine.host]

    def inject(self, data: bytes | DnsPacket, source: Address = ("192.168.1.200", 5353)) -> None:
        """Somebody else says something to the group."""
        self._send(encode(data) if isinstance(data, DnsPacket) else data, source, GROUP)

    def call(self, machine: MulticastDns, what: Callable[..., Any], *arguments: Any) -> Any:
        result = what(*arguments, self.now)
        self._flush(machine)
        return result

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            timers = [(at, host) for host, each in self.hosts.items() if (at := each.timer()) is not None]
            next_timer = min(timers, default=(end + 1, ""))
            next_data = self._queue[0][0] if self._queue else end + 1
            if min(next_timer[0], next_data) > end:
                break
            if next_data <= next_timer[0]:
                at, _, host, data, source = heapq.heappop(self._queue)
                self.now = max(self.now, at)
                if host in self.hosts:
                    self.hosts[host].receive(data, source, self.now)
                    self._flush(self.hosts[host])
            else:
                self.now = max(self.now, next_timer[0])
                machine = self.hosts[next_timer[1]]
                machine.on_timer(self.now)
                self._flush(machine)
        self.now = end

    def sent(self, host: MulticastDns | None = None, since: float = 0.0) -> list[Sent]:
        return [
            each
            for each in self.trace
            if each.at >= since and (host is None or each.source == (host.host, 5353))
        ]

    def told(self, machine: MulticastDns, *kinds: type) -> list[Any]:
        return [event for event in self.events[machine.host] if isinstance(event, kinds or object)]

    def _flush(self, machine: MulticastDns) -> None:
        for data, to in machine.to_send():
            self._send(data, (machine.host, 5353), to)
        self.events[machine.host] += machine.events()

    def _send(self, data: bytes, source: Address, to: Address) -> None:
        self.trace.append(Sent(self.now, source, to, data))
        for host in self.hosts if to == GROUP else [to[0]]:
            if host == source[0] or self.rng.random() >= self.loss:
                entry = (self.now + DELAY_S, next(self._count), host, data, source)
                heapq.heappush(self._queue, entry)


def chat_at(machine: MulticastDns, port: int = 4000) -> Offer:
    return Offer(CHAT, port, machine.host, (b"room=kitchen",))


def who_chats() -> Question:
    return Question(CHAT, RecordType.PTR)
