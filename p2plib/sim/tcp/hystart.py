"""Leaving slow start before it floods a queue on the path. A machine.

Slow start doubles what is in flight in each round trip. If nothing ends it earlier, it ends with the loss of
half a window: all that a queue cannot hold. The acknowledgements give warning: behind a bottleneck they come
in a train, one by one, at its rate. The longer the train, the fuller the path; when it is as long as a round
trip, the path is full. HyStart (Ha and Rhee, "Taming the elephants: new TCP slow start", 2011) measures the
train, as Linux does, and RFC 9406 says what to do: grow more slowly for a while, then leave slow start.
"""

from __future__ import annotations

GAP = 1 / 16  # the longest gap in a train, in round trips (Linux: 2 ms, the same at a round trip of 32 ms)
CAREFUL_FROM = 0.25  # length of the train, in round trips
FULL_FROM = 1.0
CARE = 4  # RFC 9406's CSS_GROWTH_DIVISOR: how much more slowly the window grows than in slow start


class AckTrain:
    """Measures how closely acknowledgements follow one another.

    Attributes:
        is_careful: whether a train has ever been long enough to be careful from then on.
    """

    __slots__ = ("_began_s", "_last_s", "is_careful")

    def __init__(self) -> None:
        self.is_careful = False
        self._began_s = self._last_s = 0.0

    def fills_the_way(self, now_s: float, round_trip_s: float) -> bool:
        """Note an acknowledgement.

        Args:
            now_s: the time.
            round_trip_s: the shortest round trip that was measured.

        Returns:
            Whether the train is now as long as a round trip.
        """
        if now_s - self._last_s > GAP * round_trip_s:
            self._began_s = now_s  # a new train
        self._last_s = now_s
        length_s = now_s - self._began_s
        self.is_careful |= length_s >= CAREFUL_FROM * round_trip_s
        return length_s >= FULL_FROM * round_trip_s
