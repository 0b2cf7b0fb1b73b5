"""Ring walk: finding the owner of a key, step by step. A machine without messages, like Kademlia's `lookup`.

Follows Stoica et al., "Chord" (IEEE/ACM ToN, 2003), section IV: ask the peer that is nearest before the key
for peers that are nearer, until one says that its successor is beyond. The asker does the walking
(iteratively), so that it notices for itself which peers are dead.

Rules
    1. A step counts only if it comes nearer: a peer that is named must lie between the peer that named it and
       the key. So a walk ends, whatever anybody says, and a loopy ring is walked round once.
    2. When a peer does not answer, the next best of all that were named is asked. When no peer is alive
       between the nearest that answered and the key, the owners are that peer's successors past the key: it
       has not noticed yet that those before the key are dead.
    3. At most `max_steps` peers are asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from p2plib.machine.addresses import Address, Contact


@dataclass(slots=True)
class Walk:
    """The walk of one search.

    Args:
        key: what is looked for.
        size: how many ids there are, 2**bits.
        max_steps: rule 3.
    """

    key: int
    size: int
    max_steps: int
    hops: int = 0
    timeouts: int = 0
    owners: tuple[Contact, ...] = ()
    _nearest: int | None = None
    _asked: set[Address] = field(default_factory=set)
    _named: dict[Address, Contact] = field(default_factory=dict)

    def gap(self, ident: int) -> int:
        """How far before the key an id is; an id that *is* the key is as far as possible."""
        return (self.key - ident - 1) % self.size

    def name(
        self, contacts: Iterable[Contact], owners: tuple[Contact, ...] = (), by: int | None = None
    ) -> None:
        """Takes in contacts that a peer named.

        Args:
            contacts: the contacts.
            owners: its own successors that lie at the key or beyond.
            by: the id of the peer that named them; None at the start of a walk.
        """
        limit = self.size if by is None else self.gap(by)
        if owners and (self._nearest is None or limit <= self._nearest):
            self._nearest, self.owners = limit, owners
        for contact in contacts:
            if self.gap(contact.id) < limit:  # rule 1
                self._named.setdefault(contact.address, contact)

    def next(self) -> Contact | None:
        """The contact to ask next. If None, the walk has ended with `owners`; if empty, it failed."""
        limit = self.size if self._nearest is None else self._nearest
        left = [
            named
            for named in self._named.values()
            if named.address not in self._asked and self.gap(named.id) < limit
        ]
        if not left or len(self._asked) >= self.max_steps:
            return None
        best = min(left, key=lambda named: self.gap(named.id))
        self._asked.add(best.address)
        return best
