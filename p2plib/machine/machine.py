"""Machine: what every protocol of this package looks like from outside, and three parts that all are made of.

A machine holds the rules of a protocol and does no input or output. Whoever drives it (a UDP socket, the
simulated internet, a test, you in a cell) does always the same:

    1. Give it what arrived: `receive(data, address, now)`.
    2. Wake it at the time that `timer()` names: `on_timer(now)`.
    3. After either, and after every call of your own, send what `to_send()` returns, read `events()`, and ask
       for `timer()` again.

Time is a number of seconds on any clock that never goes back. Randomness is a `random.Random` that the
machine was given: a seeded one in a simulation, `random.SystemRandom()` on a real network, where somebody who
guesses transaction numbers can forge answers.

Nothing that arrives makes a machine raise. What breaks a rule is dropped and counted in `ignored`, by reason.

Vocabulary::

    address   where datagrams go: a host and a port, for example ("192.0.2.1", 4001)
    contact   a peer as others know it: its id and its address
    now       the time, in seconds
"""

from __future__ import annotations

import functools
import heapq
import socket
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from p2plib.errors import UsageError

Address = tuple[str, int]

MAPPED_IPV4 = bytes(10) + b"\xff\xff"  # ::ffff:192.0.2.1 is the host 192.0.2.1, and must not count as another
IPV4_NETWORK_BYTES = 3  # a /24 is the smallest network that the internet routes, so it is what one owner has
IPV6_NETWORK_BYTES = 6  # a /48 is what a provider hands to one customer


@dataclass(frozen=True, slots=True)
class Contact:
    """A peer as others know it.

    Args:
        id: its place in the overlay, a whole number of at most 256 bits.
        address: where it receives datagrams.
    """

    id: int
    address: Address

    def __repr__(self) -> str:
        return f"Contact({self.id:x} at {self.address[0]}:{self.address[1]})"


@functools.lru_cache(maxsize=65_536)
def packed_host(host: str) -> bytes:
    """The 4 or 16 bytes of an IP address; an IPv4 address inside IPv6 is the IPv4 address.

    Raises:
        UsageError: the text is no IP address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        raw = socket.inet_pton(family, host)
    except (OSError, ValueError):
        raise UsageError(f"{host!r} is not an IP address") from None
    return raw.removeprefix(MAPPED_IPV4)


def network_of(host: str) -> bytes:
    """The network whose addresses an attacker with this host gets cheaply: the /24, or the /48 in IPv6."""
    raw = packed_host(host)
    return raw[: IPV4_NETWORK_BYTES if len(raw) == 4 else IPV6_NETWORK_BYTES]


_E_co = TypeVar("_E_co", covariant=True)
_E = TypeVar("_E")


class Machine(Protocol[_E_co]):
    """What a driver needs of a protocol; the type variable is that of its events."""

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""

    def to_send(self) -> list[tuple[bytes, Address]]:
        """The datagrams to send now, and to whom; each is returned once."""

    def timer(self) -> float | None:
        """When to call `on_timer` next; None if there is nothing to wait for."""

    def on_timer(self, now: float) -> None:
        """Does what is due."""

    def events(self) -> Sequence[_E_co]:
        """What happened since the last call, in order."""


class Timers:
    """Instants with names; setting a name again moves it.

    >>> timers = Timers()
    >>> timers.set("refresh", 60.0)
    >>> timers.first()
    60.0
    """

    def __init__(self) -> None:
        self._when: dict[Hashable, float] = {}
        self._heap: list[
            tuple[float, int, Hashable]
        ] = []  # what was moved or cancelled stays until it is due
        self._count = 0  # breaks ties in the order of setting, so that a seed gives one run

    def set(self, name: Hashable, at: float) -> None:
        """Sets or moves an instant."""
        self._when[name] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, name))

    def cancel(self, name: Hashable) -> None:
        """Forgets an instant; one that is not set is no mistake."""
        self._when.pop(name, None)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._when):
            self._heap = [entry for entry in self._heap if self._when.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def first(self) -> float | None:
        """The earliest instant, or None."""
        heap, when = self._heap, self._when
        while heap and when.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> Iterator[Hashable]:
        """Takes out, one after the other, the names whose instant has come."""
        while (at := self.first()) is not None and at <= now:
            name = heapq.heappop(self._heap)[2]
            del self._when[name]
            yield name

    def __contains__(self, name: Hashable) -> bool:
        return name in self._when


class Base(Generic[_E]):
    """The same half of every machine: what goes out, what happened, what was ignored, and timers."""

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self.timers = Timers()
        self._outgoing: list[tuple[bytes, Address]] = []
        self._happened: list[_E] = []

    def to_send(self) -> list[tuple[bytes, Address]]:
        """The datagrams to send now, and to whom; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def timer(self) -> float | None:
        """When to call `on_timer` next; None if there is nothing to wait for."""
        return self.timers.first()

    def events(self) -> list[_E]:
        """What happened since the last call, in order."""
        happened, self._happened = self._happened, []
        return happened

    def _send(self, data: bytes, address: Address) -> None:
        self._outgoing.append((data, address))

    def _tell(self, event: _E) -> None:
        self._happened.append(event)

    def _ignore(self, reason: str) -> None:
        self.ignored[reason] += 1
