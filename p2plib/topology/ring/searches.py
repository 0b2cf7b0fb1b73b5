"""Searches: the walks that a peer has under way, what each is for, and how it ends. A part of a ring.

A search begins with what we know ourselves (`start`), or at another peer's address (`start_at`): when we are
not a member yet, or want to hear what the rest of the ring says. It ends once, with an outcome that `ended`
is called with::

    Found      the owner of the key, the peers after it, and the peer that said so
    GaveUp     none of the peers that were named answered
    Taken      the peer at this address refused us, since another peer has our id; of a JOIN alone
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from p2plib.machine.addresses import Address, Contact
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.fingers import Fingers
from p2plib.topology.ring.messages import ID_TAKEN, MAX_NEARER, Nearer, Owner, Refused, RingResponse, Step
from p2plib.topology.ring.neighbours import Neighbourhood
from p2plib.topology.ring.parts import IdTaken, Probe, Visit
from p2plib.topology.ring.space import between
from p2plib.topology.ring.walk import Walk


class SearchKind(Enum):
    """What a search is for."""

    JOIN = "our own id, to enter the ring before its owner"
    FIND = "a key that the owner asked for"
    CHECK = "our own id, to hear whether the ring is right"
    FINGER = "the key of a finger"


@dataclass(slots=True)
class Search:
    """A walk, and what it is for.

    Args:
        number: identifies it in events.
        kind: what it is for.
        walk: how far it has come.
        bootstrap: addresses at which it can still begin.
        finger: which finger it is for, if it is for one.
    """

    number: int
    kind: SearchKind
    walk: Walk
    bootstrap: list[Address] = field(default_factory=list)
    finger: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The owner of the key and the peers after it, as `by` says."""

    search: Search
    owners: tuple[Contact, ...]
    by: Contact


@dataclass(frozen=True, slots=True)
class GaveUp:
    """None of the peers that were named answered."""

    search: Search


@dataclass(frozen=True, slots=True)
class Taken:
    """The peer at this address says that another peer has our id."""

    search: Search
    address: Address


Outcome = Found | GaveUp | Taken


class Searches:
    """The searches under way.

    Args:
        core: the peer's core.
        neighbours: its neighbours, which say which keys lie next to it, and by which it routes.
        fingers: by which it also routes; None in a plain ring.
        ended: called with the outcome of each search, and the time.
    """

    def __init__(
        self,
        core: Core,
        neighbours: Neighbourhood,
        fingers: Fingers | None,
        ended: Callable[[Outcome, float], None],
    ) -> None:
        self._core, self._neighbours, self._fingers, self._ended = core, neighbours, fingers, ended
        self._under_way: dict[int, Search] = {}
        self._last_number = 0

    def links(self) -> Iterable[Contact]:
        """The contacts by which we route."""
        if self._fingers is None:
            return self._neighbours.successors
        return [*self._neighbours.successors, *self._fingers.table.values()]

    def preceding(self, key: int) -> tuple[Contact, ...]:
        """The best links between us and a key, the nearest before the key first."""
        own_id, size = self._core.own.id, self._core.size
        # Not a set: the order of two that have one id would differ from run to run.
        before = dict.fromkeys(link for link in self.links() if between(own_id, link.id, key))
        return tuple(sorted(before, key=lambda link: (key - link.id) % size)[:MAX_NEARER])

    def start(self, kind: SearchKind, key: int, now: float, finger: int = 0) -> int:
        """Starts a search with what we know ourselves; returns its number."""
        search = self._begin(kind, key)
        search.finger = finger
        owners = self._neighbours.owners(key)
        if owners:
            self._end(Found(search, owners, self._core.own), now)
        else:
            search.walk.name(self.preceding(key), self._neighbours.beyond(key), by=self._core.own.id)
            self._go_on(search, now)
        return search.number

    def start_at(self, addresses: list[Address], kind: SearchKind, key: int, now: float) -> int:
        """Starts a search at the first of some addresses that answers; returns its number."""
        search = self._begin(kind, key)
        search.bootstrap = addresses
        self._probe(search, now)
        return search.number

    def answered(self, number: int, sender: Contact, message: RingResponse, now: float) -> None:
        """A peer answered a step."""
        search = self._under_way.get(number)
        if search is None:
            return None
        match message:
            case Owner(owners=owners) if owners:
                search.walk.hops += 1
                self._end(Found(search, owners, sender), now)
            case Nearer():
                search.walk.hops += 1
                search.walk.name(message.contacts, message.owners, by=sender.id)
                self._go_on(search, now)
            case Refused(reason=reason) if reason == ID_TAKEN:
                if search.kind is SearchKind.JOIN:
                    return self._end(Taken(search, sender.address), now)
                self._core.tell(IdTaken(sender.address))
                self._go_on(
                    search, now
                )  # anybody can say so, and a caller that waits for the key waits for its end
            case _:
                self._core.ignore("useless response")
                self._go_on(search, now)
        return None

    def not_answered(self, purpose: Probe | Visit, now: float) -> None:
        """A peer did not answer a step."""
        search = self._under_way.get(purpose.search)
        if search is None:
            return
        if isinstance(purpose, Probe):
            self._probe(search, now)
        else:
            search.walk.timeouts += 1
            self._go_on(search, now)

    def give_up(self, kind: SearchKind, now: float) -> None:
        """Ends the searches of one kind, as if nobody had answered."""
        for search in [search for search in self._under_way.values() if search.kind is kind]:
            self._end(GaveUp(search), now)

    def forget(self, kind: SearchKind) -> None:
        """Drops the searches of one kind; nobody waits for their end any more."""
        for number in [number for number, search in self._under_way.items() if search.kind is kind]:
            del self._under_way[number]

    def _begin(self, kind: SearchKind, key: int) -> Search:
        self._last_number += 1
        walk = Walk(key, self._core.size, self._core.settings.max_steps)
        search = self._under_way[self._last_number] = Search(self._last_number, kind, walk)
        return search

    def _probe(self, search: Search, now: float) -> None:
        if search.bootstrap:
            step = Step(*self._core.header(), search.walk.key)
            self._core.ask(step, search.bootstrap.pop(0), Probe(search.number), now)
        else:
            self._end(GaveUp(search), now)

    def _go_on(self, search: Search, now: float) -> None:
        contact = search.walk.next()
        if contact is not None:
            step = Step(*self._core.header(), search.walk.key)
            self._core.ask(step, contact.address, Visit(search.number, contact), now)
        elif search.bootstrap:
            self._probe(search, now)
        elif search.walk.owners:
            self._end(Found(search, search.walk.owners, self._core.own), now)
        else:
            self._end(GaveUp(search), now)

    def _end(self, outcome: Outcome, now: float) -> None:
        del self._under_way[outcome.search.number]
        self._ended(outcome, now)
