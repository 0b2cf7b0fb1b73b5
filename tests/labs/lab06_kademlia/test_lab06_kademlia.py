"""Lab 6: right answers pass, every mistake meets its own hint, and the parts do what the lab says of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2plib.labs import Wrong
from p2plib.labs.lab06_kademlia import LAB
from p2plib.labs.lab06_kademlia.bucket import Bucket, any_story
from p2plib.labs.lab06_kademlia.crowd import FLOOD, LIMIT, Asking, K, the_crowd
from p2plib.labs.lab06_kademlia.distance import bucket_index, closest
from p2plib.labs.lab06_kademlia.fetch import fetch, gets, measured, within_budget
from p2plib.labs.lab06_kademlia.lookup import budget, exact, flood, liars, lookup, question, third_dead
from p2plib.labs.lab06_kademlia.node import Node
from p2plib.labs.lab06_kademlia.table import RoutingTable, any_table
from p2plib.labs.lab06_kademlia.table import flood as table_flood
from p2plib.machine.addresses import Contact, network_of
from p2plib.sim import Internet, Link
from p2plib.topology.kademlia import table as routing_table
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.messages import CODEC, FindNode, FindValue, Nodes, Ping, Pong, Refused, Store
from p2plib.topology.kademlia.parts import Settings
from tests.labs.lab06_kademlia.learners import buckets, searching, written
from tests.labs.proving import disguised, kept_and_taken_up

TASKS = list(LAB.tasks.values())
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


def test_the_skeletons_of_the_learners_are_right_without_their_mistakes() -> None:
    """Else a wrong answer would be wrong for another reason than the one it stands for."""
    for name, source in (
        ("Bucket", buckets._bucket()),
        ("RoutingTable", buckets._table()),
        ("lookup", searching._lookup()),
        ("fetch", searching._fetch()),
    ):
        assert LAB.verdict(name, written(name, source)).state == "[v]", name


# Hidden cases

HIDDEN: dict[str, Callable[[random.Random], Any]] = {
    "Bucket": lambda rng: [any_story(rng.getrandbits(16), rng.randrange(1, 9))],
    "RoutingTable": lambda rng: [
        any_table(rng.getrandbits(16)),
        table_flood(rng.getrandbits(16), honest=rng.randrange(10, 60), ids=1000),
    ],
    "lookup": lambda rng: [
        exact(rng.getrandbits(16), k=rng.randrange(4, 20), alpha=rng.randrange(2, 6)),
        budget(rng.getrandbits(16)),
        third_dead(rng.getrandbits(16)),
        liars(rng.randrange(20, 90), rng.getrandbits(16)),
        flood(rng.getrandbits(16)),
    ],
    "fetch": lambda rng: [
        gets(rng.getrandbits(16)),
        gets(rng.getrandbits(16), dead=0.3),
        within_budget(rng.getrandbits(16)),
    ],
}


@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("name", HIDDEN)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](random.Random(seed)))


def test_a_memorised_lookup_fails_in_hidden_cases() -> None:
    """One that finds what the public cases look for, and nobody else."""
    public = question(the_crowd(), random.Random(2))[0]

    async def memorised(target: int, start: Any, ask: Any, *rest: Any) -> Any:
        if target == public:
            return await lookup(target, start, ask, *rest)
        return []

    with pytest.raises(AssertionError):
        LAB.judge("lookup", memorised, *HIDDEN["lookup"](random.Random(20)))


@pytest.mark.parametrize(
    ("case", "wrong", "hint"),
    [
        (budget(4), {"cut": "[:min(1, limit - len(was))]"}, "20.* rounds, the budget is 9"),
        (budget(4), {"width": "500"}, "messages, the budget is 25"),
        (third_dead(7), {"living": "known"}, "the next one moves up"),
        (third_dead(7), {"cut": "[:min(1, limit - len(was))]"}, "rounds, the budget is 14"),
        (third_dead(7), {"width": "k + 12"}, "messages, the budget is 38"),
    ],
)
def test_each_budget_refuses_by_itself(case: Any, wrong: dict[str, str], hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        LAB.judge("lookup", written("lookup", searching._lookup(**wrong)), case)


# The references, judged by the library


def test_bucket_and_distance_are_those_of_the_library() -> None:
    rng = random.Random(1)
    for _ in range(300):
        own, other, target = (rng.getrandbits(160) for _ in range(3))
        table = routing_table.RoutingTable(own)
        assert table.buckets[bucket_index(own, other)] is table.bucket_of(other)
        some = [Contact(rng.getrandbits(160), ("10.0.0.1", 4000 + i)) for i in range(30)]
        assert closest(target, some, 9) == routing_table.closest_first(target, some)[:9]


@pytest.mark.fault("F099")
@pytest.mark.parametrize("seed", range(3))
def test_the_table_takes_in_whom_the_librarys_takes_in(seed: int) -> None:
    """As long as everybody answers; both turn away taken ids, full hosts and full networks."""
    rng, own = random.Random(seed), 0
    ours, theirs = RoutingTable(own, 4), routing_table.RoutingTable(own, k=4)
    taken = 0
    for _ in range(2000):
        ident = rng.choice((rng.getrandbits(160), rng.getrandbits(10)))
        contact = Contact(ident, (f"10.{rng.randrange(9)}.{rng.randrange(9)}.{rng.randrange(1, 20)}", 4000))
        known = theirs.closest(ident, 1)
        taken += bool(known and known[0].id == ident and known[0] != contact)
        if known and known[0] != contact and known[0].address == contact.address:
            continue  # the library takes who came back under a new id, the lab waits for the silence
        ours.heard(contact)
        theirs.answered(contact, 0.0) if contact.address not in theirs._by_address else None
        assert ours.closest(0, 9999) == theirs.closest(0, 9999)
    assert taken > 10


@pytest.mark.fault("F073")
def test_a_flood_of_ids_from_one_network_stays_small() -> None:
    rng, table = random.Random(1), RoutingTable(0)
    for i in range(20_000):
        table.heard(Contact(rng.getrandbits(160), (f"192.0.2.{i % 254 + 1}", 4000 + i % 9)))
    known = table.closest(0, 9999)
    assert len(known) == 10
    assert len({contact.address[0] for contact in known}) == 10
    assert all(
        sum(network_of(contact.address[0]) == network_of("192.0.2.1") for contact in bucket.contacts) <= 2
        for bucket in table.buckets
    )
    assert sum(len(bucket.waiting) for bucket in table.buckets) == 0


@pytest.mark.fault("F074")
def test_an_old_contact_that_answers_is_not_thrown_out() -> None:
    bucket, rng = Bucket(3), random.Random(1)
    old = [Contact(i, (f"10.0.{i}.1", 4000)) for i in (1, 2, 3)]
    for contact in old:
        bucket.heard(contact)
    for _ in range(100):
        asked = bucket.heard(Contact(rng.getrandbits(160), ("10.9.9.9", 4000)))
        assert asked is not None
        bucket.heard(asked)
    assert sorted(contact.id for contact in bucket.contacts) == [1, 2, 3]
    assert len(bucket.waiting) == 3


def test_the_lookup_finds_what_the_librarys_machine_finds() -> None:
    crowd, rng = the_crowd(), random.Random(3)
    for _ in range(5):
        target, start = question(crowd, rng)
        silent = crowd.some(0.2, 3)
        machine = Lookup(target, start)
        while batch := machine.next():
            for contact in batch:
                if contact in silent:
                    machine.failed(contact.id)
                else:
                    machine.answered(contact, crowd.named(contact.id, target))
        got = asyncio.run(lookup(target, start, Asking(crowd, start, target, silent=silent)))
        assert got == machine.closest


@pytest.mark.fault("F075")
def test_a_liar_who_always_names_nearer_ones_ends_a_lookup_and_no_disjoint_path() -> None:
    crowd = the_crowd()
    target, start = question(crowd, random.Random(8))
    ask = Asking(crowd, start, target, liars=set(start[:5]))
    got = asyncio.run(lookup(target, start, ask))
    assert ask.messages <= LIMIT
    assert not set(got) & set(crowd.peers), "it ended, and it has found nobody but fakes"
    rate, cost = asyncio.run(measured(fetch, 0.2, fetches=100))
    assert rate >= 0.97
    assert cost < 10


# The crowd


def test_a_peer_of_the_crowd_knows_each_bucket_as_far_as_k_goes() -> None:
    crowd = the_crowd(500)
    for contact in crowd.peers[::50]:
        known = crowd.table(contact.id)
        assert len(set(known)) == len(known)
        assert contact not in known
        by_bucket: dict[int, int] = {}
        everybody: dict[int, int] = {}
        for other in known:
            by_bucket[bucket_index(contact.id, other.id)] = (
                by_bucket.get(bucket_index(contact.id, other.id), 0) + 1
            )
        for other in crowd.peers:
            if other != contact:
                number = bucket_index(contact.id, other.id)
                everybody[number] = everybody.get(number, 0) + 1
        assert by_bucket == {number: min(K, count) for number, count in everybody.items()}


def test_the_crowd_lives_in_networks_of_its_own() -> None:
    crowd = the_crowd()
    assert len({network_of(contact.address[0]) for contact in crowd.peers}) == len(crowd.peers) == 4000


def test_an_answer_names_the_nearest_and_a_flood_names_hundreds_who_are_not_there() -> None:
    crowd = the_crowd()
    target, start = question(crowd, random.Random(1))
    ask = Asking(crowd, start, target, liars={start[0]}, flooding=True)
    answers = asyncio.run(ask(start[:2]))
    assert len(answers[start[0]]) == FLOOD
    assert answers[start[1]] == crowd.named(start[1].id, target)
    fake = answers[start[0]][0]
    assert (fake.id ^ target) < (crowd.nearest(target, 1)[0].id ^ target)
    assert asyncio.run(ask([fake])) == {}
    assert (ask.rounds, ask.messages) == (2, 3)
    assert not ask.changed
    answers[start[1]].pop()
    assert ask.changed


def test_a_complaint_is_made_again_to_whoever_swallows_it() -> None:
    crowd = the_crowd(50)
    ask = Asking(crowd, crowd.peers, 7, width=2)
    with pytest.raises(Wrong, match="3 at once"):
        asyncio.run(ask(crowd.peers[:3]))
    with pytest.raises(Wrong, match="3 at once"):
        asyncio.run(ask(crowd.peers[:1]))


# The node


IDS = [random.Random(1).getrandbits(160) ^ i << 150 for i in range(31)]


def network(program: Callable[..., Any], loss: float = 0.0) -> Any:
    """Thirty peers of the library's in a simulated internet, and a host for a node."""

    async def main(net: Internet) -> Any:
        rng = random.Random(2)
        ids = [rng.getrandbits(160) for _ in range(30)]
        hosts = [net.host(f"p{i}", address=f"10.{i}.1.1") for i in range(30)]
        mine = net.host("mine", address="10.99.1.1")
        peers: dict[int, KademliaPeer] = {}

        async def be_peer(i: int) -> None:
            async with KademliaPeer.open(ids[i], random.Random(i), hosts[i].address, 4000) as peer:
                if i:
                    await peer.join([(hosts[0].address, 4000)])
                peers[i] = peer
                await asyncio.Event().wait()

        for i, host in enumerate(hosts):
            host.start(be_peer, i)
            await asyncio.sleep(1)
        await asyncio.sleep(10)

        async def be_me() -> Any:
            table = RoutingTable(7 << 150)
            async with Node.open(7 << 150, table, lookup, mine.address, 4000) as node:
                return await program(node, ids, hosts, peers)

        return await mine.run(be_me())

    return Internet(1, link=Link(latency=0.03, loss=loss)).run(main)


def test_a_node_joins_finds_and_is_found() -> None:
    async def program(node: Node, ids: list[int], hosts: Any, peers: Any) -> None:
        await node.join((hosts[4].address, 4000))
        assert len(node.table.closest(0, 99)) == 30
        target = random.Random(3).getrandbits(160)
        found = await node.find(target)
        assert [contact.id for contact in found] == sorted(ids, key=lambda ident: ident ^ target)[:20]
        done = await hosts[9].run(peers[9].find(node.own_id))
        assert done.closest[0] == Contact(node.own_id, node.address)

    network(program)


def test_a_node_drops_who_has_died_and_finds_the_others() -> None:
    async def program(node: Node, ids: list[int], hosts: Any, peers: Any) -> None:
        await node.join((hosts[4].address, 4000))
        for host in hosts[10:20]:
            await host.stop()
        target = random.Random(4).getrandbits(160)
        found = [contact.id for contact in await node.find(target)]
        living = sorted(ids[:10] + ids[20:], key=lambda ident: ident ^ target)
        assert found[:8] == living[:8]
        assert not set(found) & set(ids[10:20])
        asked = sorted(ids, key=lambda ident: ident ^ target)[:10]  # these the lookup has asked for sure
        assert not {contact.id for contact in node.table.closest(target, 99)} & set(ids[10:20]) & set(asked)

    network(program)


def test_a_node_keeps_to_what_it_was_asked() -> None:
    """Garbage, strangers, storing, and an answer from another address than the one asked."""

    async def program() -> None:
        async with Node.open(5, RoutingTable(5, limited=False), lookup) as node:
            heard: list[Any] = []
            loop = asyncio.get_running_loop()

            class Stranger(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, addr: Any) -> None:
                    heard.append(CODEC.decode(data))
                    if isinstance(heard[-1], Ping):  # the right number, the right id, another address
                        other.sendto(CODEC.encode(Pong(heard[-1].transaction, 9)), node.address)

            other, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            transport, _ = await loop.create_datagram_endpoint(Stranger, local_addr=("127.0.0.1", 0))
            for message in (
                Ping(1, 9),
                FindNode(2, 9, 77),
                FindValue(3, 9, 77),
                Store(4, 9, b"", 77, 60, b"value"),
            ):
                transport.sendto(b"noise", node.address)
                transport.sendto(CODEC.encode(Pong(99, 9)), node.address)
                transport.sendto(CODEC.encode(message), node.address)
            for _ in range(200):
                if len(heard) >= 5:
                    break
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            transport.close()
            other.close()
            answers = {message.transaction: message for message in heard if not isinstance(message, Ping)}
            assert isinstance(answers[1], Pong)
            assert answers[2] == Nodes(2, 5, b"", ())
            assert answers[3] == Nodes(3, 5, b"", ())
            assert isinstance(answers[4], Refused)
            assert sum(isinstance(message, Ping) for message in heard) == 1, "a stranger is pinged once"
            assert node.table.closest(9, 9) == [], "it never answered that ping"

    asyncio.run(program())


def test_a_node_takes_in_a_library_peer_that_asked_it() -> None:
    async def program() -> None:
        settings = Settings(limits=routing_table.NO_LIMITS)
        async with (
            Node.open(5, RoutingTable(5, limited=False), lookup) as node,
            KademliaPeer.open(9, random.Random(1), settings=settings) as peer,
        ):
            await peer.join([node.address])
            for _ in range(200):
                if node.table.closest(9, 1):
                    break
                await asyncio.sleep(0.01)
            assert node.table.closest(9, 1) == [Contact(9, peer.address)]

    asyncio.run(program())


def test_an_answer_under_another_id_is_no_answer_of_whom_we_meant() -> None:
    async def program() -> None:
        settings = Settings(limits=routing_table.NO_LIMITS)
        async with (
            Node.open(5, RoutingTable(5, limited=False), lookup) as node,
            KademliaPeer.open(9, random.Random(1), settings=settings) as peer,
        ):
            before = Contact(77, peer.address)  # who was at this address before
            node.table.heard(before)
            assert before not in await node.find(77)
            assert before not in node.table.closest(77, 9)

    asyncio.run(program())


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab06_kademlia", tmp_path, monkeypatch, capsys)
