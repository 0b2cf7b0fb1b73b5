"""Tiers: several trackers at once, and which of them to ask first. A pure part.

Specification: BEP 12. A torrent lists its trackers in tiers, such as [["A", "B"], ["C"]]::

    1. Each tier is shuffled once, so that of two equal trackers each gets half of the peers.
    2. The trackers of the first tier are tried in order. The one that answers moves to the front of its tier,
       so that it is tried first next time, and peers of a swarm come together at one tracker.
    3. The second tier is tried only if the whole first one has failed, and so on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from p2plib.errors import UsageError

MAX_TRACKERS = 100  # in all tiers together: a torrent of a stranger's may list any number


class Tiers:
    """The trackers of a swarm, in the order in which to try them.

    Args:
        tiers: the URLs of each tier.
        rng: shuffles each.

    Raises:
        UsageError: there is no tracker at all, or more than `MAX_TRACKERS`, or one is there twice.
    """

    def __init__(self, tiers: Sequence[Sequence[str]], rng: random.Random) -> None:
        urls = [url for tier in tiers for url in tier]
        if not 1 <= len(urls) <= MAX_TRACKERS:
            raise UsageError(f"tiers hold 1 to {MAX_TRACKERS} trackers, not {len(urls)}")
        if len(set(urls)) < len(urls):
            raise UsageError("a tracker is in the tiers twice")
        self._tiers = [rng.sample(list(tier), len(tier)) for tier in tiers if tier]

    @property
    def tiers(self) -> list[list[str]]:
        """The trackers as they now stand, tier by tier."""
        return [list(tier) for tier in self._tiers]

    def __iter__(self) -> Iterator[str]:
        """The trackers in the order in which to try them, until one answers."""
        return (url for tier in self.tiers for url in tier)

    def answered(self, url: str) -> None:
        """Moves the tracker that answered to the front of its tier. Rule 2."""
        for tier in self._tiers:
            if url in tier:
                tier.remove(url)
                tier.insert(0, url)
