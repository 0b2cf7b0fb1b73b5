"""Stabilisation: joins that race, neighbours that die, predecessors that are replaced."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from p2plib.population.machines import address_of
from p2plib.topology.ring import messages as wire
from p2plib.topology.ring.stabilisation import MAX_UNDER_WAY
from tests.topology.ring.network import founded, grown, is_perfect, living, peer


@pytest.mark.fault("F098")
def test_joins_that_race() -> None:
    """Thirty join at the same moment through the same member."""
    world, peers = grown(8)
    rng = random.Random(5)
    for number in range(8, 38):
        peers.append(peer(world, number, rng.getrandbits(32)))
        peers[number].join([address_of(0)], world.now)
        world.flush(address_of(number))
    world.run(300.0)
    assert is_perfect(world, peers)


@pytest.mark.fault("F098")
def test_two_neighbours_die_together() -> None:
    world, peers = grown(20)
    alive = living(world, peers)
    for member, other in pairwise(alive[4:7]):
        assert member.successors[0] == other.own
    world.crash(alive[4].own.address)
    world.crash(alive[5].own.address)
    world.run(120.0)
    assert is_perfect(world, peers)


@pytest.mark.fault("F098")
def test_a_predecessor_that_died_is_replaced_by_who_is_farther() -> None:
    """Zave 2017, rectify: the notifier does not lie between, but the predecessor is dead."""
    world, peers = founded([10, 20, 30, 40, 50])
    world.run(60.0)
    world.crash(address_of(2))
    world.run(90.0)
    assert peers[3].predecessor == peers[1].own


def test_a_flood_of_strangers_gets_no_more_pings_than_there_is_room_for() -> None:
    _, (own, *_) = founded([10, 50, 90])
    own.to_send()
    for number in range(2 * MAX_UNDER_WAY):
        notify = wire.Notify(number + 1, 200)
        own.receive(wire.CODEC.encode(notify), address_of(1000 + number), 1.0)
    assert len(own.requests) == MAX_UNDER_WAY
    assert own.ignored["too many requests under way"] > MAX_UNDER_WAY / 2
