"""Density: are there more peers round a key than chance allows? Pure functions, and a machine part.

Ids are as good as random, so the peers of a network lie in the space of ids like drops of rain on a road. If
there are n of them, the number in a part of the space of size x (the whole being 1) is Poisson with mean n x,
and the j-th nearest to any key is about j / n away. An attacker that wants a key to disappear has to put ids
of its own nearer than the honest ones: twenty of them where a twentieth of one was to be expected. That
shows.

    >>> alarm([1e-9, 2e-9, 3e-9, 4e-9], network_size=1000)
    True

What a peer does about it: it stores at and fetches from the nearest 3 k, 9 k or 27 k, until those reach as
far out as k peers would by chance. That is a *region*, in which there are about k honest peers, however many
Sybils are there too.

Compare Sridhar et al., "Content Censorship in the InterPlanetary File System" (NDSS 2024), whose detector
asks the same question of the same distances with another measure (a divergence from the expected
distribution), and whose remedy is the region.

Vocabulary::

    n   how many peers there are
    x   a distance as a part of the whole space, 0 to 1
    j   the j-th nearest, from 1
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.parts import Crowded, Event
from p2plib.topology.kademlia.table import RoutingTable

ALARM = 1e-7  # a peer that looks up a key every second has a false alarm about twice a year
REMEMBERED = 32  # lookups from which the size of the network is estimated
WIDER, WIDEST = 3, 27  # how many times wider each region is than the last, and how wide it gets at most, in k


def at_least(j: int, mean: float) -> float:
    """The probability that a Poisson variable with this mean is at least j."""
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
    """The probability of the least probable of these distances, by chance alone.

    Args:
        distances: those of the nearest peers found, nearest first, as parts of the whole space.
        network_size: about how many peers there are; more than 0.
    """
    return min((at_least(j, network_size * x) for j, x in enumerate(distances, 1)), default=1.0)


def alarm(distances: Sequence[float], network_size: float) -> bool:
    """Whether so many peers so near a key cannot be chance; False if n is not known (0)."""
    return network_size > 0 and len(distances) > 2 and surprise(distances, network_size) < ALARM


class NetworkSize:
    """An estimate of n from lookups: for each target, how far away its j-th nearest peer was.

    It is the median over the last targets, each counted once however often it is looked up: an attacker that
    crowds a few keys moves a mean, but not a median.
    """

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def looked_up(self, target: int, distances: Sequence[float]) -> None:
        """Takes the distances of the peers nearest to a target, nearest first."""
        if len(distances) > 1 and distances[-1] > 0:
            self._seen.pop(target, None)
            self._seen[target] = (len(distances) - 1) / distances[-1]  # j - 1 makes the estimate unbiased
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]

    @property
    def estimate(self) -> float:
        """About how many peers there are; 0 before the first lookup."""
        return statistics.median(self._seen.values()) if self._seen else 0.0


class Density:
    """What a peer knows about how dense its network is, and about crowds in it.

    Args:
        table: the peers that we know.
        tell: reports `Crowded`.

    Attributes:
        size: the estimate from lookups.
    """

    def __init__(self, table: RoutingTable, tell: Callable[[Event], None]) -> None:
        self._table, self._tell = table, tell
        self.size = NetworkSize()

    @property
    def network_size(self) -> float:
        """About how many peers there are, as far as this one can tell; 0 if it knows nobody.

        It is measured by lookups, and by the table round our own id, where newcomers ask us first: in a
        network that grows, old lookups alone make the estimate too small, and every key would look crowded.
        An attacker that wanted to hide a crowd round a key from us would have to crowd our own id, too.
        """
        own_id, k = self._table.own_id, self._table.k
        near = self._distances(own_id, self._table.closest(own_id, k))
        here = (len(near) - 1) / near[-1] if len(near) > 1 else 0.0
        return max(self.size.estimate, here)

    def must_widen(self, lookup: Lookup) -> bool:
        """Whether a lookup that has ended must be made again, `WIDER` times as wide."""
        k, closest, size = self._table.k, lookup.closest, self.network_size
        if lookup.k > k:  # there was an alarm before
            farthest = self._fraction(closest[-1].id ^ lookup.target) if closest else 0.0
            return lookup.k < WIDEST * k and farthest * size < k
        distances = self._distances(lookup.target, closest)
        if not alarm(distances, size):
            return False
        self._tell(Crowded(lookup.target, surprise(distances, size)))
        return True

    def looked_up(self, lookup: Lookup) -> None:
        """Learns from a lookup that has ended."""
        nearest = lookup.closest[: self._table.k]
        self.size.looked_up(lookup.target, self._distances(lookup.target, nearest))

    def _distances(self, target: int, contacts: Sequence[Contact]) -> list[float]:
        whole = 1 << self._table.bits
        return [(contact.id ^ target) / whole for contact in contacts]

    def _fraction(self, distance: int) -> float:
        """A distance as a fraction of the whole space."""
        return float(distance / (1 << self._table.bits))
