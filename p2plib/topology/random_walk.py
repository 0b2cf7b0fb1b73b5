"""Random walk: a peer picked evenly from a graph that nobody sees whole. A codec and a machine.

A walk that steps to a random neighbour, again and again, ends at a peer with a chance in proportion to how
many neighbours that peer has: popular peers are found too often. Metropolis and Hastings (1953, 1970) fix
that: a step from a peer with d neighbours to one with e is made with probability min(1, d / e), and otherwise
the walk stays where it is for that step. After enough steps every peer is as likely as every other.

The peer that is asked to take the walk decides, since it knows both numbers: d is in the message. If it
declines, it sends the walk back, which counts as a step of staying.

Rules
    1. A walk has at most `MAX_STEPS` steps, so nobody can send one round forever.
    2. The peer where it ends tells the origin directly.
    3. An `Ended` that belongs to no walk of ours is dropped. After `patience_s` a walk counts as lost: a peer
       that had it has died.
    4. A walk is taken from neighbours, and from origins, only as fast as we are asked for; it costs us one
       datagram a step, and nothing is kept. One whose origin is an address that a stranger may not name
       (`p2plib.machine.addresses`) is dropped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, acceptable
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import ADDRESS, Header, Number
from p2plib.machine.machine import Base
from p2plib.machine.timers import TimerName

MAX_STEPS = 255


Origin: TypeAlias = Annotated[Address, ADDRESS]
StepsLeft: TypeAlias = Annotated[int, Number(MAX_STEPS.bit_length())]


@dataclass(slots=True)
class Step(Header):
    """Will you take it? `degree` is how many neighbours the sender has, `left` how many steps are left."""

    origin: Origin
    left: StepsLeft
    degree: Annotated[int, Number(16)]


@dataclass(slots=True)
class Back(Header):
    """No: the walk stays with you."""

    origin: Origin
    left: StepsLeft


@dataclass(slots=True)
class Ended(Header):
    """The walk ended with me."""


CODEC = Codec("random walk", 5, Step, Back, Ended)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A walk has come to an end: a peer, picked evenly."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class WalkLost:
    """A walk has not come to an end in time."""

    transaction: int


Event = Sampled | WalkLost


class Timer(TimerName):
    """What a peer sets timers for."""

    LOST = "a walk has not come back; about its transaction"


class RandomWalk(Base[Event, Timer]):
    """One peer.

    Args:
        own: its id and the address that others reach it at.
        rng: see `p2plib.machine.machine`.
        neighbours: returns our neighbours as they are now; for example, an overlay's active view.
        steps: how long our walks are, 1 to 255. A few times log n will do if the graph is well mixed.
        patience_s: rule 3.
        even: False leaves Metropolis and Hastings out, to show what they do.
    """

    def __init__(
        self,
        own: Contact,
        rng: random.Random,
        neighbours: Callable[[], Sequence[Contact]],
        *,
        steps: int = 30,
        patience_s: float = 30.0,
        even: bool = True,
    ) -> None:
        super().__init__()
        if not 1 <= steps <= MAX_STEPS:
            raise UsageError(f"a walk has 1 to {MAX_STEPS} steps, not {steps}")
        self.own, self.rng, self.neighbours = own, rng, neighbours
        self.steps, self.patience_s, self.even = steps, patience_s, even
        self._under_way: set[int] = set()

    def sample(self, now: float) -> int:
        """Starts a walk; `Sampled` or `WalkLost` follows.

        Returns:
            The walk's transaction, which `WalkLost` repeats.
        """
        transaction = self.rng.getrandbits(64)
        self._under_way.add(transaction)
        self.timers.set(Timer.LOST, now + self.patience_s, transaction)
        self._walk(transaction, self.own.address, self.steps)
        return transaction

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        sender = Contact(message.sender, address)
        if isinstance(message, Step | Back):
            if sender not in self.neighbours():
                return self._ignore("a step from no neighbour")
            if not acceptable(message.origin, address):
                return self._ignore("address of no peer")
        match message:
            case Step(transaction=transaction, origin=origin, left=left, degree=degree):
                mine = len(self.neighbours())
                if self.even and self.rng.random() * mine >= degree:
                    back = Back(transaction, self.own.id, origin, left)
                    return self._send(CODEC.encode(back), address)
                return self._walk(transaction, origin, left - 1)
            case Back(transaction=transaction, origin=origin, left=left):
                return self._walk(transaction, origin, left - 1)
            case Ended(transaction=transaction):
                return self._end(transaction, sender)
        return None

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, transaction in self.timers.due(now):
            match timer:
                case Timer.LOST:
                    self._under_way.discard(transaction)
                    self._tell(WalkLost(transaction))
                case _:
                    assert_never(timer)

    def _walk(self, transaction: int, origin: Address, left: int) -> None:
        """Moves a walk that is here on, with so many steps left."""
        neighbours = self.neighbours()
        if left > 0 and neighbours:
            step = Step(transaction, self.own.id, origin, left, len(neighbours))
            self._send(CODEC.encode(step), self.rng.choice(neighbours).address)
        elif origin == self.own.address:
            self._end(transaction, self.own)
        else:
            self._send(CODEC.encode(Ended(transaction, self.own.id)), origin)

    def _end(self, transaction: int, contact: Contact) -> None:
        if transaction not in self._under_way:
            return self._ignore("unexpected")
        self._under_way.remove(transaction)
        self.timers.cancel(Timer.LOST, transaction)
        return self._tell(Sampled(contact))
