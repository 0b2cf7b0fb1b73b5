"""By the clock: values that travel, are renewed and expire, and halves that find each other again."""

from __future__ import annotations

import random

import pytest

from p2plib.topology.kademlia.parts import (
    GetDone,
    PutDone,
    Settings,
)
from p2plib.topology.kademlia.store import EXPIRE_S, key_of
from tests.topology.kademlia.network import HOUR, call, grown, outcome_of, peer
from tests.topology.net import address_of


def test_values_travel_to_newcomers_and_expire() -> None:
    """Nobody publishes again: holders hand a value on every hour, and after a day it is gone everywhere."""
    world, peers = grown(14, Settings(k=4), seed=7)
    value, rng = b"handed on", random.Random(1)
    outcome_of(world, peers, 0, PutDone, "put", key_of(value), value)
    peers[0].forget(key_of(value))
    first = {i for i, p in enumerate(peers) if key_of(value) in p.values}
    for number in range(14, 28):
        peers.append(peer(world, number, rng, Settings(k=4)))
        call(world, peers, number, "join", [address_of(1)])
        world.run(10.0)
    world.run(2 * HOUR)
    nearest = sorted(range(28), key=lambda i: peers[i].own_id ^ key_of(value))[:4]
    assert set(nearest) - first  # newcomers are among the nearest now
    assert all(key_of(value) in peers[i].values for i in nearest)
    sent = sum(world.sent.values())
    world.run(HOUR)
    assert sum(world.sent.values()) - sent < 28 * 6 * 40  # an hour of refreshing and republishing, no storm
    world.run(EXPIRE_S - 4 * HOUR)
    assert any(key_of(value) in p.values for p in peers)
    world.run(2 * HOUR)
    assert not any(p.values.get(key_of(value), world.now) for p in peers)


def test_who_publishes_renews() -> None:
    world, peers = grown(6, seed=8)
    value = b"renewed"
    outcome_of(world, peers, 0, PutDone, "put", key_of(value), value)
    world.run(EXPIRE_S + 2 * HOUR)
    assert sum(p.values.get(key_of(value), world.now) is not None for p in peers) == 6


@pytest.mark.fault("F095")
def test_two_halves_cut_for_an_hour_find_each_other_again() -> None:
    settings = Settings(k=8, refresh_s=600.0)
    world, peers = grown(40, settings, seed=9)
    side = {address_of(i): i % 2 for i in range(40)}
    world.cut = lambda source, target: side[source] != side[target]
    world.run(HOUR)
    world.cut = lambda source, target: False
    world.run(1800.0)
    value = b"across"
    outcome_of(world, peers, 0, PutDone, "put", key_of(value), value)
    done = outcome_of(world, peers, 1, GetDone, "get", key_of(value))
    assert isinstance(done, GetDone)
    assert done.value == value
    across = sum(side[e.contact.address] == 1 for e in peers[0].table)
    assert across >= 5
