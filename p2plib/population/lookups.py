"""Whole Kademlia lookups among a million peers, the dead and the hostile with them, as arrays. With numpy.

The lookup is that of `p2plib.topology.kademlia.lookup`: rounds of alpha questions over d disjoint paths, each
answered with the k contacts nearest to the target that a peer has. Buckets are drawn as in
`p2plib.population.kademlia`.

Vocabulary::

    n    peers          k    contacts in a bucket, and in an answer
    d    disjoint paths of one lookup; a peer is asked by one of them at most
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.population.kademlia import bit_length, draw, range_of
from p2plib.topology.arrays import np

Array = Any
Progress = Callable[[int, int], None]

BATCH = 20_000  # lookups that take their rounds together


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of many lookups; arrays with one number for each.

    Args:
        found: whether the nearest honest living peer was asked and answered.
        rounds: how many rounds the longest path took.
        queries: how many peers were asked.
        timeouts: how many of these were dead.
    """

    found: Array
    rounds: Array
    queries: Array
    timeouts: Array


@dataclass(frozen=True, slots=True)
class Model:
    """What kind of peers and lookups.

    Args:
        k: contacts in a bucket and in an answer.
        alpha: questions in a round of a path.
        paths: disjoint paths.
        dead: the part of all contacts that are dead.
        hostile: the part of all peers that answer with hostile peers near the target, as many as they like.
        max_rounds: after so many a path ends.
    """

    k: int = 20
    alpha: int = 3
    paths: int = 1
    dead: float = 0.0
    hostile: float = 0.0
    max_rounds: int = 32


MODEL = Model()


def lookups(
    ids: Array, count: int, model: Model = MODEL, *, seed: int = 0, progress: Progress | None = None
) -> Outcome:
    """Random lookups by random honest peers.

    Each path keeps its k nearest contacts, asks the alpha nearest not yet asked, and ends when the nearest
    that it knows has been asked. A hostile peer answers with hostile peers that sit around the target, nearer
    than anybody honest: a path that has asked one believes that it has arrived, and is lost.

    Args:
        ids: from `population`.
        count: how many lookups.
        model: see there.
        seed: of everything random.
        progress: called with (lookups done, lookups).
    """
    if min(model.k, model.alpha, model.paths) < 1 or model.k < model.paths:
        raise UsageError(
            "k, alpha and the paths are at least 1, and each path begins with one contact at least"
        )
    rng = np.random.default_rng(seed)
    state = rng.random(len(ids))
    dead, hostile = state < model.dead, state > 1 - model.hostile
    honest = np.flatnonzero(~dead & ~hostile)
    parts = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        targets = rng.integers(0, 2**64, size=size, dtype=np.uint64)
        askers = rng.choice(honest, size=size)
        parts.append(_Batch(ids, dead, hostile, honest, model, rng).run(askers, targets))
        if progress:
            progress(start + size, count)
    return Outcome(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class _Batch:
    """Lookups that take their rounds together. Arrays have one row for each path of each lookup."""

    def __init__(
        self, ids: Array, dead: Array, hostile: Array, honest: Array, model: Model, rng: Any
    ) -> None:
        self.ids, self.dead, self.hostile, self.honest = ids, dead, hostile, honest
        self.model, self.rng = model, rng

    def run(self, askers: Array, targets: Array) -> tuple[Array, Array, Array, Array]:
        model, count = self.model, len(targets)
        d, width = model.paths, model.k
        first = self._answers(
            askers, targets
        )  # the asker's own k nearest, nearest first, dealt out to d paths
        dealt = first[:, : width // d * d].reshape(count, -1, d).transpose(0, 2, 1).reshape(count * d, -1)
        self.target = np.repeat(targets, d)
        self.known = np.full((count * d, width), -1)
        self.known[:, : dealt.shape[1]] = dealt
        self.asked = np.zeros((count * d, width), dtype=bool)
        self.lost = np.zeros(count * d, dtype=bool)
        self.taken = np.full((count, d * model.alpha * model.max_rounds if d > 1 else 0), -2)
        self.asked_by = np.zeros(count, dtype=np.int64)  # how many are taken in each lookup
        self.reached = np.zeros(count * d, dtype=bool)
        self.queries, self.timeouts = np.zeros(count * d, dtype=np.int64), np.zeros(count * d, dtype=np.int64)
        self.goal = np.repeat(self._nearest_honest(targets), d)
        rounds = np.zeros(count * d, dtype=np.int64)
        under_way = np.arange(count * d)
        for _ in range(model.max_rounds):
            turns = [self._round(under_way[under_way % d == j]) for j in range(d)]  # one path after the other
            under_way = np.concatenate(turns)
            rounds[under_way] += 1
            if not len(under_way):
                break
        each = (count, d)
        return (
            self.reached.reshape(each).any(axis=1),
            rounds.reshape(each).max(axis=1),
            self.queries.reshape(each).sum(axis=1),
            self.timeouts.reshape(each).sum(axis=1),
        )

    def _nearest_honest(self, targets: Array) -> Array:
        """The place of the honest living peer nearest to each target."""
        ids = self.ids[self.honest]
        best = np.searchsorted(ids, targets) % len(ids)
        bits = np.zeros(len(targets), dtype=np.int64)
        todo = np.arange(len(targets))
        while len(todo):  # widen the range until somebody is in it
            low, high = range_of(ids, targets[todo], bits[todo])
            some = high > low
            for row, a, b in zip(todo[some].tolist(), low[some].tolist(), high[some].tolist(), strict=True):
                best[row] = a + int((ids[a:b] ^ targets[row]).argmin())
            todo = todo[~some]
            bits[todo] += 1
        return self.honest[best]

    def _round(self, under_way: Array) -> Array:
        """One round of those paths that still have somebody to ask; which those are."""
        known, asked = self.known[under_way], self.asked[under_way]
        distance = np.where(known < 0, ~np.uint64(0), self.ids[known] ^ self.target[under_way, None])
        order = np.argsort(distance, axis=1, kind="stable")
        known, asked = np.take_along_axis(known, order, 1), np.take_along_axis(asked, order, 1)
        busy = self._busy(under_way, known) & ~asked
        free = (known >= 0) & ~asked & ~busy
        chosen = free & (np.cumsum(free, axis=1) <= self.model.alpha)
        going = free[:, 0] | (chosen.any(axis=1) & ~self._arrived(known, asked, busy))
        going &= ~self.lost[under_way]
        self.known[under_way], self.asked[under_way] = known, asked | (chosen & going[:, None])
        under_way, chosen, known = under_way[going], chosen[going], known[going]
        rows, columns = np.nonzero(chosen)
        whom, paths = known[rows, columns], under_way[rows]
        if self.model.paths > 1:
            self._take(paths, whom)
        np.add.at(self.queries, paths, 1)
        np.add.at(self.timeouts, paths, self.dead[whom])
        self.lost[paths[self.hostile[whom]]] = True
        self.reached[paths[whom == self.goal[paths]]] = True
        if len(rows):
            self._learn(under_way, rows, whom)
        return under_way

    def _busy(self, under_way: Array, known: Array) -> Array:
        """Who was asked by another path of the same lookup: paths are disjoint."""
        if self.model.paths == 1:
            return np.zeros(known.shape, dtype=bool)
        taken = self.taken[under_way // self.model.paths]
        taken = taken[:, : int((taken >= 0).sum(axis=1).max(initial=0))]
        return (known[:, :, None] == taken[:, None, :]).any(axis=2)

    def _take(self, paths: Array, whom: Array) -> None:
        for path, peer in zip((paths // self.model.paths).tolist(), whom.tolist(), strict=True):
            self.taken[path, self.asked_by[path]] = peer
            self.asked_by[path] += 1

    def _arrived(self, known: Array, asked: Array, busy: Array) -> Array:
        """Whether the nearest that is not dead has been asked."""
        alive = (known >= 0) & ~(self.dead[known] & asked) & ~busy
        nearest = alive.argmax(axis=1)
        return asked[np.arange(len(known)), nearest]

    def _learn(self, under_way: Array, rows: Array, whom: Array) -> None:
        """Takes the answers in, and keeps the k nearest of all that a path knows."""
        width = self.model.k
        answers = self._answers(whom, self.target[under_way[rows]])
        answers[self.dead[whom]] = -1
        place = np.zeros(len(rows), dtype=np.int64)
        same = np.flatnonzero(np.diff(rows) == 0) + 1
        for i in same.tolist():
            place[i] = place[i - 1] + 1
        new = np.full((len(under_way), self.model.alpha, width), -1)
        new[rows, place] = answers
        known = np.concatenate([self.known[under_way], new.reshape(len(under_way), -1)], axis=1)
        asked = np.zeros(known.shape, dtype=bool)
        asked[:, :width] = self.asked[under_way]
        distance = np.where(known < 0, ~np.uint64(0), self.ids[known] ^ self.target[under_way, None])
        gone = asked & (known >= 0) & self.dead[known]
        distance[gone] = ~np.uint64(0)  # who did not answer is no candidate any more
        order = np.argsort(distance, axis=1, kind="stable")
        distance = np.take_along_axis(distance, order, 1)
        known, asked = np.take_along_axis(known, order, 1), np.take_along_axis(asked, order, 1)
        again = np.zeros(known.shape, dtype=bool)
        again[:, 1:] = (distance[:, 1:] == distance[:, :-1]) & (known[:, 1:] >= 0)
        known[again] = -1  # the first of two is the one that remembers whether it was asked
        order = np.argsort(known < 0, axis=1, kind="stable")[:, :width]
        self.known[under_way] = np.take_along_axis(known, order, 1)
        self.asked[under_way] = np.take_along_axis(asked, order, 1)

    def _answers(self, whom: Array, targets: Array) -> Array:
        """The k contacts nearest to the target that each peer knows, nearest first.

        From its bucket for the target it has k at random. Where fewer peers than k belong into that bucket,
        it knows all of them, and beyond them its own neighbourhood, which is whole as well: then the k
        nearest of all.
        """
        ids, k = self.ids, self.model.k
        bits = bit_length(ids[whom] ^ targets) - 1
        low, high = range_of(ids, targets, np.maximum(bits, 0))
        found = np.full((len(whom), k), -1)
        many = (high - low >= k) & (bits >= 0)
        found[many] = draw(low[many], high[many], k, self.rng)
        few = np.flatnonzero(~many)
        bits = np.maximum(bits, 0)
        rest = few
        while len(rest):
            low, high = range_of(ids, targets[rest], bits[rest])
            enough = (high - low >= min(k, len(ids))) | (bits[rest] >= 64)
            for row, a, b in zip(
                rest[enough].tolist(), low[enough].tolist(), high[enough].tolist(), strict=True
            ):
                near = a + np.argsort(ids[a:b] ^ targets[row])[:k]
                found[row, : len(near)] = near
            rest = rest[~enough]
            bits[rest] += 1
        distance = np.where(found < 0, ~np.uint64(0), ids[found] ^ targets[:, None])
        return np.take_along_axis(found, np.argsort(distance, axis=1), 1)
