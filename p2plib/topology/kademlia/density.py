"""Density: are there more peers round a key than there can be by chance? Pure functions, and an estimate.

Ids are as good as random, so the peers of a network lie in the space of ids like drops of rain on a road.
If there are n, then in a part of the space of size x (the whole being 1) their number is Poisson with mean
n x, and the j-th nearest to any key is about j / n away. Whoever wants a key to disappear has to put own ids
nearer than the honest ones: twenty of them where a twentieth of one was to be expected. That shows.

    >>> alarm([1e-9, 2e-9, 3e-9, 4e-9], network_size=1000)
    True

Compare Sridhar et al., "Content Censorship in the InterPlanetary File System" (NDSS 2024), whose detector
asks the same of the same distances with another measure (a divergence from the expected distribution).

Vocabulary::

    n   how many peers there are
    x   a distance as a part of the whole space, 0 to 1
    j   the j-th nearest, from 1
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

ALARM = 1e-7  # a peer that looks up a key every second is wrongly alarmed about once in half a year
REMEMBERED = 32  # lookups that the size of the network is estimated from


def at_least(j: int, mean: float) -> float:
    """The probability that a Poisson variable with some mean is at least j."""
    if mean > j:  # the sum of the lower terms is the smaller one
        return 1.0 - sum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(j))
    if mean <= 0.0:
        return float(j == 0)
    term = math.exp(j * math.log(mean) - mean - math.lgamma(j + 1))
    total, i = 0.0, j
    while term > total * 1e-12:
        total += term
        i += 1
        term *= mean / i
    return total


def surprise(distances: Sequence[float], network_size: float) -> float:
    """How improbable the least probable of these distances is, by chance alone.

    Args:
        distances: those of the nearest peers found, nearest first, as parts of the whole space.
        network_size: how many peers there are, about; more than 0.
    """
    return min((at_least(j, network_size * x) for j, x in enumerate(distances, 1)), default=1.0)


def alarm(distances: Sequence[float], network_size: float) -> bool:
    """Whether so many peers so near a key cannot be chance; whoever has no idea of n (0) cannot tell."""
    return network_size > 0 and len(distances) > 2 and surprise(distances, network_size) < ALARM


class NetworkSize:
    """An estimate of n from lookups: of each target, how far its j-th nearest peer was.

    It is the median over the last targets, each counted once however often it is looked up: somebody who
    crowds a few keys moves a mean, and not a median.
    """

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def looked_up(self, target: int, distances: Sequence[float]) -> None:
        """Takes the distances of the nearest peers of a target, nearest first."""
        if len(distances) > 1 and distances[-1] > 0:
            self._seen.pop(target, None)
            self._seen[target] = (len(distances) - 1) / distances[-1]  # j - 1: the estimate has no bias so
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]

    @property
    def estimate(self) -> float:
        """How many peers there are, about; 0 before the first lookup."""
        return statistics.median(self._seen.values()) if self._seen else 0.0
