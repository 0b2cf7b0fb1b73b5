"""Rings: joining, leaving, restarting, twins, forgers, and losses."""

from __future__ import annotations

import bisect
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.ring import messages as wire
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import (
    FindDone,
    IdTaken,
    Joined,
    JoinFailed,
    Left,
    Lost,
    RingInconsistent,
    RingSettings,
)
from p2plib.topology.ring.space import Shape
from tests.topology.ring.network import SMALL, finds, form, founded, grown, is_perfect, living, peer


@pytest.mark.parametrize("kind", [Ring, Chord])
def test_a_ring_that_grew_from_one_is_perfect(kind: type[Ring]) -> None:
    world, peers = grown(40, kind)
    assert is_perfect(world, peers)
    assert all(len(world.heard(address_of(i), Joined)) == 1 for i in range(1, 40))
    assert not [e for i in range(40) for e in world.heard(address_of(i), RingInconsistent)]
    assert all(right for _, right in finds(world, peers, 40))


def test_two_are_a_ring_and_one_is_too() -> None:
    world, peers = grown(2)
    assert is_perfect(world, peers)
    world.crash(address_of(0))
    world.run(120.0)
    assert peers[1].successors == []
    assert world.heard(address_of(1), Lost) == [Lost()]
    number = peers[1].find(5, world.now)
    world.flush(address_of(1))
    (done,) = [e for e in world.heard(address_of(1), FindDone) if e.number == number]
    assert (done.owners, done.hops) == ((peers[1].own,), 0)


@pytest.mark.fault("F098")
def test_the_joiner_of_the_paper_that_lost_its_only_successor() -> None:
    """Zave 2012: who joins knowing one successor is lost when that one dies before stabilising."""
    world, peers = founded([10, 20, 30, 40, 50])
    world.run(60.0)
    joiner = peer(world, 9, 25, Ring)
    peers.append(joiner)
    joiner.join([address_of(0)], world.now)
    world.flush(address_of(9))
    world.run(0.5, until=lambda: joiner.member)
    assert [contact.id for contact in joiner.successors] == [30, 40, 50, 10]  # whole, before anything else
    world.crash(address_of(2))
    world.run(120.0)
    assert is_perfect(world, peers)


@pytest.mark.fault("F099")
def test_the_second_with_an_id_is_refused() -> None:
    world, peers = grown(12)
    for bootstrap in (0, 5):  # the holder itself, and somebody else
        number = 90 + bootstrap
        twin = peer(world, number, peers[0].own.id)
        twin.join([address_of(bootstrap)], world.now)
        world.flush(address_of(number))
        world.run(60.0)
        assert world.heard(address_of(number), IdTaken)
        assert not twin.member
    assert is_perfect(world, peers)


def test_leaving_tells_the_neighbours() -> None:
    world, peers = grown(12)
    alive = living(world, peers)
    leaver, before, after = alive[5], alive[4], alive[6]
    leaver.leave(world.now)
    world.flush(leaver.own.address)
    world.run(1.0)
    assert before.successors[0] == after.own
    assert after.predecessor == before.own
    assert world.heard(leaver.own.address, Left) == [Left()]
    world.run(120.0)
    assert leaver.timer() is None
    world.crash(leaver.own.address)
    assert is_perfect(world, peers)


def test_leaving_where_everybody_keeps_one_successor() -> None:
    """The list has no room for who leaves and who follows: the second takes the place of the first."""
    world, peers = founded([10, 20, 30, 40], settings=RingSettings(bits=8, r=1))
    world.run(35.0)
    peers[1].leave(world.now)
    world.flush(peers[1].own.address)
    world.run(0.2)
    assert peers[0].successors == [peers[2].own]
    world.run(1.0)
    world.crash(peers[1].own.address)
    assert not world.heard(peers[0].own.address, Lost)
    peers[2].leave(world.now)
    world.flush(peers[2].own.address)
    world.run(1.0)
    world.crash(peers[2].own.address)
    peers[0].leave(world.now)
    world.flush(peers[0].own.address)
    world.run(1.0)
    assert peers[3].successors == []  # the other of two: nobody follows
    assert world.heard(peers[3].own.address, Lost)


def test_a_restarted_peer_takes_its_own_place() -> None:
    world, peers = grown(8)
    world.crash(address_of(3))
    peers[3] = peer(world, 3, peers[3].own.id)
    peers[3].join([address_of(0)], world.now)
    world.flush(address_of(3))
    world.run(200.0)
    assert is_perfect(world, peers)


@pytest.mark.finding("T3")
def test_a_peer_restarted_on_another_port_is_back_within_seconds() -> None:
    world, peers = grown(20)
    old = peers[7]
    world.crash(old.own.address)
    again = peer(world, 700, old.own.id)
    began = world.now
    again.join([address_of(0)], world.now, within_s=30.0)
    world.flush(again.own.address)
    world.run(60.0, until=lambda: again.member)
    assert again.member
    assert world.now - began < 15.0
    world.run(120.0)
    peers[7] = again
    assert is_perfect(world, peers)


@pytest.mark.finding("T3")
@pytest.mark.fault("F099")
def test_whoever_claims_an_id_makes_its_holder_be_asked_once_in_ten_seconds_and_no_more() -> None:
    world, peers = grown(10)
    alive = living(world, peers)
    node, holder, thief = alive[3], alive[4].own, Contact(alive[4].own.id, address_of(800))
    node.to_send()
    asked = []
    for second in range(31):
        step = wire.CODEC.encode(wire.Step(1 + second, thief.id, thief.id))
        node.receive(step, thief.address, world.now + second)
        asked += [to for data, to in node.to_send() if isinstance(wire.CODEC.decode(data), wire.Ping)]
    assert asked == 4 * [holder.address]


@pytest.mark.finding("T8")
def test_contacts_that_a_peer_may_not_name_lead_nowhere() -> None:
    world, peers = grown(10)
    node = living(world, peers)[3]
    first = node.successors[0]
    lies = [
        Contact((node.own.id + 1 + i) % node.size, (host, port))
        for i, (host, port) in enumerate(
            [("127.0.0.1", 4000), ("255.255.255.255", 4000), ("10.1.1.1", 4000), ("16.0.9.1", 53)]
        )
    ]
    number = node.find((first.id - 1) % node.size if first.id - 1 == node.own.id else first.id + 1, world.now)
    assert number
    for data, to in node.to_send():
        request = wire.CODEC.decode(data)
        named = wire.Nearer(request.transaction, request.sender, tuple(lies), tuple(lies))
        named.sender = next(one.own.id for one in peers if one.own.address == to)
        node.receive(wire.CODEC.encode(named), to, world.now)
    for lie in lies:
        node.receive(wire.CODEC.encode(wire.Notify(9, lie.id)), lie.address, world.now)
    sent = {to for _, to in node.to_send()}
    assert not sent & {lie.address for lie in lies}
    assert node.ignored["address of no peer"] >= 4


def test_with_a_tenth_of_all_datagrams_lost() -> None:
    world, peers = grown(30, seed=4, loss=0.1)
    world.run(300.0)
    assert form(world, peers) is Shape.RIGHT
    done = finds(world, peers, 40)
    assert sum(right for _, right in done) >= 38


def test_bootstrap_addresses_that_lead_nowhere() -> None:
    world = Crowd(random.Random(1))
    alone = peer(world, 0, 5)
    alone.join([address_of(7), address_of(8)], 0.0)
    world.flush(address_of(0))
    world.run(60.0)
    assert world.heard(address_of(0), JoinFailed) == [JoinFailed()]
    with pytest.raises(UsageError, match="only a member"):
        alone.find(5, 0.0)
    with pytest.raises(UsageError, match="at least one bootstrap address"):
        alone.join([], 0.0)
    with pytest.raises(UsageError, match="an id is"):
        Ring(Contact(1 << 32, address_of(1)), random.Random(1), settings=SMALL)


@pytest.mark.fault("F070", "F075")
def test_forgers_and_liars() -> None:
    world, peers = grown(6)
    own, thief = peers[0], ("203.0.113.1", 1)
    for message in (wire.Owner(1, 5, ()), wire.Pong(1, 5), wire.NeighboursAre(1, 5, (), ())):
        own.receive(wire.CODEC.encode(message), thief, world.now)
    own.receive(b"\x02\x01", thief, world.now)
    assert own.ignored == {"unexpected response": 3, "malformed": 1}
    own.to_send()
    before = own.predecessor
    own.receive(wire.CODEC.encode(wire.Notify(9, own.own.id - 1)), thief, world.now)
    assert own.predecessor == before  # it is asked first whether it is there
    own.receive(wire.CODEC.encode(wire.Leaving(9, before.id, (), ())), thief, world.now)  # type: ignore[union-attr]
    assert own.predecessor == before


@given(st.lists(st.integers(0, 255), min_size=1, max_size=12, unique=True), st.integers(0, 255))
def test_a_founded_ring_is_right_whatever_the_ids(idents: list[int], key: int) -> None:
    world, peers = founded(idents, settings=RingSettings(bits=8, r=4))
    world.run(40.0)
    assert is_perfect(world, peers)
    number = peers[0].find(key, world.now)
    world.flush(address_of(0))
    world.run(10.0)
    (done,) = [e for e in world.heard(address_of(0), FindDone) if e.number == number]
    ordered = sorted(idents)
    assert done.owners[0].id == ordered[bisect.bisect_left(ordered, key) % len(ordered)]


def test_a_peer_that_left_does_nothing_more_though_a_request_was_under_way() -> None:
    """Its first successor is dead, and it has just asked it."""
    world, peers = founded([10, 20, 30, 40])
    world.run(60.0)
    world.crash(address_of(1))
    world.run(30.0, until=lambda: any(peers[0].requests._awaited))
    peers[0].leave(world.now)
    world.flush(address_of(0))
    world.run(30.0)
    assert peers[0].timer() is None
    assert not world.heard(address_of(0), Lost)


def test_a_peer_that_leaves_while_it_joins_does_not_enter() -> None:
    world, peers = founded([10, 20, 30, 40])
    peers.append(peer(world, 9, 25, Ring))
    peers[4].join([address_of(0)], world.now)
    peers[4].leave(world.now)
    world.flush(address_of(9))
    world.run(60.0)
    assert not peers[4].member
    assert world.heard(address_of(9), JoinFailed) == [JoinFailed()]
    assert not world.heard(address_of(9), Joined)


@pytest.mark.finding("T2")
def test_a_join_that_nobody_waits_for_any_more_does_not_end_the_next() -> None:
    world, _ = grown(3)
    late = peer(world, 9, 12345)
    late.join([address_of(77)], world.now)  # nobody is there
    world.flush(address_of(9))
    world.run(5.0)
    late.join([address_of(78), address_of(0)], world.now)
    world.flush(address_of(9))
    world.run(60.0)
    assert late.member
    assert not world.heard(address_of(9), JoinFailed)
