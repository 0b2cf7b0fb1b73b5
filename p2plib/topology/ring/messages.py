"""The messages of `p2plib.topology.ring.machine` and `p2plib.topology.ring.chord`. A codec.

In each, `transaction` is picked by the peer that asks and repeated in the response; `sender` is the id of the
peer that sends. A Chord peer sends nothing that a peer of a plain ring does not understand: its fingers are
its own affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import CONTACT, Blob, Header, Id, Many

MAX_SUCCESSORS = 20  # Chord's own evaluation uses 20 for a thousand peers: twice log2 N
MAX_OWNERS = 12  # with the next constant, twenty contacts, which fit a datagram
MAX_NEARER = 8  # the best, and more in case it is dead: with half of all gone, all 8 are 1 time in 256

Successors: TypeAlias = Annotated[tuple[Contact, ...], Many(CONTACT, MAX_SUCCESSORS)]


@dataclass(slots=True)
class Ping(Header):
    """Are you there?"""


@dataclass(slots=True)
class Pong(Header):
    """I am here."""


@dataclass(slots=True)
class Step(Header):
    """Who owns this key, or which peers do you know that are nearer before it?"""

    key: Id


@dataclass(slots=True)
class Owner(Header):
    """The key lies between me and the first of these, which therefore owns it; the others follow it."""

    owners: Successors


@dataclass(slots=True)
class Nearer(Header):
    """Peers before the key, the nearest first; and my successors past it, in case all of those are dead."""

    contacts: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_NEARER)]
    owners: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_OWNERS)]


@dataclass(slots=True)
class Neighbours(Header):
    """Who are your neighbours?"""


@dataclass(slots=True)
class NeighboursAre(Header):
    """My predecessor, if I know one, and my successors in order."""

    predecessor: Annotated[tuple[Contact, ...], Many(CONTACT, 1)]
    successors: Successors


@dataclass(slots=True)
class Notify(Header):
    """I take you for my successor."""


@dataclass(slots=True)
class Leaving(Header):
    """I am leaving; these were my neighbours."""

    predecessor: Annotated[tuple[Contact, ...], Many(CONTACT, 1)]
    successors: Successors


@dataclass(slots=True)
class Done(Header):
    """Noted."""


@dataclass(slots=True)
class Refused(Header):
    """I do not answer you; `reason` says why, in words."""

    reason: Annotated[bytes, Blob(32)]


RingRequest = Ping | Step | Neighbours | Notify | Leaving
RingResponse = Pong | Owner | Nearer | NeighboursAre | Done | Refused

ID_TAKEN, NOT_A_MEMBER = b"id taken", b"not a member"

CODEC = Codec(
    "ring",
    2,
    *(Ping, Pong, Step, Owner, Nearer, Neighbours, NeighboursAre, Notify, Leaving, Done, Refused),
)
