"""Asked before it is admitted: the oldest of a full bucket, the holder of an id, and strangers in a flood."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.asking import Check
from p2plib.topology.kademlia.checks import HOLDER_S, MAX_CHECKS, Checks
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import FindDone, IdTaken, Joined, Settings
from p2plib.topology.kademlia.table import RoutingTable, Verdict
from tests.topology.kademlia.network import SMALL, Outbox, grown, outcome_of

FRESH_S = 10.0


def contact(ident: int) -> Contact:
    return Contact(ident, address_of(ident))


class Checking:
    """A peer with the id 0 and buckets of two, that knows 0x80 and 0x81."""

    def __init__(self) -> None:
        self.outbox, self.ignored = Outbox(), list[str]()
        self.table = RoutingTable(0, bits=8, k=2)
        for ident, heard in ((0x80, 0.0), (0x81, 1.0)):
            self.table.answered(contact(ident), heard)
        self.checks = Checks(
            self.table, self.outbox.asker, FRESH_S, self.outbox.told.append, self.ignored.append
        )

    def asked(self) -> list[int]:
        """Whom it has asked whether it is there, since the last call."""
        asked = self.outbox.asked()
        assert all(isinstance(message, wire.Ping) for message, _ in asked)
        idents = {address_of(ident): ident for ident in range(256)}
        return [idents[address] for _, address in asked]


@pytest.mark.parametrize("verdict", Verdict)
def test_what_is_done_about_a_contact_that_asks_us(verdict: Verdict) -> None:
    """Long after anybody was heard; a full bucket asks its oldest, an id that is taken asks its holder."""
    checking, newcomer = Checking(), contact(0x82)
    if verdict is Verdict.ID_TAKEN:
        newcomer = Contact(0x81, address_of(0x82))
    checking.checks.met(newcomer, verdict, 100.0)
    asked = {Verdict.ADDED: [0x82], Verdict.FULL: [0x80], Verdict.ID_TAKEN: [0x81]}
    assert checking.asked() == asked.get(verdict, [])
    is_welcome = verdict in (Verdict.KNOWN, Verdict.ADDED, Verdict.FULL)
    assert checking.ignored == ([] if is_welcome else [verdict.value])
    assert checking.outbox.told == ([IdTaken(newcomer.address)] if verdict is Verdict.OWN_ID else [])
    waits = list(checking.table.bucket_of(0x82).spares.values())
    assert waits == ([newcomer] if verdict in (Verdict.FULL, Verdict.ID_TAKEN) else [])


def test_whoever_was_heard_lately_is_not_asked_to_make_room() -> None:
    checking, newcomer, verdict = Checking(), contact(0x82), Verdict.FULL
    checking.checks.met(newcomer, verdict, FRESH_S - 0.1)
    assert checking.asked() == []
    checking.checks.met(newcomer, verdict, FRESH_S)
    assert checking.asked() == [0x80]
    checking.checks.met(newcomer, verdict, FRESH_S)  # it has not answered yet
    assert checking.asked() == []
    assert len(checking.checks) == 1
    checking.checks.over(Check(contact(0x80)))
    checking.checks.met(newcomer, verdict, FRESH_S)
    assert checking.asked() == [0x80]


@pytest.mark.finding("T3")
def test_the_holder_of_an_id_is_asked_at_once_and_once_in_ten_seconds() -> None:
    checking = Checking()
    for ident, when, asked in (
        (0x80, 1.0, [0x80]),  # it was heard a second ago
        (0x81, 5.0, [0x81]),
        (0x80, 6.0, []),
        (0x80, 1.0 + HOLDER_S - 0.1, []),
        (0x80, 1.0 + HOLDER_S, [0x80]),
        (0x81, 5.0 + HOLDER_S - 0.1, []),
        (0x81, 5.0 + HOLDER_S, [0x81]),
    ):
        checking.checks.met(Contact(ident, address_of(0x90)), Verdict.ID_TAKEN, when)
        assert checking.asked() == asked, when
        checking.checks.over(Check(contact(ident)))
    for ident in range(256):
        checking.checks.check(contact(ident), 50.0)
    assert len(checking.asked()) == MAX_CHECKS
    checking.checks.met(Contact(0x80, address_of(0x90)), Verdict.ID_TAKEN, 60.0)
    assert checking.asked() == []


@pytest.mark.finding("T3")
def test_whoever_claims_the_id_of_one_that_is_gone_is_asked_next_whoever_else_waits() -> None:
    checking, claims = Checking(), Contact(0x81, address_of(0x90))
    checking.checks.met(claims, Verdict.ID_TAKEN, 1.0)
    checking.checks.met(contact(0x82), Verdict.FULL, 1.0)
    assert checking.asked() == [0x81]
    checking.checks.over(Check(contact(0x81)))
    checking.checks.failed(contact(0x81), 2.0, is_gone=True)
    assert checking.asked() == [0x90]
    checking.checks.answered(claims, 2.1)
    entry = checking.table.find(0x81)
    assert entry is not None
    assert entry.contact == claims


@pytest.mark.finding("T3")
def test_a_peer_that_was_restarted_twice_is_let_in_as_soon_as_after_the_first_time() -> None:
    """Its place was taken over a moment ago, and whoever took it over is asked at once, too."""
    checking = Checking()
    for number, asked in ((0x90, 0x81), (0x91, 0x90), (0x92, 0x91)):
        claims = Contact(0x81, address_of(number))
        checking.checks.met(claims, Verdict.ID_TAKEN, 1.0)
        assert checking.asked() == [asked]
        holder = Contact(0x81, address_of(asked))
        checking.checks.over(Check(holder))
        checking.checks.failed(holder, 2.0, is_gone=True)
        assert checking.asked() == [number]
        checking.checks.over(Check(claims))
        checking.checks.answered(claims, 2.1)


@pytest.mark.finding("T3")
def test_a_living_holder_keeps_its_id_though_three_of_its_answers_are_lost() -> None:
    own, thief = Kademlia(0, random.Random(1), settings=Settings(bits=8, k=2)), address_of(0x90)
    own.checks.answered(contact(0x80), 0.0)
    own.receive(wire.CODEC.encode(wire.Ping(1, 0x80)), thief, 0.1)
    (refused, to), (_, holder) = own.to_send()
    assert (wire.CODEC.decode(refused).reason, to, holder) == (wire.ID_TAKEN, thief, address_of(0x80))
    for _ in range(3):
        now = own.timer()
        assert now is not None
        own.on_timer(now)
        ((ping, to),) = own.to_send()
        assert to == address_of(0x80)
    own.receive(wire.CODEC.encode(wire.Pong(wire.CODEC.decode(ping).transaction, 0x80)), to, now)
    assert own.to_send() == []
    entry = own.table.find(0x80)
    assert entry is not None
    assert (entry.contact, entry.failures) == (contact(0x80), 0)


def test_one_that_answers_goes_into_the_table_or_waits_for_a_place() -> None:
    checking = Checking()
    checking.checks.answered(contact(0x40), 20.0)
    assert checking.table.find(0x40) is not None
    assert checking.asked() == []
    checking.checks.answered(contact(0x82), 20.0)  # its bucket is full
    assert list(checking.table.bucket_of(0x82).spares) == [0x82]
    assert checking.asked() == [0x80]
    checking.checks.over(Check(contact(0x80)))
    checking.checks.failed(contact(0x80), 21.0)  # and its oldest is not there: the spare is asked
    assert checking.asked() == [0x82]
    checking.checks.answered(contact(0x82), 22.0)
    assert sorted(checking.table.bucket_of(0x82).entries) == [0x81, 0x82]
    checking.checks.answered(Contact(0x81, address_of(9)), 30.0)  # an id that is taken
    assert checking.asked() == [0x81]
    assert checking.ignored == [Verdict.ID_TAKEN.value]


@pytest.mark.fault("F074")
def test_a_full_bucket_asks_its_oldest_and_keeps_it_if_it_lives() -> None:
    settings = Settings(bits=8, k=2, fresh_s=10.0)
    world = Crowd(random.Random(1))
    own = Kademlia(0, random.Random(1), settings=settings)
    others = [Kademlia(0x80 + i, random.Random(i), settings=settings) for i in range(4)]
    for i, machine in enumerate([own, *others]):
        world.add(machine, address_of(i))
    for i in (1, 2, 3):
        others[i - 1].join([address_of(0)], world.now)
        world.flush(address_of(i))
        world.run(20.0)
    held = own.table.buckets[7]
    assert sorted(held.entries) == [0x80, 0x81]
    assert 0x82 in held.spares
    world.crash(address_of(1))  # now the oldest is dead, and the next newcomer gets the one who waits in
    others[3].join([address_of(0)], world.now)
    world.flush(address_of(4))
    world.run(30.0)
    assert 0x80 not in held.entries
    assert len(held.entries) == 2
    assert {0x82, 0x83} & set(held.entries)


@pytest.mark.fault("F073")
def test_a_flood_of_ids_from_one_network() -> None:
    world, peers = grown(20)
    own, rng = peers[0], random.Random(1)
    before = len(own.table)
    for i in range(20_000):
        address = f"203.0.113.{i % 250 + 1}", 1024 + i // 250
        own.receive(wire.CODEC.encode(wire.FindNode(i + 1, rng.getrandbits(160), 5)), address, world.now)
        own.to_send()
        if i % 3 == 0:  # and whoever is asked whether it is there, answers
            for request in list(own.requests._awaited.values())[-1:]:
                pong = wire.Pong(request.transaction, rng.getrandbits(160))
                own.receive(wire.CODEC.encode(pong), request.address, world.now)
    assert len(own.checks) <= MAX_CHECKS
    assert len(own.requests) <= MAX_CHECKS
    flooded = [e for e in own.table if e.contact.address[0].startswith("203.")]
    assert len(flooded) <= 10
    assert len(own.table) - len(flooded) == before
    assert sum(len(bucket.spares) for bucket in own.table.buckets) <= 160 * 8


@pytest.mark.fault("F073", "F080")
def test_a_flood_of_strangers_from_everywhere_is_asked_a_little_only() -> None:
    """Forged sources in ten thousand networks: as many pings as `MAX_CHECKS`, and nobody gets in unasked."""
    own, rng, pings = Kademlia(1, random.Random(1), settings=SMALL), random.Random(2), 0
    for i in range(10_000):
        own.receive(wire.CODEC.encode(wire.Ping(i + 1, rng.getrandbits(160))), address_of(i), 0.0)
        pings += sum(isinstance(wire.CODEC.decode(data), wire.Ping) for data, _ in own.to_send())
    assert pings == len(own.checks) == MAX_CHECKS
    assert len(own.table) == 0


@pytest.mark.fault("F099")
def test_the_second_with_an_id_is_refused() -> None:
    world, peers = grown(20)
    twin = Kademlia(peers[5].own_id, random.Random(99), now=world.now, settings=SMALL)
    world.add(twin, address_of(500))
    twin.join([address_of(1)], world.now)
    world.flush(address_of(500))
    world.run(30.0)
    assert world.heard(address_of(500), IdTaken)
    twins = [p for p in peers if (e := p.table.find(twin.own_id)) and e.contact.address == address_of(500)]
    assert twins == []
    assert any(p.table.find(twin.own_id) for p in peers)


@pytest.mark.fault("F099")
@pytest.mark.finding("T3")
@pytest.mark.parametrize("down_s", [0.0, pytest.param(1000.0, marks=pytest.mark.slow)])
def test_a_peer_that_was_restarted_on_another_port_is_back_within_fifteen_seconds(down_s: float) -> None:
    """Those who had it in their tables ask whether it is still there, and then whether it is here now."""
    world, peers = grown(20)
    old, ident = peers[7], peers[7].own_id
    world.crash(address_of(7))
    world.run(down_s)
    again = Kademlia(ident, random.Random(99), now=world.now, settings=SMALL)
    here = world.add(again, (address_of(7)[0], 4001))
    again.join([address_of(0), address_of(1)], world.now, within_s=15.0)
    world.flush(here)
    world.run(15.0)
    assert len(world.heard(here, Joined)) == 1
    assert len(again.table) >= len(old.table) - 3
    others = [number for number in range(20) if number != 7]
    for number in others:
        done = outcome_of(world, peers, number, FindDone, "find", ident)
        assert isinstance(done, FindDone)
        assert done.closest[0] == Contact(ident, here)
    near = sorted(others, key=lambda number: peers[number].own_id ^ ident)[:8]
    known = [entry.contact.address for number in near if (entry := peers[number].table.find(ident))]
    assert known.count(here) >= 7


def test_silence_at_an_address_that_a_liar_named_tells_nothing_of_the_peer_whose_id_it_used() -> None:
    checking = Checking()
    checking.checks.failed(Contact(0x80, address_of(0x82)), 2.0)
    entry = checking.table.find(0x80)
    assert entry is not None
    assert entry.failures == 0
    checking.checks.failed(contact(0x80), 2.0)
    assert entry.failures == 1


def test_requests_forged_under_the_id_of_a_doubtful_peer_do_not_finish_it_off() -> None:
    peer = Kademlia(0, random.Random(1), settings=Settings(bits=8, k=2))
    for ident in (0x80, 0x81):
        peer.checks.answered(contact(ident), 0.0)
    peer.checks.failed(contact(0x80), 0.0)
    now = 0.0  # it is asked once more, on behalf of the first of them
    for number in range(8):
        peer.receive(wire.CODEC.encode(wire.Ping(number, 0x80)), address_of(0xA0 + number), now)
        while (at := peer.timer()) is not None and at < now + 60:
            peer.on_timer(at)
        now += 60
    entry = peer.table.find(0x80)
    assert entry is not None
    assert (entry.contact, entry.failures) == (contact(0x80), 2)
