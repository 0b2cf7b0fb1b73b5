"""The messages of `p2plib.topology.hyparview.machine`. A codec.

Those with a `transaction` are requests and responses; the others get no response. `sender` is the id of the
peer that sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import CONTACT, Header, Id, Many, Number

MAX_SAMPLE = 16  # contacts in a shuffle; the paper sends 1 + 3 + 4
MAX_TTL = 15
MAX_NAMED = 8  # of each kind in Names, which anybody may ask for: so it is not much longer than a shuffle

OneBit: TypeAlias = Annotated[int, Number(1)]
Ttl: TypeAlias = Annotated[int, Number(MAX_TTL.bit_length())]
Sample: TypeAlias = Annotated[tuple[Contact, ...], Many(CONTACT, MAX_SAMPLE)]


@dataclass(slots=True)
class Join(Header):
    """I am new. Take me as a neighbour, and tell others."""


@dataclass(slots=True)
class Neighbour(Header):
    """Shall we be neighbours? If `high` is 1, the sender has none or may be on an island: do not refuse."""

    high: OneBit


@dataclass(slots=True)
class Agreed(Header):
    """The response to both: 1 if we are neighbours now."""

    accepted: OneBit


@dataclass(slots=True)
class Ping(Header):
    """Are you there, and are we neighbours?"""


@dataclass(slots=True)
class Pong(Header):
    """I am here; 1 if we are neighbours."""

    neighbours: OneBit


@dataclass(slots=True)
class ForwardJoin:
    """There is a newcomer; pass this on as long as `ttl` is not 0."""

    sender: Id
    newcomer: Annotated[Contact, CONTACT]
    ttl: Ttl


@dataclass(slots=True)
class Disconnect:
    """We are not neighbours any more."""

    sender: Id


@dataclass(slots=True)
class Shuffle:
    """Some peers that `origin` knows; pass this on as long as `ttl` is not 0, then send as many back."""

    sender: Id
    origin: Annotated[Contact, CONTACT]
    ttl: Ttl
    sample: Sample


@dataclass(slots=True)
class Shuffled:
    """Some peers that I know, in return."""

    sender: Id
    sample: Sample


@dataclass(slots=True)
class Who(Header):
    """I may be on an island: who are your neighbours, and whom else do you know?"""


@dataclass(slots=True)
class Names(Header):
    """My neighbours, and some peers of my passive view."""

    active: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_NAMED)]
    passive: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_NAMED)]


HyParViewResponse = Agreed | Pong | Names

CODEC = Codec(
    "HyParView",
    4,
    *(Join, Neighbour, Agreed, Ping, Pong, ForwardJoin, Disconnect, Shuffle, Shuffled, Who, Names),
)
