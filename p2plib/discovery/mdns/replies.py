"""Replies: which answers wait to go out, when they may, and what makes them unnecessary (RFC 6762, 6 and 7).

Everybody on the link hears a question, and everybody who knows an answer may give it. Without care, a
question to a hundred hosts is a hundred datagrams at once. So an answer waits, and while it waits it may
become unnecessary.

Rules
    1. An answer that only we can give goes at once. One that others may give too waits 20 to 120 ms at
       random; one to an asker that has more known answers to send waits 400 to 500 ms for them (6, 7.2).
    2. A record is sent to the group at most once a second; to defend a name against a probe, four times. An
       answer that comes too early waits until it may go (6).
    3. What the asker knows already, with at least half of its time left, is not said (7.1). That holds for
       further datagrams of its known answers, too, unless somebody else has asked as well (7.2).
    4. What another host says while our answer waits need not be said by us, if it says it for as long (7.4).

Vocabulary::

    reply   a record that is going to be sent to the group, when, and who asked for it
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from p2plib.discovery.mdns.cache import Key, key_of
from p2plib.discovery.mdns.records import RecordType, ResourceRecord

SHARED_DELAY_S = (0.02, 0.12)
TRUNCATED_DELAY_S = (0.4, 0.5)
RECORD_GAP_S = 1.0
DEFENCE_GAP_S = 0.25


@dataclass(slots=True)
class Reply:
    """A record that waits to be sent to the group.

    Args:
        record: the record.
        at: when it goes, in seconds.
        askers: the hosts that have asked for it.
    """

    record: ResourceRecord
    at: float
    askers: set[str] = field(default_factory=set)


class Replies:
    """The answers of one host that wait to go to the group.

    Attributes:
        suppressed: how many answers need not be sent, by reason.
    """

    def __init__(self) -> None:
        self.suppressed: Counter[str] = Counter()
        self._waiting: dict[Key, Reply] = {}
        self._said_at: dict[Key, float] = {}

    def plan(
        self, record: ResourceRecord, at: float, now: float, asker: str, gap_s: float = RECORD_GAP_S
    ) -> None:
        """Lets a record wait until a time, or until it may go (rule 2); the earlier time counts.

        Args:
            record: one of ours.
            at: when it should go, in seconds.
            now: the time, in seconds.
            asker: the host that has asked for it.
            gap_s: how long the record must not have been sent before.
        """
        key = key_of(record)
        at = max(at, now, self._said_at.get(key, float("-inf")) + gap_s)
        reply = self._waiting.setdefault(key, Reply(record, at))
        reply.at = min(reply.at, at)
        reply.askers.add(asker)

    def first(self) -> float | None:
        """When the next one goes; None if none waits."""
        return min((reply.at for reply in self._waiting.values()), default=None)

    def due(self, now: float) -> list[ResourceRecord]:
        """Takes out what is to go now."""
        keys = [key for key, reply in self._waiting.items() if reply.at <= now]
        return [self._waiting.pop(key).record for key in keys]

    def said(self, records: Iterable[ResourceRecord], now: float) -> None:
        """Notes that records of ours have gone to the group; they need not go again soon."""
        for record in records:
            self._waiting.pop(key_of(record), None)
            self._said_at[key_of(record)] = now

    def may_go(self, record: ResourceRecord, now: float) -> bool:
        """Whether a record has not been sent to the group for long enough (rule 2)."""
        return now >= self._said_at.get(key_of(record), float("-inf")) + RECORD_GAP_S

    def said_within(self, record: ResourceRecord, seconds: float, now: float) -> bool:
        """Whether a record has been sent to the group within some time."""
        return now - self._said_at.get(key_of(record), float("-inf")) <= seconds

    def known(self, records: Iterable[ResourceRecord], asker: str) -> None:
        """An asker says what it knows, in a further datagram (rule 3)."""
        for record in records:
            reply = self._waiting.get(key_of(record))
            if reply is not None and reply.askers == {asker} and is_known(reply.record, record):
                del self._waiting[key_of(record)]
                self.suppressed["known"] += 1

    def heard(self, record: ResourceRecord) -> None:
        """Another host has said a record to the group (rule 4)."""
        reply = self._waiting.get(key_of(record))
        if reply is not None and record.ttl_s >= reply.record.ttl_s:
            del self._waiting[key_of(record)]
            self.suppressed["said by another"] += 1

    def forget(self, records: Iterable[ResourceRecord]) -> None:
        """Forgets records that are not ours any more, and that their names have no more than those."""
        keys = [key_of(record) for record in records]
        names = {name for name, *_ in keys}
        keys += [key for key in self._waiting if key[0] in names and key[1] == RecordType.NSEC]
        for key in keys:
            self._waiting.pop(key, None)
            self._said_at.pop(key, None)


def is_known(ours: ResourceRecord, theirs: ResourceRecord) -> bool:
    """Whether a known answer makes ours unnecessary (rule 3)."""
    return ours.is_same_as(theirs) and theirs.ttl_s * 2 >= ours.ttl_s


def shared_delay(rng: random.Random, is_truncated: bool) -> float:
    """For how long an answer waits that others may give too, in seconds (rule 1)."""
    return rng.uniform(*(TRUNCATED_DELAY_S if is_truncated else SHARED_DELAY_S))
