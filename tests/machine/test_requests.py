"""Timers, round trips and requests: whose answer counts, and when it is late."""

from __future__ import annotations

import random
from enum import Enum

import pytest

from p2plib.machine.requests import MAX_LATE, MAX_MEASURED, MAX_TIMEOUT_S, MIN_MARGIN_S, Requests, RoundTrip
from p2plib.machine.timers import Timers

ALICE, BOB = ("192.0.2.1", 4000), ("192.0.2.2", 4000)


class Timer(Enum):
    LATE = "a response is late"
    OTHER = "something else"


def started(tries: int = 1) -> tuple[Requests[Timer], Timers[Timer], int]:
    timers: Timers[Timer] = Timers()
    requests = Requests(random.Random(1), timers, Timer.LATE)
    number = requests.transaction()
    requests.start(number, b"question", ALICE, "purpose", 10.0, tries)
    return requests, timers, number


def test_rfc_6298_by_hand() -> None:
    """2.2: SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 RTTVAR. 2.3: a quarter and an eighth of the news."""
    trip = RoundTrip()
    assert trip.timeout_s == 1.0
    trip.measured(0.2)
    assert (trip.smoothed_s, trip.variation_s) == (0.2, 0.1)
    assert trip.timeout_s == pytest.approx(0.6)
    trip.measured(0.4)
    assert trip.variation_s == pytest.approx(0.75 * 0.1 + 0.25 * 0.2)
    assert trip.smoothed_s == pytest.approx(0.875 * 0.2 + 0.125 * 0.4)
    assert trip.timeout_s == pytest.approx(0.225 + 4 * 0.125)
    for _ in range(100):
        trip.measured(0.001)
    assert trip.timeout_s == pytest.approx(0.001 + MIN_MARGIN_S, rel=1e-4)
    assert trip.timeout_s > trip.smoothed_s + 0.09  # what is always the same is late only when it is late
    for _ in range(100):
        trip.measured(60.0)
    assert trip.timeout_s == MAX_TIMEOUT_S


def test_slow_is_later_than_most_and_sooner_than_late() -> None:
    trip = RoundTrip()
    assert trip.slow_s == trip.timeout_s / 2
    trip.measured(0.2)
    assert trip.slow_s == pytest.approx(0.4)
    assert trip.slow_s < trip.timeout_s
    for _ in range(100):
        trip.measured(0.2)  # no variation is left
    assert trip.slow_s == pytest.approx(0.25)
    assert trip.slow_s < trip.timeout_s
    requests, _, number = started()
    requests.answered(number, ALICE, 10.2)
    assert requests.slow_s(ALICE) == requests.slow_s(("192.0.2.99", 1)) == pytest.approx(0.4)


@pytest.mark.fault("F070")
def test_an_answer_counts_once_and_from_who_was_asked_only() -> None:
    requests, timers, number = started()
    assert requests.answered(number + 1, ALICE, 10.1) is None
    assert requests.answered(number, BOB, 10.1) is None
    assert requests.answered(number, (ALICE[0], 4001), 10.1) is None
    found = requests.answered(number, ALICE, 10.1)
    assert found is not None
    assert found.purpose == "purpose"
    assert requests.answered(number, ALICE, 10.1) is None
    assert timers.first() is None
    assert requests.timeout_s(ALICE) == pytest.approx(0.3)
    assert requests.timeout_s(BOB) == pytest.approx(0.3)  # of all peers together


def test_late_is_sent_again_with_twice_the_patience_and_then_given_up() -> None:
    requests, timers, number = started(tries=3)
    waits, now = [], 10.0
    for again in (True, True, False):
        at = timers.first()
        assert at is not None
        waits.append(at - now)
        now = at
        assert list(timers.due(now)) == [(Timer.LATE, number)]
        assert requests.expired(number, now)[1] is again
    assert waits == [1.0, 2.0, 4.0]
    assert timers.first() is None


def test_what_comes_after_giving_up_teaches_patience() -> None:
    """Otherwise a network that became slower than the time-out would be dead for ever."""
    requests, timers, number = started()
    assert [requests.expired(number, 11.0)[1] for _ in timers.due(11.0)] == [False]
    late = requests.answered(number, ALICE, 12.0)
    assert late is not None
    assert requests.timeout_s(ALICE) == MAX_TIMEOUT_S


def test_karn_what_was_sent_twice_teaches_nothing() -> None:
    requests, timers, number = started(tries=2)
    assert [requests.expired(number, 11.0)[1] for _ in timers.due(11.0)] == [True]
    assert requests.answered(number, ALICE, 11.01) is not None
    assert requests.timeout_s(ALICE) == 1.0


@pytest.mark.fault("F080")
def test_memory_is_bounded() -> None:
    requests, timers, _ = started()
    for i in range(3000):
        number = requests.transaction()
        address = f"10.{i >> 8}.{i & 255}.1", 1
        requests.start(number, b"", address, None, 20.0)
        if i % 2:
            requests.answered(number, address, 20.1)
    for _, transaction in list(timers.due(99.0)):
        requests.expired(transaction, 99.0)
    assert len(requests._late) == MAX_LATE
    assert len(requests._peers) == MAX_MEASURED
    assert len(requests) == 0
