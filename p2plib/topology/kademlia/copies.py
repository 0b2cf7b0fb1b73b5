"""Copies: the second half of a put. A machine part.

A search has found the peers nearest to a key; now each of them is asked to keep a copy of the value.

Rules
    1. Only a peer whose token we have is asked, for any other would refuse.
    2. A peer that publishes keeps a copy as well, unless as many peers as were wanted are found, and all of
       them are nearer to the key. A client keeps none, because nobody would ask it for them.
    3. When every copy is stored or has failed, the put is done: `PutDone` says how many peers keep the value.
       When a value is only republished or handed on, no event is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.asking import Asker, Copy
from p2plib.topology.kademlia.messages import Store
from p2plib.topology.kademlia.parts import Event, PutDone
from p2plib.topology.kademlia.searches import Search, SearchKind
from p2plib.topology.kademlia.store import Values

COPY_TRIES = 2


@dataclass(slots=True)
class Put:
    """A put whose copies are on their way."""

    number: int
    kind: SearchKind
    key: int
    copies: int = 0
    asked: int = 0
    here: int = 0
    awaited: set[Contact] = field(default_factory=set)


class Copies:
    """The puts of one peer whose copies are on their way.

    Args:
        values: those that this peer keeps itself.
        asker: sends the copies.
        republish_later: called when the peer keeps a copy itself; its arguments are the key and the time.
        tell: reports `PutDone`.
        handed_on: called with the number of copies of a value that was handed on, and the time.
    """

    def __init__(
        self,
        values: Values,
        asker: Asker,
        republish_later: Callable[[int, float], None],
        tell: Callable[[Event], None],
        handed_on: Callable[[int, float], None],
    ) -> None:
        self._values, self._asker = values, asker
        self._republish_later, self._tell, self._handed_on = republish_later, tell, handed_on
        self._puts: dict[int, Put] = {}

    def send(self, search: Search, now: float) -> None:
        """Sends a copy of the value of a search to each of the peers that it found."""
        key, value = search.lookup.target, search.value or b""
        nearest = [contact for contact in search.lookup.closest if search.tokens.get(contact.id)]
        put = self._puts[search.number] = Put(search.number, search.kind, key)
        if self._keeps_one(search, nearest):
            put.asked += 1
            if self._values.put(key, value, search.lifetime_s, now):
                put.copies = put.here = 1
                self._republish_later(key, now)
        put.awaited = set(nearest)
        put.asked += len(nearest)
        for contact in nearest:
            request = Store(
                self._asker.transaction(),
                self._asker.own_id,
                search.tokens[contact.id],
                key,
                int(search.lifetime_s),
                value,
                self._asker.is_client,
            )
            self._asker.ask(request, contact.address, Copy(put.number, contact), now, COPY_TRIES)
        if not nearest:
            self._done(put, now)

    def _keeps_one(self, search: Search, nearest: list[Contact]) -> bool:
        """Rule 2."""
        key = search.lookup.target
        is_beyond = len(nearest) >= search.lookup.k and nearest[-1].id ^ key < self._asker.own_id ^ key
        return search.kind is SearchKind.PUT and not self._asker.is_client and not is_beyond

    def over(self, copy: Copy, is_kept: bool, now: float) -> None:
        """One copy is stored, or will not be; it may turn out to be stored after it was given up."""
        put = self._puts.get(copy.put)
        if put is not None:
            put.copies += is_kept
            put.awaited.discard(copy.contact)
            if not put.awaited:
                self._done(put, now)

    def _done(self, put: Put, now: float) -> None:
        del self._puts[put.number]
        if put.kind is SearchKind.HAND_ON:
            self._handed_on(put.copies, now)
        elif put.kind is SearchKind.PUT:
            self._tell(PutDone(put.number, put.key, put.copies, put.asked, put.here))
