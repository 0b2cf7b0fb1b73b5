"""Birthday odds: known values, fractions as the oracle, and spaces where floats fail."""

from __future__ import annotations

import doctest
import math
import random
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity import odds


def oracle(n: int, space: int) -> Fraction:
    """The chance of a collision by the definition, in exact fractions."""
    different = Fraction(1)
    for i in range(n):
        different *= Fraction(max(space - i, 0), space)
    return 1 - different


# The classic table for 365 days (to the digits usually printed).
@pytest.mark.parametrize(
    ("n", "chance"),
    [(5, 0.0271), (10, 0.1169), (20, 0.4114), (23, 0.5073), (30, 0.7063), (50, 0.9704), (57, 0.9901)],
)
def test_birthdays(n: int, chance: float) -> None:
    assert round(odds.collision_exact(n, 365), 4) == chance


# How many items for which chance, from the usual birthday-attack table (two significant digits).
@pytest.mark.parametrize(
    ("bits", "chance", "items"),
    [
        (32, 0.5, 7.7e4),
        (64, 0.5, 5.1e9),
        (64, 1e-6, 6.1e6),
        (128, 0.5, 2.2e19),
        (256, 0.01, 4.8e37),
        (512, 0.75, 1.9e77),
    ],
)
def test_birthday_attacks(bits: int, chance: float, items: float) -> None:
    assert float(f"{odds.people_for(chance, 2**bits):.1e}") == items


def test_twenty_three_people() -> None:
    assert odds.people_for(0.5, 365) == 23
    assert odds.people_for(0.99, 365) == 57
    assert odds.people_for(0.999, 365) == 70
    assert odds.people_for(0.5, 1) == 2


@settings(deadline=None)
@given(st.integers(0, 120), st.integers(1, 400))
def test_exact_against_fractions(n: int, space: int) -> None:
    exact = oracle(n, space)
    assert math.isclose(odds.collision_exact(n, space), float(exact), rel_tol=1e-12)
    approx = odds.collision_approx(n, space)
    assert approx <= float(exact) or math.isclose(approx, float(exact), rel_tol=1e-12)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(10, 4000))
def test_exact_in_huge_spaces_against_fractions(n: int, bits: int) -> None:
    exact = oracle(n, 2**bits)
    log10 = math.log10(exact.numerator) - math.log10(exact.denominator)
    assert math.isclose(odds.log10_collision(n, 2**bits), log10, rel_tol=1e-9)
    if bits < 900:
        assert math.isclose(odds.collision_exact(n, 2**bits), float(exact), rel_tol=1e-12)


@pytest.mark.parametrize("space", [10**5, 10**7, 10**9, 2**40, 2**64, 2**256])
def test_both_ways_of_adding_agree(monkeypatch: pytest.MonkeyPatch, space: int) -> None:
    summed = {n: odds.collision_exact(n, space) for n in (2, 3, 100, 1000, 9999)}
    monkeypatch.setattr(odds, "_TERMS_SUMMED", 0)
    for n, chance in summed.items():
        assert math.isclose(odds.collision_exact(n, space), chance, rel_tol=1e-12)


def test_large_n_by_the_definition() -> None:
    n, space = 30_000, 10**9
    logs = math.fsum(math.log1p(-i / space) for i in range(n))
    assert math.isclose(odds.collision_exact(n, space), -math.expm1(logs), rel_tol=1e-12)


def test_ed25519_keys() -> None:
    """Ten thousand million people with ten keys each: the number that the chapter prints."""
    chance = odds.collision_exact(10**11, 2**256)
    assert math.isclose(chance, 10**22 / 2**257, rel_tol=1e-9)
    assert 0 < chance < 1e-55


def test_certainty_and_impossibility() -> None:
    assert odds.collision_exact(366, 365) == 1.0
    assert odds.collision_exact(2, 1) == 1.0
    assert odds.collision_exact(10**9, 10**9 + 1) == 1.0
    for n in (0, 1):
        assert odds.collision_exact(n, 2**256) == 0.0
        assert odds.collision_approx(n, 10) == 0.0
        assert odds.log10_collision(n, 10) == -math.inf
    assert odds.collision_approx(10**400, 2**10) == 1.0


@given(st.floats(1e-9, 0.999), st.integers(1, 2**70))
def test_people_for_is_the_smallest(chance: float, space: int) -> None:
    n = odds.people_for(chance, space)
    assert odds.collision_exact(n, space) >= chance
    assert odds.collision_exact(n - 1, space) < chance


@pytest.mark.parametrize("space", [1, 2, 10, 365, 1000])
def test_expected_picks_by_its_sum(space: int) -> None:
    exact = sum(1 - oracle(n, space) for n in range(space + 1))
    assert math.isclose(odds.expected_picks(space), float(exact), rel_tol=4e-3)
    if space >= 365:
        assert math.isclose(odds.expected_picks(space), float(exact), rel_tol=1e-6)


def test_expected_picks_of_huge_spaces() -> None:
    assert math.isclose(odds.expected_picks(2**256), math.sqrt(math.pi / 2) * 2.0**128)
    assert odds.expected_picks(2**2000) > 1e300


def test_against_simulation() -> None:
    """4000 rooms of 23 people: within four standard deviations of the answer."""
    dice = random.Random(2026)
    rooms = 4000
    hits = sum(len({dice.randrange(365) for _ in range(23)}) < 23 for _ in range(rooms))
    chance = odds.collision_exact(23, 365)
    assert abs(hits / rooms - chance) < 4 * math.sqrt(chance * (1 - chance) / rooms)


@pytest.mark.parametrize("arguments", [(-1, 365), (23, 0), (23, -5)])
def test_wrong_arguments(arguments: tuple[int, int]) -> None:
    for function in (odds.collision_exact, odds.collision_approx, odds.log10_collision):
        with pytest.raises(UsageError):
            function(*arguments)


@pytest.mark.parametrize("chance", [0, 1, -0.5, 1.5, math.nan])
def test_wrong_probabilities(chance: float) -> None:
    with pytest.raises(UsageError):
        odds.people_for(chance, 365)


def test_examples_in_the_docstrings() -> None:
    result = doctest.testmod(odds)
    assert result.attempted >= 4
    assert result.failed == 0


@pytest.mark.parametrize("function", [odds.collision_exact, odds.collision_approx])
@pytest.mark.parametrize(("n", "space"), [(0, 365), (1, 365), (2, 2**5000)])
def test_no_chance_is_printed_as_zero(function: Callable[[int, int], float], n: int, space: int) -> None:
    assert str(function(n, space)) == "0.0"


def test_the_mean_of_a_space_beyond_all_floats() -> None:
    assert odds.expected_picks(2**2040) == pytest.approx(math.sqrt(math.pi / 2) * 2.0**1020)
    assert odds.expected_picks(2**2100) == math.inf
