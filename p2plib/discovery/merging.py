"""Merging: one order for what several sources find at the same time. A machine.

Rules
    1. The sources take turns: what one has found waits behind at most one address of each other, however
       many that one names. So a liar that names a thousand delays an honest source by one place.
    2. Each address is given once. It is dropped when its turn comes, and not when it is heard: otherwise a
       liar that names the true peers last, behind its thousand, would take their places away.
    3. Our own addresses are dropped: a peer that looks for a topic which it announced finds itself.
    4. A source has at most `MAX_WAITING` addresses waiting, and the `MAX_SEEN` given last are remembered.
       What is dropped is counted by reason.

Vocabulary::

    place    the number of a source, from 0
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from p2plib.discovery.source import MAX_FOUND, Found
from p2plib.machine.addresses import Address

MAX_WAITING = MAX_FOUND  # of one source: what it may give for one lookup
MAX_SEEN = 10_000  # more than anybody connects to; an address that was forgotten may be given again


class FairMerge:
    """What the sources have found and nobody has taken yet.

    Args:
        sources: how many there are.
        is_own: whether it is ourselves that was found.
        ignored: where what is dropped is counted.
    """

    def __init__(self, sources: int, is_own: Callable[[Found], bool], ignored: Counter[str]) -> None:
        self._waiting: list[deque[Found]] = [deque() for _ in range(sources)]
        self._turns: deque[int] = deque()  # the places of the sources that have something waiting
        self._seen: dict[Address, None] = {}
        self._is_own, self._ignored = is_own, ignored

    def heard(self, place: int, found: Found) -> None:
        """A source has found somebody.

        Args:
            place: which source.
            found: whom.
        """
        waiting = self._waiting[place]
        if self._is_own(found):
            self._ignored["our own address"] += 1
        elif len(waiting) >= MAX_WAITING:
            self._ignored["too many are waiting"] += 1
        else:
            waiting.append(found)
            if len(waiting) == 1:
                self._turns.append(place)

    def has_next(self) -> bool:
        """Whether there is an address that was not given yet."""
        while self._turns:
            if self._waiting[self._turns[0]][0].address not in self._seen:
                return True
            self._pop()
            self._ignored["found before"] += 1
        return False

    def take(self) -> Found:
        """The next, which there must be."""
        found = self._pop()
        self._seen[found.address] = None
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        return found

    def _pop(self) -> Found:
        place = self._turns.popleft()
        found = self._waiting[place].popleft()
        if self._waiting[place]:
            self._turns.append(place)
        return found
