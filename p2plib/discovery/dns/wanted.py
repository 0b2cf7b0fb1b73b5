"""Wanted: which records a zone should have, and which changes lead there. A pure data structure.

Rules
    1. As long as we know what the server has, only differences are sent.
    2. When we do not know, at the beginning and after any trouble, whole sets are: removed and added in one
       update, so that nobody sees an empty one. Doing so twice does no harm.
    3. An update has at most `MAX_CHANGES` changes.
"""

from __future__ import annotations

from collections.abc import Iterable

from p2plib.discovery.dns.updates import adding, removing, removing_set
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import Rdata, ResourceRecord, type_of
from p2plib.errors import UsageError

MAX_CHANGES = 900  # of one update: with names of 40 bytes, about half of what fits

# A name and a type.
SetKey = tuple[DomainName, int]
Sets = dict[SetKey, frozenset[Rdata]]


class WantedRecords:
    """The sets that a publisher looks after.

    Args:
        ttl_s: for how long others may keep them.
    """

    def __init__(self, ttl_s: int) -> None:
        self.ttl_s = ttl_s
        self.wanted: Sets = {}
        self._told: dict[SetKey, frozenset[Rdata] | None] = {}  # None: unknown

    def want(self, name: DomainName, number: int, data: Iterable[Rdata]) -> None:
        """Says what a set should be from now on; an empty one should not be there.

        Raises:
            UsageError: data of another type.
        """
        wanted = frozenset(data)
        if any(type_of(each) != number for each in wanted):
            raise UsageError(f"the data of a set is of one type, and not all of this is of type {number}")
        self.wanted[name, number] = wanted

    @property
    def is_behind(self) -> bool:
        """Whether the server does not have what is wanted, as far as we know."""
        return any(self._told.get(key) != data for key, data in self.wanted.items())

    def changes(self) -> tuple[list[ResourceRecord], Sets]:
        """The next update's changes, and what the sets will be once it is done; empty if nothing is due."""
        changes: list[ResourceRecord] = []
        after: Sets = {}
        for key, data in self.wanted.items():
            told = self._told.get(key)
            if told == data:
                continue
            needed, done = self._of(key, told, data)
            if changes and len(changes) + len(needed) > MAX_CHANGES:
                break
            changes += needed
            after[key] = done
        return changes, after

    def done(self, after: Sets) -> None:
        """Takes note that an update was done."""
        self._told.update(after)
        for key in [key for key, data in after.items() if not data and not self.wanted.get(key)]:
            del self._told[key], self.wanted[key]  # it is gone, and nobody wants it

    def is_unsure(self) -> None:
        """Takes note that we do not know any more what the server has (rule 2)."""
        self._told = dict.fromkeys(self._told)

    def _of(
        self, key: SetKey, told: frozenset[Rdata] | None, data: frozenset[Rdata]
    ) -> tuple[list[ResourceRecord], frozenset[Rdata]]:
        """The changes of one set, at most `MAX_CHANGES`, and what it will be."""
        name, number = key
        gone = [] if told is None else [removing(name, each) for each in sorted(told - data, key=repr)]
        whole = [removing_set(name, number)] if told is None else []
        new = sorted(data - (told or frozenset()), key=repr)[: MAX_CHANGES - len(gone) - len(whole)]
        changes = [*whole, *gone, *(adding(name, each, self.ttl_s) for each in new)]
        kept = frozenset(new) | (told & data if told is not None else frozenset())
        return changes[:MAX_CHANGES], kept
