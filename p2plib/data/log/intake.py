"""Entries that come in any order and from several peers: kept for their turn, within bounds.

A `Feed` takes entries in order. A network does not deliver them so: three peers send the same log from
different places, and the one that has the first entries is the slowest. An `Intake` stands in front of a feed
and keeps what is early.

Rules
    1. Only what is signed by the author waits, so a stranger cannot fill the room.
    2. At most `max_waiting` entries wait, and none whose number is more than that beyond the head. What does
       not fit is refused; whoever sent it can send it again. So the room costs a bounded amount of memory,
       and it never keeps the entry out that all others wait for.
    3. Two waiting entries that contradict each other are a fork, and freeze the feed at once.
"""

from __future__ import annotations

from typing import Generic

from p2plib.data.log import forks
from p2plib.data.log.feed import Added, Feed
from p2plib.data.log.formats import C, E
from p2plib.errors import Forked, InvalidEntry, UsageError

MAX_WAITING = 128  # of the largest classic messages, 3 MB


class Intake(Generic[E, C]):
    """The room in front of one feed.

    Args:
        feed: where entries go when their turn has come.
        max_waiting: how many may wait.

    Raises:
        UsageError: nobody may wait.
    """

    def __init__(self, feed: Feed[E, C], *, max_waiting: int = MAX_WAITING) -> None:
        if max_waiting < 1:
            raise UsageError("at least one entry must be able to wait")
        self.feed = feed
        self.max_waiting = max_waiting
        self._waiting: dict[int, E] = {}

    @property
    def waiting(self) -> list[int]:
        """The numbers of the entries that wait, rising."""
        return sorted(self._waiting)

    @property
    def missing(self) -> range:
        """The numbers to ask for: those between the head and the first entry that waits."""
        begin = len(self.feed) + 1
        return range(begin, min(self._waiting, default=begin))

    def take(self, raw: bytes) -> list[E]:
        """Take in an entry, and those that waited for it.

        Args:
            raw: as received; any size.

        Returns:
            What the feed now has and had not before, in order; empty if the entry was known, or waits.

        Raises:
            InvalidEntry: it breaks a rule, or is too far ahead.
            Forked: it contradicts another entry; the feed is frozen.
        """
        entry = self.feed.parse(raw)
        try:
            if self._is_early(entry):
                self._wait(entry)
                return []
            return ([entry] if self.feed.add(raw) is Added.NEW else []) + self._drain()
        except Forked:
            self._waiting.clear()
            raise

    def _is_early(self, entry: E) -> bool:
        fork = self.feed.fork
        return entry.sequence > len(self.feed) + 1 and (fork is None or entry.sequence < fork.sequence)

    def _wait(self, entry: E) -> None:
        known = self._waiting.get(entry.sequence)
        if known is not None and known.raw == entry.raw:
            return
        ahead = entry.sequence - len(self.feed) - 1
        if ahead > self.max_waiting:
            raise InvalidEntry(
                f"sequence: entry {entry.sequence} is {ahead} ahead, and {self.max_waiting} may wait"
            )
        self.feed.format.verify(entry)
        for number in (entry.sequence - 1, entry.sequence, entry.sequence + 1):
            other = self._waiting.get(number)
            if other is not None and forks.contradicts(entry, other):
                self._fork(forks.prove(self.feed.format, entry, other))
        self._waiting[entry.sequence] = entry

    def _drain(self) -> list[E]:
        """Hands on what is no longer early, and forgets what has come by another way."""
        found: list[E] = []
        for number in self.waiting:
            if number > len(self.feed) + 1:
                break
            entry = self._waiting.pop(number)
            if self.feed.add(entry.raw) is Added.NEW:
                found.append(entry)
        return found

    def _fork(self, proof: forks.ForkProof) -> None:
        self.feed.freeze(proof.raw)
        raise Forked(f"the log of {self.feed.author!r} forks at entry {proof.sequence}", proof.raw)
