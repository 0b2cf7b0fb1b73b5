"""Settings, timers and events: what the paper says of the first, and what holds for the others."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from p2plib.topology.kademlia import parts
from p2plib.topology.kademlia.parts import Event, Settings, Timer


def test_the_defaults_are_those_of_the_paper() -> None:
    """Maymounkov and Mazières (2002): k in section 2.2, alpha and refresh in 2.3, republish in 2.5."""
    settings = Settings()
    assert (settings.bits, settings.k, settings.alpha, settings.paths) == (160, 20, 3, 1)
    assert (settings.refresh_s, settings.republish_s) == (3600.0, 3600.0)


@pytest.mark.parametrize("kind", [Settings, *get_args(Event)])
def test_settings_and_events_are_values(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert kind.__slots__ == tuple(field.name for field in dataclasses.fields(kind))  # type: ignore[attr-defined]


def test_every_event_of_the_module_is_one_that_is_told() -> None:
    told = {kind.__name__ for kind in get_args(Event)}
    made = {name for name, made in vars(parts).items() if dataclasses.is_dataclass(made)}
    assert told == {name for name in made if getattr(parts, name).__module__ == parts.__name__} - {"Settings"}


def test_every_timer_says_what_it_is_for() -> None:
    assert len({timer.value for timer in Timer}) == len(Timer) == 10
