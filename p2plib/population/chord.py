"""A population of Chord peers as arrays: path lengths, dead peers, and load, up to a million. With numpy.

The ring is nothing but the sorted ids: a finger is the first id at or after a point, found by bisection. So
no tables are kept, and a million peers fit in eight megabytes. All lookups take each step together.

The rules are those of `p2plib.topology.ring.chord`, and so is the counting: the *path length* is the number
of peers that answered on the way to the owner, which itself is not asked; a *time-out* is a dead peer that
was tried. To judge by their numbers, Stoica et al. (ToN 2003), section V, count in the same way: with the
owner counted, every path would be one longer than half of log2 n.

Vocabulary::

    n   peers          r   successors that each of them keeps
    p   the fraction of peers that have died, before any peer has noticed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.topology.arrays import np

Array = Any
Progress = Callable[[int, int], None]

MAX_STEPS = 4096
BATCH = 50_000  # lookups that take their steps together


@dataclass(frozen=True, slots=True)
class Lookups:
    """What many lookups took: arrays with one number for each lookup."""

    path: Array
    timeouts: Array
    right: Array


def ring(n: int, seed: int = 0) -> Array:
    """n different random ids of 64 bits, sorted."""
    if n < 1:
        raise UsageError("a ring needs at least one peer")
    rng = np.random.default_rng(seed)
    ids = np.unique(rng.integers(0, 2**64, size=n, dtype=np.uint64))
    while len(ids) < n:
        ids = np.unique(np.append(ids, rng.integers(0, 2**64, size=n - len(ids), dtype=np.uint64)))
    return ids


def lookups(
    ids: Array, count: int, *, seed: int = 0, r: int = 1, progress: Progress | None = None
) -> Lookups:
    """Random lookups in a ring where all peers are alive and all fingers are right.

    Args:
        ids: from `ring`.
        count: how many lookups.
        seed: for the askers and keys.
        r: how many successors each peer routes by besides its fingers; 1 for fingers alone.
        progress: called with (lookups done, lookups).
    """
    dead = np.zeros(len(ids), dtype=bool)
    return lookups_with_dead(ids, dead, count, seed=seed, r=r, progress=progress)


def lookups_with_dead(
    ids: Array, dead: Array, count: int, *, seed: int = 0, r: int = 20, progress: Progress | None = None
) -> Lookups:
    """Random lookups by living peers right after some have died: no finger and no successor is repaired yet.

    Each step goes to the nearest living finger or successor before the key; a dead one that is tried is
    counted once in a lookup, because the asker does the walking and remembers. When no peer before the key is
    alive, the first living successor is the owner.

    Args:
        ids: from `ring`, the dead included.
        dead: for each peer, whether it is dead.
        count: how many lookups.
        seed: for the askers and keys.
        r: the length of the successor lists.
        progress: called with (lookups done, lookups).
    """
    rng = np.random.default_rng(seed)
    living = np.flatnonzero(~dead)
    if not len(living):
        raise UsageError("all peers are dead: lookups need at least one that is alive")
    askers = rng.choice(living, size=count)
    keys = rng.integers(0, 2**64, size=count, dtype=np.uint64)
    parts = []
    for start in range(0, count, BATCH):
        parts.append(_walk(ids, dead, askers[start : start + BATCH], keys[start : start + BATCH], r))
        if progress:
            progress(min(start + BATCH, count), count)
    return Lookups(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _walk(ids: Array, dead: Array, at: Array, keys: Array, r: int) -> tuple[Array, Array, Array]:
    n, count = len(ids), len(keys)
    owner = np.searchsorted(ids, keys) % n  # the first id at or after each key, dead or not
    path, timeouts = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    tried: list[set[int]] | None = [set() for _ in range(count)] if dead.any() else None
    final = np.full(count, -1)
    under_way = np.arange(count)
    at = at.copy()
    for _ in range(MAX_STEPS):
        here = at[under_way]
        gap = (owner[under_way] - here) % n  # how many places ahead the owner is; 0: the asker owns it
        own = gap == 0
        final[under_way[own]] = here[own]
        close = (gap == 1) & ~own if tried is None else np.zeros(len(gap), dtype=bool)
        final[under_way[close]] = owner[under_way[close]]
        under_way, here, gap = (a[~(own | close)] for a in (under_way, here, gap))
        if not len(under_way):
            break
        if tried is None:
            at[under_way] = _best(ids, here, gap, r)
            path[under_way] += 1
            continue
        for lookup, peer, places in zip(under_way.tolist(), here.tolist(), gap.tolist(), strict=True):
            following, late, ended = _step(ids, dead, peer, places, r, tried[lookup])
            timeouts[lookup] += late
            at[lookup] = following
            if ended:
                final[lookup] = following
            else:
                path[lookup] += 1
        under_way = under_way[final[under_way] < 0]
        if not len(under_way):
            break
    true = _first_living(dead, owner)
    return path, timeouts, final == true


def _best(ids: Array, here: Array, gap: Array, r: int) -> Array:
    """Where all are alive: the farthest finger, or else successor, before the owner, for each lookup."""
    n = len(ids)
    before = (
        ids[(here + gap - 1) % n] - ids[here]
    )  # how far the last peer before the key is, round the circle
    finger = np.floor(np.log2(np.maximum(before.astype(np.float64), 1.0))).astype(np.uint64)
    finger = np.where((np.uint64(1) << finger) > before, finger - np.uint64(1), finger)  # floats round up
    to = np.searchsorted(ids, ids[here] + (np.uint64(1) << finger)) % n
    return (here + np.maximum((to - here) % n, np.minimum(gap - 1, r))) % n


def _step(ids: Array, dead: Array, peer: int, gap: int, r: int, tried: set[int]) -> tuple[int, int, bool]:
    """One step of one lookup among the dead: (where to, new time-outs, whether that is the owner)."""
    n, late = len(ids), 0
    for places in _links(ids, peer, gap, r):
        to = (peer + places) % n
        if not dead[to]:
            return to, late, False
        if to not in tried:
            tried.add(to)
            late += 1
    for places in range(gap, r + 1):  # no peer before the key is alive: the list goes on after it
        to = (peer + places) % n
        if not dead[to]:
            return to, late, True
        if to not in tried:
            tried.add(to)
            late += 1
    return peer, late, True  # its whole list is dead, and it takes itself for the owner


def _links(ids: Array, peer: int, gap: int, r: int) -> list[int]:
    """The fingers and successors of a peer before the key, the nearest to the key first, in places."""
    n, links = len(ids), set(range(1, min(r, gap - 1) + 1))
    points = ids[peer] + (np.uint64(1) << np.arange(64, dtype=np.uint64))
    for places in ((np.searchsorted(ids, points) - peer) % n).tolist():
        if 0 < places < gap:
            links.add(places)
    return sorted(links, reverse=True)


def _first_living(dead: Array, owner: Array) -> Array:
    """For each place, the first one at or after it that is alive."""
    living = np.flatnonzero(~dead)
    return living[np.searchsorted(living, owner) % len(living)]


def load(n: int, keys: int, *, seed: int = 0, virtual: int = 1) -> Array:
    """How many keys each of n peers owns, with `virtual` places on the ring for each peer (section IV-B)."""
    ids = ring(n * virtual, seed)
    rng = np.random.default_rng([seed, 1])
    whose = rng.permutation(n * virtual) % n
    owners = np.searchsorted(ids, rng.integers(0, 2**64, size=keys, dtype=np.uint64)) % (n * virtual)
    return np.bincount(whose[owners], minlength=n)
