"""By the clock: values that travel, are renewed and expire, and halves that find each other again."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.maintenance import CALL_BACK, PUBLISH_AGAIN_S, REPUBLISH_JITTER
from p2plib.topology.kademlia.parts import GetDone, PutDone, Settings, Timer
from p2plib.topology.kademlia.store import EXPIRE_S, key_of
from p2plib.topology.kademlia.table import MAX_FAILURES
from tests.topology.kademlia.network import HOUR, call, grown, outcome_of, peer

QUICK = Settings(bits=8, k=2, refresh_s=100.0, republish_s=200.0)


def knowing(*idents: int) -> Kademlia:
    """A peer with the id 0 that has heard of some."""
    machine = Kademlia(0, random.Random(1), settings=QUICK)
    for ident in idents:
        machine.table.answered(Contact(ident, address_of(ident)), 0.0)
    return machine


def said(machine: Kademlia) -> list[object]:
    return [wire.CODEC.decode(data) for data, _ in machine.to_send()]


def test_quiet_buckets_from_the_nearest_contact_on_are_refreshed() -> None:
    machine = knowing(0b0010_0000, 0b1000_0000)
    assert list(machine.maintenance.far_buckets()) == [5, 6, 7]
    assert list(knowing().maintenance.far_buckets()) == []
    machine.find(0b0100_0001, 50.0)  # bucket 6 was looked up in between
    said(machine)
    assert machine.timers.first() is not None
    machine.maintenance.refresh(100.0)
    targets = {message.target for message in said(machine) if isinstance(message, wire.FindNode)}
    assert {target.bit_length() - 1 for target in targets} == {5, 7}
    assert machine.timers._when[Timer.REFRESH, 0] == 150.0  # when bucket 6 is due
    machine.maintenance.joined(101.0)
    targets = {message.target for message in said(machine) if isinstance(message, wire.FindNode)}
    assert {target.bit_length() - 1 for target in targets} == {5, 6, 7}


def test_some_of_the_forgotten_are_called_back_with_a_refresh() -> None:
    machine = knowing(*range(0x80, 0x84), 1)
    for ident in (0x80, 0x81):
        for _ in range(MAX_FAILURES):
            machine.table.failed(ident)
    for ident in (0x40, 0x41, 0x42):
        machine.table.forgotten[ident] = Contact(ident, address_of(ident))
    assert len(machine.table.forgotten) == 5
    machine.maintenance.refresh(1.0)  # nothing is quiet yet
    assert [type(message) for message in said(machine)] == [wire.Ping] * CALL_BACK


def test_what_is_kept_is_republished_with_the_lifetime_that_is_left() -> None:
    machine, value = knowing(0x80), b"kept"
    key = key_of(value, QUICK.bits)
    machine.values.put(key, value, 500.0, 0.0)
    machine.maintenance.republish_later(key, 0.0)
    due = machine.timers._when[Timer.REPUBLISH, key]
    assert abs(due - QUICK.republish_s) <= QUICK.republish_s * REPUBLISH_JITTER
    machine.maintenance.republish(key, 100.0)
    (request,) = said(machine)
    assert isinstance(request, wire.FindNode)
    machine.receive(
        wire.CODEC.encode(wire.Nodes(request.transaction, 0x80, b"t", ())), address_of(0x80), 100.0
    )
    (store,) = said(machine)
    assert isinstance(store, wire.Store)
    assert (store.key, store.value, store.lifetime_s) == (key, value, 400)
    assert machine.timers._when[Timer.REPUBLISH, key] > 250.0
    machine.timers.cancel(Timer.REPUBLISH, key)
    machine.maintenance.republish(key, 499.5)  # half a second is not worth it
    assert said(machine) == []
    assert (Timer.REPUBLISH, key) not in machine.timers._when


def test_a_value_of_our_own_is_published_again_until_it_is_forgotten() -> None:
    machine, value = knowing(0x80), b"mine"
    key = key_of(value, QUICK.bits)
    machine.put(key, value, 0.0)
    assert machine.maintenance.published == {key: value}
    assert machine.timers._when[Timer.PUBLISH, key] == PUBLISH_AGAIN_S
    said(machine)
    machine.maintenance.publish_again(key, 1000.0)
    assert [message.target for message in said(machine) if isinstance(message, wire.FindNode)] == [key]
    assert machine.timers._when[Timer.PUBLISH, key] == 1000.0 + PUBLISH_AGAIN_S
    machine.forget(key)
    assert machine.maintenance.published == {}
    assert (Timer.PUBLISH, key) not in machine.timers._when


@pytest.mark.slow
def test_values_travel_to_newcomers_and_expire() -> None:
    """Nobody publishes again: holders republish a value every hour, and after a day it is gone everywhere."""
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


def test_a_publisher_renews() -> None:
    world, peers = grown(6, seed=8)
    value = b"renewed"
    outcome_of(world, peers, 0, PutDone, "put", key_of(value), value)
    world.run(EXPIRE_S + 2 * HOUR)
    assert sum(p.values.get(key_of(value), world.now) is not None for p in peers) == 6


@pytest.mark.fault("F095")
@pytest.mark.slow
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
