"""The messages of `p2plib.topology.ring.machine` and `p2plib.topology.ring.chord`. A codec.

In each, `transaction` is picked by who asks and repeated by who answers; `sender` is the id of who sends. A
Chord peer sends nothing that a peer of a plain ring does not understand: fingers are nobody else's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import CONTACT, ID, TRANSACTION, Codec, blob, layout, many

MAX_SUCCESSORS = 20  # Chord's own evaluation uses 20 for a thousand peers: twice log2 N
MAX_OWNERS = 12  # with the next, twenty contacts, for which a datagram has room
MAX_NEARER = 8  # the best, and more in case it is dead: with half of all gone, none of 8 lives 1 time in 256


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Step:
    """Who owns this key, or whom do you know that is nearer before it?"""

    transaction: int
    sender: int
    key: int


@dataclass(frozen=True, slots=True)
class Owner:
    """The key lies between me and the first of these, so that one owns it; the others follow it."""

    transaction: int
    sender: int
    owners: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Nearer:
    """Peers before the key, the nearest first; and my successors past it, in case all those are dead."""

    transaction: int
    sender: int
    contacts: tuple[Contact, ...]
    owners: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Who are your neighbours?"""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class NeighboursAre:
    """My predecessor, if I know one, and my successors in order."""

    transaction: int
    sender: int
    predecessor: tuple[Contact, ...]
    successors: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Notify:
    """I take you for my successor."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """I go; these were my neighbours."""

    transaction: int
    sender: int
    predecessor: tuple[Contact, ...]
    successors: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """Noted."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Refused:
    """I do not answer you; `reason` says why, in words."""

    transaction: int
    sender: int
    reason: bytes


RingRequest = Ping | Step | Neighbours | Notify | Leaving
RingResponse = Pong | Owner | Nearer | NeighboursAre | Done | Refused

ID_TAKEN, NOT_A_MEMBER = b"id taken", b"not a member"

_ONE, _LIST = many(CONTACT, 1), many(CONTACT, MAX_SUCCESSORS)
_ABOUT = {"transaction": TRANSACTION, "sender": ID}

CODEC = Codec(
    "ring",
    2,
    layout(1, Ping, **_ABOUT),
    layout(2, Pong, **_ABOUT),
    layout(3, Step, **_ABOUT, key=ID),
    layout(4, Owner, **_ABOUT, owners=_LIST),
    layout(5, Nearer, **_ABOUT, contacts=many(CONTACT, MAX_NEARER), owners=many(CONTACT, MAX_OWNERS)),
    layout(6, Neighbours, **_ABOUT),
    layout(7, NeighboursAre, **_ABOUT, predecessor=_ONE, successors=_LIST),
    layout(8, Notify, **_ABOUT),
    layout(9, Leaving, **_ABOUT, predecessor=_ONE, successors=_LIST),
    layout(10, Done, **_ABOUT),
    layout(11, Refused, **_ABOUT, reason=blob(32)),
)
