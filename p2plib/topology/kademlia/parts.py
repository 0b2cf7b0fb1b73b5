"""What a Kademlia peer is told and what it reports: settings, timers, events. Values without rules.

The rules are in `p2plib.topology.kademlia.machine` and the parts it is made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.timers import TimerName
from p2plib.topology.kademlia.lookup import ALPHA
from p2plib.topology.kademlia.messages import MAX_CONTACTS
from p2plib.topology.kademlia.store import SELF_NAMED, Validator
from p2plib.topology.kademlia.table import BITS, STRICT, Limits

REFRESH_S = 3600.0  # section 2.3 of the paper
REPUBLISH_S = 3600.0  # section 2.5
FRESH_S = 900.0  # a contact heard from so recently is not checked; BEP 5 has the same 15 minutes


class Mode(Enum):
    """Whether a peer serves others."""

    SERVER = "in tables, answers requests, keeps values"
    CLIENT = "in no table, only asks; for a peer that strangers do not reach, or that is there for a moment"
    AUTO = "a client until it finds out that strangers reach it, then a server"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the peers of a network agree on, and how hard this one tries.

    Args:
        bits: how long ids and keys are, 1 to 256.
        k: how many contacts a bucket holds, and how many peers a value is stored at, 1 to 20.
        alpha: how many peers are asked at once on one path.
        paths: how many disjoint paths `get` and `put` use; more paths cost more, and resist liars better.
        strict: whether lookups go in rounds.
        hedged: whether one more peer is asked when a response is slow; with alpha = 1, a lookup takes far
            fewer datagrams, and is held up less by a peer that is gone.
        refresh_s, republish_s, fresh_s: see the rules.
        limits: how many places in the table one owner of addresses may take.
        validator: which values may be stored.
        max_values: how many values are kept for others.
        mode: whether the peer serves others.
    """

    bits: int = BITS
    k: int = MAX_CONTACTS
    alpha: int = ALPHA
    paths: int = 1
    strict: bool = False
    hedged: bool = False
    refresh_s: float = REFRESH_S
    republish_s: float = REPUBLISH_S
    fresh_s: float = FRESH_S
    limits: Limits = STRICT
    validator: Validator = SELF_NAMED
    max_values: int = 4096
    mode: Mode = Mode.SERVER


class Timer(TimerName):
    """What a peer sets timers for."""

    REQUEST = "a response is late; about its transaction"
    HEDGE = "a response is slow; about the number of the search"
    JOIN = "ask the bootstrap addresses again"
    REACH = "a dial-back would have come by now; about the number of the test"
    STALLED = "nobody has taken a value from us for long, and we want to leave"
    TEST_AGAIN = "test again whether strangers reach us"
    KEEP_OPEN = "say something, or the NAT forgets us"
    REFRESH = "look up an id in each bucket that no lookup has touched"
    REPUBLISH = "store a value that is kept for others again; about its key"
    PUBLISH = "put a value of our own again; about its key"


@dataclass(frozen=True, slots=True)
class Joined:
    """We are in: `contacts` is how many peers are in the table."""

    contacts: int


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """None of these bootstrap addresses let us in; whether clients have answered there."""

    asked: tuple[Address, ...]
    are_clients: bool = False


@dataclass(frozen=True, slots=True)
class FindDone:
    """The peers nearest to a target, nearest first; empty if nobody answered."""

    number: int
    target: int
    closest: tuple[Contact, ...]
    queries: int
    failures: int


@dataclass(frozen=True, slots=True)
class GetDone:
    """A value, or None if it was not found; if `queries` is 0, there was nobody to ask."""

    number: int
    key: int
    value: bytes | None
    queries: int
    failures: int


@dataclass(frozen=True, slots=True)
class PutDone:
    """How many peers said that they keep the value, and how many were asked to.

    Args:
        number: identifies the put.
        key: of the value.
        copies: how many peers keep it, with ourselves.
        asked: how many peers were asked to, with ourselves.
        here: how many of the copies are our own, 0 or 1.
    """

    number: int
    key: int
    copies: int
    asked: int
    here: int = 0


@dataclass(frozen=True, slots=True)
class Crowded:
    """There are more peers round this key than chance explains; `surprise` is the probability."""

    key: int
    surprise: float


@dataclass(frozen=True, slots=True)
class IdTaken:
    """The peer at this address has our id, or says that another peer has."""

    address: Address


@dataclass(frozen=True, slots=True)
class ReachTested:
    """Whether the requests of strangers reach us, and the address that others see; None is "not known"."""

    is_reachable: bool | None
    outer: Address | None


@dataclass(frozen=True, slots=True)
class Left:
    """We have taken our leave: of so many values that we kept, so many were taken by others."""

    values: int
    handed_on: int


Event = Joined | JoinFailed | FindDone | GetDone | PutDone | Crowded | IdTaken | ReachTested | Left
