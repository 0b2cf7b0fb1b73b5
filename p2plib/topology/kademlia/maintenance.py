"""Maintenance: what a Kademlia peer does unasked, at set times. A machine part.

Rules
    1. A bucket that no lookup has touched for `refresh_s` is refreshed by looking up a random id in it. After
       joining, this is done for all buckets farther than the nearest peer.
    2. At each refresh, some forgotten peers are asked whether they are back.
    3. A value that is kept for others is republished every `republish_s`, with the lifetime that is left,
       unless another peer has stored it again in that time. A jitter makes one of the k holders the first;
       the others see its copy and stay quiet.
    4. A value of our own is published again before it expires, until it is forgotten. After joining, all of
       them are, one after the other: they may be of an earlier life, or published before we knew anybody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from p2plib.machine.addresses import Contact
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.checks import Checks
from p2plib.topology.kademlia.parts import Settings, Timer
from p2plib.topology.kademlia.searches import Searches, SearchKind
from p2plib.topology.kademlia.store import EXPIRE_S, Values
from p2plib.topology.kademlia.table import RoutingTable

PUBLISH_AGAIN_S = EXPIRE_S - 3600.0  # section 2.5 says 24 hours, when it has just expired
REPUBLISH_JITTER = 0.1
PUBLISH_PACE_S = 0.25  # so a thousand values take four minutes, and a few dozen datagrams are under way
CALL_BACK = 3  # forgotten peers that are asked at each refresh


def far_buckets(table: RoutingTable) -> range:
    """The buckets from that of our nearest contact to the farthest; nearer ones are empty for good."""
    nearest = table.nearest_bucket
    return range(0) if nearest is None else range(nearest, len(table.buckets))


def refresh_buckets(
    table: RoutingTable, buckets: Iterable[int], rng: random.Random, look_up: Callable[[int], object]
) -> None:
    """Looks up a random id in each of these buckets. Rule 1."""
    for i in buckets:
        look_up(table.own_id ^ (1 << i | rng.getrandbits(i)))


def refresh_quiet_buckets(
    table: RoutingTable,
    far: Sequence[int],
    refresh_s: float,
    rng: random.Random,
    look_up: Callable[[int], object],
    now: float,
) -> float:
    """Looks up a random id in each of these buckets that no lookup has touched for so long. Rule 1.

    Returns:
        When the next of them is due.
    """
    quiet = (i for i in far if table.buckets[i].looked_up + refresh_s <= now)
    refresh_buckets(table, quiet, rng, look_up)
    return min((table.buckets[i].looked_up for i in far), default=now) + refresh_s


def to_call_back(table: RoutingTable, rng: random.Random) -> list[Contact]:
    """Some of the forgotten contacts, which may be back. Rule 2."""
    forgotten = list(table.forgotten.values())
    return rng.sample(forgotten, min(CALL_BACK, len(forgotten)))


class Maintenance:
    """The schedules of one peer.

    Args:
        settings: `refresh_s` and `republish_s`.
        rng: draws the ids that are looked up, the jitter, and whom to call back.
        timers: those of the machine.
        table: whose buckets are refreshed.
        values: what is kept for others.
        searches: start the lookups that are due.
        checks: ask the forgotten peers.
        now: the time, in seconds.

    Attributes:
        published: our own values, by key.
    """

    def __init__(
        self,
        settings: Settings,
        rng: random.Random,
        timers: Timers[Timer],
        table: RoutingTable,
        values: Values,
        searches: Searches,
        checks: Checks,
        now: float,
    ) -> None:
        self._settings, self._rng, self._timers = settings, rng, timers
        self._table, self._values, self._searches, self._checks = table, values, searches, checks
        self.published: dict[int, bytes] = {}
        timers.set(Timer.REFRESH, now + settings.refresh_s)

    def far_buckets(self) -> Sequence[int]:
        """Those that are refreshed."""
        return far_buckets(self._table)

    def joined(self, now: float) -> None:
        """Refreshes all far buckets, and publishes our own values. Rules 1 and 4."""
        refresh_buckets(self._table, self.far_buckets(), self._rng, lambda target: self._look_up(target, now))
        for number, key in enumerate(self.published, 1):
            self._timers.set(Timer.PUBLISH, now + number * PUBLISH_PACE_S, key)

    def refresh(self, now: float) -> None:
        """Rules 1 and 2."""
        due = refresh_quiet_buckets(
            self._table,
            self.far_buckets(),
            self._settings.refresh_s,
            self._rng,
            lambda target: self._look_up(target, now),
            now,
        )
        self._timers.set(Timer.REFRESH, due)
        for contact in to_call_back(self._table, self._rng):
            self._checks.check(contact, now)

    def _look_up(self, target: int, now: float) -> None:
        self._searches.start(SearchKind.REFRESH, target, now)

    def republish_later(self, key: int, now: float) -> None:
        """A peer has stored a value here: sets the time to republish it. Rule 3."""
        jitter = self._rng.uniform(-REPUBLISH_JITTER, REPUBLISH_JITTER)
        self._timers.set(Timer.REPUBLISH, now + self._settings.republish_s * (1 + jitter), key)

    def republish(self, key: int, now: float) -> None:
        """No other peer has stored this value again, so we do. Rule 3."""
        kept = self._values.get(key, now)
        if kept is not None and kept.expires - now >= 1:
            self._searches.start(SearchKind.REPUBLISH, key, now, kept.data, kept.expires - now)
            self.republish_later(key, now)

    def publish(self, key: int, value: bytes, now: float) -> int:
        """Stores a value of our own, now and before it expires. Rule 4.

        Returns:
            The number of the search.
        """
        self.published[key] = value
        self._timers.set(Timer.PUBLISH, now + PUBLISH_AGAIN_S, key)
        return self._searches.start(SearchKind.PUT, key, now, value)

    def publish_again(self, key: int, now: float) -> None:
        """Rule 4."""
        self.publish(key, self.published[key], now)

    def forget(self, key: int) -> None:
        """Stops publishing a value."""
        self.published.pop(key, None)
        self._timers.cancel(Timer.PUBLISH, key)
