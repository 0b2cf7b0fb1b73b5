"""Searches: the lookups that a Kademlia peer has under way. A machine part.

A search is a lookup with messages. Each step asks one peer; the response goes into the lookup, which says
whom to ask next. When nobody is left to ask, `ended` is called with the search. What happens then depends on
its kind::

    JOIN        of our own id: then every bucket farther than the nearest peer is refreshed
    REFRESH     of a random id in a bucket: nothing
    FIND        of an id that the owner asked for: the peers found are reported
    GET         of a key: the value is reported
    PUT         of a key: then a copy goes to each of the peers found
    REPUBLISH   the same, for a value that another peer published
    HAND_ON     the same, for a value that we kept and will keep no longer

Rules
    1. A get ends with the first valid value. Where values can change, all of the peers are asked, and the
       best value that any of them has counts.
    2. Only lookups for keys go over disjoint paths, for only there can an attacker gain by leading us astray.
    3. Where the peers round a key are denser than chance allows (see `density`), a search that stores, or
       that has found no value, starts again with a wider lookup.
    4. When fewer than k have answered a search that stores, those that failed are asked once more: a datagram
       may have been lost, and there is no other peer that could take the place of one that is left out.
    5. A search that is hedged asks one more peer when what it asked last has not been answered as soon as
       most responses are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from p2plib.errors import UsageError
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.asking import Asker, Step
from p2plib.topology.kademlia.density import WIDER, Density
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.messages import FindNode, FindValue, Found, KademliaResponse, Nodes
from p2plib.topology.kademlia.parts import Settings, Timer
from p2plib.topology.kademlia.store import EXPIRE_S
from p2plib.topology.kademlia.table import RoutingTable


class SearchKind(Enum):
    """What a search is for."""

    JOIN = "join"
    REFRESH = "refresh"
    FIND = "find"
    GET = "get"
    PUT = "put"
    REPUBLISH = "republish"
    HAND_ON = "hand on"


STORING = frozenset({SearchKind.PUT, SearchKind.REPUBLISH, SearchKind.HAND_ON})
FOR_KEYS = STORING | {SearchKind.GET}


@dataclass(slots=True)
class Search:
    """A lookup, and what it is for.

    Args:
        number: identifies it in events.
        kind: what it is for.
        lookup: how far it has come.
        value: what is to be stored, or the best value found so far.
        lifetime_s: after how many seconds what is stored expires.
        tokens: those of the peers that answered, by id.
    """

    number: int
    kind: SearchKind
    lookup: Lookup
    value: bytes | None = None
    lifetime_s: float = EXPIRE_S
    tokens: dict[int, bytes] = field(default_factory=dict)


class Searches:
    """The searches of one peer that have not ended.

    Args:
        settings: k, alpha, paths, strict, hedged and the validator.
        table: where lookups begin.
        density: says where a lookup must be wider.
        asker: sends what they ask.
        timers: those of the machine.
        ended: called with each search that has ended, and the time.
        ignore: counts responses that are of no use, by reason.
    """

    def __init__(
        self,
        settings: Settings,
        table: RoutingTable,
        density: Density,
        asker: Asker,
        timers: Timers[Timer],
        ended: Callable[[Search, float], None],
        ignore: Callable[[str], None],
    ) -> None:
        self._settings, self._table, self._density, self._asker = settings, table, density, asker
        self._timers, self._ended, self._ignore = timers, ended, ignore
        self._searches: dict[int, Search] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._searches)

    def number(self) -> int:
        """A number that no search has had."""
        self._last_number += 1
        return self._last_number

    def start(
        self,
        kind: SearchKind,
        target: int,
        now: float,
        value: bytes | None = None,
        lifetime_s: float = EXPIRE_S,
    ) -> int:
        """Starts a search, which ends at once if there is nobody to ask; see `Search`.

        Returns:
            Its number.

        Raises:
            UsageError: the target has too many bits.
        """
        if target < 0 or target >> self._settings.bits:
            raise UsageError(f"a target is an id, from 0 to 2**{self._settings.bits} - 1")
        lookup = self._lookup(kind, target, self._settings.k)
        search = Search(self.number(), kind, lookup, value, lifetime_s)
        self._searches[search.number] = search
        if target != self._table.own_id:
            self._table.bucket_of(target).looked_up = now
        self._advance(search, now)
        return search.number

    def answered(self, step: Step, response: KademliaResponse, now: float) -> None:
        """A peer that a search asked has answered."""
        search = self._searches.get(step.search)
        if search is None:
            return
        match response:
            case Nodes():
                search.tokens[step.contact.id] = response.token
                search.lookup.answered(step.contact, response.contacts)
            case Found() if search.kind is SearchKind.GET and self._take(search, response.value):
                search.lookup.answered(step.contact)
                if self._settings.validator.better is None:  # rule 1
                    self._end(search, now)
                    return
            case _:
                self._ignore("useless response")
                search.lookup.failed(step.contact.id)
        self._advance(search, now)

    def failed(self, step: Step, now: float) -> None:
        """A peer that a search asked did not answer, or another peer did in its place."""
        search = self._searches.get(step.search)
        if search is not None:
            search.lookup.failed(step.contact.id)
            self._advance(search, now)

    def slow(self, number: int, now: float) -> None:
        """What a search asked last is not answered yet. Rule 5."""
        search = self._searches.get(number)
        if search is not None:
            search.lookup.slow()
            self._advance(search, now)

    def _take(self, search: Search, value: bytes) -> bool:
        """Whether a value is valid; if it is the best so far, it is kept."""
        validator = self._settings.validator
        if not validator.valid(search.lookup.target, value, self._settings.bits):
            return False
        if search.value is None or (validator.better and validator.better(value, search.value)):
            search.value = value
        return True

    def _lookup(self, kind: SearchKind, target: int, width: int) -> Lookup:
        settings, table = self._settings, self._table
        seeds = table.closest(target, width)
        seeds = seeds or table.closest(target, width, doubtful=True)  # our own link may have been down
        return Lookup(
            target,
            seeds,
            own_id=table.own_id,
            bits=settings.bits,
            k=width,
            alpha=settings.alpha,
            paths=settings.paths if kind in FOR_KEYS else 1,
            strict=settings.strict,
        )

    def _advance(self, search: Search, now: float) -> None:
        lookup, own_id, is_client = search.lookup, self._asker.own_id, self._asker.is_client
        ask_for = FindValue if search.kind is SearchKind.GET else FindNode
        for contact in lookup.next():
            request = ask_for(self._asker.transaction(), own_id, lookup.target, is_client)
            self._asker.ask(request, contact.address, Step(search.number, contact), now)
            if self._settings.hedged:
                self._timers.set(Timer.HEDGE, now + self._asker.slow_s(contact.address), search.number)
        if lookup.done:
            self._finish(search, now)

    def _finish(self, search: Search, now: float) -> None:
        """Nobody is left to ask."""
        lookup = search.lookup
        if search.kind in STORING and lookup.ask_again(self._settings.k):  # rule 4
            self._advance(search, now)
            return
        is_wanting = search.kind in STORING or (search.kind is SearchKind.GET and search.value is None)
        if is_wanting and self._density.must_widen(lookup):  # rule 3
            search.lookup = self._lookup(search.kind, lookup.target, WIDER * lookup.k)
            self._advance(search, now)
            return
        self._density.looked_up(lookup)
        self._end(search, now)

    def _end(self, search: Search, now: float) -> None:
        del self._searches[search.number]
        if self._settings.hedged:
            self._timers.cancel(Timer.HEDGE, search.number)
        self._ended(search, now)
