"""Retries: when to try again what has failed, and for how long. A machine part.

Rules
    1. The pauses double, from `FIRST_PAUSE_S` to `MAX_PAUSE_S`: our link may be down for a moment, or for an
       hour. Each is drawn between half and the whole, so that peers that were cut off together do not come
       back together.
    2. What is tried at several places at once fails at each: that is one failure, and one pause.
    3. When no time is left for another try, that is the end.
"""

from __future__ import annotations

import random
from typing import Generic

from p2plib.machine.timers import T, Timers

FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0


class Retries(Generic[T]):
    """The tries of one undertaking.

    Args:
        rng: draws the pauses.
        timers: those of the machine.
        again: its timer for the next try.
    """

    def __init__(self, rng: random.Random, timers: Timers[T], again: T) -> None:
        self._rng, self._timers, self._timer = rng, timers, again
        self._until, self._pause_s = 0.0, FIRST_PAUSE_S
        self._next = float("-inf")  # when the next try begins

    def start(self, now: float, within_s: float) -> None:
        """Begins the first try; another may begin within so many seconds."""
        self.stop()
        self._until, self._pause_s = now + within_s, FIRST_PAUSE_S

    def stop(self) -> None:
        """There will be no further try."""
        self._timers.cancel(self._timer)
        self._until = self._next = float("-inf")

    def failed(self, now: float) -> bool:
        """A try has failed: sets the timer for the next, and returns whether there will be one."""
        if now < self._next:
            return True
        if now + self._pause_s > self._until:
            return False
        self._next = now + self._pause_s * self._rng.uniform(0.5, 1.0)
        self._timers.set(self._timer, self._next)
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
        return True
