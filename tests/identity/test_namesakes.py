"""Popularity and namesakes: sums, ratios, and crowds that were counted."""

from __future__ import annotations

import doctest
import itertools
import math
import random
from collections import Counter

import pytest

from p2plib.errors import UsageError
from p2plib.identity import namesakes


def test_popularity_is_a_flattened_law_of_zipf() -> None:
    wanted = namesakes.popularity(10_000)
    assert math.fsum(wanted) == pytest.approx(1)
    assert wanted[0] / wanted[999] == pytest.approx(1020 / 21)
    assert max(wanted) == wanted[0] < 0.01


def test_the_share_is_what_comes_out_of_all_crowds_of_three() -> None:
    wanted = [0.5, 0.3, 0.2]
    share = 0.0
    for crowd in itertools.product(range(3), repeat=3):
        counts = Counter(crowd)
        share += math.prod(wanted[name] for name in crowd) * sum(counts[name] > 1 for name in crowd) / 3
    assert namesakes.share_with_namesake(wanted, 3) == pytest.approx(share)


def test_the_share_is_what_is_counted_in_a_larger_crowd() -> None:
    wanted, rng = namesakes.popularity(10_000), random.Random(1)
    names = Counter(rng.choices(range(10_000), wanted, k=5000))
    shared = sum(count for count in names.values() if count > 1) / 5000
    assert namesakes.share_with_namesake(wanted, 5000) == pytest.approx(shared, abs=0.03)


def test_nobody_is_alone_and_nobody_is_a_crowd() -> None:
    assert namesakes.share_with_namesake(namesakes.popularity(5), 1) == 0
    assert namesakes.share_with_namesake([1.0], 2) == 1
    with pytest.raises(UsageError):
        namesakes.popularity(0)
    with pytest.raises(UsageError):
        namesakes.share_with_namesake([1.0], 0)


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(namesakes) == (0, 2)
