"""F081: half of the nodes leave within a minute, and what was announced is found all the same."""

from __future__ import annotations

import random

import pytest

from p2plib.discovery.mainline.parts import DhtPeersDone, DhtStored
from p2plib.population.machines import address_of
from tests.discovery.mainline.network import World

FLOOR = 0.95  # chance alone loses the 1 in 200 whose eight holders all leave


@pytest.mark.slow
@pytest.mark.fault("F081")
def test_half_of_the_nodes_leave_within_a_minute() -> None:
    world, rng = World(150), random.Random(3)
    keys = {rng.getrandbits(160): number for number in range(150)}
    for key, number in keys.items():
        assert world.outcome(number, DhtStored, "announce", key, 7000).copies >= 7
    leaving = rng.sample(range(150), 75)
    start = world.crowd.now
    for at, number in enumerate(leaving):
        world.crowd.run(max(0.0, start + at * 60 / 75 - world.crowd.now))
        world.crowd.crash(address_of(number))
    staying = [number for number in range(150) if number not in leaving]
    done = [
        world.outcome(
            rng.choice([other for other in staying if other != number]), DhtPeersDone, "get_peers", key
        )
        for key, number in keys.items()
        if number in staying
    ]
    assert sum(each.peers == 1 for each in done) >= FLOOR * len(done)
    world.crowd.run(1800.0)  # all that stayed has been announced again
    done = [
        world.outcome(staying[0] if number != staying[0] else staying[1], DhtPeersDone, "get_peers", key)
        for key, number in keys.items()
        if number in staying
    ]
    assert all(each.peers == 1 for each in done)
