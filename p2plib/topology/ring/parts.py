"""What a peer of a ring is told, what it reports, and what its requests are for. Values without rules.

The rules are in `p2plib.topology.ring.machine` and `p2plib.topology.ring.chord`.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.timers import TimerName


@dataclass(frozen=True, slots=True)
class RingSettings:
    """What the peers of a ring agree on, and how often they look after it.

    Args:
        bits: how long ids are, 1 to 256.
        r: how many successors each keeps, 1 to 20. A ring cannot survive all of them dying at once: with half
            of all peers gone, that has a probability of 2**-r for each peer.
        stabilise_s: seconds between two stabilisations. Chord's evaluation has 30.
        check_s: seconds between two checks of the whole ring.
        max_steps: how many peers one search asks at most. A plain ring of n peers needs up to n / r.
        fingers_s: seconds between two rounds of fingers; a plain ring has none.
    """

    bits: int = 160
    r: int = 8
    stabilise_s: float = 30.0
    check_s: float = 300.0
    max_steps: int = 512
    fingers_s: float = 120.0


class Timer(TimerName):
    """What a peer sets timers for."""

    REQUEST = "a response is late; about its transaction"
    JOIN = "begin at the bootstrap addresses again"
    STABILISE = "see whether the neighbours are still the neighbours"
    CHECK = "see whether the ring has fallen apart"
    FINGERS = "look up the fingers again; in Chord alone"


# Events ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Joined:
    """We are a member; this is the next peer."""

    successor: Contact


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """No bootstrap address led to a member, in all tries."""


@dataclass(frozen=True, slots=True)
class IdTaken:
    """Another peer has our id: the one at this address, or one that the peer at this address knows."""

    address: Address


@dataclass(frozen=True, slots=True)
class Left:
    """We have left: both neighbours were told."""


@dataclass(frozen=True, slots=True)
class Lost:
    """All our successors are dead; we are a ring of one until we find the others again."""


@dataclass(frozen=True, slots=True)
class RingInconsistent:
    """A peer elsewhere in the ring takes this one for the owner of our own id: the ring is not right."""

    owner: Contact


@dataclass(frozen=True, slots=True)
class FindDone:
    """The owner of a key, and the peers after it; `hops` is how many peers answered on the way, `timeouts`
    how many did not."""

    number: int
    key: int
    owners: tuple[Contact, ...]
    hops: int
    timeouts: int


@dataclass(frozen=True, slots=True)
class FindFailed:
    """None of the peers that were named answered."""

    number: int
    key: int
    hops: int
    timeouts: int


Event = Joined | JoinFailed | IdTaken | Left | Lost | RingInconsistent | FindDone | FindFailed


# Purposes of requests: what a response, or its absence, is for ---------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """The first step of a search, at an address where we do not know which peer is there."""

    search: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One step of a search."""

    search: int
    contact: Contact


@dataclass(frozen=True, slots=True)
class Stabilise:
    """Who are your neighbours? Asked of our first successor; or, if that is `head`, of a peer before it."""

    contact: Contact
    head: Contact | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Rectify:
    """Is `contact` alive? Depending on that, `candidate` may be our predecessor."""

    contact: Contact
    candidate: Contact


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification; its response says only whether our id is taken."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Holder:
    """Another peer claims the id of this contact. Is it there?"""

    contact: Contact


Purpose = Probe | Visit | Stabilise | Rectify | Notification | Holder
