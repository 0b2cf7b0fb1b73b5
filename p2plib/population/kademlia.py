"""A population of Kademlia peers as arrays, up to a million: how many hops to a target. With numpy.

All buckets are full, and random. `hops` follows one contact at a time: from a peer to the one nearest to the
target among the k in its bucket, until none is nearer. Cai and Devroye (2013) prove that this takes c ln n
hops for a constant c. A rule of thumb for c: the nearest of k random points shrinks a distance by a factor
whose logarithm is on average H_k = 1 + 1/2 + ... + 1/k. So it takes about ln n / H_k hops, and fewer for
small k, because a hop gains the bit that its bucket is for even if the draw is bad.

No tables are kept. A bucket is drawn when a lookup looks into it: the peers that share so many bits with the
target are neighbours in the sorted list of ids, so a bucket is k random places between two bounds found by
bisection. A lookup looks into no bucket twice, so drawing late is the same as drawing early.

Vocabulary::

    n    peers          k    contacts in a bucket
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p2plib.population.chord import ring
from p2plib.topology.arrays import np

Array = Any
Progress = Callable[[int, int], None]

BATCH = 20_000
MAX_ROUNDS = 200
ROOMY = 16  # of k places out of 16 k, k / 32 coincide with another on average


def population(n: int, seed: int = 0) -> Array:
    """n different random ids of 64 bits, sorted."""
    return ring(n, seed)


def harmonic(k: int) -> float:
    """H_k."""
    return float(sum(1 / i for i in range(1, k + 1)))


def bit_length(x: Array) -> Array:
    """How many bits each number has."""
    length = np.ceil(np.log2(np.maximum(x, 1).astype(np.float64) + 0.5)).astype(np.int64)
    length = np.clip(np.where(x == 0, 0, np.maximum(length, 1)), 0, 64)
    shift = np.minimum(length, 63).astype(np.uint64)
    too_short = (length < 64) & (x >> shift > 0)
    too_long = (length > 0) & (x >> np.maximum(length - 1, 0).astype(np.uint64) == 0)
    return length + too_short - too_long


def range_of(ids: Array, target: Array, bits: Array) -> tuple[Array, Array]:
    """The places of the peers that differ from each target only in the lowest `bits` bits."""
    wide = bits >= 64
    ones = np.where(
        wide, ~np.uint64(0), (np.uint64(1) << np.minimum(bits, 63).astype(np.uint64)) - np.uint64(1)
    )
    low = target & ~ones
    return np.searchsorted(ids, low), np.searchsorted(ids, low | ones, side="right")


def hops(ids: Array, count: int, *, k: int = 20, seed: int = 0, progress: Progress | None = None) -> Array:
    """How many hops each of `count` lookups of random targets by random peers takes.

    Args:
        ids: from `population`.
        count: how many lookups.
        k: contacts in a bucket.
        seed: for everything random.
        progress: called with (lookups done, lookups).
    """
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        targets = rng.integers(0, 2**64, size=size, dtype=np.uint64)
        parts.append(_follow(ids, rng.integers(0, len(ids), size=size), targets, k, rng))
        if progress:
            progress(start + size, count)
    return np.concatenate(parts)


def _follow(ids: Array, at: Array, targets: Array, k: int, rng: Any) -> Array:
    taken = np.zeros(len(at), dtype=np.int64)
    under_way = np.arange(len(at))
    for _ in range(MAX_ROUNDS):
        here, target = at[under_way], targets[under_way]
        low, high = _bucket(ids, here, target)
        nearer = high > low  # else no peer is nearer
        under_way, target, low, high = (a[nearer] for a in (under_way, target, low, high))
        if not len(under_way):
            break
        bucket = draw(low, high, k, rng)
        distance = ids[bucket] ^ target[:, None]
        at[under_way] = bucket[np.arange(len(bucket)), distance.argmin(axis=1)]
        taken[under_way] += 1
    return taken


def _bucket(ids: Array, here: Array, target: Array) -> tuple[Array, Array]:
    """The places of the peers in the first bucket of each peer that is nearer to its target and is not empty.

    That is the bucket of the highest bit in which the two differ. If it is empty, the peers nearest to the
    target differ from it in that bit just as we do, so the next bit decides: it is the same question for a
    target with that bit flipped.
    """
    target = target.copy()
    low, high = np.zeros(len(here), dtype=np.int64), np.zeros(len(here), dtype=np.int64)
    lowest = _lowest_bucket(ids, here)
    rows = np.flatnonzero((ids[here] ^ target) >> lowest)
    while len(rows):
        bits = bit_length(ids[here[rows]] ^ target[rows]) - 1
        low[rows], high[rows] = range_of(ids, target[rows], bits)
        empty = low[rows] == high[rows]
        rows, bits = rows[empty], bits[empty]
        target[rows] ^= np.uint64(1) << bits.astype(np.uint64)
        rows = rows[(ids[here[rows]] ^ target[rows]) >> lowest[rows] > 0]
    return low, high


def _lowest_bucket(ids: Array, here: Array) -> Array:
    """The number of each peer's lowest bucket that is not empty: a neighbour in the sorted list is in it."""
    before, after = ids[np.maximum(here - 1, 0)], ids[np.minimum(here + 1, len(ids) - 1)]
    near = [np.where(one == ids[here], 64, bit_length(one ^ ids[here])) for one in (before, after)]
    return np.clip(np.minimum(*near) - 1, 0, 63).astype(np.uint64)


def draw(low: Array, high: Array, k: int, rng: Any) -> Array:
    """k random places between each pair of bounds, all different; where there are fewer, all, some twice.

    Among more than `ROOMY` times k places they are drawn one by one, and the few that coincide are left.
    """
    size = high - low
    places = (rng.random((len(low), k)) * size[:, None]).astype(np.int64)
    few = np.flatnonzero(size <= k)
    places[few] = np.arange(k) % np.maximum(size[few], 1)[:, None]
    bound = k
    while bound < ROOMY * k:  # k of up to 2 k, then of up to 4 k, ...: those with the k lowest random marks
        rows = np.flatnonzero((size > bound) & (size <= 2 * bound))
        bound *= 2
        if len(rows):
            marks = rng.random((len(rows), bound))
            marks[np.arange(bound) >= size[rows, None]] = 2.0
            places[rows] = np.argpartition(marks, k, axis=1)[:, :k] if k < bound else np.arange(k)
    return low[:, None] + places
