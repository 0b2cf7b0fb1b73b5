"""Leaving slow start before it floods the queue on the way. A machine.

Slow start doubles what is under way in each round trip, and so ends with the loss of half a window, if
nothing ends it before: all that a queue cannot hold. The acknowledgements tell: behind a bottleneck they come
one by one, at its rate. The longer that train, the fuller is the way; when it is as long as a round trip, the
way is full. HyStart (Ha and Rhee, "Taming the elephants: new TCP slow start", 2011) looks at it, as Linux
does, and RFC 9406 has what to do: grow with care for a while, and only then leave slow start.
"""

from __future__ import annotations

GAP = (
    1 / 16
)  # further apart, in round trips, acknowledgements are no train (in Linux 2 ms: at 32 ms the same)
CAREFUL_FROM = 0.25  # length of the train, in round trips
FULL_FROM = 1.0
CARE = 4  # RFC 9406's CSS_GROWTH_DIVISOR: so much less than slow start


class AckTrain:
    """Watches how acknowledgements follow one another.

    Attributes:
        is_careful: whether a train was ever long enough to be careful from then on.
    """

    __slots__ = ("_began_s", "_last_s", "is_careful")

    def __init__(self) -> None:
        self.is_careful = False
        self._began_s = self._last_s = 0.0

    def fills_the_way(self, now_s: float, round_trip_s: float) -> bool:
        """Takes one acknowledgement. Whether the train is as long as a round trip.

        Args:
            now_s: the time.
            round_trip_s: the shortest that was measured.
        """
        if now_s - self._last_s > GAP * round_trip_s:
            self._began_s = now_s  # a new train
        self._last_s = now_s
        length_s = now_s - self._began_s
        self.is_careful |= length_s >= CAREFUL_FROM * round_trip_s
        return length_s >= FULL_FROM * round_trip_s
