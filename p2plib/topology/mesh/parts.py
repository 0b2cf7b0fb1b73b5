"""What a member of a mesh reports, what it sets timers for, and what its requests are for. Values.

The rules are in `p2plib.topology.mesh.machine`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.timers import TimerName
from p2plib.topology.mesh.messages import MeshRequest


class Timer(TimerName):
    """What a member sets timers for."""

    REQUEST = "a response is late; about its transaction"
    PING = "ask every member whether it is there"
    JOIN = "say hello at the bootstrap addresses again"
    DOOR = "ask outside whether there is more than our part of the mesh"


@dataclass(frozen=True, slots=True)
class Entered:
    """A new member, and our link to it."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Gone:
    """A member is gone: it said so, or none of those asked reaches it."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class LinkLost:
    """Others reach this member, and we do not."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class LinkBack:
    """This member answers us again."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class JoinRejected:
    """The peer at this address did not let us in; `reason` is FULL or ID_TAKEN of `messages`."""

    address: Address
    reason: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No peer answered at a bootstrap address."""

    address: Address


Event = Entered | Gone | LinkLost | LinkBack | JoinRejected | NoAnswer


class LinkState(Enum):
    """The state of a link."""

    UP = "up"
    SUSPECT = "suspect"
    LOST = "lost"


@dataclass(slots=True)
class Member:
    """A member, and our link to it."""

    contact: Contact
    link: LinkState = LinkState.UP
    asked: set[int] = field(default_factory=set)  # the others that have yet to say whether they reach it


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for.

    Args:
        contact: the member asked.
        request: the request.
        asker: the member for which we ask, if any.
        is_outside: whether it is asked because it was a member once, or may know others (rule 6).
    """

    contact: Contact | None
    request: MeshRequest
    asker: tuple[int, Address] | None = None
    is_outside: bool = False
