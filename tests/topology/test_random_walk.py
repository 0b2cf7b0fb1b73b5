"""Random walks: even samples of an uneven graph, and walks that get lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.random_walk import CODEC, Back, Ended, RandomWalk, Sampled, Step, WalkLost


def swarm(even: bool = True) -> tuple[Crowd[RandomWalk], list[RandomWalk]]:
    """Twelve peers: one knows everybody, the others are a circle besides."""
    contacts = [Contact(i, address_of(i)) for i in range(12)]
    near = {i: {0, 1 + i % 11, 1 + (i - 2) % 11} for i in range(1, 12)}
    near[0] = set(range(1, 12))

    def of(i: int) -> Callable[[], Sequence[Contact]]:
        return lambda: [contacts[j] for j in sorted(near[i])]

    world = Crowd(random.Random(1), delay_s=(0.001, 0.002))
    walkers = [RandomWalk(contacts[i], random.Random(i), of(i), steps=40, even=even) for i in range(12)]
    for i, walker in enumerate(walkers):
        world.add(walker, address_of(i))
    return world, walkers


def counts(even: bool, samples: int = 3000) -> Counter[int]:
    world, walkers = swarm(even)
    for _ in range(samples):
        walkers[5].sample(world.now)
    world.flush(address_of(5))
    world.run(20.0)
    return Counter(event.contact.id for event in world.heard(address_of(5), Sampled))


@pytest.mark.slow
def test_everybody_is_as_likely_as_everybody_else() -> None:
    """Chi-square with 11 degrees of freedom: more than 31.3 in one of a thousand runs."""
    found = counts(even=True)
    assert sum(found.values()) == 3000
    assert sum((found[i] - 250) ** 2 / 250 for i in range(12)) < 31.3


@pytest.mark.slow
def test_without_metropolis_and_hastings_the_popular_one_is_found_too_often() -> None:
    """In proportion to degrees: 11 of 11 + 11 x 3, a quarter of all walks instead of a twelfth."""
    found = counts(even=False)
    assert found[0] / 3000 == pytest.approx(0.25, abs=0.03)


def test_a_walk_that_dies_with_a_peer_is_told() -> None:
    world, walkers = swarm()
    for i in range(1, 12):
        if i != 5:
            world.crash(address_of(i))
    world.crash(address_of(0))
    number = walkers[5].sample(world.now)
    world.flush(address_of(5))
    world.run(60.0)
    assert world.heard(address_of(5), WalkLost) == [WalkLost(number)]


@pytest.mark.fault("F070")
def test_strangers_and_forgers() -> None:
    world, walkers = swarm()
    walker, thief = walkers[4], ("203.0.113.1", 1)
    for message in (Step(1, 99, thief, 255, 1), Back(1, 99, thief, 255), Ended(1, 99)):
        walker.receive(CODEC.encode(message), thief, world.now)
    walker.receive(b"\x05", thief, world.now)
    assert walker.ignored == {"a step from no neighbour": 2, "unexpected": 1, "malformed": 1}
    assert walker.to_send() == []


def test_alone_one_finds_oneself() -> None:
    walker = RandomWalk(Contact(7, address_of(7)), random.Random(1), list)
    walker.sample(0.0)
    assert walker.events() == [Sampled(walker.own)]
    with pytest.raises(UsageError, match="1 to 255 steps"):
        RandomWalk(walker.own, random.Random(1), list, steps=256)


@pytest.mark.finding("T8")
def test_a_walk_whose_origin_is_where_no_stranger_may_point_is_dropped() -> None:
    world, walkers = swarm()
    node, near = walkers[5], walkers[0].own
    hosts = ["127.0.0.1", "10.0.0.1", "255.255.255.255", "224.0.0.1"]
    for origin in [*((host, 4000) for host in hosts), ("16.0.9.1", 53)]:
        for message in (Step(1, near.id, origin, 1, 50), Back(1, near.id, origin, 1)):
            node.receive(CODEC.encode(message), near.address, world.now)
    assert node.to_send() == []
    assert node.ignored == {"address of no peer": 10}
