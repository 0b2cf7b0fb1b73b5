"""Tokens: for one host, and five to ten minutes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline.tokens import ROTATE_S, SECRET_BYTES, TOKEN_BYTES, Tokens

ANA, BEN = "203.0.113.7", "203.0.113.8"


def some(seed: int = 1) -> Tokens:
    return Tokens(random.Random(seed).randbytes)


@pytest.mark.fault("F071")
def test_a_token_is_for_one_host() -> None:
    tokens = some()
    token = tokens.token_for(ANA, 0.0)
    assert len(token) == TOKEN_BYTES
    assert tokens.holds(token, ANA, 0.0)
    assert not tokens.holds(token, BEN, 0.0)
    assert not tokens.holds(b"", ANA, 0.0)
    assert not tokens.holds(bytes(TOKEN_BYTES), ANA, 0.0)
    assert not tokens.holds(token + b"x", ANA, 0.0)
    assert not tokens.holds(token[:-1], ANA, 0.0)
    assert not some(2).holds(token, ANA, 0.0)
    assert tokens.holds(token, f"::ffff:{ANA}", 0.0)


@pytest.mark.fault("F071")
@given(asked=st.floats(0, 5_000), later=st.floats(0, 2_000))
def test_a_token_is_good_for_five_minutes_at_least_and_ten_at_most(asked: float, later: float) -> None:
    tokens = some()
    tokens.token_for(ANA, 0.0)
    token = tokens.token_for(ANA, asked)
    good = tokens.holds(token, ANA, asked + later)
    if later <= ROTATE_S - 0.001:
        assert good
    if later >= 2 * ROTATE_S + 0.001:
        assert not good


def test_the_former_secret_is_still_good_and_the_one_before_is_not() -> None:
    tokens = some()
    first = tokens.token_for(ANA, 0.0)
    second = tokens.token_for(ANA, ROTATE_S)
    assert first != second
    assert tokens.holds(first, ANA, 2 * ROTATE_S - 1)
    assert tokens.holds(second, ANA, 2 * ROTATE_S)
    assert not tokens.holds(first, ANA, 2 * ROTATE_S)


def test_after_a_long_silence_both_secrets_are_new() -> None:
    asked: list[int] = []
    rng = random.Random(3)

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return rng.randbytes(count)

    tokens = Tokens(random_bytes)
    token = tokens.token_for(ANA, 0.0)
    assert asked == [SECRET_BYTES] * 2
    assert not tokens.holds(token, ANA, 1e9)
    assert asked == [SECRET_BYTES] * 4  # and not one for each five minutes of thirty years


def test_a_clock_that_steps_back_does_no_harm() -> None:
    tokens = some()
    token = tokens.token_for(ANA, 1000.0)
    assert tokens.holds(token, ANA, 0.0)
    assert tokens.holds(token, ANA, 1000.0)
