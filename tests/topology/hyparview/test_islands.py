"""Islands, and how peers that ask outside now and then are on none for long."""

from __future__ import annotations

import math
import random

import pytest

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.doors import Doors
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.graph import components
from p2plib.topology.hyparview import messages as wire
from p2plib.topology.hyparview.machine import HyParView
from p2plib.topology.hyparview.parts import Ask, Isolated, ViewSettings
from tests.topology.hyparview.test_machine import graph_of, grown, joined_at_once, peer

BOOTSTRAP = address_of(5000)
DOOR = Contact(5001, BOOTSTRAP)


def pieces(world: Crowd[HyParView], peers: list[HyParView]) -> list[int]:
    sizes: list[int] = components(graph_of(world, peers)).tolist()
    return sizes


@pytest.mark.slow
@pytest.mark.finding("T4")
@pytest.mark.parametrize(("first", "loss"), [(0, 0.0), (10, 0.0), (20, 0.0), (30, 0.1)])
def test_a_hundred_join_through_one_address_at_once_and_none_is_on_an_island(first: int, loss: float) -> None:
    for seed in range(first, first + 10):
        world, peers = joined_at_once(100, seed, loss=loss)
        world.run(120.0)
        assert pieces(world, peers) == [100], seed


@pytest.mark.finding("T4")
def test_what_heals_islands_is_asking_outside() -> None:
    def split(door_s: float) -> int:
        runs = [joined_at_once(50, seed, ViewSettings(door_s=door_s)) for seed in range(3)]
        for world, _ in runs:
            world.run(30.0)
        return sum(len(pieces(*run)) > 1 for run in runs)

    assert split(math.inf) > 0
    assert split(10.0) == 0


@pytest.mark.finding("T4")
def test_two_halves_find_each_other_when_the_path_is_back_and_their_bootstrap_is_gone() -> None:
    world, peers = joined_at_once(40, 1)
    world.run(30.0)
    half = {node.own.address: node.own.id % 2 for node in peers}
    world.cut = lambda source, target: half[source] != half[target]
    world.run(120.0)
    assert pieces(world, peers) == [20, 20]
    world.crash(address_of(0))
    world.cut = lambda source, target: False
    world.run(300.0)
    assert pieces(world, peers) == [39]


@pytest.mark.finding("T4")
def test_a_peer_that_nobody_answers_joins_as_soon_as_its_bootstrap_is_there() -> None:
    world: Crowd[HyParView] = Crowd(random.Random(1))
    alone = peer(world, 0)
    world.call(alone.own.address, "join", [address_of(5)])
    world.run(60.0)
    assert world.heard(address_of(0), Isolated)
    peer(world, 5)
    world.run(90.0)
    assert list(alone.active) == [6]


def asked_outside(node: HyParView, now: float, *answer: tuple[Contact, ...]) -> list[Contact]:
    """Lets a peer ask at its one door; returns which of the contacts in the answer it then asks."""
    node.doors = Doors(random.Random(1), 10.0)
    node.doors.given([BOOTSTRAP])
    node.to_send()
    node._ask_outside(now)
    ((data, to),) = node.to_send()
    who = wire.CODEC.decode(data)
    assert (type(who), to) == (wire.Who, BOOTSTRAP)
    node.receive(wire.CODEC.encode(wire.Names(who.transaction, DOOR.id, *answer)), BOOTSTRAP, now)
    asked = []
    for data, to in node.to_send():
        message = wire.CODEC.decode(data)
        assert isinstance(message, wire.Neighbour)
        assert message.high
        (contact,) = (one for named in (*answer, [DOOR]) for one in named if one.address == to)
        asked.append(contact)
        yes = wire.Agreed(message.transaction, contact.id, 1)
        node.receive(wire.CODEC.encode(yes), to, now)
    return asked


@pytest.mark.finding("T4")
def test_a_door_that_lies_gets_one_place() -> None:
    world, peers = grown(30)
    node = peers[9]
    sybils = tuple(Contact(10_000 + i, address_of(6000 + i)) for i in range(8))
    for i in range(20):
        assert asked_outside(node, world.now, (sybils[i % 8],), ()) == [sybils[i % 8]]
        assert sum(ident >= 10_000 for ident in node.active) == 1
        assert len(node.active) <= 5


@pytest.mark.finding("T4")
def test_where_there_is_a_path_nobody_is_asked_and_names_are_learnt() -> None:
    world, peers = grown(30)
    node, news = peers[9], Contact(777, address_of(777))
    ours = next(iter(node.active.values()))
    assert asked_outside(node, world.now, (ours,), (news,)) == []
    assert node.passive[777] == news
    assert asked_outside(node, world.now, (Contact(778, address_of(778)), node.own), ()) == []
    assert asked_outside(node, world.now, (), (Contact(779, ("127.0.0.1", 4000)),)) == [DOOR]
    del node.active[DOOR.id]
    assert asked_outside(node, world.now, (), (news,)) == [news]


def test_anybody_may_ask_and_hears_of_neighbours_and_names() -> None:
    world, peers = grown(60)
    node = peers[9]
    node.to_send()
    node.receive(wire.CODEC.encode(wire.Who(1, 5001)), BOOTSTRAP, world.now)
    ((data, to),) = node.to_send()
    told = wire.CODEC.decode(data)
    assert to == BOOTSTRAP
    assert {contact.id for contact in told.active} == set(node.active)
    assert set(told.passive) <= set(node.passive.values())
    assert len(told.passive) == 4


def test_names_that_were_not_asked_for_are_dropped() -> None:
    world, peers = grown(10)
    node = peers[3]
    near = next(iter(node.active.values()))
    world.run(20.0, until=lambda: len(node.requests) > 0)
    transaction = next(iter(node.requests._awaited))
    asked = node.requests._awaited[transaction].address
    ident = next(one.own.id for one in peers if one.own.address == asked)
    before = dict(node.passive)
    many = tuple(Contact(10_000 + i, address_of(6000 + i)) for i in range(8))
    node.receive(wire.CODEC.encode(wire.Names(1, near.id, many, many)), near.address, world.now)
    node.receive(wire.CODEC.encode(wire.Names(transaction, ident, many, many)), asked, world.now)
    assert node.passive == before


def asks_at_door(node: HyParView, now: float) -> wire.Who:
    node.doors = Doors(random.Random(1), 10.0)
    node.doors.given([BOOTSTRAP])
    node.to_send()
    node._ask_outside(now)
    ((data, _),) = node.to_send()
    who = wire.CODEC.decode(data)
    assert isinstance(who, wire.Who)
    return who


@pytest.mark.finding("T4")
def test_a_door_that_agrees_to_what_nobody_proposed_gets_no_place() -> None:
    world, peers = grown(30)
    node = peers[9]
    before = dict(node.active)
    for i in range(10):
        who = asks_at_door(node, world.now)
        node.receive(wire.CODEC.encode(wire.Agreed(who.transaction, 10_000 + i, 1)), BOOTSTRAP, world.now)
    assert node.active == before


@pytest.mark.finding("T4")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_door_that_lies_about_our_neighbours_gets_one_place_all_the_same(is_there: bool) -> None:
    world, peers = grown(30)
    node = peers[9]
    for i in range(10):
        ours = next(contact for contact in node.active.values() if contact.id < 10_000)
        named = ours if is_there else Contact(ours.id, address_of(6500 + i))
        asked_outside(node, world.now, (), (named,))
        asked_outside(node, world.now, (Contact(10_000 + i, address_of(6000 + i)),), ())
        assert sum(ident >= 10_000 for ident in node.active) == 1


@pytest.mark.finding("T4")
@pytest.mark.parametrize("answer", ["nothing", "no", "another id"])
def test_a_door_is_asked_in_the_stead_of_a_peer_that_it_named_in_vain(answer: str) -> None:
    world, peers = grown(30)
    node = peers[9]
    who = asks_at_door(node, world.now)
    named = Contact(777, address_of(777))
    node.receive(wire.CODEC.encode(wire.Names(who.transaction, DOOR.id, (named,), ())), BOOTSTRAP, world.now)
    ((data, _),) = node.to_send()
    asked = wire.CODEC.decode(data)
    if answer == "nothing":
        in_its_stead = Ask(DOOR, is_bridge=True)
        world.run(30.0, until=lambda: any(r.purpose == in_its_stead for r in node.requests._awaited.values()))
        assert any(r.purpose == in_its_stead for r in node.requests._awaited.values())
    else:
        said = wire.Agreed(asked.transaction, 777 if answer == "no" else 778, int(answer != "no"))
        node.receive(wire.CODEC.encode(said), named.address, world.now)
        again = [(wire.CODEC.decode(data), to) for data, to in node.to_send()]
        ((proposed, _),) = [(message, to) for message, to in again if to == BOOTSTRAP]
        assert isinstance(proposed, wire.Neighbour)
        node.receive(wire.CODEC.encode(wire.Agreed(proposed.transaction, DOOR.id, 0)), BOOTSTRAP, world.now)
        assert not [to for _, to in node.to_send() if to in (BOOTSTRAP, named.address)]
    assert 777 not in node.active


@pytest.mark.slow
@pytest.mark.finding("T4")
@pytest.mark.parametrize("first", [1, 11])
def test_none_is_on_an_island_where_most_hosts_are_behind_nats(first: int) -> None:
    for seed in range(first, first + 10):
        world, peers = joined_at_once(100, seed)
        rng = random.Random(seed)
        hidden = {node.own.address for node in peers[1:] if rng.random() < 0.7}
        sent = {(node.own.address, peers[0].own.address) for node in peers[1:]}

        def cut(
            source: Address,
            target: Address,
            sent: set[tuple[Address, Address]] = sent,
            hidden: set[Address] = hidden,
        ) -> bool:
            sent.add((source, target))
            return target in hidden and (target, source) not in sent

        world.cut = cut
        world.run(120.0)
        assert pieces(world, peers) == [100], seed


@pytest.mark.finding("T8")
def test_a_forged_sender_is_no_door_and_drives_out_none() -> None:
    world, peers = grown(30)
    node = peers[9]
    gone = next(iter(node.active.values()))
    world.crash(gone.address)
    world.run(60.0)
    before = dict(node.doors.lost)
    assert gone.address in before
    for i in range(20):
        forged = wire.CODEC.encode(wire.Join(7 + i, 20_000 + i))
        node.receive(forged, address_of(7000 + i), world.now)
        world.flush(node.own.address)
    world.run(60.0)
    assert all(ident < 20_000 for ident in node.active)
    assert gone.address in node.doors.lost
    assert not {address_of(7000 + i) for i in range(20)} & set(node.doors.lost)


@pytest.mark.finding("T4")
def test_islands_without_a_door_in_common_stay_apart() -> None:
    """The limit that `p2plib.machine.doors` states."""
    world: Crowd[HyParView] = Crowd(random.Random(1))
    peers = [peer(world, i) for i in range(10)]
    for i, node in enumerate(peers):
        if i not in (0, 8):
            world.call(node.own.address, "join", [address_of(0 if i < 8 else 8)])
    world.run(600.0)
    assert sorted(pieces(world, peers)) == [2, 8]
    world.call(peers[9].own.address, "join", [address_of(3)])
    world.run(60.0)
    assert pieces(world, peers) == [10]
