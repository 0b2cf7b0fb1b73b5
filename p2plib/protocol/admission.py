"""Admission: how many strangers have a place with us, and which gives way when one more comes. A machine.

Rules
    1. At most `max_pending` connections are in the handshake. When one more comes, the oldest of the host
       that has the most of them is given up: so thousands of half-open connections keep nobody out, and one
       host that floods us keeps out nobody but itself.
    2. At most `max_per_peer` connections that others made are of one key, and `max_per_host` of one host.
       When one more comes, the one of them that has been idle the longest gives way: perhaps the peer was
       restarted, and we have not noticed yet that its old connections are dead. If none is idle, the new
       one is refused.
    3. At most `max_connections` are kept. When one more comes, the host that has the most of them, and at
       least two more than the new one's, gives up the one that has been idle the longest, or its oldest if
       all are busy. If no host has so many, rule 2 holds for the new one's own host.
    4. So neither a key nor a host can fill all places, and a host with one connection never loses it to
       another host. A crowd of hosts can fill them, until its connections have been idle for too long
       (`p2plib.protocol.keep_alive`).

`p2plib.protocol.peer_score.subject` says what counts as one host. Connections that we dialled are not
counted.

Vocabulary::

    guest   a connection that somebody else made and that has a place
    crowd   all guests of one host, or of one key
"""

from __future__ import annotations

import collections
import enum
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from p2plib.errors import UsageError
from p2plib.protocol.peer_score import subject

MAX_PENDING = 64
MAX_CONNECTIONS = 1024
MAX_PER_HOST = 256  # a quarter of all: the neighbours behind a carrier's NAT share one address
MAX_PER_PEER = 8  # one is enough for one program; some are made from both sides at once, or left over


class Guest(Protocol):
    """What admission has to know of a connection."""

    @property
    def remote_id(self) -> str:
        """Whose it is."""

    @property
    def is_idle(self) -> bool:
        """Whether it carries no stream."""

    @property
    def used_at(self) -> float:
        """When it last carried one."""


class Refusal(enum.Enum):
    """Why one more is refused, as it is counted."""

    TOO_MANY = "too many connections"
    TOO_MANY_OF_HOST = "too many connections of one host"
    TOO_MANY_OF_PEER = "too many connections of one peer"


@dataclass(frozen=True, slots=True)
class Places:
    """How many places there are; the rules of the module's head.

    Args:
        max_pending: connections in the handshake.
        max_connections: connections that others made.
        max_per_host: of one host.
        max_per_peer: of one key.

    Raises:
        UsageError: one of them is not above zero.
    """

    max_pending: int = MAX_PENDING
    max_connections: int = MAX_CONNECTIONS
    max_per_host: int = MAX_PER_HOST
    max_per_peer: int = MAX_PER_PEER

    def __post_init__(self) -> None:
        if min(self.max_pending, self.max_connections, self.max_per_host, self.max_per_peer) < 1:
            raise UsageError("there must be at least one place of each kind")


HandshakeT = TypeVar("HandshakeT", bound=Hashable)
GuestT = TypeVar("GuestT", bound=Guest)


class Pending(Generic[HandshakeT]):
    """The connections in the handshake, the oldest first (rule 1).

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._hosts: dict[HandshakeT, str] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def add(self, handshake: HandshakeT, host: str) -> tuple[HandshakeT, bool] | None:
        """Takes in one more; returns the one that gives way, and whether its host had more than half."""
        gives_way = None
        if len(self._hosts) >= self._most:
            ((crowd, count),) = collections.Counter(self._hosts.values()).most_common(1)
            oldest = next(each for each, whose in self._hosts.items() if whose == crowd)
            del self._hosts[oldest]
            gives_way = (oldest, count > self._most / 2)
        self._hosts[handshake] = subject(host)
        return gives_way

    def discard(self, handshake: HandshakeT) -> None:
        """It is through, or failed, or has given way."""
        self._hosts.pop(handshake, None)


class Admission(Generic[GuestT]):
    """The connections that others made, the oldest first (rules 2 to 4).

    Args:
        places: how many there may be.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._hosts: dict[GuestT, str] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def room_for(self, host: str) -> Refusal | None:
        """Whether one of a host would be let in; asked before its handshake, when its key is not known."""
        found = self._choose(subject(host), ())
        return found if isinstance(found, Refusal) else None

    def admit(self, guest: GuestT, host: str) -> GuestT | Refusal | None:
        """Gives one more a place, unless it is refused; returns which one gives way for it, if one must."""
        crowd = [each for each in self._hosts if each.remote_id == guest.remote_id]
        found = self._choose(subject(host), crowd)
        if not isinstance(found, Refusal):
            if found is not None:
                del self._hosts[found]
            self._hosts[guest] = subject(host)
        return found

    def discard(self, guest: GuestT) -> None:
        """It is over."""
        self._hosts.pop(guest, None)

    def _choose(self, host: str, of_peer: Iterable[GuestT]) -> GuestT | Refusal | None:
        places, of_peer, own = self._places, list(of_peer), self._of_host(host)
        if len(of_peer) >= places.max_per_peer:
            return _idle_longest(of_peer) or Refusal.TOO_MANY_OF_PEER
        if len(own) >= places.max_per_host:
            return _idle_longest(own) or Refusal.TOO_MANY_OF_HOST
        if len(self._hosts) < places.max_connections:
            return None
        ((largest, count),) = collections.Counter(self._hosts.values()).most_common(1)
        if count >= len(own) + 2:
            crowd = self._of_host(largest)
            return _idle_longest(crowd) or crowd[0]
        return _idle_longest(own) or Refusal.TOO_MANY

    def _of_host(self, host: str) -> list[GuestT]:
        return [each for each, whose in self._hosts.items() if whose == host]


def _idle_longest(crowd: Iterable[GuestT]) -> GuestT | None:
    return min((each for each in crowd if each.is_idle), key=lambda each: each.used_at, default=None)
