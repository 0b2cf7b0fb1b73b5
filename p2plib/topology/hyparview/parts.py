"""What a peer of HyParView is told, what it reports, and what its requests are for. Values without rules.

The rules are in `p2plib.topology.hyparview.machine`.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.timers import TimerName


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Sizes and times; the numbers are the paper's for ten thousand peers.

    Args:
        active: how many neighbours at most.
        passive: how many names at most.
        active_walk: ARWL, the steps of a forward join.
        passive_walk: PRWL, how many steps are left when the newcomer is noted.
        shuffle_active: k_a, how many neighbours a shuffle names.
        shuffle_passive: k_p, how many names from the passive view it adds.
        shuffle_s: seconds between shuffles.
        ping_s: seconds between two pings to a neighbour.
        door_s: seconds from joining to asking at a door for the first time; later pauses are longer, up to
            180 times. Infinity for never.
    """

    active: int = 5
    passive: int = 30
    active_walk: int = 6
    passive_walk: int = 3
    shuffle_active: int = 3
    shuffle_passive: int = 4
    shuffle_s: float = 10.0
    ping_s: float = 5.0
    door_s: float = 10.0


class Timer(TimerName):
    """What a peer sets timers for."""

    REQUEST = "a response is late; about its transaction"
    SHUFFLE = "exchange part of the passive view with a peer far away"
    PING = "ask each neighbour whether it is there"
    DOOR = "ask outside whether there is more than our island"


@dataclass(frozen=True, slots=True)
class NeighbourUp:
    """We have a new neighbour."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class NeighbourDown:
    """This peer is not our neighbour any more."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Isolated:
    """We have no neighbour, and no name left to ask. We join again through our doors, if we have any."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Purpose of a request: a join at a bootstrap address, where we do not know which peer is there."""

    address: Address


@dataclass(frozen=True, slots=True)
class Ask:
    """Purpose of a request: this contact is, or may become, a neighbour; `is_bridge` if by rule 6.

    Args:
        contact: the peer asked.
        is_bridge: whether it would be a bridge.
        named_by: the door that named it, which is asked in its stead if nothing comes of it.
    """

    contact: Contact
    is_bridge: bool = False
    named_by: Contact | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """Purpose of a request: a door was asked for names."""


Purpose = Probe | Ask | Outside
Event = NeighbourUp | NeighbourDown | Isolated
