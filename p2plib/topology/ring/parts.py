"""What a peer of a ring is told, tells, and remembers: settings, events, searches. Values without rules.

The rules are in `p2plib.topology.ring.machine` and `p2plib.topology.ring.chord`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.timers import TimerName
from p2plib.topology.ring.walk import Walk


@dataclass(frozen=True, slots=True)
class RingSettings:
    """What the peers of one ring agree on, and how often they look after it.

    Args:
        bits: how long ids are, 1 to 256.
        r: how many successors each keeps, 1 to 20. All of them dying at once is what a ring cannot survive:
            with half of all peers gone that has a probability of 2**-r for each.
        stabilise_s: seconds between two stabilisations. Chord's evaluation has 30.
        check_s: seconds between two looks at the whole ring.
        max_steps: how many peers one search asks. A plain ring of n peers needs up to n / r.
        fingers_s: seconds between two rounds of fingers; a plain ring has none.
    """

    bits: int = 160
    r: int = 8
    stabilise_s: float = 30.0
    check_s: float = 300.0
    max_steps: int = 512
    fingers_s: float = 120.0


class Timer(TimerName):
    """What a peer wakes for."""

    REQUEST = "a response is late; about its transaction"
    STABILISE = "look whether the neighbours are still the neighbours"
    CHECK = "look whether the ring has fallen into two"
    FINGERS = "look up the fingers again; in Chord alone"


@dataclass(frozen=True, slots=True)
class Joined:
    """We are a member; this is the next peer."""

    successor: Contact


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """No door led to a member."""


@dataclass(frozen=True, slots=True)
class IdTaken:
    """Another peer has our id, at this address or known to who lives there."""

    address: Address


@dataclass(frozen=True, slots=True)
class Left:
    """We said goodbye."""


@dataclass(frozen=True, slots=True)
class Lost:
    """All our successors are dead; we are a ring of one until we find the others again."""


@dataclass(frozen=True, slots=True)
class Odd:
    """Somebody elsewhere in the ring takes this peer for the owner of our own id: the ring is not right."""

    owner: Contact


@dataclass(frozen=True, slots=True)
class FindDone:
    """The owner of a key, and the peers after it; `hops` is how many answered on the way, `timeouts` how many
    did not."""

    number: int
    key: int
    owners: tuple[Contact, ...]
    hops: int
    timeouts: int


@dataclass(frozen=True, slots=True)
class FindFailed:
    """Nobody who was named answered."""

    number: int
    key: int
    hops: int
    timeouts: int


Event = Joined | JoinFailed | IdTaken | Left | Lost | Odd | FindDone | FindFailed


class Place(Enum):
    """What a search is for."""

    JOIN = "join"
    FIND = "find"
    CHECK = "check"
    FINGER = "finger"


@dataclass(slots=True)
class Search:
    """A walk, and what it is for."""

    number: int
    place: Place
    walk: Walk
    doors: list[Address] = field(default_factory=list)
    finger: int = 0


@dataclass(frozen=True, slots=True)
class Knock:
    """Purpose of a request: the first step of a search, at an address whose id we do not know."""

    search: int


@dataclass(frozen=True, slots=True)
class Visit:
    """Purpose of a request: one step of a search."""

    search: int
    contact: Contact


@dataclass(frozen=True, slots=True)
class Stabilise:
    """Purpose of a request: the neighbours of our first successor; if that is `head`, of who lies between."""

    contact: Contact
    head: Contact | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Rectify:
    """Purpose of a request: is `contact` alive? Then or then not, `candidate` may be our predecessor."""

    contact: Contact
    candidate: Contact


@dataclass(frozen=True, slots=True)
class Tell:
    """Purpose of a request: a notification, whose answer tells only whether our id is taken."""

    contact: Contact
