"""Samples: some of the info_hashes that a node stores, for whoever makes an index (BEP 51). A machine part.

Rules
    1. A response has at most `MAX_SAMPLES` of them, at random, and says how many there are in all.
    2. The same sample is given for `interval_s`, to everybody: asking again sooner is no use.
    3. A node whose store has all fit into one response has no need to wait: its interval is 0.

Vocabulary::

    sample     up to 20 info_hashes
    interval   how long the sample stays as it is
    num        how many info_hashes the node stores
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from p2plib.discovery.mainline.storage import PeerStorage
from p2plib.errors import UsageError

MAX_SAMPLES = 20  # 400 bytes: with eight nodes, the response still fits 1000
MAX_INTERVAL_S = 21_600  # BEP 51: six hours
INTERVAL_S = 3600  # within an hour, half of what is stored is new anyway


@dataclass(frozen=True, slots=True)
class Sample:
    """What a node answers to `sample_infohashes`.

    Args:
        interval_s: for how many seconds from now it would answer the same.
        num: how many info_hashes it stores.
        info_hashes: some of them, 20 bytes each.
    """

    interval_s: int
    num: int
    info_hashes: tuple[bytes, ...]


class Samples:
    """Gives samples of a store.

    Args:
        storage: where the info_hashes are.
        rng: which ones are given.
        interval_s: how long a sample stays as it is, 0 to 21600 seconds.

    Raises:
        UsageError: the interval is longer than BEP 51 allows, or less than 0.
    """

    def __init__(self, storage: PeerStorage, rng: random.Random, interval_s: int = INTERVAL_S) -> None:
        if not 0 <= interval_s <= MAX_INTERVAL_S:
            raise UsageError(f"an interval is from 0 to {MAX_INTERVAL_S} seconds, not {interval_s}")
        self._storage, self._rng, self._interval_s = storage, rng, interval_s
        self._given: tuple[bytes, ...] = ()
        self._until: float | None = None

    def sample(self, now: float) -> Sample:
        """The sample of this moment.

        Args:
            now: the time, in seconds.
        """
        if self._until is None or now >= self._until:
            self._storage.forget_expired(now)
            stored = self._storage.info_hashes()
            if len(stored) <= MAX_SAMPLES:
                return Sample(0, len(stored), tuple(sorted(stored)))
            self._given = tuple(self._rng.sample(stored, MAX_SAMPLES))
            self._until = now + self._interval_s
        left = max(0, -int((now - self._until) // 1))
        return Sample(min(left, self._interval_s), len(self._storage), self._given)
