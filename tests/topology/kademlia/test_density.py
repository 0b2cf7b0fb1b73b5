"""Crowds round a key: seen, searched past, and not seen where there is none."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import (
    Crowded,
    GetDone,
    PutDone,
    Settings,
)
from p2plib.topology.kademlia.store import key_of
from tests.topology.kademlia.network import HOUR, call, grown, outcome_of
from tests.topology.net import address_of


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
    assert world.events(address_of(0), Crowded)
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
def test_no_alarm_where_nobody_crowds() -> None:
    world, peers = grown(100)
    world.run(1.5 * HOUR)  # refreshed once: everybody knows how large the network is by now
    before = sum(len(world.events(address_of(i), Crowded)) for i in range(100))
    for i in range(100):
        call(world, peers, i, "get", key_of(b"absent %d" % i))
        world.run(3.0)
    assert sum(len(world.events(address_of(i), Crowded)) for i in range(100)) == before
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
        assert not world.events(address_of(number), Crowded)
    alone = Kademlia(5, random.Random(1))
    assert alone.density.network_size == 0.0
