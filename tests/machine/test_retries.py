"""Pauses between tries: they double, they have an end, and they are drawn."""

from __future__ import annotations

import itertools
import random

from p2plib.machine.retries import FIRST_PAUSE_S, MAX_PAUSE_S, Retries
from p2plib.machine.timers import TimerName, Timers


class Timer(TimerName):
    AGAIN = "try again"


def tries(within_s: float, seed: int = 1) -> list[float]:
    """When the next try began, each time that one failed at once."""
    timers: Timers[Timer] = Timers()
    retries = Retries(random.Random(seed), timers, Timer.AGAIN)
    now, began = 100.0, []
    retries.start(now, within_s)
    while retries.failed(now):
        at = timers.first()
        assert at is not None
        assert list(timers.due(at)) == [(Timer.AGAIN, 0)]
        now = at
        began.append(now - 100.0)
    assert timers.first() is None
    return began


def test_pauses_double_up_to_the_longest_and_are_drawn() -> None:
    began = [0.0, *tries(1000.0)]
    pauses = [after - before for before, after in itertools.pairwise(began)]
    for i, pause_s in enumerate(pauses):
        whole_s = min(FIRST_PAUSE_S * 2**i, MAX_PAUSE_S)
        assert whole_s / 2 <= pause_s <= whole_s
    assert 1000 / MAX_PAUSE_S < len(began) < 2 * 1000 / MAX_PAUSE_S + 8
    assert tries(1000.0, seed=2) != began[1:]


def test_one_try_alone_and_none_after_stopping() -> None:
    assert tries(0.0) == []
    timers: Timers[Timer] = Timers()
    retries = Retries(random.Random(1), timers, Timer.AGAIN)
    retries.start(0.0, 60.0)
    assert retries.failed(0.0)
    retries.stop()
    assert timers.first() is None
    assert not retries.failed(1.0)


def test_failures_at_several_places_are_one_failure() -> None:
    timers: Timers[Timer] = Timers()
    retries = Retries(random.Random(1), timers, Timer.AGAIN)
    retries.start(0.0, 10.0)
    assert all(retries.failed(0.1) for _ in range(20))
    at = timers.first()
    assert at is not None
    assert at <= 0.1 + FIRST_PAUSE_S
    assert list(timers.due(at)) == [(Timer.AGAIN, 0)]
    assert all(retries.failed(at) for _ in range(20))
    again = timers.first()
    assert again is not None
    assert FIRST_PAUSE_S <= again - at <= 2 * FIRST_PAUSE_S
