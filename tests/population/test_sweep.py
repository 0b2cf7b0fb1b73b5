"""Sweeps over settings and seeds, here and in an executor; and intervals of means."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from p2plib.errors import UsageError
from p2plib.population import chord
from p2plib.population.sweep import interval, sweep


def test_a_sweep_is_the_same_with_and_without_an_executor() -> None:
    settings = [{"n": n, "keys": 1000, "seed": s} for n in (10, 100) for s in range(3)]
    told: list[tuple[int, int]] = []
    alone = sweep(chord.load, settings, progress=lambda done, of: told.append((done, of)))
    with ThreadPoolExecutor(2) as executor:
        together = sweep(chord.load, settings, executor=executor)
        assert all((a == b).all() for a, b in zip(alone, together, strict=True))
        with pytest.raises(UsageError):
            sweep(chord.ring, [{"n": 3}, {"n": 0}], executor=executor)
    assert told[-1] == (6, 6)
    assert [len(one) for one in alone] == [10, 10, 10, 100, 100, 100]


def test_intervals() -> None:
    """Student's sleep data, the differences of 1908: mean 1.58, sd 1.23, and 2.262 sd / sqrt 10."""
    data = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    mean, within = interval(data)
    assert mean == pytest.approx(1.58)
    assert within == pytest.approx(2.262 * 1.2300 / math.sqrt(10), abs=0.001)
    with pytest.raises(UsageError):
        interval([1.0])
