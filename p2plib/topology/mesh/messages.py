"""The messages of `p2plib.topology.mesh.machine`. A codec.

In each, `transaction` is picked by the peer that asks and repeated in the response; `sender` is the id of the
peer that sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import CONTACT, Header, Id, Many, Number

MAX_NAMED = 20  # contacts in one response; a peer that wants more asks for the next page

FULL, ID_TAKEN, STRANGER = 1, 2, 3
REASONS = {FULL: "the mesh is full", ID_TAKEN: "another peer has this id", STRANGER: "say hello first"}


@dataclass(slots=True)
class Hello(Header):
    """May I be one of you?"""


@dataclass(slots=True)
class Welcome(Header):
    """You are."""


@dataclass(slots=True)
class Refused(Header):
    """No; `reason` is one of `REASONS`."""

    reason: Annotated[int, Number(8)]


@dataclass(slots=True)
class Who(Header):
    """Who are the members, after skipping so many?"""

    skip: Annotated[int, Number(16)]


@dataclass(slots=True)
class Members(Header):
    """A page of those I have a link to, in the order of ids; `total` says how many there are."""

    total: Annotated[int, Number(16)]
    members: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_NAMED)]


@dataclass(slots=True)
class Ping(Header):
    """Are you there, and what do you see?"""


@dataclass(slots=True)
class Pong(Header):
    """I am here; `digest` is of the ids that I know, including my own."""

    digest: Annotated[int, Number(64)]


@dataclass(slots=True)
class Probe(Header):
    """This member does not answer me. Does it answer you?"""

    about: Id


@dataclass(slots=True)
class Probed(Header):
    """1 if it does; 0 if it does not, or if I have no link to it."""

    alive: Annotated[int, Number(1)]


@dataclass(slots=True)
class Goodbye(Header):
    """I go."""


MeshRequest = Hello | Who | Ping | Probe | Goodbye
MeshResponse = Welcome | Refused | Members | Pong | Probed

CODEC = Codec("mesh", 3, Hello, Welcome, Refused, Who, Members, Ping, Pong, Probe, Probed, Goodbye)
