"""The machine: what it answers, what it believes, whom it keeps. The faults of a DHT, one after the other."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.items import checked_immutable, sign_item
from p2plib.discovery.mainline.machine import Mainline
from p2plib.discovery.mainline.messages import (
    WANT_IPV4,
    WANT_IPV6,
    AnnounceQuery,
    FindNodeQuery,
    GetPeersQuery,
    KrpcError,
    KrpcResponse,
    PingQuery,
    SampleQuery,
    UnknownQuery,
)
from p2plib.discovery.mainline.node_id import is_of, node_id_for
from p2plib.discovery.mainline.parts import (
    DhtItemDone,
    DhtPeers,
    DhtPeersDone,
    DhtSamples,
    DhtSettings,
    DhtStored,
    MovedOutside,
    OtherFamily,
)
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address, Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.parts import FindDone, JoinFailed
from p2plib.topology.kademlia.table import NO_LIMITS, STRICT
from tests.discovery.mainline.network import World, said

KEY = random.Random(5).getrandbits(160)
HERE: Address = ("198.51.100.9", 6881)
FREE = DhtSettings(limits=NO_LIMITS, enforces_ids=False)


def node(settings: DhtSettings = FREE, own_id: int = 1, address: Address = HERE) -> Mainline:
    return Mainline(own_id, random.Random(1), settings=settings, address=address)


def other(number: int) -> Contact:
    """A contact in a /24 of its own."""
    return Contact(number << 150, (f"16.{number >> 8}.{number & 255}.1", 4000))


def meet(machine: Mainline, contact: Contact, now: float = 0.0) -> None:
    """Has a contact ask, be asked whether it is there, and answer."""
    machine.receive(krpc.encode(PingQuery(b"aa", contact.id)), contact.address, now)
    answer_all(machine, [contact], now)


def answer_all(machine: Mainline, alive: list[Contact], now: float, **more: Any) -> int:
    """Answers each query to one of these contacts; returns how many queries there were."""
    at, count = {contact.address: contact for contact in alive}, 0
    for message, address in said(machine):
        if isinstance(message, KrpcResponse | KrpcError):
            continue
        count += 1
        if address in at:
            response = KrpcResponse(message.transaction, at[address].id, **more)
            machine.receive(krpc.encode(response), address, now)
    return count


def ask(machine: Mainline, query: Any, address: Address, now: float = 0.0) -> Any:
    """What a machine answers to a query."""
    machine.to_send()
    machine.receive(krpc.encode(query), address, now)
    answers = [m for m, to in said(machine) if isinstance(m, KrpcResponse | KrpcError) and to == address]
    return answers[0] if answers else None


# A network -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    return World(60)


def test_what_is_announced_is_found_by_all(world: World) -> None:
    stored = world.outcome(3, DhtStored, "announce", KEY, 7000)
    assert (stored.copies, stored.asked) == (8, 8)
    nearest = sorted(world.nodes, key=lambda node: node.own_id ^ KEY)
    holders = {node.own_id for node in world.nodes if len(node.answers.peers)}
    assert holders <= {node.own_id for node in nearest[:9]}  # nine: the announcer itself may be among them
    for number in range(0, 60, 7):
        done = world.outcome(number, DhtPeersDone, "get_peers", KEY)
        found = [e for e in world.told(number, DhtPeers) if e.number == done.number]
        assert [e.peers for e in found] == [((address_of(3)[0], 7000),)]


def test_a_lookup_finds_the_nearest_nodes(world: World) -> None:
    target = random.Random(9).getrandbits(160)
    ids = sorted((node.own_id for node in world.nodes[1:]), key=lambda ident: ident ^ target)
    done = world.outcome(0, FindDone, "find", target)
    assert [contact.id for contact in done.closest] == ids[:8]
    assert 20 < world.nodes[0].density.size.estimate < 180  # it learns how many nodes there are


def test_items_are_stored_and_found(world: World) -> None:
    item = checked_immutable([b"Hello World!", 7])
    assert world.outcome(4, DhtStored, "put", item).copies == 8
    target = int.from_bytes(item.target, "big")
    assert world.outcome(40, DhtItemDone, "get", target).item == item
    secret = SecretKey.from_seed(bytes(32))
    for seq in (1, 2):
        version = sign_item(secret, b"version %d" % seq, seq, b"news")
        assert world.outcome(5, DhtStored, "put", version).copies == 8
    target, asker = int.from_bytes(version.target, "big"), 42
    assert not len(world.nodes[asker].answers.items)
    found = world.outcome(asker, DhtItemDone, "get", target)
    assert found.item is None  # without its salt nobody can check it, and nobody has lied
    assert world.nodes[asker].ignored.pop("an item of another key or salt") == 8
    number = world.nodes[asker].get(target, world.crowd.now, b"news")
    world.crowd.flush(address_of(asker))
    world.crowd.run(60)
    (done,) = [e for e in world.told(asker, DhtItemDone) if e.number == number]
    assert done.item == version


def test_what_the_nodes_have_is_seen_in_samples(world: World) -> None:
    world.outcome(3, DhtStored, "announce", KEY, 7000)
    holder = next(i for i, node in enumerate(world.nodes) if len(node.answers.peers) and i != 20)
    told = world.outcome(20, DhtSamples, "sample", address_of(holder), KEY)
    assert KEY in told.samples
    assert told.contacts
    silent = world.outcome(20, DhtSamples, "sample", ("99.9.9.9", 4000), KEY)
    assert silent.samples is None
    assert silent.is_silent


def test_no_node_asks_itself_or_has_dropped_anything(world: World) -> None:
    assert all(node.table.find(node.own_id) is None for node in world.nodes)
    assert not any(node.ignored for node in world.nodes)


# F070: which responses count ------------------------------------------------------------------------------


@pytest.mark.fault("F070")
def test_a_response_counts_from_the_asked_address_with_the_awaited_transaction() -> None:
    machine, true = node(), other(3)
    machine.join([true.address], 0.0)
    ((query, address),) = said(machine)
    assert isinstance(query, FindNodeQuery)
    assert address == true.address
    good = krpc.encode(KrpcResponse(query.transaction, true.id, nodes=()))
    machine.receive(good, ("16.0.3.1", 4001), 0.1)
    machine.receive(good, ("16.0.4.1", 4000), 0.1)
    wrong = bytes(8)
    for transaction in (wrong, query.transaction[:7], query.transaction + b"x", b"aa"):
        machine.receive(krpc.encode(KrpcResponse(transaction, true.id, nodes=())), true.address, 0.1)
    assert not len(machine.table)
    assert machine.ignored == {"unexpected response": 6}
    machine.receive(good, true.address, 0.1)
    assert len(machine.table) == 1
    machine.receive(good, true.address, 0.2)  # a copy of the true one
    assert machine.ignored == {"unexpected response": 7}


@pytest.mark.fault("F070")
def test_a_malformed_error_is_ignored_and_a_true_one_is_heard() -> None:
    machine, true = node(), other(3)
    machine.join([true.address], 0.0)
    ((query, _),) = said(machine)
    machine.receive(b"d1:eli203ee1:t8:" + query.transaction + b"1:y1:ee", true.address, 0.1)
    assert machine.ignored == {"malformed": 1}
    machine.receive(krpc.encode(KrpcError(query.transaction, 202, "busy")), true.address, 0.2)
    assert machine.events() == [JoinFailed((true.address,))]
    assert not len(machine.table)  # an error does not say who sent it


def test_an_answer_under_another_id_is_of_another_node() -> None:
    machine, old, new = node(), other(3), other(5)
    meet(machine, old)
    machine.find(KEY, 1.0)
    ((query, _),) = said(machine)
    machine.receive(krpc.encode(KrpcResponse(query.transaction, new.id, nodes=())), old.address, 1.1)
    assert machine.ignored == {"another id than expected": 1}
    (done,) = machine.events()
    assert isinstance(done, FindDone)
    assert done.failures == 1
    assert machine.table.find(old.id) is None
    assert machine.table.find(new.id) is not None


# F071: who may store --------------------------------------------------------------------------------------


@pytest.mark.fault("F071")
def test_nothing_is_announced_without_a_token_of_ones_own() -> None:
    machine, ana, mallory = node(), other(3), other(4)
    tokens = {
        contact: ask(machine, GetPeersQuery(b"aa", contact.id, KEY), contact.address).token
        for contact in (ana, mallory)
    }
    assert tokens[ana] != tokens[mallory]

    def announced(token: bytes, now: float) -> Any:
        return ask(machine, AnnounceQuery(b"bb", ana.id, KEY, 7000, token), ana.address, now)

    for token in (b"", b"x" * 8, tokens[mallory]):
        refused = announced(token, 0.0)
        assert isinstance(refused, KrpcError)
        assert refused.code == 203
    assert not len(machine.answers.peers)
    assert isinstance(announced(tokens[ana], 290.0), KrpcResponse)
    found = ask(machine, GetPeersQuery(b"aa", mallory.id, KEY), mallory.address, 300.0)
    assert found.peers == ((ana.address[0], 7000),)
    assert announced(tokens[ana], 900.0).code == 203  # an old one


def test_implied_port_is_that_of_the_datagram() -> None:
    machine, ana = node(), other(3)
    token = ask(machine, GetPeersQuery(b"aa", ana.id, KEY), ana.address).token
    ask(machine, AnnounceQuery(b"bb", ana.id, KEY, 1, token, implied_port=True), ana.address)
    assert ask(machine, GetPeersQuery(b"aa", ana.id, KEY), ana.address).peers == (ana.address,)


# F072: ids that belong to addresses -----------------------------------------------------------------------


@pytest.mark.fault("F072")
def test_an_id_that_does_not_belong_to_its_address_gets_nowhere() -> None:
    machine = node(DhtSettings(limits=NO_LIMITS))
    rng = random.Random(2)
    liar = Contact(rng.getrandbits(160), ("16.0.3.1", 4000))
    honest = Contact(node_id_for("16.0.4.1", rng), ("16.0.4.1", 4000))
    assert not is_of(liar.id, liar.address[0])
    meet(machine, liar)
    meet(machine, honest)
    assert [entry.contact for entry in machine.table] == [honest]
    # One that it has asked itself is not taken in either.
    machine.join([liar.address], 1.0)
    answer_all(machine, [liar], 1.1, nodes=())
    assert [entry.contact for entry in machine.table] == [honest]
    # Nobody asks one that is only named.
    machine.find(KEY, 2.0)
    answer_all(machine, [honest], 2.1, nodes=(liar,))
    assert liar.address not in [to for _, to in said(machine)]
    # But what it asks is answered, and what it announces is kept: BEP 42 wants it so.
    token = ask(machine, GetPeersQuery(b"aa", liar.id, KEY), liar.address, 3.0).token
    ask(machine, AnnounceQuery(b"bb", liar.id, KEY, 7000, token), liar.address, 3.0)
    assert len(machine.answers.peers) == 1
    assert machine.ignored["id not of its address"] >= 4


def test_a_node_that_learns_its_address_takes_an_id_that_belongs_to_it() -> None:
    behind = "203.0.113.77"
    machine = Mainline(node_id_for("10.0.0.2", random.Random(1)), random.Random(1), address=HERE)
    rng, before = random.Random(3), machine.own_id
    voters = [
        Contact(node_id_for(host, rng), (host, 4000))
        for host in ("16.0.1.1", "16.0.2.1", "16.0.3.1", "16.0.4.1")
    ]
    for voter in voters[:3]:
        machine.receive(krpc.encode(PingQuery(b"aa", voter.id)), voter.address, 0.0)
        answer_all(machine, [voter], 0.1, observed=(behind, 6881))
    assert machine.own_id == before
    machine.receive(krpc.encode(PingQuery(b"aa", voters[3].id)), voters[3].address, 0.0)
    answer_all(machine, [voters[3]], 0.1, observed=(behind, 6881))
    assert machine.events() == [MovedOutside(behind, machine.own_id)]
    assert is_of(machine.own_id, behind)
    assert {entry.contact for entry in machine.table} >= set(voters[:3])
    queries = [m for m, _ in said(machine) if isinstance(m, FindNodeQuery)]
    assert queries
    assert all((q.sender, q.target) == (machine.own_id, machine.own_id) for q in queries)


# F073, F074: a flood of ids, and who keeps its place --------------------------------------------------------


@pytest.mark.fault("F073")
def test_a_flood_of_ids_from_one_network_gets_few_places() -> None:
    machine = node(DhtSettings(limits=STRICT, enforces_ids=False))
    rng = random.Random(6)
    for number in range(20_000):
        contact = Contact(rng.getrandbits(160), (f"198.51.77.{number % 254 + 1}", 4000 + number // 254))
        now = number * 0.01
        machine.receive(krpc.encode(PingQuery(b"aa", contact.id)), contact.address, now)
        answer_all(machine, [contact], now)
    hosts = [entry.contact.address[0] for entry in machine.table]
    assert len(hosts) <= 10
    assert len(set(hosts)) == len(hosts)
    for bucket in machine.table.buckets:
        assert len(bucket.entries) <= 2
        assert len(bucket.spares) <= 8
    assert len(machine.requests) <= 64
    assert len(machine.limits) <= 4096
    assert len(machine.timers._when) < 200


@pytest.mark.fault("F073")
def test_a_flood_of_ids_at_one_address_is_one_node() -> None:
    machine = node(DhtSettings(limits=STRICT))
    rng = random.Random(6)
    for number in range(500):
        contact = Contact(node_id_for("198.51.77.1", rng), ("198.51.77.1", 4000))
        meet(machine, contact, number * 1.0)
    assert len(machine.table) == 1


@pytest.mark.fault("F074")
def test_an_old_contact_that_answers_keeps_its_place() -> None:
    machine = node()
    old = [Contact((1 << 159) | number, (f"16.1.{number}.1", 4000)) for number in range(8)]
    for contact in old:
        meet(machine, contact)
    new = Contact((1 << 159) | 99, ("16.1.99.1", 4000))
    machine.receive(krpc.encode(PingQuery(b"aa", new.id)), new.address, 1000.0)
    pings = [(m, to) for m, to in said(machine) if isinstance(m, PingQuery)]
    assert [to for _, to in pings] == [old[0].address]  # the oldest is asked, not the newcomer
    machine.receive(krpc.encode(KrpcResponse(pings[0][0].transaction, old[0].id)), old[0].address, 1000.1)
    assert {entry.contact for entry in machine.table} == set(old)
    # The next oldest is gone: now the newcomer, asked whether it is there, has its place.
    machine.receive(krpc.encode(PingQuery(b"aa", new.id)), new.address, 1001.0)
    for _ in range(30):
        at = machine.timer()
        assert at is not None
        machine.on_timer(at)
        answer_all(machine, [new], at)
        if machine.table.find(new.id):
            break
    kept = {entry.contact for entry in machine.table}
    assert new in kept
    assert len(kept & set(old)) == 7


def test_the_sender_of_a_query_is_asked_before_it_is_in_the_table() -> None:
    machine, ana = node(), other(3)
    assert isinstance(ask(machine, PingQuery(b"aa", ana.id), ana.address), KrpcResponse)
    assert not len(machine.table)


# F079 and BEP 43 --------------------------------------------------------------------------------------------


@pytest.mark.fault("F079")
def test_a_forged_address_gets_few_bytes() -> None:
    machine = node()
    for number in range(1, 40):
        meet(machine, other(number))
    victim, sent, got = ("203.0.113.50", 5000), 0, 0
    for number in range(2000):
        query = krpc.encode(FindNodeQuery(b"aa", KEY, KEY ^ number))
        sent += len(query)
        machine.receive(query, victim, 10 + number * 0.01)
        got += sum(len(data) for data, to in machine.to_send() if to == victim)
    assert got < sent
    assert machine.ignored["too many queries"] + machine.ignored["no answer: it might amplify"] > 1000


@pytest.mark.fault("F079")
def test_wrong_queries_are_limited_like_all_others() -> None:
    machine, victim = node(), ("203.0.113.50", 5000)
    wrong = b"d1:ad2:id20:abcdefghij01234567896:target200:" + bytes(200) + b"e1:q9:find_node1:t2:aa1:y1:qe"
    for _ in range(2000):
        machine.receive(wrong, victim, 10.0)
    assert len(machine.to_send()) == 50
    assert machine.ignored == {"bad query": 2000, "too many queries": 1950}


@pytest.mark.fault("F079")
@pytest.mark.parametrize("has_answered", [False, True])
def test_a_node_that_has_answered_us_is_answered_at_length(has_answered: bool) -> None:
    machine, asker = node(), Contact(77 << 150, ("203.0.113.50", 5000))
    for number in range(1, 40):
        meet(machine, other(number))
    if has_answered:
        meet(machine, asker, 1.0)
    answers = 0
    for number in range(200):
        query = FindNodeQuery(b"aa", asker.id, KEY ^ number)
        answers += ask(machine, query, asker.address, 10 + number * 0.2) is not None
    assert (answers == 200) is has_answered


def test_a_read_only_node_answers_nobody_and_says_so() -> None:
    world = World(20)
    asker = world.add(DhtSettings(is_read_only=True))
    world.call(20, "join", [address_of(0)])
    world.crowd.run(20)
    assert ask(asker, PingQuery(b"aa", KEY), ("16.99.1.1", 4000)) is None
    assert asker.ignored == {"a query, and we are read-only": 1}
    assert all(node.table.find(asker.own_id) is None for node in world.nodes[:20])
    world.outcome(3, DhtStored, "announce", KEY, 7000)
    assert world.outcome(20, DhtPeersDone, "get_peers", KEY).peers == 1
    assert world.outcome(20, DhtStored, "announce", KEY, 7001).copies == 8  # it may announce
    assert world.outcome(4, DhtPeersDone, "get_peers", KEY).peers == 2


def test_a_contact_that_becomes_read_only_is_asked_and_then_doubted() -> None:
    machine, ana = node(), other(3)
    meet(machine, ana)
    machine.receive(krpc.encode(PingQuery(b"aa", ana.id, is_read_only=True)), ana.address, 1.0)
    assert [type(m) for m, _ in said(machine)] == [KrpcResponse, PingQuery]


# What else may be asked -------------------------------------------------------------------------------------


def test_an_unknown_query_with_a_target_is_answered_like_find_node() -> None:
    machine, ana = node(), other(3)
    meet(machine, ana)
    found = ask(machine, UnknownQuery(b"aa", KEY, b"vote", target=KEY), ("16.9.9.1", 4000))
    assert found.nodes == (ana,)
    refused = ask(machine, UnknownQuery(b"aa", KEY, b"vote"), ("16.9.9.1", 4000))
    assert refused.code == 204


def test_a_query_with_wrong_arguments_hears_why() -> None:
    machine = node()
    machine.receive(b"d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:aa1:y1:qe", ("16.9.9.1", 4000), 0.0)
    ((refused, _),) = said(machine)
    assert refused == KrpcError(
        b"aa", 203, "find_node without target", ("16.9.9.1", 4000), version=b"P2\x00\x01"
    )


def test_who_asks_is_not_among_the_answers_and_hears_its_own_address() -> None:
    machine, ana, ben = node(), other(3), other(4)
    meet(machine, ana)
    meet(machine, ben)
    found = ask(machine, FindNodeQuery(b"aa", ana.id, ana.id), ana.address)
    assert found.nodes == (ben,)
    assert found.observed == ana.address


def test_a_node_that_is_named_to_itself_does_not_ask_itself() -> None:
    machine, ana = node(), other(3)
    meet(machine, ana)
    machine.find(KEY, 1.0)
    ourselves = (Contact(machine.own_id, ("16.8.8.1", 4000)), Contact(KEY, HERE))
    answer_all(machine, [ana], 1.1, nodes=ourselves)
    assert not said(machine)
    (done,) = machine.events()
    assert isinstance(done, FindDone)
    assert done.closest == (ana,)


def test_a_stranger_with_our_own_id_is_not_believed() -> None:
    machine, twin = node(), Contact(1, ("16.8.8.1", 4000))
    machine.join([twin.address], 0.0)
    answer_all(machine, [twin], 0.1, nodes=())
    assert not len(machine.table)
    assert machine.ignored == {"our own id": 1}


def test_queries_from_where_no_peer_can_be_are_dropped() -> None:
    machine = node()
    for address in (("224.0.0.1", 4000), ("0.1.2.3", 4000), ("16.0.0.1", 53)):
        assert ask(machine, PingQuery(b"aa", KEY), address) is None
    assert machine.ignored == {"address of no peer": 3}


# IPv6, BEP 32 -----------------------------------------------------------------------------------------------


def test_each_family_has_a_table_and_names_both_to_whoever_wants_them() -> None:
    four, six = node(), node(address=("2001:db8::9", 6881))
    ana, ana6 = other(3), Contact(5 << 150, ("2001:db8:3::1", 4000))
    four.pair(six)
    six.pair(four)
    meet(four, ana)
    meet(six, ana6)
    asker: Address = ("16.9.9.1", 4000)
    both = (WANT_IPV4, WANT_IPV6)
    found = ask(four, GetPeersQuery(b"aa", KEY, KEY, both), asker)
    assert (found.nodes, found.nodes6) == ((ana,), (ana6,))
    assert ask(four, FindNodeQuery(b"aa", KEY, KEY, (WANT_IPV6,)), asker).nodes6 == (ana6,)
    assert ask(four, FindNodeQuery(b"aa", KEY, KEY), asker).nodes6 is None
    assert ask(four, SampleQuery(b"aa", KEY, KEY), asker).nodes == (ana,)
    found = ask(six, FindNodeQuery(b"aa", KEY, KEY), ("2001:db8:7::1", 4000))
    assert (found.nodes, found.nodes6) == (None, (ana6,))


def test_contacts_of_the_other_family_are_handed_on_and_asked() -> None:
    four, six = node(), node(address=("2001:db8::9", 6881))
    ana, ben6 = other(3), Contact(7 << 150, ("2001:db8:3::1", 4000))
    four.pair(six)
    meet(four, ana)
    four.find(KEY, 1.0)
    ((query, _),) = said(four)
    assert isinstance(query, FindNodeQuery)
    assert query.want == (WANT_IPV4, WANT_IPV6)
    response = KrpcResponse(query.transaction, ana.id, nodes=(), nodes6=(ben6,))
    four.receive(krpc.encode(response), ana.address, 1.1)
    handed = next(e for e in four.events() if isinstance(e, OtherFamily))
    six.heard_of([*handed.contacts, Contact(3, ("fe80::1", 4000)), Contact(4, HERE)], 1.2)
    assert [to for _, to in said(six)] == [ben6.address]


def test_no_node_has_us_ask_more_than_k_contacts_of_the_other_family() -> None:
    four, six = node(), node(address=("2001:db8::9", 6881))
    four.pair(six)
    meet(four, other(3))
    four.find(KEY, 1.0)
    ((query, _),) = said(four)
    named = tuple(Contact(number << 150, (f"2001:db8:{number}::1", 4000)) for number in range(1, 40))
    response = KrpcResponse(query.transaction, other(3).id, nodes=(), nodes6=named)
    four.receive(krpc.encode(response), other(3).address, 1.1)
    handed = next(e for e in four.events() if isinstance(e, OtherFamily))
    assert handed.contacts == named[:8]


# Times ------------------------------------------------------------------------------------------------------


def test_what_was_announced_is_announced_again_until_it_is_withdrawn() -> None:
    world = World(12)
    world.outcome(3, DhtStored, "announce", KEY, 7000)
    world.crowd.run(3 * 3600)
    assert world.outcome(9, DhtPeersDone, "get_peers", KEY).peers == 1
    world.nodes[3].withdraw(KEY)
    world.crowd.run(2 * 3600)
    assert not any(len(node.answers.peers) for node in world.nodes)  # nobody asked, and all have forgotten
    assert world.outcome(9, DhtPeersDone, "get_peers", KEY).peers == 0


def test_an_item_is_put_again() -> None:
    world = World(12)
    item = checked_immutable(b"for long")
    world.outcome(3, DhtStored, "put", item)
    world.crowd.run(5 * 3600)
    holders = [node for node in world.nodes if len(node.answers.items)]
    assert len(holders) == 8


def test_quiet_buckets_are_refreshed_and_dead_nodes_are_forgotten() -> None:
    world = World(40)
    for number in range(20, 40):
        world.crowd.crash(address_of(number))
    world.crowd.run(3 * 3600)
    gone = {node.own_id for node in world.nodes[20:]}
    for node in world.nodes[:20]:
        named = {contact.id for contact in node.table.closest(node.own_id, 40)}
        assert not named & gone
        assert len(named) > 10


def test_a_forgotten_node_is_called_back_with_a_refresh() -> None:
    machine = node()
    meet(machine, other(1))
    gone = other(2)
    machine.table.forgotten[gone.id] = gone
    machine.to_send()
    machine.on_timer(machine.settings.refresh_s)
    assert (gone.address, PingQuery) in [(to, type(message)) for message, to in said(machine)]
