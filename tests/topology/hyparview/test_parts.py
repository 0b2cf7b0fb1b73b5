"""The defaults of HyParView are the paper's, and each timer says what it is for."""

from __future__ import annotations

from p2plib.topology.hyparview.parts import Timer, ViewSettings


def test_the_defaults_are_those_of_the_paper() -> None:
    ours = ViewSettings()
    assert (ours.active, ours.passive, ours.active_walk, ours.passive_walk) == (5, 30, 6, 3)
    assert (ours.shuffle_active, ours.shuffle_passive) == (3, 4)


def test_every_timer_says_what_it_is_for() -> None:
    assert len({timer.value for timer in Timer}) == len(Timer)
