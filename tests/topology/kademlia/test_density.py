"""Crowds round a key: seen, searched past, and not seen where there is none."""

from __future__ import annotations

import math
import random

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.density import (
    ALARM,
    REMEMBERED,
    WIDER,
    WIDEST,
    Density,
    NetworkSize,
    alarm,
    at_least,
    surprise,
)
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import Crowded, Event, GetDone, PutDone, Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import RoutingTable
from tests.topology.kademlia.network import HOUR, call, grown, outcome_of


@pytest.mark.parametrize("mean", [0.001, 0.5, 1.0, 7.5, 40.0])
def test_the_tail_of_poisson_by_its_terms(mean: float) -> None:
    for j in range(12):
        below = sum(math.exp(-mean) * mean**i / math.factorial(i) for i in range(j))
        assert at_least(j, mean) == pytest.approx(1 - below, abs=1e-12)
    assert at_least(1, mean) == pytest.approx(-math.expm1(-mean))


def test_the_surprise_is_that_of_the_least_probable_distance() -> None:
    assert (at_least(0, 0.0), at_least(1, 0.0)) == (1.0, 0.0)
    assert surprise([], 100) == 1.0
    distances = [0.01, 0.0101, 0.5]
    assert surprise(distances, 100) == min(at_least(1, 1.0), at_least(2, 1.01), at_least(3, 50.0))
    crowd = [1e-5, 2e-5, 3e-5]
    assert surprise(crowd, 100) < ALARM
    assert alarm(crowd, 100)
    assert not alarm(crowd[:2], 100)  # two are no crowd
    assert not alarm(crowd, 0)  # without an idea of n nothing can be told


def test_the_size_is_the_median_of_the_last_targets_each_counted_once() -> None:
    size = NetworkSize()
    assert size.estimate == 0.0
    size.looked_up(1, [0.1, 0.2])
    assert size.estimate == pytest.approx(5.0)
    for _ in range(10):
        size.looked_up(2, [0.001, 0.002])
    size.looked_up(3, [0.05, 0.1])
    assert size.estimate == pytest.approx(10.0)
    size.looked_up(4, [0.5])  # one distance says nothing
    size.looked_up(5, [0.0, 0.0])
    assert size.estimate == pytest.approx(10.0)
    for target in range(100, 100 + REMEMBERED):
        size.looked_up(target, [0.25, 0.5])
    assert size.estimate == pytest.approx(2.0)


def test_a_lookup_must_be_wider_until_it_reaches_as_far_as_k_peers_by_chance() -> None:
    told: list[Event] = []
    k, bits = 2, 16
    density = Density(RoutingTable(0xFFFF, bits=bits, k=k), told.append)
    density.size.looked_up(1, [0.01, 0.1])  # about ten peers

    def ended(width: int, *distances: int) -> Lookup:
        seeds = [Contact(distance, address_of(distance)) for distance in distances]
        lookup = Lookup(0, seeds, k=width, alpha=width)
        for contact in lookup.next():
            lookup.answered(contact)
        return lookup

    assert not density.must_widen(ended(k, 1 << 12, 1 << 13))
    assert told == []
    density = Density(RoutingTable(0xFFFF, bits=bits, k=3), told.append)
    density.size.looked_up(1, [0.01, 0.1])
    assert density.must_widen(ended(3, 1, 2, 3))
    assert told == [Crowded(0, surprise([1 / 65_536, 2 / 65_536, 3 / 65_536], 10.0))]
    # Three of ten peers are within 3/10 of the space by chance, which is 19,660.8.
    assert density.must_widen(ended(3 * WIDER, 1, 2, 3, 19_660))
    assert not density.must_widen(ended(3 * WIDER, 1, 2, 3, 19_661))
    assert density.must_widen(ended(3 * WIDER))
    assert not density.must_widen(ended(3 * WIDEST, 1, 2, 3))
    assert len(told) == 1


class Liar(Kademlia):
    """Answers everything, knows only other liars, keeps nothing, and gives out forged values."""

    friends: tuple[Contact, ...] = ()
    forge = False

    def respond(self, request: wire.KademliaRequest, sender: Contact, now: float) -> wire.KademliaResponse:
        about = request.transaction, self.own_id
        match request:
            case wire.FindValue() if self.forge:
                return wire.Found(*about, b"forged")
            case wire.FindNode() | wire.FindValue():
                return wire.Nodes(*about, self.tokens.give(sender.address, now), self.friends)
            case wire.Store():
                return wire.Stored(*about)
            case _:
                return wire.Pong(*about)


@pytest.mark.slow
@pytest.mark.fault("F076")
@pytest.mark.parametrize(("count", "forge"), [(20, False), (20, True), (60, False)])
def test_sybils_around_a_key(count: int, forge: bool) -> None:
    """They are the nearest of all, and drop or forge. Density gives them away; the whole region is searched.

    Sixty of them are more than the nearest 3 k, so that widening once would not do.
    """
    settings = Settings(k=8)
    world, peers = grown(100, settings, seed=11)
    value, rng = b"censored", random.Random(2)
    key = key_of(value)
    sybils = [
        Liar(key ^ (1 << 140) + i, random.Random(i), now=world.now, settings=settings) for i in range(count)
    ]
    for i, sybil in enumerate(sybils):
        Liar.forge = forge
        world.add(sybil, address_of(1000 + i))
        sybil.join([address_of(rng.randrange(100))], world.now)
        world.flush(address_of(1000 + i))
        world.run(2.0)
    friends = tuple(Contact(s.own_id, address_of(1000 + i)) for i, s in enumerate(sybils))
    for i, sybil in enumerate(sybils):
        sybil.friends = (friends + friends)[i : i + 8]
    world.run(60.0)
    put = outcome_of(world, peers, 0, PutDone, "put", key, value)
    assert world.heard(address_of(0), Crowded)
    honest = [p for p in peers if key in p.values]
    assert len(honest) >= 2, put
    found = 0
    for number in range(20, 40):
        peers[number].values._kept.pop(key, None)
        done = outcome_of(world, peers, number, GetDone, "get", key)
        assert isinstance(done, GetDone)
        found += done.value == value
    assert found >= 18


@pytest.mark.fault("F076")
@pytest.mark.slow
def test_no_alarm_where_nobody_crowds() -> None:
    world, peers = grown(100)
    world.run(1.5 * HOUR)  # refreshed once: everybody knows how large the network is by now
    before = sum(len(world.heard(address_of(i), Crowded)) for i in range(100))
    for i in range(100):
        call(world, peers, i, "get", key_of(b"absent %d" % i))
        world.run(3.0)
    assert sum(len(world.heard(address_of(i), Crowded)) for i in range(100)) == before
    sizes = sorted(p.density.size.estimate for p in peers)
    assert 70 < sizes[50] < 140


@pytest.mark.fault("F076")
def test_no_alarm_in_a_network_that_has_grown_since_the_last_lookup() -> None:
    """The first peer looked for nobody when it was alone; its own neighbourhood tells it how many came."""
    world, peers = grown(60, Settings(k=8), seed=13)
    assert 25 < peers[0].density.network_size < 240
    for number in range(3):
        put = outcome_of(
            world, peers, number, PutDone, "put", key_of(b"early %d" % number), b"early %d" % number
        )
        assert isinstance(put, PutDone)
        assert put.asked <= 9
        assert not world.heard(address_of(number), Crowded)
    alone = Kademlia(5, random.Random(1))
    assert alone.density.network_size == 0.0
