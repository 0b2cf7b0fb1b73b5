"""Questions: what a host goes on asking, and how seldom that can be (RFC 6762, sections 5.2 and 7.3).

Rules
    1. The first time it asks after 20 to 120 ms at random, because what made it ask may have made others ask.
       After that it waits a second, and each time twice as long as the time before, up to an hour (5.2).
    2. A question that another host has asked within the last second counts as asked, if that host has not
       said that it knows something which we do not: its answers go to everybody, so we hear them too (7.3).
    3. While somebody waits for the instances of a service, what belongs to them is kept fresh as well.

Vocabulary::

    interest  a question that somebody here waits for, and when it is asked next
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.discovery.mdns.cache import RecordCache, key_of
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import Ptr, RecordType, ResourceRecord, Srv

FIRST_DELAY_S = (0.02, 0.12)
FIRST_INTERVAL_S = 1.0
LONGEST_INTERVAL_S = 3_600.0
HEARD_WITHIN_S = 1.0


@dataclass(slots=True)
class Interest:
    """A question that somebody here waits for.

    Args:
        number: its own, for timers.
        question: the question.
        next_at: when it is asked next, in seconds.
        interval_s: how long to wait after that.
        heard_at: when another host has last asked it in our place.
    """

    number: int
    question: Question
    next_at: float
    interval_s: float = FIRST_INTERVAL_S
    heard_at: float = float("-inf")

    def is_asked_by_another(self, now: float) -> bool:
        """Whether the question has just been asked by somebody else (rule 2)."""
        return now - self.heard_at <= HEARD_WITHIN_S

    def step(self, now: float) -> None:
        """Waits for the next time, after it has been asked (rule 1)."""
        self.next_at = now + self.interval_s
        self.interval_s = min(2 * self.interval_s, LONGEST_INTERVAL_S)


def first_time(rng: random.Random, now: float) -> float:
    """When to ask for the first time (rule 1)."""
    return now + rng.uniform(*FIRST_DELAY_S)


def knows_more(
    known: Iterable[ResourceRecord],
    question: Question,
    cache: RecordCache,
    own: Iterable[ResourceRecord],
    now: float,
) -> bool:
    """Whether an asker knows an answer which we do not: then its question does not do for ours.

    Args:
        known: what the asker says that it knows.
        question: what it asks.
        cache: what we have heard.
        own: our own records.
        now: the time, in seconds.
    """
    ours = {key_of(entry.record) for entry in cache.answers(question, now)}
    ours.update(key_of(record) for record in own)
    return any(question.asks_for(record) and key_of(record) not in ours for record in known)


def names_behind(questions: Iterable[Question], cache: RecordCache, now: float) -> set[DomainName]:
    """The names that answers to some questions lead to: of the instances of a service, and of their hosts."""
    found: set[DomainName] = set()
    for question in questions:
        for pointer in cache.answers(question, now) if question.type == RecordType.PTR else ():
            if not isinstance(pointer.record.data, Ptr):
                continue
            instance = pointer.record.data.target
            found.add(instance)
            for srv in cache.answers(Question(instance, RecordType.SRV), now):
                if isinstance(srv.record.data, Srv):
                    found.add(srv.record.data.target)
    return found
