"""Cache: answers that may be used again for a while. A pure data structure.

Rules
    1. An answer is kept for as long as it says, but at least `MIN_S` and at most `MAX_S`. One second is
       enough not to ask a hundred times for an answer that says 0; an hour is long enough to be wrong.
    2. That there is nothing is kept, too, for `MAX_NEGATIVE_S` at most (RFC 2308): there may be something
       soon.
    3. `MAX_ANSWERS` are kept; when there are more, the one that would end first goes.
    4. What is given out says how many seconds are left, so that nobody keeps it longer by passing it on.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

MIN_S, MAX_S, MAX_NEGATIVE_S = 1, 3600, 300
MAX_ANSWERS = 1_000

T = TypeVar("T")


class AnswerCache(Generic[T]):
    """Answers by question.

    Args:
        capacity: how many are kept (rule 3).
        min_s: see rule 1.
        max_s: see rule 1.
    """

    def __init__(self, capacity: int = MAX_ANSWERS, min_s: float = MIN_S, max_s: float = MAX_S) -> None:
        self.capacity, self.min_s, self.max_s = capacity, min_s, max_s
        self.hits = self.misses = 0
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._ends: list[tuple[float, int, Hashable]] = []  # a heap; entries may be out of date
        self._count = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(
        self, question: Hashable, answer: T, ttl_s: float, now: float, *, is_negative: bool = False
    ) -> None:
        """Keeps an answer.

        Args:
            question: what was asked.
            answer: what was answered.
            ttl_s: for how many seconds it says that it is good.
            now: the time, in seconds.
            is_negative: whether it says that there is nothing.
        """
        most_s = min(self.max_s, MAX_NEGATIVE_S) if is_negative else self.max_s
        end = now + max(self.min_s, min(ttl_s, most_s))
        self._kept[question] = end, answer
        self._count += 1
        heapq.heappush(self._ends, (end, self._count, question))
        while self._ends and (len(self._kept) > self.capacity or self._ends[0][0] <= now):
            end, _, oldest = heapq.heappop(self._ends)
            if oldest in self._kept and self._kept[oldest][0] == end:
                del self._kept[oldest]

    def get(self, question: Hashable, now: float) -> tuple[T, float] | None:
        """An answer that is still good, and for how many more seconds; None if there is none."""
        end, answer = self._kept.get(question, (float("-inf"), None))
        if end <= now or answer is None:
            self.misses += 1
            return None
        self.hits += 1
        return answer, end - now
