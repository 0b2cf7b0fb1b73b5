"""Whole Kademlia lookups among a million peers, dead and hostile ones included, as arrays. With numpy.

The lookup is that of `p2plib.topology.kademlia.lookup`: rounds of alpha requests over d disjoint paths, each
answered with the k contacts nearest to the target that the peer has. Buckets are drawn as in
`p2plib.population.kademlia`.

Two things make it fast. Within a lookup, a peer is represented by its distance from the target, a single
number; ``distance ^ target`` is its id again. So a shortlist is a row of numbers that numpy sorts as they
are, with nothing to carry along. And all peers near the target give the same response, the k nearest of all.
It is computed once for each lookup, and a path that gets it has nothing to merge: no peer is nearer.

Vocabulary::

    n    peers          k    contacts in a bucket, and in a response
    d    disjoint paths of one lookup; a peer is asked by at most one of them
    a peer is *near* the target if fewer than k peers belong in its bucket for it, and otherwise *far*
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.population.kademlia import bit_length, draw, range_of
from p2plib.topology.arrays import np

Array = Any
Progress = Callable[[int, int], None]

BATCH = 20_000  # lookups that take their rounds together
NOBODY = 2**64 - 1  # no peer, in a row of distances; sorts last


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of many lookups: arrays with one number for each.

    Args:
        found: whether the nearest honest peer that is alive was asked and answered.
        rounds: how many rounds the longest path took.
        queries: how many peers were asked.
        timeouts: how many of those were dead.
    """

    found: Array
    rounds: Array
    queries: Array
    timeouts: Array


@dataclass(frozen=True, slots=True)
class Model:
    """What the peers and lookups are like.

    Args:
        k: how many contacts a bucket and a response hold.
        alpha: how many requests a path sends in a round.
        paths: how many disjoint paths a lookup has.
        dead: the fraction of contacts that are dead.
        hostile: the fraction of peers that are hostile, which answer with any number of hostile peers near
            the target.
        max_rounds: after how many rounds a path ends.
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
    than anybody honest: a path that has asked one believes that it has arrived, and is lost. A dead peer that
    has been asked is forgotten: a path that hears of it again asks it again.

    Args:
        ids: from `population`.
        count: how many lookups.
        model: see `Model`.
        seed: for everything random.
        progress: called with (lookups done, lookups).
    """
    if min(model.k, model.alpha, model.paths) < 1 or model.k < model.paths:
        raise UsageError("k, alpha and paths must be at least 1, and each path needs a contact to begin with")
    rng = np.random.default_rng(seed)
    state = rng.random(len(ids))
    dead, hostile = state < model.dead, state > 1 - model.hostile
    honest = np.flatnonzero(~dead & ~hostile)
    peers = _Peers(ids, dead, hostile, ids[honest])
    parts = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        targets = rng.integers(0, 2**64, size=size, dtype=np.uint64)
        askers = rng.choice(honest, size=size)
        parts.append(_Batch(peers, model, rng, targets).run(askers))
        if progress:
            progress(start + size, count)
    return Outcome(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True)
class _Peers:
    """All peers in order of their ids, what each is, and the ids of those that are honest and alive."""

    ids: Array
    dead: Array
    hostile: Array
    honest: Array


@dataclass(slots=True)
class _Paths:
    """One path of each lookup, as long as it is under way; arrays with one row for each.

    Args:
        lookup: which lookup.
        known: distances of the k nearest that it knows and that are not known to be dead, nearest first.
        asked: which of those it has asked.
    """

    lookup: Array
    known: Array
    asked: Array

    def keep(self, which: Array) -> None:
        """Keeps only these paths."""
        if not which.all():
            self.lookup, self.known, self.asked = self.lookup[which], self.known[which], self.asked[which]


@dataclass(frozen=True, slots=True)
class _Questions:
    """What paths ask in one round; arrays with one number for each request.

    Args:
        row: the row of the path that asks.
        number: how many requests the same path sends before it in this round.
        distance: that of the peer that is asked.
        dead: whether that peer is dead.
        hostile: whether that peer is hostile.
    """

    row: Array
    number: Array
    distance: Array
    dead: Array
    hostile: Array


class _Batch:
    """Lookups that take their rounds together. Arrays have one number, or one row, for each."""

    def __init__(self, peers: _Peers, model: Model, rng: Any, targets: Array) -> None:
        self.peers, self.model, self.rng, self.targets = peers, model, rng, targets
        self.near, self.near_bits = _neighbourhoods(peers.ids, targets, model.k)
        self.goal = _neighbourhoods(peers.honest, targets, 1)[0][:, 0]
        self.found = np.zeros(len(targets), dtype=bool)
        self.rounds, self.queries, self.timeouts = np.zeros((3, len(targets)), dtype=np.int64)
        self.taken: list[Array] = []  # with disjoint paths, peers that were asked: arrays of one a lookup

    def run(self, askers: Array) -> tuple[Array, Array, Array, Array]:
        everyone = np.arange(len(askers))
        first = self.near.copy()
        far, drawn = self._drawn(everyone, self.peers.ids[askers] ^ self.targets)
        first[far] = np.sort(drawn, axis=1)
        d = self.model.paths
        paths = []
        for j in range(d):  # the asker's own k nearest, dealt out
            known = np.full_like(first, NOBODY)
            known[:, : self.model.k // d] = first[:, j : self.model.k // d * d : d]
            paths.append(_Paths(everyone, known, np.zeros(known.shape, dtype=bool)))
        for number in range(1, self.model.max_rounds + 1):
            for those in paths:  # one path after the other
                self._round(those, number)
            if not any(len(those.lookup) for those in paths):
                break
        return self.found, self.rounds, self.queries, self.timeouts

    def _round(self, paths: _Paths, number: int) -> None:
        """One round of those paths that still have a peer to ask; only those are kept."""
        known, asked = paths.known, paths.asked
        taken = _among(known, [one[paths.lookup] for one in self.taken])
        candidate = asked | ((known != NOBODY) & ~taken)  # taken, but not asked by this path: so by another
        free = candidate & ~asked
        going = free[np.arange(len(free)), candidate.argmax(axis=1)]  # otherwise the nearest has been asked
        paths.keep(going)
        self.rounds[paths.lookup] = number
        questions = self._ask(paths, free[going])
        self._learn(paths, questions)
        lost = np.zeros(len(paths.lookup), dtype=bool)
        lost[questions.row[questions.hostile]] = True
        paths.keep(~lost)

    def _ask(self, paths: _Paths, free: Array) -> _Questions:
        """Each path asks the nearest alpha that are free."""
        nth = np.cumsum(free, axis=1)
        row, column = np.nonzero(free & (nth <= self.model.alpha))
        number, distance, lookup = nth[row, column] - 1, paths.known[row, column], paths.lookup[row]
        questions = _Questions(row, number, distance, *self._kinds(lookup, distance))
        paths.asked[row, column] = ~questions.dead
        paths.known[row[questions.dead], column[questions.dead]] = NOBODY
        self.queries += np.bincount(lookup, minlength=len(self.queries))
        self.timeouts += np.bincount(lookup[questions.dead], minlength=len(self.timeouts))
        self.found[lookup[distance == self.goal[lookup]]] = True
        if self.model.paths > 1:
            for i in range(self.model.alpha):
                self.taken.append(np.full(len(self.targets), NOBODY, dtype=np.uint64))
                self.taken[-1][lookup[number == i]] = distance[number == i]
        return questions

    def _kinds(self, lookup: Array, distance: Array) -> tuple[Array, Array]:
        """Which of the peers at these distances are dead, and which are hostile."""
        if not (self.model.dead or self.model.hostile):  # there are none to look for
            nobody = np.zeros(len(distance), dtype=bool)
            return nobody, nobody
        place = np.searchsorted(self.peers.ids, distance ^ self.targets[lookup])
        return self.peers.dead[place], self.peers.hostile[place]

    def _learn(self, paths: _Paths, questions: _Questions) -> None:
        """Takes in the responses of living peers, and keeps the k nearest of all that a path knows."""
        row, dead, k = questions.row, questions.dead, self.model.k
        far, drawn = self._drawn(paths.lookup[row], questions.distance)
        heard = np.full((len(paths.lookup), 1 + self.model.alpha, k), NOBODY, dtype=np.uint64)
        heard[:, 0] = paths.known
        heard[row[far], 1 + questions.number[far]] = np.where(dead[far, None], NOBODY, drawn)
        merge = np.ones(len(heard), dtype=bool)
        merge[row[~far & ~dead]] = False  # a near peer names the k nearest of all: nothing is nearer
        known = self.near[paths.lookup]
        known[merge] = _nearest(heard.reshape(len(heard), (1 + self.model.alpha) * k)[merge], k)
        asked = np.where(paths.asked, paths.known, NOBODY)
        paths.known, paths.asked = known, _among(known, asked.T[paths.asked.any(axis=0)])

    def _drawn(self, lookup: Array, distance: Array) -> tuple[Array, Array]:
        """Which of the peers at these distances are far, and the k contacts that each of those draws.

        The others, which are near, answer with the k nearest of all: where fewer than k peers belong in a
        bucket, a peer knows all of them, and beyond them its own neighbourhood, which it also knows whole.
        """
        bits = bit_length(distance) - 1
        far = bits >= self.near_bits[lookup]
        targets = self.targets[lookup[far]]
        low, high = range_of(self.peers.ids, targets, bits[far])
        return far, self.peers.ids[draw(low, high, self.model.k, self.rng)] ^ targets[:, None]


def _among(known: Array, columns: Iterable[Array]) -> Array:
    """Which distances of each row are also in the same row of one of the columns."""
    found = np.zeros(known.shape, dtype=bool)
    for column in columns:
        found |= known == column[:, None]
    return found & (known != NOBODY)


def _nearest(distances: Array, k: int) -> Array:
    """The k smallest of each row, all different, in order; overwrites what it is given."""
    distances.sort(axis=1)
    again = distances[:, 1:] == distances[:, :-1]
    distances[:, 1:][again] = NOBODY
    distances.sort(axis=1)
    return distances[:, :k]


def _neighbourhoods(ids: Array, targets: Array, k: int) -> tuple[Array, Array]:
    """The distances of the k peers nearest to each target, in order, and in how many low bits those differ.

    Args:
        ids: sorted.
        targets: 64 bits each.
        k: how many. Where there are fewer peers, the rest is `NOBODY`.

    Returns:
        The distances, one row for each target; and the least number of low bits such that k peers differ from
        the target only in those, 65 where there are fewer peers.
    """
    if len(ids) < k:
        bits = np.full(len(targets), 65)
    else:  # k consecutive peers share with a target whatever the first and the last of them share with it
        at = np.searchsorted(ids, targets)
        first = np.clip(at[:, None] + np.arange(-k, 1), 0, len(ids) - k)
        ends = np.maximum(ids[first] ^ targets[:, None], ids[first + k - 1] ^ targets[:, None])
        bits = bit_length(ends.min(axis=1))
    low, high = range_of(ids, targets, bits)
    near = np.full((len(targets), k), NOBODY, dtype=np.uint64)
    less, bound = 0, k
    while less < (high - low).max():  # targets with about as many peers in that range, together
        rows = np.flatnonzero((high - low > less) & (high - low <= bound))
        places = low[rows, None] + np.arange(bound)
        distances = ids[np.minimum(places, len(ids) - 1)] ^ targets[rows, None]
        distances[places >= high[rows, None]] = NOBODY
        near[rows, :bound] = np.sort(distances, axis=1)[:, :k]
        less, bound = bound, 2 * bound
    return near, bits
