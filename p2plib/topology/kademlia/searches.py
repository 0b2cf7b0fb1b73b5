"""The asking half of a Kademlia peer: joining, finding, fetching, storing. A machine, without its answers.

`p2plib.topology.kademlia.machine.Kademlia` is this and the answering half; its docstring has the rules.

A search is a lookup with something to do at its end::

    JOIN        our own id: then every bucket farther than the nearest peer is refreshed
    REFRESH     a random id of a bucket
    FIND        an id somebody asked for
    GET         a key: over as soon as a valid value is there (or, where values can change, the best of all)
    PUT         a key: then a copy goes to each of the nearest
    REPUBLISH   the same, for a value that somebody else published
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.kademlia import density
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.messages import (
    CODEC,
    MAX_CONTACTS,
    Answer,
    FindNode,
    FindValue,
    Found,
    Nodes,
    Question,
    Store,
)
from p2plib.topology.kademlia.parts import (
    Copy,
    Crowded,
    Event,
    FindDone,
    GetDone,
    Joined,
    Kind,
    PutDone,
    Search,
    Settings,
    Step,
    Timer,
)
from p2plib.topology.kademlia.store import EXPIRE_S, Values
from p2plib.topology.kademlia.table import RoutingTable

WIDER, WIDEST = 3, 27  # rule 6, times k
REPUBLISH_JITTER = 0.1  # so that of k holders one is first, and the others see its copy and stay quiet


class Searches(Base[Event, Timer]):
    """See the module."""

    def __init__(self, own_id: int, rng: random.Random, now: float, settings: Settings) -> None:
        super().__init__()
        if not 1 <= settings.k <= MAX_CONTACTS:
            raise UsageError(f"k is 1 to {MAX_CONTACTS}, for an answer has no room for more")
        self.settings, self.own_id, self.rng = settings, own_id, rng
        self.table = RoutingTable(own_id, bits=settings.bits, k=settings.k, limits=settings.limits, now=now)
        self.values = Values(own_id, settings.bits, settings.rule, settings.max_values)
        self.size = density.NetworkSize()
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self._searches: dict[int, Search] = {}
        self._last_number = 0
        self.timers.set(Timer.REFRESH, now + settings.refresh_s)

    def _ask(self, message: Question, address: Address, purpose: object, now: float, tries: int = 1) -> None:
        data = CODEC.encode(message)
        self.requests.start(message.transaction, data, address, purpose, now, tries)
        self._send(data, address)

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _search(
        self, kind: Kind, target: int, now: float, value: bytes | None = None, lifetime_s: float = EXPIRE_S
    ) -> int:
        if not 0 <= target < 1 << self.settings.bits:
            raise UsageError(f"a target is 0 to 2**{self.settings.bits} - 1")
        lookup = self._lookup(kind, target, self.settings.k)
        search = Search(self._number(), kind, lookup, value, lifetime_s)
        self._searches[search.number] = search
        if target != self.own_id:
            self.table.bucket_of(target).looked_up = now
        self._advance(search, now)
        return search.number

    def _lookup(self, kind: Kind, target: int, width: int) -> Lookup:
        settings = self.settings
        seeds = self.table.closest(target, width)
        seeds = seeds or self.table.closest(target, width, doubtful=True)  # our own line may have been down
        paths = settings.paths if kind in (Kind.GET, Kind.PUT, Kind.REPUBLISH) else 1
        own_id, alpha, strict = self.own_id, settings.alpha, settings.strict
        return Lookup(target, seeds, own_id=own_id, k=width, alpha=alpha, paths=paths, strict=strict)

    def _advance(self, search: Search, now: float) -> None:
        lookup = search.lookup
        for contact in lookup.next():
            transaction = self.requests.transaction()
            question: Question = FindNode(transaction, self.own_id, lookup.target)
            if search.kind is Kind.GET:
                question = FindValue(transaction, self.own_id, lookup.target)
            self._ask(question, contact.address, Step(search.number, contact), now)
        if lookup.done:
            self._finish(search, now)

    def _stepped(self, number: int, contact: Contact, answer: Answer, now: float) -> None:
        """A peer that a lookup asked has answered."""
        search = self._searches.get(number)
        if search is None or search.awaiting:
            return None
        lookup = search.lookup
        match answer:
            case Nodes():
                search.tokens[contact.id] = answer.token
                lookup.answered(contact, (one for one in answer.contacts if not one.id >> self.settings.bits))
            case Found() if search.kind is Kind.GET and self._valid(lookup.target, answer.value):
                lookup.answered(contact)
                better = self.settings.rule.better
                if search.value is None or (better and better(answer.value, search.value)):
                    search.value = answer.value
                if better is None:
                    return self._got(search)
            case _:
                self._ignore("useless answer")
                lookup.failed(contact.id)
        return self._advance(search, now)

    def _valid(self, key: int, value: bytes) -> bool:
        return self.settings.rule.valid(key, value, self.settings.bits)

    def _finish(self, search: Search, now: float) -> None:
        lookup, near = search.lookup, search.lookup.closest
        distances = [self._part(one.id ^ lookup.target) for one in near[: self.settings.k]]
        wanting = search.kind in (Kind.PUT, Kind.REPUBLISH) or (
            search.kind is Kind.GET and search.value is None
        )
        if wanting and self._crowded(search, distances):
            search.lookup = self._lookup(search.kind, lookup.target, WIDER * lookup.k)
            return self._advance(search, now)
        self.size.looked_up(lookup.target, distances)
        match search.kind:
            case Kind.PUT | Kind.REPUBLISH:
                return self._store(search, near, now)
            case Kind.GET:
                return self._got(search)
            case Kind.FIND:
                counts = lookup.queries, lookup.failures
                self._tell(FindDone(search.number, lookup.target, tuple(near), *counts))
            case Kind.JOIN:
                for i in self._far_buckets():
                    self._refresh_bucket(i, now)
                self._tell(Joined(len(self.table)))
            case Kind.REFRESH:
                pass
        del self._searches[search.number]
        return None

    def _part(self, distance: int) -> float:
        return float(distance / (1 << self.settings.bits))

    @property
    def network_size(self) -> float:
        """How many peers there are, about, as far as this one can tell; 0 if it knows nobody.

        Lookups measure it, and so does the table round our own id, where newcomers ask us first: in a network
        that grows, old lookups make it too small, and then every key would look crowded. Who wanted to hide a
        crowd round a key from us would have to crowd our own id, too.
        """
        near = [self._part(one.id ^ self.own_id) for one in self.table.closest(self.own_id, self.settings.k)]
        here = (len(near) - 1) / near[-1] if len(near) > 1 else 0.0
        return max(self.size.estimate, here)

    def _crowded(self, search: Search, distances: list[float]) -> bool:
        """Rule 6: whether to look again, more widely."""
        lookup, k, size = search.lookup, self.settings.k, self.network_size
        if lookup.k > k:  # there was an alarm before
            farthest = lookup.closest[-1].id ^ lookup.target if lookup.closest else 0
            return lookup.k < WIDEST * k and self._part(farthest) < k / size
        if not density.alarm(distances, size):
            return False
        self._tell(Crowded(lookup.target, density.surprise(distances, size)))
        return True

    def _got(self, search: Search) -> None:
        del self._searches[search.number]
        lookup = search.lookup
        event = GetDone(search.number, lookup.target, search.value, lookup.queries, lookup.failures)
        self._tell(event)

    def _store(self, search: Search, near: list[Contact], now: float) -> None:
        """The nearest are found: a copy goes to each, and one stays if we are among them."""
        key, value = search.lookup.target, search.value or b""
        nearest = [one for one in near if search.tokens.get(one.id)]
        full = len(nearest) >= search.lookup.k
        if search.kind is Kind.PUT and not (full and nearest[-1].id ^ key < self.own_id ^ key):
            search.asked += 1
            if self.values.put(key, value, search.lifetime_s, now):
                search.copies += 1
                self._republish_later(key, now)
        search.awaiting = len(nearest)
        search.asked += len(nearest)
        for contact in nearest:
            token, lifetime_s = search.tokens[contact.id], int(search.lifetime_s)
            message = Store(self.requests.transaction(), self.own_id, token, key, lifetime_s, value)
            self._ask(message, contact.address, Copy(search.number, contact), now, tries=2)
        if not nearest:
            self._stored(search)

    def _copied(self, number: int, done: bool) -> None:
        """One copy is there, or will not be."""
        search = self._searches.get(number)
        if search is not None:
            search.copies += done
            search.awaiting -= 1
            if search.awaiting == 0:
                self._stored(search)

    def _stored(self, search: Search) -> None:
        del self._searches[search.number]
        if search.kind is Kind.PUT:
            self._tell(PutDone(search.number, search.lookup.target, search.copies, search.asked))

    def _republish_later(self, key: int, now: float) -> None:
        jitter = self.rng.uniform(-REPUBLISH_JITTER, REPUBLISH_JITTER)
        self.timers.set(Timer.REPUBLISH, now + self.settings.republish_s * (1 + jitter), key)

    def _hand_on(self, key: int, now: float) -> None:
        """Rule 5: nobody stored this value again for an hour, so we do, with the lifetime that is left."""
        kept = self.values.get(key, now)
        if kept is not None and kept.expires - now >= 1:
            self._search(Kind.REPUBLISH, key, now, kept.data, kept.expires - now)
            self._republish_later(key, now)

    def _far_buckets(self) -> Iterator[int]:
        """The buckets from that of our nearest contact to the farthest; nearer ones are empty for good."""
        nearest = self.table.nearest_bucket
        yield from () if nearest is None else range(nearest, self.settings.bits)

    def _refresh(self, now: float) -> None:
        """Rule 4."""
        refresh_s = self.settings.refresh_s
        far = list(self._far_buckets())
        for i in far:
            if self.table.buckets[i].looked_up + refresh_s <= now:
                self._refresh_bucket(i, now)
        oldest = min((self.table.buckets[i].looked_up for i in far), default=now)
        self.timers.set(Timer.REFRESH, oldest + refresh_s)

    def _refresh_bucket(self, i: int, now: float) -> None:
        self._search(Kind.REFRESH, self.own_id ^ (1 << i | self.rng.getrandbits(i)), now)
