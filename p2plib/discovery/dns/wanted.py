"""Wanted: which records a zone should have, and which changes lead there. A pure data structure.

Rules
    1. As long as we know what the server has, only differences are sent.
    2. When we do not know, at the beginning and after any trouble, whole sets are: removed and added in one
       update, so that nobody sees an empty one. Doing so twice does no harm.
    3. An update has at most `MAX_CHANGES` changes, and `MAX_UPDATE_BYTES` even if no name in it can be
       shortened.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from p2plib.discovery.dns.updates import adding, removing, removing_set
from p2plib.discovery.dns.zone import MAX_DATA_BYTES
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.rdata import plain_data
from p2plib.discovery.mdns.records import IN, NONE_CLASS, Rdata, ResourceRecord, type_of
from p2plib.errors import UsageError

MAX_CHANGES = 900  # of one update: our own name server takes 1,000
MAX_UPDATE_BYTES = 60_000  # a packet has 65,535; the rest is for its head and its signature
NUMBERS_BYTES = 10  # what a record has besides its name and its data

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
            UsageError: data of another type, or data that cannot be written or is too long.
        """
        wanted = frozenset(data)
        if any(type_of(each) != number for each in wanted):
            raise UsageError(f"the data of a set is of one type, and not all of this is of type {number}")
        longest = max((len(plain_data(each)) for each in wanted), default=0)
        if longest > MAX_DATA_BYTES:
            raise UsageError(f"data of {longest} bytes, where {MAX_DATA_BYTES} is the most")
        self.wanted[name, number] = wanted

    @property
    def is_behind(self) -> bool:
        """Whether the server does not have what is wanted, as far as we know."""
        return any(self._told.get(key) != data for key, data in self.wanted.items())

    def changes(self) -> tuple[list[ResourceRecord], Sets]:
        """The next update's changes, and what the sets will be once it is done; empty if nothing is due."""
        changes: list[ResourceRecord] = []
        after: Sets = {}
        size_bytes = 0
        for key, data in self.wanted.items():
            told = self._told.get(key)
            if told == data:
                continue
            needed, done = self._of(key, told, data)
            size_bytes += sum(map(_size_of, needed))
            if changes and (len(changes) + len(needed) > MAX_CHANGES or size_bytes > MAX_UPDATE_BYTES):
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
        """The changes of one set, as many as fit into an update, and what it will be then."""
        name, number = key
        known = told or frozenset()
        due = [removing_set(name, number)] if told is None else []
        due += [removing(name, each) for each in sorted(known - data, key=repr)]
        due += [adding(name, each, self.ttl_s) for each in sorted(data - known, key=repr)]
        sizes = itertools.accumulate(map(_size_of, due))
        changes = [
            each for each, size in zip(due[:MAX_CHANGES], sizes, strict=False) if size <= MAX_UPDATE_BYTES
        ]
        gone = {each.data for each in changes if each.rclass == NONE_CLASS}
        return changes, known - gone | {each.data for each in changes if each.rclass == IN}


def _size_of(change: ResourceRecord) -> int:
    """How many bytes a change takes at most."""
    return change.name.size_bytes + NUMBERS_BYTES + len(plain_data(change.data))
