"""Instants with names: a dictionary is the oracle."""

from __future__ import annotations

import doctest
from enum import Enum

from hypothesis import given
from hypothesis import strategies as st

from p2plib.machine import timers as module
from p2plib.machine.timers import FEW, Timers


class Timer(Enum):
    LATE = "a response is late"
    OTHER = "something else"


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(module) == (0, 6)


@given(st.lists(st.tuples(st.sampled_from(Timer), st.integers(0, 3), st.none() | st.floats(0, 100))))
def test_timers_against_a_dictionary(calls: list[tuple[Timer, int, float | None]]) -> None:
    timers: Timers[Timer] = Timers()
    oracle = dict[tuple[Timer, int], float]()
    for timer, about, at in calls:
        if at is None:
            timers.cancel(timer, about)
            oracle.pop((timer, about), None)
        else:
            timers.set(timer, at, about)
            oracle[timer, about] = at
        assert timers.first() == min(oracle.values(), default=None)
    due = [key for key, at in oracle.items() if at <= 50]
    assert sorted(timers.due(50), key=str) == sorted(due, key=str)
    assert timers.first() == min((at for at in oracle.values() if at > 50), default=None)


def test_timers_that_are_due_at_once_come_in_the_order_of_setting() -> None:
    timers: Timers[Timer] = Timers()
    for about in (3, 1, 2):
        timers.set(Timer.OTHER, 5.0, about)
    timers.set(Timer.OTHER, 4.0, 2)
    timers.set(Timer.OTHER, 5.0, 2)  # moved away and back: it keeps its place
    timers.set(Timer.OTHER, 5.0, 4)
    assert [about for _, about in timers.due(5.0)] == [3, 1, 2, 4]


def test_cancelled_timers_do_not_pile_up() -> None:
    timers: Timers[Timer] = Timers()
    for i in range(10_000):
        timers.set(Timer.OTHER, i, i)
        timers.cancel(Timer.OTHER, i)
    assert len(timers._heap) < 200


def test_a_timer_that_is_moved_again_and_again_takes_no_more_room() -> None:
    timers: Timers[Timer] = Timers()
    for i in range(10_000):
        timers.set(Timer.LATE, 3600.0 + i)
    assert len(timers._heap) <= FEW + 1
    assert list(timers.due(1e9)) == [(Timer.LATE, 0)]
