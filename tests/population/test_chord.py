"""Chord as arrays: against plain loops, half of log2 N, and the paper's table of time-outs."""

from __future__ import annotations

import bisect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.population import chord


@given(st.integers(1, 60), st.integers(0, 5))
def test_chord_by_walking_one_by_one(n: int, seed: int) -> None:
    """The same lookups with Python's whole numbers and a table of fingers."""
    ids = chord.ring(n, seed)
    whole = [int(x) for x in ids]
    done = chord.lookups(ids, 20, seed=seed, r=2)
    rng = np.random.default_rng(seed)
    askers = rng.choice(np.arange(n), size=20).tolist()
    keys = rng.integers(0, 2**64, size=20, dtype=np.uint64).tolist()
    for asker, key, path in zip(askers, keys, done.path.tolist(), strict=True):
        owner, at, steps = bisect.bisect_left(whole, key) % n, asker, 0
        while (owner - at) % n > 1:
            points = [(whole[at] + 2**i) % 2**64 for i in range(64)]
            links = {bisect.bisect_left(whole, point) % n for point in points} | {(at + 1) % n, (at + 2) % n}
            ahead = [(link - at) % n for link in links if 0 < (link - at) % n < (owner - at) % n]
            at, steps = (at + max(ahead)) % n, steps + 1
        assert path == steps
    assert done.right.all()


@pytest.mark.parametrize("exponent", [3, 7, 10, 14])
def test_chord_takes_half_of_log2_n(exponent: int) -> None:
    """Chord V-D. Ours are 0.1 to 0.3 shorter: the last finger often reaches past half of the rest."""
    n = 2**exponent
    paths = [chord.lookups(chord.ring(n, seed), 4000, seed=seed).path.mean() for seed in range(4)]
    assert exponent / 2 - 0.5 < np.mean(paths) < exponent / 2 + 0.1


def test_chord_where_floats_round_up() -> None:
    """2**60 - 1 has the logarithm 60 as a float; finger 60 would jump over the key."""
    ids = np.array([0, 2**60 - 1, 2**60], dtype=np.uint64)
    assert chord._best(ids, np.array([0]), np.array([2]), 1).tolist() == [1]


def test_chord_a_million() -> None:
    told: list[tuple[int, int]] = []
    ids = chord.ring(1_000_000, 1)
    found = chord.lookups(ids, 60_000, progress=lambda done, of: told.append((done, of)))
    assert found.path.mean() == pytest.approx(math.log2(10**6) / 2, abs=0.35)
    assert found.right.all()
    assert told == [(50_000, 60_000), (60_000, 60_000)]


# Table II: mean path length and mean time-outs with a part p of all peers dead.
TABLE_II = [(0.0, 3.84, 0.0), (0.2, 4.22, 1.17), (0.5, 5.09, 5.10)]


@pytest.mark.parametrize(("p", "path", "timeouts"), TABLE_II)
def test_chord_table_2(p: float, path: float, timeouts: float) -> None:
    """Within 0.25 steps; time-outs within 30 %: the paper does not say how long the dead are remembered."""
    runs = []
    for seed in range(4):
        dead = np.zeros(1000, dtype=bool)
        dead[np.random.default_rng([seed, 7]).choice(1000, size=round(1000 * p), replace=False)] = True
        runs.append(chord.lookups_with_dead(chord.ring(1000, seed), dead, 300, seed=seed, r=20))
    assert all(run.right.all() for run in runs)
    assert np.mean([run.path.mean() for run in runs]) == pytest.approx(path, abs=0.25)
    assert np.mean([run.timeouts.mean() for run in runs]) == pytest.approx(timeouts, rel=0.3)


def test_chord_with_short_lists_loses_keys() -> None:
    dead = np.zeros(1000, dtype=bool)
    dead[np.random.default_rng(1).choice(1000, size=500, replace=False)] = True
    found = chord.lookups_with_dead(chord.ring(1000), dead, 400, r=2)
    assert 0.3 < found.right.mean() < 0.95
    with pytest.raises(UsageError, match="all peers are dead"):
        chord.lookups_with_dead(chord.ring(3), np.ones(3, dtype=bool), 1)


def test_chord_load() -> None:
    """Chord V-B, N = 10**4, 5 * 10**5 keys: 99th percentile 4.6 and most 9.1 times the mean."""
    loads = [chord.load(10_000, 500_000, seed=seed) for seed in range(4)]
    assert all(one.sum() == 500_000 for one in loads)
    assert np.mean([np.percentile(one, 99) / 50 for one in loads]) == pytest.approx(4.6, abs=0.2)
    assert 7.5 < np.mean([one.max() / 50 for one in loads]) < 12  # ln 10**4 is 9.2, and the most varies by 1
    even = chord.load(10_000, 500_000, virtual=20)
    assert np.percentile(even, 99) / 50 < 2  # IV-B: virtual peers make it even
