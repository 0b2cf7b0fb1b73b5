"""Connection ids: to whom they belong, and for how long."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker.connection_ids import LIFE_S, WINDOW_S, ConnectionIds

ADA, BEN = "192.0.2.1", "192.0.2.2"


def test_an_id_belongs_to_one_host_and_one_tracker() -> None:
    ids, others = ConnectionIds(random.Random(1)), ConnectionIds(random.Random(2))
    given_id = ids.id_for(ADA, 1000.0)
    assert len(given_id) == 8
    assert ids.holds(given_id, ADA, 1000.0)
    assert not ids.holds(given_id, BEN, 1000.0)
    assert not others.holds(given_id, ADA, 1000.0)  # the same tracker after a restart


@pytest.mark.fault("F067")
@given(st.floats(0, 1e9), st.floats(0, 400))
def test_an_id_is_good_for_two_minutes_and_not_for_more_than_three(at: float, age: float) -> None:
    ids = ConnectionIds(random.Random(1))
    given_id = ids.id_for(ADA, at)
    if age < LIFE_S - 0.001:
        assert ids.holds(given_id, ADA, at + age)
    if age > LIFE_S + WINDOW_S + 0.001:
        assert not ids.holds(given_id, ADA, at + age)


def test_the_two_minutes_of_bep_15() -> None:
    assert LIFE_S == 120


def test_an_address_that_is_written_in_two_ways_is_one_host() -> None:
    ids = ConnectionIds(random.Random(1))
    assert ids.id_for(ADA, 0) == ids.id_for("::ffff:192.0.2.1", 0)


def test_nothing_is_remembered() -> None:
    ids = ConnectionIds(random.Random(1))
    kept = dict(vars(ids))
    for number in range(1000):
        assert not ids.holds(bytes(8), f"198.51.{number >> 8}.{number & 255}", 0)
    assert vars(ids) == kept == {"_key": ids._key}


def test_a_guess_is_as_good_as_any() -> None:
    ids, rng = ConnectionIds(random.Random(1)), random.Random(2)
    assert not any(ids.holds(rng.randbytes(8), ADA, 0) for _ in range(1000))
