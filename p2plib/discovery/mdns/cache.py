"""Cache: what others on the link have said, for as long as it holds (RFC 6762, sections 5.2 and 10).

Rules
    1. A record is kept for its time to live, at most `MAX_TTL_S`. Heard again, it is young again.
    2. A time of 0 is a goodbye: the record is gone after one second, unless somebody says it again (10.1).
    3. The cache-flush bit says that the record is all there is under its name, type and class: what was heard
       more than a second before it is gone after one second (10.2). What comes in one burst stays together.
    4. A record that somebody here waits for is asked for again at 80, 85, 90 and 95 % of its time, each with
       up to 2 % added at random, so that not everybody asks at once (5.2).
    5. What is not renewed by 100 % is gone.
    6. It keeps at most `MAX_RECORDS`, and of one sender at most `MAX_OF_SENDER`. What is more pushes out the
       sender's own oldest record, or when all is full, the oldest of whoever has said the most.

Vocabulary::

    entry    a record as it is kept: when it came, from whom, until when
    goodbye  a record with a time to live of 0
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import ResourceRecord

MAX_RECORDS = 5_000
MAX_OF_SENDER = 500
MAX_TTL_S = 86_400  # a day: longer than anything on a link should be believed
GOODBYE_S = 1.0
BURST_S = 1.0  # records of one set may come in several packets, this far apart
REFRESH_AT = (0.80, 0.85, 0.90, 0.95)
REFRESH_SPREAD = 0.02


class Change(Enum):
    """What a record that was heard did to the cache."""

    NEW = "it was not there"
    RENEWED = "it was there, and is young again"
    LEAVING = "it was there, and is taken back"
    NOTHING = "a goodbye for what was not there"


@dataclass(slots=True)
class Entry:
    """A record as it is kept.

    Args:
        number: its own, for timers.
        record: with the time to live that was said.
        sender: the host that said it first, for which it counts (rule 6).
        heard_at: when, in seconds.
        expires_at: until when it holds.
        refreshes: how often it has been asked for again since.
        is_leaving: whether it has been taken back or replaced, so that nobody need ask for it again.
    """

    number: int
    record: ResourceRecord
    sender: str
    heard_at: float
    expires_at: float
    refreshes: int = 0
    is_leaving: bool = False

    def leave(self, now: float) -> None:
        """It is gone in a second, unless somebody says it again (rules 2 and 3)."""
        self.expires_at = min(self.expires_at, now + GOODBYE_S)
        self.is_leaving = True

    def remaining_s(self, now: float) -> float:
        """For how long it still holds."""
        return self.expires_at - now

    def refresh_at(self, rng: random.Random) -> float | None:
        """When to ask for it again (rule 4); None if that has been done often enough."""
        if self.is_leaving or self.refreshes >= len(REFRESH_AT):
            return None
        share = REFRESH_AT[self.refreshes] + rng.uniform(0, REFRESH_SPREAD)
        return self.heard_at + share * (self.expires_at - self.heard_at)


Key = tuple[DomainName, int, int, object]


def key_of(record: ResourceRecord) -> Key:
    """What makes two records the same: all but the time and the cache-flush bit."""
    return record.name, record.type, record.rclass, record.data


class RecordCache:
    """What was heard, by name.

    Args:
        pushed_out: told of each entry that has to go for a newer one (rule 6).

    >>> cache = RecordCache()
    >>> cache.hear(record, "192.0.2.7", now=0.0)
    (<Change.NEW: 'it was not there'>, ...)
    """

    def __init__(self, pushed_out: Callable[[Entry], None] = lambda entry: None) -> None:
        self._pushed_out = pushed_out
        self._by_name: dict[DomainName, dict[Key, Entry]] = {}
        self._by_number: dict[int, Entry] = {}
        self._of_sender: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._by_number.values())

    def hear(self, record: ResourceRecord, sender: str, now: float) -> tuple[Change, Entry | None]:
        """Takes a record that somebody has said.

        Args:
            record: the record.
            sender: the host that said it.
            now: the time, in seconds.

        Returns:
            What it changed, and its entry if it is kept.
        """
        entry = self._by_name.get(record.name, {}).get(key_of(record))
        if record.ttl_s == 0:
            if entry is None:
                return Change.NOTHING, None
            entry.leave(now)
            return Change.LEAVING, entry
        expires_at = now + min(record.ttl_s, MAX_TTL_S)
        if entry is None:
            self._make_room(sender)
            self._count += 1
            entry = Entry(self._count, record, sender, now, expires_at)
            self._by_name.setdefault(record.name, {})[key_of(record)] = entry
            self._by_number[entry.number] = entry
            self._of_sender[sender] += 1
            return Change.NEW, entry
        entry.record, entry.heard_at, entry.expires_at = record, now, expires_at
        entry.refreshes, entry.is_leaving = 0, False
        return Change.RENEWED, entry

    def flush(self, records: Iterable[ResourceRecord], now: float) -> list[Entry]:
        """Shortens the life of what the records of a packet that have the cache-flush bit replace (rule 3).

        Call it before they are heard: what they say again is then young again.

        Returns:
            The entries that are going to be gone, unless the packet says them again.
        """
        going = []
        sets = {(record.name, record.type, record.rclass): None for record in records if record.cache_flush}
        for name, number, rclass in sets:
            for entry in self._by_name.get(name, {}).values():
                old = entry.record
                if (old.type, old.rclass) == (number, rclass) and entry.heard_at < now - BURST_S:
                    entry.leave(now)
                    going.append(entry)
        return going

    def get(self, number: int) -> Entry | None:
        """The entry with a number, if it is still there."""
        return self._by_number.get(number)

    def answers(self, question: Question, now: float) -> list[Entry]:
        """What is known about a question, and still holds, in the order in which it was first heard."""
        found = self._by_name.get(question.name, {}).values()
        return [entry for entry in found if entry.expires_at > now and question.asks_for(entry.record)]

    def known_answers(self, question: Question, now: float) -> list[ResourceRecord]:
        """What goes into a question as known already: what has more than half of its time left (7.1).

        Returns:
            The records, each with the time that it has left.
        """
        return [
            replace(entry.record, ttl_s=int(entry.remaining_s(now)), cache_flush=False)
            for entry in self.answers(question, now)
            if entry.remaining_s(now) > entry.record.ttl_s / 2
        ]

    def remove(self, entry: Entry) -> None:
        """Forgets an entry."""
        if self._by_number.pop(entry.number, None) is None:
            return
        records = self._by_name[entry.record.name]
        del records[key_of(entry.record)]
        if not records:
            del self._by_name[entry.record.name]
        self._of_sender[entry.sender] -= 1
        if not self._of_sender[entry.sender]:
            del self._of_sender[entry.sender]

    def _make_room(self, sender: str) -> None:
        """Rule 6."""
        if self._of_sender[sender] < MAX_OF_SENDER:
            if len(self._by_number) < MAX_RECORDS:
                return
            sender = self._of_sender.most_common(1)[0][0]
        oldest = next(entry for entry in self if entry.sender == sender)
        self.remove(oldest)
        self._pushed_out(oldest)
