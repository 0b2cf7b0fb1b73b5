"""The split check: a ring that is loopy, and one that was cut in two."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring import messages as wire
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.neighbours import Neighbourhood
from p2plib.topology.ring.parts import (
    IdTaken,
    Lost,
    RingInconsistent,
    RingSettings,
    Timer,
)
from p2plib.topology.ring.searches import Searches
from p2plib.topology.ring.space import Shape
from p2plib.topology.ring.split_check import SplitCheck
from p2plib.topology.ring.stabilisation import Stabilisation
from tests.topology.ring.network import form, founded, grown, is_perfect


@pytest.mark.fault("F098")
def test_a_loopy_ring_is_found_and_mended() -> None:
    """Everybody's neighbours agree, and following successors goes round twice: stabilising alone keeps it."""
    world, peers = founded([10, 20, 30, 40, 50, 60, 70, 80], settings=RingSettings(bits=8, r=2, check_s=60.0))
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    for place, number in enumerate(order):
        member, following = peers[number], peers[order[(place + 1) % 8]]
        member.neighbours.predecessor = peers[order[place - 1]].own
        member.neighbours.successors = [following.own]
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


def test_what_is_found_is_followed_if_it_is_nearer_and_told_of_us_if_not() -> None:
    own, near, first, far = (Contact(ident, address_of(ident)) for ident in (10, 30, 50, 200))
    core = Core(own, random.Random(1), RingSettings(bits=8, r=3))
    neighbours = Neighbourhood(core)
    stabilisation = Stabilisation(core, neighbours)
    searches = Searches(core, neighbours, None, lambda outcome, now: None)
    checks = SplitCheck(core, neighbours, searches, stabilisation)
    neighbours.set_successors([first])
    checks.checked((own, first), 0.0)  # as it should be
    assert (core.events(), core.to_send(), core.timer()) == ([], [], None)
    checks.checked((Contact(10, address_of(11)),), 0.0)
    assert core.events() == [IdTaken(address_of(11))]
    checks.checked((near, first), 7.0)
    assert core.events() == [RingInconsistent(near)]
    assert neighbours.successors == [near, first]
    assert [timer for timer, _ in core.timers.due(7.0)] == [Timer.STABILISE]
    assert core.to_send() == []
    checks.checked((far,), 8.0)
    assert core.events() == [RingInconsistent(far)]
    assert neighbours.successors == [near, first]
    ((data, address),) = core.to_send()
    assert address == far.address
    assert isinstance(wire.CODEC.decode(data), wire.Notify)


def test_a_check_begins_at_peers_that_are_not_next_to_us() -> None:
    own, first, last = (Contact(ident, address_of(ident)) for ident in (10, 50, 240))
    core = Core(own, random.Random(1), RingSettings(bits=8, r=3, check_s=100.0))
    neighbours = Neighbourhood(core)
    searches = Searches(core, neighbours, None, lambda outcome, now: None)
    checks = SplitCheck(core, neighbours, searches, Stabilisation(core, neighbours))
    neighbours.set_successors([first])
    neighbours.predecessor = last
    core.remember([last.address, own.address])
    checks.check(0.0)
    assert core.to_send() == []  # nobody is far
    core.remember([address_of(i) for i in range(100, 105)])
    asked = set()
    for _ in range(50):
        checks.check(0.0)
        asked |= {address for _, address in core.to_send()}
    assert asked == {address_of(i) for i in range(100, 105)}
    assert Timer.CHECK not in [timer for timer, _ in core.timers.due(89.9)]
    assert Timer.CHECK in [timer for timer, _ in core.timers.due(110.1)]


@pytest.mark.fault("F098")
def test_a_peer_far_away_that_lies_does_not_take_the_ring_from_us() -> None:
    world, peers = founded(list(range(0, 200, 20)), settings=RingSettings(bits=8, r=4, check_s=100_000.0))
    world.run(100.0)
    before = list(peers[0].successors)
    fakes = tuple(Contact(ident, address_of(500 + ident)) for ident in range(1, 9))
    peers[0]._split_check.checked(fakes, world.now)
    world.flush(address_of(0))
    world.run(100.0)
    assert not world.heard(address_of(0), Lost)
    assert peers[0].successors == before
    assert is_perfect(world, peers)
