"""The split check: a ring that is loopy, and one that was cut in two."""

from __future__ import annotations

import pytest

from p2plib.population.machines import address_of
from p2plib.topology.ring.parts import (
    RingInconsistent,
    RingSettings,
)
from p2plib.topology.ring.space import Shape
from tests.topology.ring.network import form, founded, grown, is_perfect


@pytest.mark.fault("F098")
def test_a_loopy_ring_is_found_and_mended() -> None:
    """Everybody's neighbours agree, and following successors goes round twice: stabilising alone keeps it."""
    world, peers = founded([10, 20, 30, 40, 50, 60, 70, 80], settings=RingSettings(bits=8, r=2, check_s=60.0))
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    for place, number in enumerate(order):
        one, following = peers[number], peers[order[(place + 1) % 8]]
        one.neighbours.predecessor = peers[order[place - 1]].own
        one.neighbours.successors = [following.own]
    assert form(world, peers) is Shape.LOOPY
    world.run(50.0)
    assert form(world, peers) in (Shape.LOOPY, Shape.APPENDAGES, Shape.SPLIT)
    world.run(600.0)
    assert is_perfect(world, peers, 2)
    assert [e for i in range(8) for e in world.heard(address_of(i), RingInconsistent)]


@pytest.mark.fault("F095", "F098")
def test_a_ring_cut_in_two_becomes_one_again() -> None:
    world, peers = grown(24, settings=RingSettings(bits=32, r=6, check_s=120.0))
    side = {address_of(i): i % 2 for i in range(24)}
    world.cut = lambda source, target: side[source] != side[target]
    world.run(3600.0)
    assert form(world, peers) is Shape.SPLIT
    world.cut = lambda source, target: False
    world.run(1800.0)
    assert is_perfect(world, peers, 6)
    assert [e for i in range(24) for e in world.heard(address_of(i), RingInconsistent)]
