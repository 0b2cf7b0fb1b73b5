"""The messages of `p2plib.topology.hyparview.machine`. A codec.

Those with a `transaction` are answered; the others are not. `sender` is the id of who sends.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import CONTACT, ID, TRANSACTION, Codec, layout, many, number

MAX_SAMPLE = 16  # contacts in a shuffle; the paper sends 1 + 3 + 4
MAX_TTL = 15


@dataclass(frozen=True, slots=True)
class Join:
    """I am new. Take me as a neighbour, and tell others."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Shall we be neighbours? `high` is 1 from who has none, and is not refused."""

    transaction: int
    sender: int
    high: int


@dataclass(frozen=True, slots=True)
class Agreed:
    """The answer to both: 1 if we are neighbours now."""

    transaction: int
    sender: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there, and are we neighbours?"""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Pong:
    """I am; 1 if we are."""

    transaction: int
    sender: int
    neighbours: int


@dataclass(frozen=True, slots=True)
class ForwardJoin:
    """Somebody is new; pass it on as long as `ttl` is not 0."""

    sender: int
    newcomer: Contact
    ttl: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """We are not neighbours any more."""

    sender: int


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Some whom `origin` knows; pass it on as long as `ttl` is not 0, then send as many back."""

    sender: int
    origin: Contact
    ttl: int
    sample: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Some whom I know."""

    sender: int
    sample: tuple[Contact, ...]


HyParViewResponse = Agreed | Pong

_TTL, _SAMPLE = number(4), many(CONTACT, MAX_SAMPLE)

CODEC = Codec(
    "HyParView",
    4,
    layout(1, Join, transaction=TRANSACTION, sender=ID),
    layout(2, Neighbour, transaction=TRANSACTION, sender=ID, high=number(1)),
    layout(3, Agreed, transaction=TRANSACTION, sender=ID, accepted=number(1)),
    layout(4, Ping, transaction=TRANSACTION, sender=ID),
    layout(5, Pong, transaction=TRANSACTION, sender=ID, neighbours=number(1)),
    layout(6, ForwardJoin, sender=ID, newcomer=CONTACT, ttl=_TTL),
    layout(7, Disconnect, sender=ID),
    layout(8, Shuffle, sender=ID, origin=CONTACT, ttl=_TTL, sample=_SAMPLE),
    layout(9, Shuffled, sender=ID, sample=_SAMPLE),
)
