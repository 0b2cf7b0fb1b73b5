"""Neighbours: the peers next to us, and which keys that makes ours. A part of a ring's machine."""

from __future__ import annotations

from collections.abc import Iterable

from p2plib.machine.addresses import Contact
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.messages import MAX_OWNERS, MAX_SUCCESSORS
from p2plib.topology.ring.parts import Lost, Timer
from p2plib.topology.ring.space import between


def as_list(contact: Contact | None) -> tuple[Contact, ...]:
    """How a message writes a contact that may be missing: as a list of one, or of none."""
    return () if contact is None else (contact,)


def from_list(contacts: tuple[Contact, ...]) -> Contact | None:
    """The contact in such a list."""
    return contacts[0] if contacts else None


class Neighbourhood:
    """Our successors and our predecessor.

    Attributes:
        successors: the next peers clockwise, nearest first, at most r.
        predecessor: the peer before us; None if we know none.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.successors: list[Contact] = []
        self.predecessor: Contact | None = None

    @property
    def first(self) -> Contact | None:
        """The first successor; None in a ring of one."""
        return self.successors[0] if self.successors else None

    def set_successors(self, contacts: Iterable[Contact]) -> None:
        """Keeps the first r that are in order; one that passes us again, or goes back, ends the list."""
        core = self._core
        ordered: list[Contact] = []
        reached = 0
        for contact in contacts:
            distance = (contact.id - core.own.id) % core.size
            if distance <= reached or len(ordered) == core.settings.r:
                break
            ordered.append(contact)
            reached = distance
        self.successors = ordered
        core.remember(contact.address for contact in ordered)

    def drop(self, contact: Contact, now: float) -> None:
        """A contact did not answer. It stays in `known`, for perhaps only the link is dead."""
        if contact == self.predecessor:
            self.predecessor = None
        if contact in self.successors:
            self.successors.remove(contact)
            self._core.timers.set(Timer.STABILISE, now)
            if not self.successors:
                self._core.tell(Lost())
                self._core.timers.set(Timer.CHECK, now)

    def owners(self, key: int) -> tuple[Contact, ...]:
        """The owner of a key and the peers after it, if the key lies next to us; else none."""
        own, before, first = self._core.own, self.predecessor, self.first
        if first is None or key == own.id or (before and between(before.id, key, own.id)):
            return (own, *self.successors)[:MAX_SUCCESSORS]
        return tuple(self.successors) if key == first.id or between(own.id, key, first.id) else ()

    def beyond(self, key: int) -> tuple[Contact, ...]:
        """Our successors at a key or past it."""
        own_id = self._core.own.id
        return tuple(peer for peer in self.successors if not between(own_id, peer.id, key))[:MAX_OWNERS]
