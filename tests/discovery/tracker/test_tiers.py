"""BEP 12: shuffled within a tier, the one that answers first in it, the next tier only after a whole one."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker.tiers import Tiers
from p2plib.errors import UsageError


def test_the_examples_of_bep_12() -> None:
    assert list(Tiers([["tracker1"], ["backup"]], random.Random(1))) == ["tracker1", "backup"]
    first = {tuple(Tiers([["t1", "t2", "t3"]], random.Random(seed))) for seed in range(100)}
    assert len(first) == 6  # any order
    orders = {tuple(Tiers([["t1", "t2"], ["backup1"]], random.Random(seed))) for seed in range(50)}
    assert orders == {("t1", "t2", "backup1"), ("t2", "t1", "backup1")}


def test_the_one_that_answers_comes_first_in_its_own_tier() -> None:
    tiers = Tiers([["a", "b", "c"], ["d", "e"]], random.Random(3))
    tiers.answered("c")
    assert tiers.tiers[0][0] == "c"
    tiers.answered("e")
    assert tiers.tiers[1][0] == "e"
    assert set(list(tiers)[:3]) == {"a", "b", "c"}
    tiers.answered("nobody")


def test_two_equal_trackers_each_get_half() -> None:
    first = Counter(next(iter(Tiers([["a", "b"]], random.Random(seed)))) for seed in range(2000))
    assert abs(first["a"] - 1000) < 4 * (2000 * 0.25) ** 0.5


@given(
    st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=4), st.lists(st.integers(0, 5)), st.integers()
)
def test_nothing_is_lost_or_changes_its_tier(numbers: list[list[int]], answers: list[int], seed: int) -> None:
    given_tiers = [[f"{tier}/{one}" for one in dict.fromkeys(ones)] for tier, ones in enumerate(numbers)]
    if not any(given_tiers):
        return
    tiers = Tiers(given_tiers, random.Random(seed))
    for answer in answers:
        tiers.answered(list(tiers)[answer % len(list(tiers))])
    assert [sorted(tier) for tier in tiers.tiers] == [sorted(tier) for tier in given_tiers if tier]


@pytest.mark.parametrize(
    "tiers", [[], [[]], [["a"], ["a"]], [[str(number) for number in range(101)]]], ids=len
)
def test_what_cannot_be(tiers: list[list[str]]) -> None:
    with pytest.raises(UsageError):
        Tiers(tiers, random.Random(1))
