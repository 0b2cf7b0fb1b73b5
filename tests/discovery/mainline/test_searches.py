"""Searches: what they report, whom they ask, and what liars on the way can do to them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.items import checked_immutable, sign_item
from p2plib.discovery.mainline.messages import GetPeersQuery, KrpcResponse
from p2plib.discovery.mainline.parts import DhtItemDone, DhtPeers, DhtPeersDone, DhtSettings, DhtStored
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.parts import Crowded
from p2plib.topology.kademlia.table import NO_LIMITS
from tests.discovery.mainline.hostile import Liar, endless, join_as
from tests.discovery.mainline.network import World, said
from tests.discovery.mainline.test_machine import FREE, KEY, answer_all, meet, node, other

MAX_QUERIES = 8 * 4 + (3 + 9 + 27) * 8 * 2  # of one path, if the fakes look like a crowd to the very end
SOME = random.Random(8)


@pytest.mark.fault("F075")
@pytest.mark.parametrize("paths", [1, 4])
def test_a_chain_of_ever_nearer_fakes_comes_to_an_end(paths: int) -> None:
    """A fifth of the nodes are liars that name fakes, all of which answer with nearer fakes."""
    settings = DhtSettings(limits=NO_LIMITS, enforces_ids=False, paths=paths)
    world, found = World(60, settings), 0
    world.outcome(3, DhtStored, "announce", KEY, 7000)
    fakes = endless(world)
    rng = random.Random(4)
    holders = {address_of(n) for n, node in enumerate(world.nodes) if len(node.answers.peers)}
    for number in rng.sample([n for n in range(60) if address_of(n) not in holders], 12):
        fakes[address_of(number)] = Liar(world.nodes[number].own_id, fakes.nearer)
    askers = [n for n in range(60) if not isinstance(fakes[address_of(n)], Liar)][:3]
    for number in askers:
        done = world.outcome(number, DhtPeersDone, "get_peers", KEY)
        assert done.queries <= paths * MAX_QUERIES
        found += done.peers
    assert fakes.invented > 0
    assert found == len(askers)  # a path asks its own honest contacts, too


def crowded_world(peers: tuple[tuple[str, int], ...] = ()) -> World:
    """120 honest nodes, which know how many they are, and 20 Sybils nearest to the key."""
    world = World(120, DhtSettings(limits=NO_LIMITS, enforces_ids=False))
    for number in (1, 2):
        for _ in range(6):
            world.call(number, "find", SOME.getrandbits(160))
    world.crowd.run(30)
    sybils = [Contact(KEY ^ (number + 1), (f"98.0.{number}.1", 4000)) for number in range(20)]
    for ident, address in sybils:
        join_as(world, Liar(ident, lambda target: sybils[:8], peers=peers), address)
    return world


@pytest.mark.fault("F076")
def test_a_crowd_round_a_key_is_noticed_and_does_not_hide_it() -> None:
    world = crowded_world()
    stored = world.outcome(1, DhtStored, "announce", KEY, 7000)
    assert world.told(1, Crowded)
    assert stored.asked > 20
    honest = [node for node in world.nodes if len(node.answers.peers)]
    assert len(honest) >= 8
    done = world.outcome(2, DhtPeersDone, "get_peers", KEY)
    assert done.peers == 1
    assert world.told(2, Crowded)


@pytest.mark.fault("F076")
def test_a_crowd_that_names_false_peers_does_not_hide_the_true_one() -> None:
    world = crowded_world(peers=(("97.1.1.1", 5000),))
    world.outcome(1, DhtStored, "announce", KEY, 7000)
    done = world.outcome(2, DhtPeersDone, "get_peers", KEY)
    peers = {p for e in world.told(2, DhtPeers) if e.number == done.number for p in e.peers}
    assert peers == {("97.1.1.1", 5000), (address_of(1)[0], 7000)}


@pytest.mark.fault("F078")
def test_a_value_that_is_not_the_one_is_dropped_and_so_is_its_sender() -> None:
    machine, liar, honest = node(), other(3), other(4)
    item = checked_immutable(b"true")
    target = int.from_bytes(item.target, "big")
    meet(machine, liar)
    meet(machine, honest)
    machine.get(target, 1.0)
    answer_all(machine, [liar], 1.1, nodes=(), value=b"false")
    assert machine.table.find(liar.id) is None
    assert machine.ignored == {"an item that is none": 1}
    machine.get(target, 2.0)
    answer_all(machine, [honest], 2.1, nodes=(), value=b"true")
    done = [event for event in machine.events() if isinstance(event, DhtItemDone)][-1]
    assert done.item == item


def test_a_forged_version_of_a_mutable_item_loses() -> None:
    machine, liar, honest = node(), other(3), other(4)
    secret = SecretKey.from_seed(bytes(32))
    true, forged = sign_item(secret, b"true", 4), sign_item(secret, b"old", 9)
    target = int.from_bytes(true.target, "big")
    meet(machine, liar)
    meet(machine, honest)
    machine.get(target, 1.0)
    key = secret.public.raw
    for message, address in said(machine):
        is_true = address == honest.address
        item, ident = (true, honest.id) if is_true else (forged, liar.id)
        response = KrpcResponse(
            message.transaction, ident, value=item.value if is_true else b"forged", key=key, seq=item.seq
        )
        response.signature, response.nodes = item.signature, ()
        machine.receive(krpc.encode(response), address, 1.1)
    done = [event for event in machine.events() if isinstance(event, DhtItemDone)][-1]
    assert done.item == true
    assert machine.table.find(liar.id) is None


def test_the_newest_of_several_versions_counts() -> None:
    machine, nodes = node(), [other(3), other(4), other(5)]
    secret = SecretKey.from_seed(bytes(32))
    versions = [sign_item(secret, b"version %d" % seq, seq) for seq in (2, 3, 1)]
    for contact in nodes:
        meet(machine, contact)
    machine.get(int.from_bytes(versions[0].target, "big"), 1.0)
    for message, address in said(machine):
        at = [contact.address for contact in nodes].index(address)
        version: Any = versions[at]
        response = KrpcResponse(message.transaction, nodes[at].id, value=version.value, seq=version.seq)
        response.key, response.signature, response.nodes = version.public_key, version.signature, ()
        machine.receive(krpc.encode(response), address, 1.1)
    (done,) = [event for event in machine.events() if isinstance(event, DhtItemDone)]
    assert done.item == versions[1]


def test_peers_are_named_once_and_only_where_peers_can_be() -> None:
    machine, ana, ben = node(), other(3), other(4)
    meet(machine, ana)
    meet(machine, ben)
    machine.get_peers(KEY, 1.0)
    true = ("16.7.7.1", 7000)
    lies = (("127.0.0.1", 7000), ("10.0.0.1", 7000), ("224.0.0.1", 7000), ("16.7.7.1", 22))
    answer_all(machine, [ana, ben], 1.1, nodes=(), peers=(true, *lies), token=b"x")
    events = machine.events()
    assert [e for e in events if isinstance(e, DhtPeers)] == [DhtPeers(1, KEY, (true,), ana.address)] or [
        e for e in events if isinstance(e, DhtPeers)
    ] == [DhtPeers(1, KEY, (true,), ben.address)]
    assert events[-1] == DhtPeersDone(1, KEY, 1, 2, 0)
    assert machine.ignored == {"address of no peer": 8}


def test_what_is_kept_here_is_found_at_once() -> None:
    machine = node()
    machine.answers.peers.announce(KEY.to_bytes(20, "big"), ("16.7.7.1", 7000), 0.0)
    number = machine.get_peers(KEY, 1.0)
    assert machine.events() == [
        DhtPeers(number, KEY, (("16.7.7.1", 7000),), None),
        DhtPeersDone(number, KEY, 1, 0, 0),
    ]


def test_a_search_that_was_stopped_asks_nobody_else() -> None:
    machine, ana = node(FREE), other(3)
    meet(machine, ana)
    number = machine.get_peers(KEY, 1.0)
    machine.stop(number)
    answer_all(machine, [ana], 1.1, nodes=(other(5),))
    assert not said(machine)
    assert not machine.events()


def test_a_node_that_did_not_answer_is_asked_once_more_before_something_is_stored() -> None:
    machine, nodes = node(), [other(3), other(4), other(5)]
    for contact in nodes:
        meet(machine, contact)
    machine.announce(KEY, 7000, 1.0)
    silent, asked, now = nodes[2], 0, 1.0
    for _ in range(12):
        for query, address in said(machine):
            asked += address == silent.address and isinstance(query, GetPeersQuery)
            at = [contact.address for contact in nodes].index(address)
            if address != silent.address:
                response = KrpcResponse(query.transaction, nodes[at].id, nodes=(), token=b"t")
                machine.receive(krpc.encode(response), address, now + 0.1)
        now = machine.timer() or now
        if now > 60:
            break
        machine.on_timer(now)
    assert asked == 2
    (done,) = [event for event in machine.events() if isinstance(event, DhtStored)]
    assert (done.copies, done.asked) == (2, 2)


def test_only_lookups_for_keys_go_over_several_paths() -> None:
    settings = DhtSettings(limits=NO_LIMITS, enforces_ids=False, paths=4, alpha=1)
    machine = node(settings)
    for number in range(3, 12):
        meet(machine, other(number))
    machine.get_peers(KEY, 1.0)
    assert len(said(machine)) == 4
    machine.find(KEY, 1.0)
    assert len(said(machine)) == 1
