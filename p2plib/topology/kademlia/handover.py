"""Handover: a peer that leaves gives the values it keeps to others first. A machine part.

Rules
    1. Each value goes to the peers that are nearest to its key now, with the lifetime that is left, as when
       it is republished; `AT_ONCE` values are under way at a time. So do values of our own.
    2. Where nobody takes a value, it is lost with us. When nobody has taken any for `STALLED_S`, nobody is
       there, and handing on is over: a peer whose link is down does not ask in vain for each of its values.

So values outlive the replacement of every peer in the network, as long as peers take their leave. One that
vanishes takes its copies with it, and nobody notices before the next republishing, an hour later. Measured
with k = 8, 100 peers, the publisher gone and always the holder nearest to the key vanishing next: one in 900
seconds, and seven or eight copies remain; one in 700 seconds, and after three hours the value is lost; one in
300 seconds, and it is lost within the first hour, before anybody could republish it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.parts import Event, Left, Timer
from p2plib.topology.kademlia.searches import Searches, SearchKind
from p2plib.topology.kademlia.store import EXPIRE_S, Values

AT_ONCE = 8  # some dozens of datagrams under way
STALLED_S = 30.0


class Handover:
    """The values of one peer that are handed on.

    Args:
        values: those that it keeps for others.
        searches: look for the peers that are to have them.
        timers: those of the machine.
        tell: reports `Left`.
    """

    def __init__(
        self, values: Values, searches: Searches, timers: Timers[Timer], tell: Callable[[Event], None]
    ) -> None:
        self._values, self._searches, self._timers, self._tell = values, searches, timers, tell
        self._waiting: deque[tuple[int, bytes, float]] = deque()
        self._under_way = self._count = self._taken = 0
        self._is_leaving = self._is_starting = False

    def start(self, published: Mapping[int, bytes], now: float, *, is_leaving: bool) -> None:
        """Hands on all values, and keeps none.

        Args:
            published: values of our own, by key.
            now: the time, in seconds.
            is_leaving: whether `Left` is reported when all are handed on.
        """
        self._is_leaving |= is_leaving
        given = {key: (value.data, value.expires - now) for key, value in self._values.take(now)}
        given |= {key: (data, EXPIRE_S) for key, data in published.items()}
        self._waiting.extend((key, data, lifetime_s) for key, (data, lifetime_s) in given.items())
        self._count += len(given)
        self._timers.set(Timer.STALLED, now + STALLED_S)
        self._go_on(now)

    def over(self, copies: int, now: float) -> None:
        """One value was handed on, to so many peers."""
        self._under_way -= 1
        if copies:
            self._taken += 1
            self._timers.set(Timer.STALLED, now + STALLED_S)
        if not self._is_starting:
            self._go_on(now)

    def stalled(self) -> None:
        """Nobody has taken a value for long. Rule 2."""
        self._waiting.clear()
        self._left()

    def _go_on(self, now: float) -> None:
        self._is_starting = True  # a search that has nobody to ask is over at once
        while self._waiting and self._under_way < AT_ONCE:
            key, data, lifetime_s = self._waiting.popleft()
            self._under_way += 1
            self._searches.start(SearchKind.HAND_ON, key, now, data, lifetime_s)
        self._is_starting = False
        if not self._waiting and not self._under_way:
            self._left()

    def _left(self) -> None:
        self._timers.cancel(Timer.STALLED)
        if self._is_leaving:
            self._is_leaving = False
            self._tell(Left(self._count, self._taken))
