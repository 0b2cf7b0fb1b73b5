"""Machine: what every protocol of this package looks like from outside, and the parts that all of them share.

A machine holds the rules of a protocol and does no input or output. Its driver (a UDP socket, the simulated
internet, a test, you in a cell) always does the same three things:

    1. Give it what arrived: `receive(data, address, now)`.
    2. Wake it at the time that `timer()` names: `on_timer(now)`.
    3. After either, and after every call of your own, send what `to_send()` returns, read `events()`, and ask
       for `timer()` again.

Time is a number of seconds on any clock that never goes back. Randomness is a `random.Random` that the
machine was given: a seeded one in a simulation, `random.SystemRandom()` on a real network, where anybody who
can guess transaction numbers can forge responses.

Nothing that arrives makes a machine raise. Whatever breaks a rule is dropped, and counted by reason in
`ignored`.

Vocabulary::

    address   where datagrams go: a host and a port, for example ("192.0.2.1", 4001)
    contact   a peer as others know it: its id and its address
    now       the time, in seconds
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from p2plib.machine.addresses import Address
from p2plib.machine.timers import T, Timers

_E_co = TypeVar("_E_co", covariant=True)
_E = TypeVar("_E")


class Machine(Protocol[_E_co]):
    """What a driver needs of a protocol; the type variable is the type of its events.

    Attributes:
        ignored: how many datagrams it dropped, by reason.
    """

    ignored: Counter[str]

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""

    def to_send(self) -> list[tuple[bytes, Address]]:
        """The datagrams to send now, and to whom; each is returned once."""

    def timer(self) -> float | None:
        """When to call `on_timer` next; None if there is nothing to wait for."""

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""

    def events(self) -> Sequence[_E_co]:
        """What happened since the last call, in order."""


class Base(Generic[_E, T]):
    """What all machines share: what goes out, what happened, what was ignored, and timers.

    Its type variables are the machine's events and the enum of its timers.
    """

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self.timers: Timers[T] = Timers()
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
