"""Asked before it is admitted: the oldest of a full bucket, the holder of an id, and strangers in a flood."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.asking import Check
from p2plib.topology.kademlia.checks import MAX_CHECKS, Checks
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import IdTaken, Settings
from p2plib.topology.kademlia.table import RoutingTable, Verdict
from tests.topology.kademlia.network import SMALL, Outbox, grown

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
    assert waits == ([newcomer] if verdict is Verdict.FULL else [])


@pytest.mark.parametrize("verdict", [Verdict.FULL, Verdict.ID_TAKEN])
def test_whoever_was_heard_lately_is_not_asked(verdict: Verdict) -> None:
    checking = Checking()
    newcomer = contact(0x82) if verdict is Verdict.FULL else Contact(0x80, address_of(0x82))
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
def test_an_id_moves_when_its_first_owner_is_gone() -> None:
    world, peers = grown(12, Settings(k=8, fresh_s=5.0))
    ident = peers[5].own_id
    world.crash(address_of(5))
    moved = Kademlia(ident, random.Random(98), now=world.now, settings=SMALL)
    world.add(moved, address_of(600))
    for _ in range(4):
        world.run(60.0)
        moved.join([address_of(1)], world.now)
        world.flush(address_of(600))
    world.run(60.0)
    entry = peers[1].table.find(ident)
    assert entry is not None
    assert entry.contact.address == address_of(600)


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
    now = 0.0
    for number in range(8):
        peer.receive(wire.CODEC.encode(wire.Ping(number, 0x80)), address_of(0xA0 + number), now)
        while (at := peer.timer()) is not None and at < now + 60:
            peer.on_timer(at)
        now += 60
    entry = peer.table.find(0x80)
    assert entry is not None
    assert (entry.contact, entry.failures) == (contact(0x80), 1)
