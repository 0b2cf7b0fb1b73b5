"""Graph: measures of an overlay: how far, how clustered, and what is left when peers go. With numpy.

A graph says which peer has a link to which. Peers are numbered from 0; a link may go one way (a finger) or
both (an active view). Small graphs are measured exactly, large ones from a sample of their peers; each result
says how many peers it is made from.

The distances come from a breadth-first search of 64 sources at once: each has one bit of a word, so one pass
over the links moves 64 searches on by a step.

Vocabulary::

    n        how many peers there are
    degree   how many links leave a peer
    hop      one link
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.topology.arrays import np

EXACT_UP_TO = 4096  # sources; above that, so many are sampled
SAMPLED = 1024
WORD = 64

Array = Any  # a numpy array; numpy is not imported for its type's sake


@dataclass(frozen=True, slots=True)
class Distances:
    """The hops from each source to every peer that it reaches.

    Args:
        mean: over all pairs of a source and another peer that it reaches; 0 if there are none.
        longest: the diameter, if all peers were sources; otherwise at most the diameter.
        mean_longest: the hops from a source to its farthest peer, on average over the sources.
        reached: the part of all pairs that are connected, 0 to 1.
        histogram: how many pairs are 0, 1, 2, ... hops apart (0: each source and itself).
        sources: from how many peers it was measured.
        exact: whether those were all peers.
    """

    mean: float
    longest: int
    mean_longest: float
    reached: float
    histogram: tuple[int, ...]
    sources: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, and from how many peers it was made."""

    value: float
    peers: int
    exact: bool


class Graph:
    """Links between n peers.

    Args:
        n: how many peers.
        links: pairs (from, to) of numbers below n; a repeated pair counts once, and a link from a peer to
            itself not at all.
        both_ways: whether each link is meant in both directions.

    Raises:
        UsageError: a number is not below n.
    """

    def __init__(self, n: int, links: Iterable[tuple[int, int]] | Array, *, both_ways: bool = False) -> None:
        pairs = links if hasattr(links, "shape") else list(links)
        pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
            raise UsageError(f"peers are numbered from 0 to {n - 1}: a link names another")
        if both_ways:
            pairs = np.concatenate([pairs, pairs[:, ::-1]])
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        keys = np.unique(pairs[:, 0] * n + pairs[:, 1])
        self.n = n
        self.heads, self.tails = keys // max(n, 1), keys % max(n, 1)  # sorted by head
        self.starts = np.searchsorted(self.heads, np.arange(n + 1))

    @classmethod
    def of(cls, neighbours: Mapping[int, Iterable[int]], *, both_ways: bool = False) -> Graph:
        """The graph of some peers by their ids; links to ids that are not among them are left out."""
        number = {ident: i for i, ident in enumerate(neighbours)}
        links = [(number[a], number[b]) for a, others in neighbours.items() for b in others if b in number]
        return cls(len(number), links, both_ways=both_ways)

    @property
    def degrees(self) -> Array:
        """How many links leave each peer."""
        return np.diff(self.starts)

    @property
    def degrees_in(self) -> Array:
        """How many links lead to each peer."""
        return np.bincount(self.tails, minlength=self.n)

    def neighbours(self, peer: int) -> Array:
        """The peers that a peer has a link to."""
        return self.tails[self.starts[peer] : self.starts[peer + 1]]

    def without(self, gone: Sequence[int] | Array) -> Graph:
        """What is left when some peers are gone; the others are renumbered in the same order."""
        left = np.ones(self.n, dtype=bool)
        left[np.asarray(gone, dtype=np.int64)] = False
        number = np.cumsum(left) - 1
        keep = left[self.heads] & left[self.tails]
        pairs = np.stack([number[self.heads[keep]], number[self.tails[keep]]], axis=1)
        return Graph(int(left.sum()), pairs)


def distances(
    graph: Graph,
    *,
    sources: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Distances:
    """How many hops apart peers are.

    Args:
        graph: links are followed in their direction.
        sources: how many peers to start from; by default all of them up to `EXACT_UP_TO`, and `SAMPLED` above
            that.
        seed: for drawing the sample.
        progress: called with (sources done, sources).
    """
    count = min(graph.n, sources or (graph.n if graph.n <= EXACT_UP_TO else SAMPLED))
    chosen = list(range(graph.n)) if count == graph.n else random.Random(seed).sample(range(graph.n), count)
    histogram: list[int] = []
    farthest: list[int] = []
    for start in range(0, count, WORD):
        block = chosen[start : start + WORD]
        here, far = _search(graph, block)
        histogram = [a + b for a, b in _padded(histogram, here)]
        farthest += far
        if progress:
            progress(min(start + WORD, count), count)
    pairs = sum(histogram[1:])
    mean = sum(hops * many for hops, many in enumerate(histogram)) / pairs if pairs else 0.0
    reached = pairs / (count * (graph.n - 1)) if graph.n > 1 else 1.0
    mean_longest = sum(farthest) / count if count else 0.0
    longest = max(farthest, default=0)
    return Distances(mean, longest, mean_longest, reached, tuple(histogram), count, count == graph.n)


def _padded(a: list[int], b: list[int]) -> Iterable[tuple[int, int]]:
    size = max(len(a), len(b))
    return zip(a + [0] * (size - len(a)), b + [0] * (size - len(b)), strict=True)


def _search(graph: Graph, block: list[int]) -> tuple[list[int], list[int]]:
    """Breadth first from up to 64 sources: how many pairs at each distance, and each source's farthest."""
    bits = np.uint64(1) << np.arange(len(block), dtype=np.uint64)
    seen = np.zeros(graph.n, dtype=np.uint64)
    np.bitwise_or.at(seen, block, bits)
    front = seen.copy()
    histogram, farthest, hops = [len(block)], [0] * len(block), 0
    while len(graph.heads):
        lit = front[graph.heads] != 0
        following = np.zeros(graph.n, dtype=np.uint64)
        np.bitwise_or.at(following, graph.tails[lit], front[graph.heads[lit]])
        front = following & ~seen
        if not front.any():
            break
        hops += 1
        seen |= front
        counts = [(front & bit != 0).sum() for bit in bits]
        histogram.append(int(sum(counts)))
        farthest = [hops if many else old for many, old in zip(counts, farthest, strict=True)]
    return histogram, farthest


def clustering(graph: Graph, *, peers: int | None = None, seed: int = 0) -> Estimate:
    """The part of a peer's neighbours that are neighbours of each other, on average (Watts and Strogatz).

    Args:
        graph: its links go both ways; for others the measure has no agreed meaning.
        peers: how many to look at; by default all of them, up to `EXACT_UP_TO`.
        seed: for drawing the sample.
    """
    count = min(graph.n, peers or EXACT_UP_TO)
    chosen = range(graph.n) if count == graph.n else random.Random(seed).sample(range(graph.n), count)
    total = 0.0
    for peer in chosen:
        near = set(graph.neighbours(peer).tolist())
        if len(near) > 1:
            closed = sum(len(near.intersection(graph.neighbours(other).tolist())) for other in near)
            total += closed / (len(near) * (len(near) - 1))
    return Estimate(total / count if count else 0.0, count, count == graph.n)


def components(graph: Graph) -> Array:
    """The sizes of the connected parts, the largest first; directions do not count."""
    label = np.arange(graph.n)
    while True:  # each peer takes the least label among its neighbours', and then that peer's label
        least = label.copy()
        np.minimum.at(least, graph.heads, label[graph.tails])
        np.minimum.at(least, graph.tails, label[graph.heads])
        least = least[least]
        if (least == label).all():
            return np.sort(np.unique(label, return_counts=True)[1])[::-1]
        label = least


def resilience(
    graph: Graph, fractions: Sequence[float], *, attack: bool = False, seed: int = 0
) -> list[tuple[float, float]]:
    """What stays together when peers go: (part that goes, part of the rest in the largest component).

    Args:
        graph: the graph before any peer goes.
        fractions: which parts of all peers go, 0 to 1.
        attack: whether those with most links go first, instead of random ones.
        seed: for the random order.
    """
    order = list(range(graph.n))
    random.Random(seed).shuffle(order)
    if attack:
        total = graph.degrees + graph.degrees_in
        order.sort(key=lambda peer: -int(total[peer]))
    result = []
    for part in fractions:
        rest = graph.without(order[: round(part * graph.n)])
        largest = int(components(rest)[0]) if rest.n else 0
        result.append((part, largest / rest.n if rest.n else 0.0))
    return result
