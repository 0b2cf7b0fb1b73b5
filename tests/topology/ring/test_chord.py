"""Chord: fingers make a lookup short, and the dead among them cost a time-out and no more."""

from __future__ import annotations

import bisect
import random

import pytest

from p2plib.population.machines import address_of
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import (
    FindDone,
    RingSettings,
)
from p2plib.topology.ring.space import Shape
from tests.topology.ring.network import finds, form, grown, is_perfect, living


def test_fingers_make_it_logarithmic() -> None:
    """The same hundred peers, with fingers and without: about half of log2 N, or N / 2r."""
    hops = {}
    for kind in (Ring, Chord):
        world, peers = grown(100, kind, apart_s=2.0)
        done = finds(world, peers, 60)
        assert all(right for _, right in done)
        hops[kind] = sum(event.hops for event, _ in done) / 60
    assert 2.0 < hops[Chord] < 3.6  # half of log2 100 is 3.3; four successors save a little
    assert 9.0 < hops[Ring] < 16.0  # 100 / 8 is 12.5


@pytest.mark.fault("F098")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_half_die_at_once(seed: int) -> None:
    settings = RingSettings(bits=32, r=12)
    world, peers = grown(60, Chord, seed, apart_s=1.0, settings=settings)
    for number in random.Random(seed).sample(range(60), 30):
        world.crash(address_of(number))
    assert form(world, peers) is Shape.BROKEN
    world.run(90.0)
    assert form(world, peers) is Shape.RIGHT
    world.run(450.0)  # the far end of a list comes one place nearer to the truth with each stabilisation
    assert is_perfect(world, peers, 12)
    assert all(right for _, right in finds(world, peers, 20))


def test_dead_fingers_cost_a_time_out_and_not_the_lookup() -> None:
    world, peers = grown(60, apart_s=1.0, settings=RingSettings(bits=32, r=10))
    for number in random.Random(8).sample(range(60), 18):
        world.crash(address_of(number))
    rng, alive = random.Random(9), living(world, peers)
    idents, right, timeouts = [member.own.id for member in alive], 0, 0
    numbers = []
    for member in alive:
        key = rng.getrandbits(32)
        numbers.append((member, member.find(key, world.now)))
        world.flush(member.own.address)
    world.run(60.0)
    for member, number in numbers:
        (event,) = [e for e in world.heard(member.own.address, FindDone) if e.number == number]
        first = next(owner for owner in event.owners if owner.address in world.machines)
        right += first.id == idents[bisect.bisect_left(idents, event.key) % len(idents)]
        timeouts += event.timeouts
    assert right == len(alive)
    assert timeouts > 5


def test_a_finger_that_does_not_answer_is_dropped() -> None:
    world, peers = grown(40)
    member = peers[3]
    assert member.fingers is not None
    finger = max(member.fingers.table.items())[1]
    world.crash(finger.address)
    member.find((finger.id + 1) % 2**32, world.now)
    world.flush(member.own.address)
    world.run(4.0)
    assert finger not in member.fingers.table.values()
    assert finger not in member.searches.links()
