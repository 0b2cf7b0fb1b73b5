"""Meshes: joining through one member or two, the cap, twins, the dead, and links that are dead one way."""

from __future__ import annotations

import random

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.mesh import (
    Entered,
    Gone,
    JoinRejected,
    LinkBack,
    LinkLost,
    Mesh,
    NoAnswer,
    links,
)
from p2plib.topology.mesh import messages as wire


def member(world: Crowd[Mesh], number: int, ident: int | None = None, **how: int) -> Mesh:
    contact = Contact(1000 + number if ident is None else ident, address_of(number))
    made = Mesh(contact, random.Random(number), now=world.now, **how)  # type: ignore[arg-type]
    world.add(made, contact.address)
    return made


def meshed(n: int, seed: int = 1, **how: int) -> tuple[Crowd[Mesh], list[Mesh]]:
    world = Crowd(random.Random(seed))
    members = [member(world, i, **how) for i in range(n)]
    for i in range(1, n):
        members[i].join([address_of(0)], world.now)
        world.flush(address_of(i))
        world.run(0.2)
    world.run(60.0)
    return world, members


def whole(members: list[Mesh]) -> bool:
    everybody = {mesh.own.id for mesh in members}
    return all({mesh.own.id, *mesh.members} == everybody for mesh in members)


def told(world: Crowd[Mesh], n: int, kind: type) -> list[object]:
    return [event for i in range(n) for event in world.heard(address_of(i), kind)]


def test_everybody_gets_a_link_to_everybody() -> None:
    world, members = meshed(30)
    assert whole(members)
    assert sum(len(mesh.members) for mesh in members) == 2 * links(30) == 870
    assert len({mesh.digest for mesh in members}) == 1
    assert len(told(world, 30, Entered)) == 870
    assert not told(world, 30, Gone)


def test_what_a_mesh_costs() -> None:
    """Each link carries a ping and a pong from each end in ten seconds."""
    world, _ = meshed(12)
    before = sum(world.sent.values())
    world.run(100.0)
    assert sum(world.sent.values()) - before == pytest.approx(10 * 4 * links(12), rel=0.1)


def test_two_meshes_become_one_when_somebody_knows_both() -> None:
    world = Crowd(random.Random(1))
    members = [member(world, i) for i in range(20)]
    for i in range(1, 20):
        if i != 10:
            members[i].join([address_of(0 if i < 10 else 10)], world.now)
            world.flush(address_of(i))
    world.run(30.0)
    assert whole(members[:10])
    assert whole(members[10:])
    members[3].join([address_of(15)], world.now)
    world.flush(address_of(3))
    world.run(40.0)
    assert whole(members)


@pytest.mark.fault("F106")
def test_a_mesh_asked_to_grow_to_ten_thousand_refuses_past_its_cap() -> None:
    world = Crowd(random.Random(1))
    members = [member(world, i, cap=20) for i in range(20)]
    for i in range(1, 20):
        members[i].join([address_of(i // 2)], world.now)
        world.flush(address_of(i))
    world.run(60.0)
    assert whole(members)
    bootstrap = members[0]
    for i in range(10_000):
        hello = wire.CODEC.encode(wire.Hello(i + 1, 5000 + i))
        bootstrap.receive(hello, address_of(100 + i), world.now)
        ((reply, _),) = bootstrap.to_send()
        assert wire.CODEC.decode(reply) == wire.Refused(i + 1, bootstrap.own.id, wire.FULL)
    assert len(bootstrap.members) == 19
    late = member(world, 50, cap=20)
    late.join([address_of(4)], world.now)
    world.flush(address_of(50))
    world.run(60.0)
    assert world.heard(address_of(50), JoinRejected) == [JoinRejected(address_of(4), wire.FULL)]
    assert all(len(mesh.members) == 19 for mesh in members)
    with pytest.raises(UsageError, match="2 to 1000"):
        Mesh(bootstrap.own, random.Random(1), cap=10_000)


@pytest.mark.fault("F106")
def test_two_at_the_last_place() -> None:
    """Both are welcomed by different members; nobody grows past the cap."""
    world = Crowd(random.Random(1))
    members = [member(world, i, cap=6) for i in range(7)]
    for i in range(1, 5):
        members[i].join([address_of(0)], world.now)
        world.flush(address_of(i))
    world.run(30.0)
    for i, bootstrap in ((5, 0), (6, 4)):
        members[i].join([address_of(bootstrap)], world.now)
        world.flush(address_of(i))
    world.run(120.0)
    assert all(len(mesh.members) <= 5 for mesh in members)


@pytest.mark.fault("F099")
def test_the_second_with_an_id_is_refused() -> None:
    world, members = meshed(5)
    twin = member(world, 70, ident=members[3].own.id)
    twin.join([address_of(0)], world.now)
    world.flush(address_of(70))
    world.run(60.0)
    assert world.heard(address_of(70), JoinRejected) == [JoinRejected(address_of(0), wire.ID_TAKEN)]
    assert whole(members)


def test_the_dead_are_gone_for_everybody_and_nobody_else() -> None:
    world, members = meshed(12)
    world.crash(address_of(4))
    world.crash(address_of(7))
    world.run(60.0)
    left = [mesh for i, mesh in enumerate(members) if i not in (4, 7)]
    assert whole(left)
    assert len(told(world, 12, Gone)) == 2 * 10
    assert not told(world, 12, LinkLost)


@pytest.mark.fault("F096")
def test_a_line_that_is_dead_one_way_is_told_once_and_nobody_is_thrown_out() -> None:
    world, members = meshed(8)
    here, other = address_of(2), address_of(5)
    world.cut = lambda source, target: (source, target) == (here, other)
    world.run(600.0)
    assert not told(world, 8, Gone)
    assert whole(members)
    assert told(world, 8, LinkLost) == [LinkLost(members[5].own), LinkLost(members[2].own)]
    world.cut = lambda source, target: False
    world.run(60.0)
    assert told(world, 8, LinkBack) == [LinkBack(members[5].own), LinkBack(members[2].own)]


@pytest.mark.fault("F095")
def test_two_halves_cut_apart_are_two_meshes_and_join_again_through_one_member() -> None:
    world, members = meshed(10)
    side = {address_of(i): i % 2 for i in range(10)}
    world.cut = lambda source, target: side[source] != side[target]
    world.run(120.0)
    assert whole(members[0::2])
    assert whole(members[1::2])
    world.cut = lambda source, target: False
    members[2].join([address_of(1)], world.now)
    world.flush(address_of(2))
    world.run(60.0)
    assert whole(members)


def test_goodbye() -> None:
    world, members = meshed(6)
    members[2].leave(world.now)
    world.flush(address_of(2))
    world.run(0.2)
    assert all(members[2].own.id not in mesh.members for mesh in members)
    world.run(60.0)
    assert members[2].timer() is None
    assert whole([mesh for i, mesh in enumerate(members) if i != 2])


def test_nobody_at_the_bootstrap_address() -> None:
    world = Crowd(random.Random(1))
    alone = member(world, 0)
    alone.join([address_of(9)], world.now)
    world.flush(address_of(0))
    world.run(60.0)
    assert world.heard(address_of(0), NoAnswer) == [NoAnswer(address_of(9))]


@pytest.mark.fault("F070")
def test_strangers_and_forgers() -> None:
    world, members = meshed(3)
    own, thief = members[0], ("203.0.113.1", 1)
    for message in (
        wire.Who(1, 5, 0),
        wire.Ping(1, 1001),
        wire.Goodbye(1, 1001),
        wire.Probe(1, 1001, 1002),
    ):
        own.receive(wire.CODEC.encode(message), thief, world.now)
        ((reply, _),) = own.to_send()
        assert wire.CODEC.decode(reply) == wire.Refused(1, own.own.id, wire.STRANGER)
    own.receive(wire.CODEC.encode(wire.Welcome(1, 5)), thief, world.now)
    own.receive(b"\x03\x02", thief, world.now)
    assert own.ignored["unexpected response"] == own.ignored["malformed"] == 1
    assert whole(members)


def test_a_member_that_was_started_again_under_another_id() -> None:
    world, members = meshed(5)
    world.crash(address_of(3))
    again = member(world, 3, ident=77)
    again.join([address_of(0)], world.now)
    world.flush(address_of(3))
    world.run(60.0)
    assert whole([*members[:3], again, members[4]])


def test_a_member_that_left_is_not_drawn_in_again_by_one_that_did_not_hear_its_goodbye() -> None:
    world, members = meshed(4)
    members[2].leave(world.now)
    members[2].to_send()  # all of them are lost
    world.run(60.0)
    assert members[2].members == {}
    assert all(members[2].own.id not in mesh.members for mesh in members)


def test_an_address_that_answered_nonsense_can_be_greeted_again() -> None:
    world = Crowd(random.Random(1))
    own, other = member(world, 0), address_of(5)
    for _ in range(2):
        own.join([other], world.now)
        ((hello, _),) = own.to_send()
        own.receive(
            wire.CODEC.encode(wire.Pong(wire.CODEC.decode(hello).transaction, 5, 0)), other, world.now
        )
    assert own.ignored["useless response"] == 2


def test_a_prober_that_is_late_says_no_only_once() -> None:
    """Of three that were asked, one is given up and says no after that: the third has still to answer."""
    own = Mesh(Contact(0, address_of(0)), random.Random(1))
    for number in range(1, 5):
        own.receive(wire.CODEC.encode(wire.Hello(number, number)), address_of(number), 0.0)
    own.to_send()
    own._suspect(own.members[1], 0.0)
    probes = [(wire.CODEC.decode(data), address) for data, address in own.to_send()]
    given_up = own.requests._awaited[probes[0][0].transaction]
    own._not_answered(given_up.purpose, given_up.address, 9.0)  # type: ignore[arg-type]
    for probe, address in probes:
        assert 1 in own.members
        no = wire.Probed(probe.transaction, 9, 0)
        own.receive(wire.CODEC.encode(no), address, 9.1)
    assert 1 not in own.members


@pytest.mark.finding("T3")
def test_a_member_restarted_on_another_port_is_back_within_seconds() -> None:
    world, members = meshed(8)
    world.crash(address_of(3))
    again = member(world, 700, ident=1003)
    began = world.now
    again.join([address_of(0)], world.now, within_s=30.0)
    world.flush(address_of(700))
    world.run(60.0, until=lambda: bool(again.members))
    assert world.now - began < 15.0
    world.run(60.0)
    members[3] = again
    assert whole(members)


@pytest.mark.finding("T4")
def test_a_mesh_that_fell_apart_becomes_one_again() -> None:
    world, members = meshed(10)
    world.cut = lambda source, target: (source < address_of(5)) != (target < address_of(5))
    world.run(120.0)
    assert whole(members[:5])
    assert whole(members[5:])
    world.crash(address_of(0))  # their bootstrap
    world.cut = lambda source, target: False
    world.run(300.0)
    assert whole(members[1:])


@pytest.mark.finding("T8")
def test_nothing_is_sent_to_an_address_that_a_member_may_not_name() -> None:
    world, members = meshed(4)
    node, near = members[0], members[1]
    lies = tuple(
        Contact(5000 + i, (host, port))
        for i, (host, port) in enumerate(
            [("127.0.0.1", 4000), ("224.0.0.1", 4000), ("10.1.1.1", 4000), ("16.0.9.1", 53)]
        )
    )
    node.to_send()
    node._compare(near.own, 0, world.now)
    ((data, to),) = node.to_send()
    who = wire.CODEC.decode(data)
    node.receive(wire.CODEC.encode(wire.Members(who.transaction, near.own.id, 4, lies)), to, world.now)
    for lie in lies:
        node.receive(wire.CODEC.encode(wire.Hello(9, lie.id)), lie.address, world.now)
    assert not {to for _, to in node.to_send()} & {lie.address for lie in lies}
    assert node.ignored["address of no peer"] == 8


def test_a_member_that_left_does_nothing_more() -> None:
    world, _ = meshed(5)
    world.cut = lambda source, target: target == address_of(2)
    world.run(11.0)
    world.call(address_of(2), "leave")
    said = world.sent[address_of(2)]
    world.run(60.0)
    assert world.sent[address_of(2)] == said


@pytest.mark.finding("T2")
def test_a_join_has_an_end_where_a_hello_to_that_door_was_under_way() -> None:
    world: Crowd[Mesh] = Crowd(random.Random(1))
    alone = member(world, 0)
    alone.doors.given([address_of(5)])
    alone._ask_outside(world.now)
    alone.join([address_of(5)], world.now)
    world.flush(address_of(0))
    world.run(60.0)
    assert world.heard(address_of(0), NoAnswer) == [NoAnswer(address_of(5))]


def test_a_member_with_many_bootstrap_addresses_asks_as_soon_again_as_one_with_one() -> None:
    def hellos(n: int) -> int:
        world: Crowd[Mesh] = Crowd(random.Random(1))
        alone = member(world, 0, door_s=1000)
        asked: list[object] = []

        def cut(source: object, target: object) -> bool:
            asked.append(target)
            return False

        world.cut = cut
        alone.join([address_of(5 + i) for i in range(n)], world.now, 30.0)
        world.flush(address_of(0))
        world.run(60.0)
        assert len(world.heard(address_of(0), NoAnswer)) >= n
        return asked.count(address_of(5))

    assert hellos(1) > 10
    assert hellos(12) >= hellos(1)


@pytest.mark.finding("T8")
def test_a_forged_hello_makes_no_door() -> None:
    world, members = meshed(5)
    world.crash(address_of(4))
    world.run(60.0)
    assert list(members[0].doors.lost) == [address_of(4)]
    for i in range(20):
        members[0].receive(wire.CODEC.encode(wire.Hello(7 + i, 20_000 + i)), address_of(70 + i), world.now)
        world.flush(address_of(0))
    world.run(120.0)
    assert len(members[0].members) == 3
    assert list(members[0].doors.lost) == [address_of(4)]
