"""The messages of `p2plib.topology.mesh.machine`. A codec.

In each, `transaction` is picked by who asks and repeated by who answers; `sender` is the id of who sends.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import CONTACT, ID, TRANSACTION, Codec, layout, many, number

MAX_NAMED = 20  # contacts in one answer; who wants more asks for the next page

FULL, ID_TAKEN, STRANGER = 1, 2, 3
REASONS = {FULL: "the mesh is full", ID_TAKEN: "another peer has this id", STRANGER: "say hello first"}


@dataclass(frozen=True, slots=True)
class Hello:
    """May I be one of you?"""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """You are."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Refused:
    """No; `reason` is one of `REASONS`."""

    transaction: int
    sender: int
    reason: int


@dataclass(frozen=True, slots=True)
class Who:
    """Who are you, after skipping so many?"""

    transaction: int
    sender: int
    skip: int


@dataclass(frozen=True, slots=True)
class Members:
    """A page of those I have a link to, in the order of ids; `total` says how many there are."""

    transaction: int
    sender: int
    total: int
    members: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there, and what do you see?"""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here; `digest` is of the ids that I know, mine with them."""

    transaction: int
    sender: int
    digest: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Somebody does not answer me. Does it answer you?"""

    transaction: int
    sender: int
    about: int


@dataclass(frozen=True, slots=True)
class Probed:
    """1: it does. 0: it does not, or I have no link to it."""

    transaction: int
    sender: int
    alive: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """I go."""

    transaction: int
    sender: int


MeshRequest = Hello | Who | Ping | Probe | Goodbye
MeshResponse = Welcome | Refused | Members | Pong | Probed

_ABOUT = {"transaction": TRANSACTION, "sender": ID}
_DIGEST = number(64)

CODEC = Codec(
    "mesh",
    3,
    layout(1, Hello, **_ABOUT),
    layout(2, Welcome, **_ABOUT),
    layout(3, Refused, **_ABOUT, reason=number(8)),
    layout(4, Who, **_ABOUT, skip=number(16)),
    layout(5, Members, **_ABOUT, total=number(16), members=many(CONTACT, MAX_NAMED)),
    layout(6, Ping, **_ABOUT),
    layout(7, Pong, **_ABOUT, digest=_DIGEST),
    layout(8, Probe, **_ABOUT, about=ID),
    layout(9, Probed, **_ABOUT, alive=number(1)),
    layout(10, Goodbye, **_ABOUT),
)
