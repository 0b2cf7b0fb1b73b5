"""Settings, events and purposes are values."""

from __future__ import annotations

import dataclasses
import random
from typing import get_args

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring import parts
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.parts import RingSettings

VALUES = [*get_args(parts.Event), *get_args(parts.Purpose)]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_events_and_purposes_are_values(kind: type) -> None:
    fields = [field.name for field in dataclasses.fields(kind)]
    values = [Contact(i, address_of(i)) for i, _ in enumerate(fields)]
    first, second = kind(*values), kind(*values)
    assert first == second
    assert len({first, second}) == 1
    for field in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(first, field, None)


def test_a_ring_takes_the_settings_that_it_has_by_default() -> None:
    assert Chord(Contact(5, address_of(5)), random.Random(1)).settings == RingSettings()
