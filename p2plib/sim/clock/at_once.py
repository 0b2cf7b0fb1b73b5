"""When a timer for now is due: almost always now, and a microsecond later if a program never stops asking.

Some programs set a timer for now again and again: by a rounding of the last digit, they find that the time
has not quite come. On a real machine that is over in a microsecond; here the thousandth such timer of one
instant is due a microsecond later. Ten such microseconds in a row are enough for any rounding: a program that
still goes on is in an endless loop.
"""

from __future__ import annotations

ENOUGH, TICK_S = 1000, 1e-6  # after this many timers for now at one instant, the clock moves this far
MOST_TICKS = 10  # in a row


class AtOnce:
    """The timers for now of one loop, counted."""

    def __init__(self) -> None:
        self._instant_s, self._count, self._ticks = -1.0, 0, 0

    def due_s(self, now_s: float) -> float:
        """Count one more timer for *now_s*, in virtual seconds, and return when it is due."""
        if self._instant_s != now_s:
            if now_s > self._instant_s + 2 * TICK_S:
                self._ticks = 0
            self._instant_s, self._count = now_s, 0
        self._count += 1
        if self._count < ENOUGH or self._ticks >= MOST_TICKS:
            return now_s
        self._ticks += self._count == ENOUGH
        return now_s + TICK_S
