"""Shrinking: the paper's example, what every result must be, and what it may cost."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.sim.search.shrink import shrink

PLENTY = 100_000


def needs(*needed: int) -> Callable[[list[int]], bool]:
    return lambda some: set(needed) <= set(some)


class Counted:
    """A test that counts how often it is asked, and what."""

    def __init__(self, fails: Callable[[list[int]], bool]) -> None:
        self.fails, self.asked = fails, []  # type: ignore[var-annotated]

    def __call__(self, some: list[int]) -> bool:
        self.asked.append(tuple(some))
        return self.fails(some)


def is_1_minimal(result: list[int], fails: Callable[[list[int]], bool]) -> bool:
    return fails(result) and not any(fails(result[:i] + result[i + 1 :]) for i in range(len(result)))


def test_the_example_of_the_paper_step_by_step() -> None:
    counted = Counted(needs(1, 7, 8))
    assert shrink(range(1, 9), counted, budget=PLENTY) == [1, 7, 8]
    asked = ["".join(map(str, some)) for some in counted.asked]
    assert asked == [
        "",
        *("1234", "5678"),  # halves
        *("12", "34", "56", "78", "345678", "125678"),  # quarters, and all but one: without 34 it fails
        "1278",  # all but a third of that
        *("1", "2", "7", "8", "278", "178"),  # finer, as the halves 12 and 78 are known: without 2 it fails
        *("18", "17"),  # all but one of the three
    ]


def test_a_part_that_fails_alone_is_cut_in_two_again() -> None:
    def fails(some: list[int]) -> bool:
        return len(some) in (16, 4, 2) and 1 in some

    counted = Counted(fails)
    assert shrink(range(1, 17), counted, budget=PLENTY) == [1, 2]
    assert counted.asked[3:5] == [(1, 2, 3, 4), (1, 2)]


def test_the_steps_in_their_order() -> None:
    counted = Counted(needs(1, 4))
    assert shrink([1, 2, 3, 4], counted, budget=PLENTY) == [1, 4]
    assert counted.asked == [
        (),  # nothing
        (1, 2), (3, 4),  # halves
        (1,), (2,), (3,), (4,),  # quarters
        (2, 3, 4), (1, 3, 4),  # all but a quarter: without 2 it still fails
        (1, 4),  # all but a third of that, which is 3; the rest was tried before
    ]  # fmt: skip


def test_one_culprit_of_a_thousand_is_found_in_logarithmic_time() -> None:
    for culprit in (0, 1, 499, 500, 998, 999):
        counted = Counted(needs(culprit))
        assert shrink(range(1000), counted, budget=PLENTY) == [culprit]
        assert len(counted.asked) <= 2 * math.ceil(math.log2(1000)) + 1  # and the empty set


def test_what_fails_anyway_needs_nothing() -> None:
    counted = Counted(lambda some: True)
    assert shrink([5, 6, 7], counted, budget=PLENTY) == []
    assert counted.asked == [()]
    assert shrink([], needs(), budget=PLENTY) == []


def test_two_that_are_needless_only_together_stay() -> None:
    def fails(some: list[int]) -> bool:
        return len(some) in (0, 3) and some != []

    assert shrink([1, 2, 3], fails, budget=PLENTY) == [1, 2, 3]


def test_equal_items_are_told_apart() -> None:
    assert shrink([4, 4, 4, 4], lambda some: len(some) >= 2, budget=PLENTY) == [4, 4]


def test_without_a_budget_nothing_is_tried_and_all_is_kept() -> None:
    counted = Counted(needs(1))
    assert shrink([1, 2, 3], counted, budget=0) == [1, 2, 3]
    assert counted.asked == []
    with pytest.raises(UsageError, match="-1"):
        shrink([1], counted, budget=-1)


def test_a_small_budget_gives_what_was_reached() -> None:
    assert shrink(range(1024), needs(3), budget=1 + 1) == list(range(512))
    assert shrink(range(1024), needs(3), budget=1 + 5) == list(range(32))


def test_what_the_test_raises_is_passed_on() -> None:
    def fails(some: list[int]) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        shrink([1, 2], fails, budget=PLENTY)


monotone = st.integers(0, 40).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(n - 1, 0)), max_size=n))
)


@given(monotone)
def test_where_more_never_helps_exactly_the_needed_are_found(case: tuple[int, set[int]]) -> None:
    n, needed = case
    needed &= set(range(n))
    counted = Counted(needs(*needed))
    assert shrink(range(n), counted, budget=PLENTY) == sorted(needed)
    assert len(counted.asked) <= n * n + 3 * n + 1  # the paper's worst case, and the empty set
    assert len(set(counted.asked)) == len(counted.asked), "nothing is tried twice"


@given(st.integers(1, 12), st.integers(0, 2**32), st.integers(0, 80))
def test_any_test_at_all_within_any_budget(n: int, key: int, budget: int) -> None:
    def fails(some: list[int]) -> bool:  # as unruly as can be, but the same each time
        return len(some) == n or hash((key, *some)) % 3 == 0

    counted = Counted(fails)
    result = shrink(range(n), counted, budget=budget)
    assert fails(result)
    assert result == sorted(result)
    assert len(counted.asked) <= budget
    if len(counted.asked) < budget:
        assert is_1_minimal(result, fails)
