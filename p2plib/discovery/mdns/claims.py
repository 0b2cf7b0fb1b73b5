"""Claims: how a host comes to own a name on a link where nobody gives names out (RFC 6762, sections 8 and 9).

A claim is a set of records that stand or fall together. Those with the cache-flush bit are to be the only
ones under their name, and nobody may have said anything under it before. So a claim has three states::

    PROBING       "does anybody have this name? I am going to say this about it", three times
    ANNOUNCING    "this is so", twice
    ESTABLISHED   answers what is asked, and defends its names

Rules
    1. The first probe goes after 0 to 250 ms at random, the others 250 ms after the one before. 250 ms after
       the third the names are ours (8.1). A claim without unique records has nothing to ask, and announces at
       once.
    2. Another answer under one of the names meanwhile is a conflict: take the next name, and probe again. The
       records of one datagram are one conflict: more would take a name away from whoever has it, unasked.
    3. If two probe for a name at the same time, what they are going to say decides: sorted by class, type and
       bytes, the later list wins; equal lists are the same thing said twice. The loser waits a second and
       probes again, and by then the winner answers (8.2).
    4. Other data under a name that is ours already sends us back to probing, with the same name (9).
    5. After `MANY_CONFLICTS` within `CONFLICTS_WITHIN_S` each further attempt waits `PATIENCE_S`, until one
       succeeds (8.1): a neighbour that says no to everything costs nearly nothing.

Vocabulary::

    claim     the records that are to be ours, for example SRV and TXT of ana._chat._udp.local.
    label     the part of their names that changes after a conflict: "ana", then "ana-2"
    unique    of a record: with the cache-flush bit; the others are shared, many hosts say such
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from p2plib.discovery.mdns.cache import Key, key_of
from p2plib.discovery.mdns.names import MAX_LABEL_BYTES, DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.rdata import plain_data
from p2plib.discovery.mdns.records import RecordType, ResourceRecord
from p2plib.errors import UsageError

PROBES = 3
PROBE_GAP_S = 0.25
LOST_WAIT_S = 1.0
ANNOUNCEMENTS = 2
ANNOUNCE_GAP_S = 1.0
LAST_NUMBER = 99_999_999  # more than anybody will come to
MANY_CONFLICTS, CONFLICTS_WITHIN_S, PATIENCE_S = 15, 10.0, 5.0

RecordsOf = Callable[[str], Iterable[ResourceRecord]]


class ClaimState(Enum):
    """How far a claim has come."""

    PROBING = "asking whether the names are free"
    ANNOUNCING = "saying that they are ours"
    ESTABLISHED = "answering"


@dataclass(slots=True)
class Claim:
    """Records that are to be ours.

    Args:
        number: its own, for timers and events.
        label: the part of the names that changes after a conflict.
        records_of: the records under the names that a label makes.
        is_told: whether the link has been told what stands under the label, so that a goodbye is due.
    """

    number: int
    label: str
    records_of: RecordsOf
    records: tuple[ResourceRecord, ...] = ()
    state: ClaimState = ClaimState.PROBING
    sent: int = 0
    next_at: float = 0.0
    conflicts: deque[float] = field(default_factory=lambda: deque(maxlen=MANY_CONFLICTS))
    is_tired: bool = False
    is_told: bool = False

    @property
    def unique_names(self) -> tuple[DomainName, ...]:
        """The names that are to be ours alone, each once."""
        return tuple(dict.fromkeys(record.name for record in self.records if record.cache_flush))

    @property
    def answers(self) -> bool:
        """Whether its records are given to those who ask: not while it is still asking itself."""
        return self.state is not ClaimState.PROBING

    def begin(self, rng: random.Random, now: float) -> None:
        """Starts from the first probe, with the label as it is (rules 1 and 5).

        Raises:
            UsageError: the label makes names that cannot be.
        """
        self.records = tuple(self.records_of(self.label))
        self.sent = 0
        if not self.unique_names:
            self.state, self.next_at = ClaimState.ANNOUNCING, now
            return
        self.state = ClaimState.PROBING
        self.next_at = now + rng.uniform(0, PROBE_GAP_S) + PATIENCE_S * self.is_tired

    def lose(self, rng: random.Random, now: float) -> None:
        """Another host that probes for the same name has the later list (rule 3)."""
        self.begin(rng, now)
        self.next_at = max(self.next_at, now + LOST_WAIT_S)

    def conflict(self, rng: random.Random, now: float) -> bool:
        """Somebody else says something under one of our names (rules 2 and 4).

        Returns:
            Whether the claim has another label now.
        """
        self.conflicts.append(now)
        if len(self.conflicts) == MANY_CONFLICTS and self.conflicts[0] > now - CONFLICTS_WITHIN_S:
            self.is_tired = True
        renamed = self.state is ClaimState.PROBING
        if renamed:
            self.label, self.is_told = next_label(self.label), False
        self.begin(rng, now)
        return renamed

    def probe(self) -> tuple[list[Question], list[ResourceRecord]]:
        """The questions of a probe, and what is going to be said under the names."""
        questions = [Question(name, RecordType.ANY) for name in self.unique_names]
        names = self.unique_names
        return questions, [
            replace(record, cache_flush=False) for record in self.records if record.name in names
        ]

    def step(self, now: float) -> None:
        """Goes on from what has just been sent."""
        self.sent += 1
        if self.state is ClaimState.PROBING:
            self.next_at = now + PROBE_GAP_S
            if self.sent > PROBES:  # what was sent is the first announcement
                self.state, self.sent, self.is_told = ClaimState.ANNOUNCING, 1, True
                self.next_at = now + ANNOUNCE_GAP_S
        elif self.state is ClaimState.ANNOUNCING:
            self.next_at, self.is_told = now + ANNOUNCE_GAP_S, True
            if self.sent >= ANNOUNCEMENTS:
                self.state, self.is_tired = ClaimState.ESTABLISHED, False

    def contradicts(self, record: ResourceRecord) -> bool:
        """Whether a record that somebody else says cannot be true beside this claim (rules 2 and 4)."""
        if record.ttl_s == 0 or record.name not in self.unique_names:
            return False
        if any(own.is_same_as(record) for own in self.records):
            return False
        if self.state is ClaimState.PROBING:
            return True
        return any(
            own.cache_flush and own.name == record.name and own.type == record.type for own in self.records
        )

    def loses_to(self, proposed: Iterable[ResourceRecord]) -> bool:
        """Whether somebody who probes at the same time, and proposes these records, goes first (rule 3)."""
        theirs = list(proposed)
        return any(
            tie_break(
                [record for record in self.records if record.name == name],
                [record for record in theirs if record.name == name],
            )
            < 0
            for name in self.unique_names
            if any(record.name == name for record in theirs)
        )


class Owned:
    """What the claims of a host hold, by record and by name, so that it is found at once.

    Args:
        claims: all of them, as they are now.

    Attributes:
        records: what is given to those who ask, each once.
        owners: the claims that have a name to themselves, or are about to.
    """

    def __init__(self, claims: Iterable[Claim]) -> None:
        self.records: dict[Key, ResourceRecord] = {}
        self.owners: dict[DomainName, list[Claim]] = {}
        for claim in claims:
            for name in claim.unique_names:
                self.owners.setdefault(name, []).append(claim)
            for record in claim.records if claim.answers else ():
                self.records.setdefault(key_of(record), record)


def tie_break(ours: Iterable[ResourceRecord], theirs: Iterable[ResourceRecord]) -> int:
    """Which of two that probe for one name at the same time may have it (rule 3).

    Args:
        ours: what we are going to say under the name.
        theirs: what the other is going to say.

    Returns:
        1 if we win, -1 if we lose, 0 if both say the same.
    """
    first, second = (
        sorted((record.rclass, record.type, plain_data(record.data)) for record in records)
        for records in (ours, theirs)
    )
    return (first > second) - (first < second)


_NUMBERED = re.compile(r"^(.*)-(\d{1,9})$", re.DOTALL | re.ASCII)


def next_label(label: str) -> str:
    """The label to try after a conflict: ana, ana-2, ana-3. It is shortened where it becomes too long.

    Raises:
        UsageError: the label is empty.
    """
    if not label:
        raise UsageError("a label has at least one letter")
    found = _NUMBERED.match(label)
    stem, number = (found[1], int(found[2]) + 1) if found and int(found[2]) >= 2 else (label, 2)
    ending = f"-{number}"
    while len((stem + ending).encode()) > MAX_LABEL_BYTES:
        stem = stem[:-1]
    return stem + ending
