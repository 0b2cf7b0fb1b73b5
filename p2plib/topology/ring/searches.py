"""The searching half of a peer of a ring: joining, finding, and looking whether the ring is whole. A machine,
without its answers.

`p2plib.topology.ring.machine.Ring` is this and the rest; its docstring has the rules.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.ring.messages import (
    CODEC,
    ID_TAKEN,
    MAX_NEARER,
    MAX_OWNERS,
    MAX_SUCCESSORS,
    Answer,
    Nearer,
    Owner,
    Question,
    Refused,
    Step,
)
from p2plib.topology.ring.parts import (
    Event,
    FindDone,
    FindFailed,
    IdTaken,
    Joined,
    JoinFailed,
    Knock,
    Odd,
    Place,
    RingSettings,
    Search,
    Timer,
    Visit,
)
from p2plib.topology.ring.space import between
from p2plib.topology.ring.walk import Walk

TRIES = 3  # two datagrams may be lost without anybody being called dead
MAX_KNOWN = 64  # peers remembered for rule 5


class RingSearches(Base[Event, Timer]):
    """See the module."""

    def __init__(self, own: Contact, rng: random.Random, settings: RingSettings) -> None:
        super().__init__()
        if not 0 <= own.id < 1 << settings.bits or not 1 <= settings.r <= MAX_SUCCESSORS:
            raise UsageError(f"an id is 0 to 2**{settings.bits} - 1, and r is 1 to {MAX_SUCCESSORS}")
        self.own, self.rng, self.settings = own, rng, settings
        self.size = 1 << settings.bits
        self.member = False
        self.predecessor: Contact | None = None
        self.successors: list[Contact] = []
        self.known: dict[Address, None] = {}  # a set that remembers the order
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self._searches: dict[int, Search] = {}
        self._last_number = 0

    def _ask(self, message: Question, address: Address, purpose: object, now: float) -> None:
        data = CODEC.encode(message)
        self.requests.start(message.transaction, data, address, purpose, now, TRIES)
        self._send(data, address)

    def _remember(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            self.known.pop(address, None)
            self.known[address] = None
        while len(self.known) > MAX_KNOWN:
            del self.known[next(iter(self.known))]

    # What we say and think of the ring --------------------------------------------------------------------

    def _owners(self, key: int) -> tuple[Contact, ...]:
        """The owner of a key and who follows, if the key lies next to us; else nobody."""
        before, own = self.predecessor, self.own.id
        if not self.successors or key == own or (before and between(before.id, key, own)):
            return (self.own, *self.successors)[:MAX_SUCCESSORS]
        first = self.successors[0].id
        return tuple(self.successors) if key == first or between(own, key, first) else ()

    def _links(self) -> Iterable[Contact]:
        """Whom we know for routing; a richer ring knows more."""
        return self.successors

    def _beyond(self, key: int) -> tuple[Contact, ...]:
        """Our successors at a key or past it."""
        return tuple(one for one in self.successors if not between(self.own.id, one.id, key))[:MAX_OWNERS]

    def _preceding(self, key: int) -> tuple[Contact, ...]:
        """The best of those between us and a key, the nearest before the key first."""
        before = {one for one in self._links() if between(self.own.id, one.id, key)}
        return tuple(sorted(before, key=lambda one: (key - one.id) % self.size)[:MAX_NEARER])

    def _set_successors(self, contacts: Iterable[Contact]) -> None:
        """Keeps the first r that are in order; what comes round to us again, or goes back, ends the list."""
        ordered: list[Contact] = []
        reached = 0
        for one in contacts:
            distance = (one.id - self.own.id) % self.size
            if distance <= reached or len(ordered) == self.settings.r:
                break
            ordered.append(one)
            reached = distance
        self.successors = ordered
        self._remember(one.address for one in ordered)

    # Searches ---------------------------------------------------------------------------------------------

    def _begin(self, place: Place, key: int) -> Search:
        self._last_number += 1
        walk = Walk(key, self.size, self.settings.max_steps)
        search = self._searches[self._last_number] = Search(self._last_number, place, walk)
        return search

    def _start(self, place: Place, key: int, now: float, finger: int = 0) -> int:
        """A search that begins with what we know ourselves."""
        search = self._begin(place, key)
        search.finger = finger
        owners = self._owners(key)
        if owners:
            self._end(search, owners, self.own, now)
        else:
            search.walk.name(self._preceding(key), self._beyond(key), by=self.own.id)
            self._go_on(search, now)
        return search.number

    def _knock(self, search: Search, now: float) -> None:
        """A search that begins at somebody else's door."""
        if search.doors:
            message = Step(self.requests.transaction(), self.own.id, search.walk.key)
            self._ask(message, search.doors.pop(0), Knock(search.number), now)
        else:
            self._fail(search)

    def _go_on(self, search: Search, now: float) -> None:
        contact = search.walk.next()
        if contact is not None:
            message = Step(self.requests.transaction(), self.own.id, search.walk.key)
            self._ask(message, contact.address, Visit(search.number, contact), now)
        elif search.doors:
            self._knock(search, now)
        elif search.walk.owners:
            self._end(search, search.walk.owners, self.own, now)
        else:
            self._fail(search)

    def _visited(self, number: int, sender: Contact, message: Answer, now: float) -> None:
        """Somebody answered a step."""
        search = self._searches.get(number)
        if search is None:
            return
        match message:
            case Owner(owners=owners) if owners:
                search.walk.hops += 1
                self._end(search, owners, sender, now)
            case Nearer():
                search.walk.hops += 1
                search.walk.name(message.contacts, message.owners, by=sender.id)
                self._go_on(search, now)
            case Refused(reason=reason) if reason == ID_TAKEN:
                del self._searches[number]
                self._tell(IdTaken(sender.address))
            case _:
                self._ignore("useless answer")
                self._go_on(search, now)

    def _fail(self, search: Search) -> None:
        del self._searches[search.number]
        walk = search.walk
        if search.place is Place.JOIN:
            self._tell(JoinFailed())
        elif search.place is Place.FIND:
            self._tell(FindFailed(search.number, walk.key, walk.hops, walk.timeouts))

    def _end(self, search: Search, owners: tuple[Contact, ...], by: Contact, now: float) -> None:
        del self._searches[search.number]
        walk = search.walk
        match search.place:
            case Place.FIND:
                self._tell(FindDone(search.number, walk.key, owners, walk.hops, walk.timeouts))
            case Place.JOIN:
                self._let_in(owners, by, now)
            case Place.CHECK:
                self._checked(owners, now)
            case Place.FINGER:
                self._finger_found(search.finger, owners[0])

    def _let_in(self, owners: tuple[Contact, ...], by: Contact, now: float) -> None:
        """Rule 1."""
        if owners[0] == self.own:
            owners = owners[1:]  # we were here before, and nobody noticed that we died
        if owners and owners[0].id == self.own.id:
            self._tell(IdTaken(owners[0].address))
        elif not owners:
            self._tell(JoinFailed())
        else:
            self._set_successors(owners)
            self.predecessor = None if by in (self.own, owners[0]) else by
            self._become_member(now)
            self._tell(Joined(owners[0]))

    def _checked(self, owners: tuple[Contact, ...], now: float) -> None:
        """Rule 5."""
        found = owners[0]
        if found.id == self.own.id:
            if found.address != self.own.address:
                self._tell(IdTaken(found.address))
            return
        self._tell(Odd(found))
        if not self.successors or between(self.own.id, found.id, self.successors[0].id):
            self._set_successors(owners)
            self.timers.set(Timer.STABILISE, now)
        else:
            self._notify(found, now)

    def _become_member(self, now: float) -> None:
        raise NotImplementedError

    def _notify(self, contact: Contact, now: float) -> None:
        raise NotImplementedError

    def _finger_found(self, finger: int, owner: Contact) -> None:
        """For a ring with fingers."""
