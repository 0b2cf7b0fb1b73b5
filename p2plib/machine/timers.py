"""Timers: instants with names, of which the earliest is always known. A part of every machine."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator


class Timers:
    """Instants with names; setting a name again moves it.

    >>> timers = Timers()
    >>> timers.set("refresh", 60.0)
    >>> timers.first()
    60.0
    """

    def __init__(self) -> None:
        self._when: dict[Hashable, float] = {}
        self._heap: list[
            tuple[float, int, Hashable]
        ] = []  # what was moved or cancelled stays until it is due
        self._count = 0  # breaks ties in the order of setting, so that a seed gives one run

    def set(self, name: Hashable, at: float) -> None:
        """Sets or moves an instant."""
        self._when[name] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, name))

    def cancel(self, name: Hashable) -> None:
        """Forgets an instant; one that is not set is no mistake."""
        self._when.pop(name, None)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._when):
            self._heap = [entry for entry in self._heap if self._when.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def first(self) -> float | None:
        """The earliest instant, or None."""
        heap, when = self._heap, self._when
        while heap and when.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> Iterator[Hashable]:
        """Takes out, one after the other, the names whose instant has come."""
        while (at := self.first()) is not None and at <= now:
            name = heapq.heappop(self._heap)[2]
            del self._when[name]
            yield name

    def __contains__(self, name: Hashable) -> bool:
        return name in self._when
