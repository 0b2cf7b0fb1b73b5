"""Copies: the second half of a put. A machine part.

A search has found the peers nearest to a key; now each of them is asked to keep a copy of the value.

Rules
    1. Only a peer whose token we have is asked, for any other would refuse.
    2. A peer that publishes keeps a copy as well, unless as many peers as were wanted are found, and all of
       them are nearer to the key.
    3. When every copy is stored or has failed, the put is done: `PutDone` says how many peers keep the value.
       When a value is only republished, no event is reported.
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
    """

    def __init__(
        self,
        values: Values,
        asker: Asker,
        republish_later: Callable[[int, float], None],
        tell: Callable[[Event], None],
    ) -> None:
        self._values, self._asker = values, asker
        self._republish_later, self._tell = republish_later, tell
        self._puts: dict[int, Put] = {}

    def send(self, search: Search, now: float) -> None:
        """Sends a copy of the value of a search to each of the peers that it found."""
        key, value = search.lookup.target, search.value or b""
        nearest = [contact for contact in search.lookup.closest if search.tokens.get(contact.id)]
        put = self._puts[search.number] = Put(search.number, search.kind, key)
        if search.kind is SearchKind.PUT and not self._is_beyond(search, nearest):
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
            self._done(put)

    def _is_beyond(self, search: Search, nearest: list[Contact]) -> bool:
        """Rule 2: whether there are as many as were wanted, all nearer to the key than we are."""
        key = search.lookup.target
        return len(nearest) >= search.lookup.k and nearest[-1].id ^ key < self._asker.own_id ^ key

    def over(self, copy: Copy, is_kept: bool) -> None:
        """One copy is stored, or will not be; it may turn out to be stored after it was given up."""
        put = self._puts.get(copy.put)
        if put is not None:
            put.copies += is_kept
            put.awaited.discard(copy.contact)
            if not put.awaited:
                self._done(put)

    def _done(self, put: Put) -> None:
        del self._puts[put.number]
        if put.kind is SearchKind.PUT:
            self._tell(PutDone(put.number, put.key, put.copies, put.asked, put.here))
