"""Timers: named instants, the earliest of which is always known. A part of every machine.

A machine names its timers in an enum. So setting one that does not exist is an error, for a type checker and
at run time, and a `match` that forgets one is an error where it fires (`typing.assert_never`). Where there
may be many timers of a kind, a number beside the name says what each is about: a key, a transaction.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import Enum
from typing import Generic, TypeVar


class TimerName(Enum):
    """The base of the enum in which a machine names its timers.

    A timer is set and cancelled for nearly every datagram, and looked up for it several times; the hash that
    `Enum` has is a Python function, and slow. Each member exists once, so its place in memory will do.
    """

    __hash__ = object.__hash__


T = TypeVar("T", bound=Enum)

FEW = 64  # a heap of so few entries is never worth tidying


class Timers(Generic[T]):
    """Instants; setting a timer again moves it.

    >>> class Timer(TimerName):
    ...     REFRESH = "look up an id in each quiet bucket"
    ...     REPUBLISH = "store a value again"
    >>> timers: Timers[Timer] = Timers()
    >>> timers.set(Timer.REFRESH, 60.0)
    >>> timers.set(Timer.REPUBLISH, 30.0, 0xCAFE)
    >>> timers.first()
    30.0
    >>> [(timer.name, about) for timer, about in timers.due(now=45.0)]
    [('REPUBLISH', 51966)]
    """

    def __init__(self) -> None:
        self._when: dict[tuple[T, int], float] = {}
        # An entry that was moved or cancelled stays in the heap until it is due. The count breaks ties in the
        # order in which timers were set, so that a seed gives one run.
        self._heap: list[tuple[float, int, tuple[T, int]]] = []
        self._count = 0

    def set(self, timer: T, at: float, about: int = 0) -> None:
        """Sets or moves an instant.

        Args:
            timer: which timer.
            at: when, in seconds.
            about: which one of its kind: a key, a transaction.
        """
        key = timer, about
        self._when[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))
        if len(self._heap) > FEW:
            self._tidy()

    def cancel(self, timer: T, about: int = 0) -> None:
        """Forgets an instant; cancelling one that is not set does nothing."""
        self._when.pop((timer, about), None)
        if len(self._heap) > FEW:
            self._tidy()

    def _tidy(self) -> None:
        """Takes out of the heap what was moved or cancelled, once it is three quarters of it."""
        if len(self._heap) > 4 * len(self._when):
            self._heap = [entry for entry in self._heap if self._when.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def first(self) -> float | None:
        """The earliest instant, in seconds; None if there is none."""
        heap, when = self._heap, self._when
        while heap:
            at, _, key = heap[0]
            if when.get(key) == at:
                return at
            heapq.heappop(heap)
        return None

    def due(self, now: float) -> Iterator[tuple[T, int]]:
        """Takes out, one by one, the timers whose instant has come, each with what it is about."""
        while (at := self.first()) is not None and at <= now:
            key = heapq.heappop(self._heap)[2]
            del self._when[key]
            yield key
