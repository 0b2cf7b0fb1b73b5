"""The machine, among others on a segment: claiming, conflicts, asking, ageing, and what strangers try."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.discovery.mdns.claims import ClaimState
from p2plib.discovery.mdns.events import NameChanged, NameClaimed, RecordGone, RecordHeard
from p2plib.discovery.mdns.machine import MulticastDns
from p2plib.discovery.mdns.manners import NO_MANNERS
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, Question, encode
from p2plib.discovery.mdns.packing import responses
from p2plib.discovery.mdns.records import A, Ptr, RecordType, ResourceRecord, Srv, Txt
from p2plib.discovery.mdns.service import Offer, instances
from p2plib.errors import UsageError
from tests.discovery.mdns.dns_strategies import packets
from tests.discovery.mdns.segment import CHAT, Segment, chat_at, who_chats

ANA = DomainName.parse("ana.local")
MAL = ("192.168.1.66", 5353)


def claim(segment: Segment, host: MulticastDns, label: str) -> int:
    number: int = segment.call(host, host.claim, label, chat_at(host).records)
    return number


def labels(segment: Segment, host: MulticastDns) -> list[str]:
    return sorted(found.label for found in instances(host.cache, CHAT, segment.now))


def test_three_probes_and_two_announcements() -> None:
    """RFC 6762, sections 8.1 and 8.3."""
    segment = Segment()
    ana = segment.host(1)
    number = claim(segment, ana, "ana")
    segment.run(5)
    assert ana.sent == {"probe": 3, "announcement": 2}
    probe = segment.trace[0].packet
    assert [str(question) for question in probe.questions] == [
        "ana._chat._udp.local. ANY?",
        "ana.local. ANY?",
    ]
    assert not any(record.cache_flush for record in probe.authorities)  # nothing is to be dropped yet
    assert list(segment.told(ana)) == [NameClaimed(number, "ana")]
    assert ana.claimed(number).state is ClaimState.ESTABLISHED
    assert ana.timer() is None  # nothing is left to wait for: it does not chatter


def test_a_name_that_somebody_has_is_left_to_them() -> None:
    segment = Segment()
    ana, other = segment.host(1), segment.host(2)
    claim(segment, ana, "ana")
    segment.run(5)
    number = claim(segment, other, "ana")
    segment.run(5)
    assert segment.told(other, NameClaimed) == [NameClaimed(number, "ana-2")]
    (change,) = segment.told(other, NameChanged)
    assert (change.label, change.sender) == ("ana-2", ana.host)
    assert not segment.told(ana, NameChanged)


@pytest.mark.fault("F061")
@pytest.mark.parametrize("seed", range(5))
def test_two_that_probe_at_the_same_time(seed: int) -> None:
    """RFC 6762, section 8.2: the later data wins, whoever was first."""
    segment = Segment(seed=seed)
    hosts = [segment.host(1), segment.host(2)]
    for host in hosts if seed % 2 else reversed(hosts):
        claim(segment, host, "ana")
    segment.run(10)
    assert [segment.told(host, NameClaimed)[-1].label for host in hosts] == ["ana-2", "ana"]


@pytest.mark.fault("F061")
def test_ten_that_probe_at_the_same_time_all_get_names() -> None:
    segment = Segment()
    hosts = [segment.host(number) for number in range(1, 11)]
    for host in hosts:
        claim(segment, host, "ana")
    segment.run(60)
    names = sorted(segment.told(host, NameClaimed)[-1].label for host in hosts)
    assert names == sorted(["ana", *(f"ana-{number}" for number in range(2, 11))])


def test_the_same_data_under_the_same_name_is_no_conflict() -> None:
    """RFC 6762, section 9: two that say the same, for one another."""
    segment = Segment()
    hosts = [segment.host(1), segment.host(2)]
    offer = Offer(CHAT, 4000, "192.168.1.9")
    for host in hosts:
        segment.call(host, host.claim, "ana", offer.records)
    segment.run(10)
    assert not any(segment.told(host, NameChanged) for host in hosts)


@pytest.mark.fault("F061")
def test_after_a_partition_one_of_two_keeps_the_name() -> None:
    segment = Segment(loss=1.0)
    ana, other = segment.host(1), segment.host(2)
    for host in (ana, other):
        claim(segment, host, "ana")
    segment.run(10)
    segment.loss = 0.0
    segment.call(ana, ana.ask, who_chats())
    segment.call(ana, ana.ask, Question(ANA, RecordType.A))
    segment.run(30)
    assert sorted(segment.told(host, NameClaimed)[-1].label for host in (ana, other)) == ["ana", "ana-2"]


def test_goodbye() -> None:
    """RFC 6762, section 10.1."""
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    number = claim(segment, ana, "ana")
    segment.call(ben, ben.ask, who_chats())
    segment.run(5)
    assert labels(segment, ben) == ["ana"]
    asked = ben.sent["question"]
    segment.call(ana, ana.release, number)
    segment.run(0.5)
    assert ben.sent["question"] == asked  # nobody asks after somebody who says goodbye
    goodbye = segment.sent(ana)[-1].packet
    assert {record.ttl_s for record in goodbye.answers} == {0}
    segment.run(1)
    assert labels(segment, ben) == []
    assert RecordGone(chat_at(ana).records("ana")[0]) in segment.told(ben, RecordGone)
    segment.call(ana, ana.release, number)  # a second time does nothing


def test_a_record_that_another_claim_has_too_is_not_taken_back() -> None:
    segment = Segment()
    ana = segment.host(1)
    first, _ = claim(segment, ana, "ana"), claim(segment, ana, "ana")
    segment.run(5)
    count = len(segment.trace)
    segment.call(ana, ana.release, first)
    assert len(segment.trace) == count


def test_a_claim_that_is_released_while_it_probes_says_nothing() -> None:
    segment = Segment()
    ana = segment.host(1)
    number = claim(segment, ana, "ana")
    segment.run(0.6)
    segment.call(ana, ana.release, number)
    segment.run(5)
    assert set(ana.sent) == {"probe"}
    with pytest.raises(UsageError):
        ana.claimed(number)


def test_shared_records_alone_are_not_probed_for() -> None:
    segment = Segment()
    ana = segment.host(1)
    record = ResourceRecord(CHAT, Ptr(DomainName.parse("x").under(CHAT)), 4500)
    number = segment.call(ana, ana.claim, "x", lambda label: [record])
    segment.run(5)
    assert ana.sent == {"announcement": 2}
    assert segment.told(ana) == [NameClaimed(number, "x")]


def test_what_is_asked_is_asked_less_and_less() -> None:
    segment = Segment()
    ana = segment.host(1)
    number = segment.call(ana, ana.ask, who_chats())
    segment.run(100)
    assert ana.sent["question"] == 7
    segment.call(ana, ana.stop, number)
    segment.run(1000)
    assert ana.sent["question"] == 7


@pytest.mark.fault("F062")
def test_ten_that_ask_at_the_same_time_ask_once() -> None:
    segment = Segment()
    hosts = [segment.host(number) for number in range(1, 11)]
    for host in hosts:
        segment.call(host, host.ask, who_chats())
    segment.run(0.5)
    assert sum(host.sent["question"] for host in hosts) <= 2
    rude = Segment()
    hosts = [rude.host(number, manners=NO_MANNERS) for number in range(1, 11)]
    for host in hosts:
        rude.call(host, host.ask, who_chats())
    rude.run(0.5)
    assert sum(host.sent["question"] for host in hosts) == 10


def test_a_record_that_somebody_waits_for_is_asked_for_before_it_is_too_old() -> None:
    """RFC 6762, section 5.2: an address holds for two minutes, and stays known for an hour."""
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    claim(segment, ana, "ana")
    segment.call(ben, ben.ask, who_chats())
    segment.run(3600)
    assert labels(segment, ben) == ["ana"]
    assert not segment.told(ben, RecordGone)


def test_a_host_that_has_lost_its_plug_is_forgotten() -> None:
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    claim(segment, ana, "ana")
    number = segment.call(ben, ben.ask, who_chats())
    segment.run(10)
    segment.remove(ana)
    segment.run(125)
    assert labels(segment, ben) == []
    assert ben.sent["question"] > 8  # it tried at 80, 85, 90 and 95 per cent
    segment.call(ben, ben.stop, number)
    segment.run(4500)
    assert len(ben.cache) == 0


def test_a_link_that_loses_every_third_datagram() -> None:
    segment = Segment(loss=0.33)
    hosts = [segment.host(number) for number in range(1, 11)]
    for number, host in enumerate(hosts):
        claim(segment, host, f"peer{number}")
        segment.call(host, host.ask, who_chats())
    segment.run(70)
    assert all(len(labels(segment, host)) == 9 for host in hosts)


# What strangers try ---------------------------------------------------------------------------------------


def spoofed(port: int = 6666) -> DnsPacket:
    """Mal says that Ana's service is his."""
    instance = DomainName.parse("ana").under(CHAT)
    return DnsPacket(
        answers=(
            ResourceRecord(instance, Srv(0, 0, port, DomainName.parse("mal.local")), 120, cache_flush=True),
            ResourceRecord(DomainName.parse("mal.local"), A(MAL[0]), 120, cache_flush=True),
        ),
        flags=0x8400,
    )


@pytest.mark.fault("F061")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (("8.8.8.8", 5353), "not from this link"),
        (("192.168.2.7", 5353), "not from this link"),
        (("192.168.1.7", 5354), "an answer from another port"),
        (("192.168.1.7", 53), "an answer from another port"),
    ],
)
def test_answers_from_elsewhere(source: tuple[str, int], reason: str) -> None:
    segment = Segment()
    ana = segment.host(1)
    segment.inject(spoofed(), source)
    segment.run(1)
    assert ana.ignored == {reason: 1}
    assert len(ana.cache) == 0


@pytest.mark.fault("F061")
def test_questions_from_elsewhere_are_not_answered() -> None:
    segment = Segment()
    ana = segment.host(1)
    claim(segment, ana, "ana")
    segment.run(5)
    segment.trace.clear()
    segment.inject(DnsPacket((Question(ANA, RecordType.A),)), ("8.8.8.8", 5353))
    segment.inject(DnsPacket((Question(ANA, RecordType.A),)), ("8.8.8.8", 53))
    segment.run(1)
    assert len(segment.trace) == 2


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "broken"),
        (b"\x00" * 12 + b"x", "broken"),
        (b"\x00\x00\x28\x00" + b"\x00" * 8, "another operation, or an error"),
        (b"\x00\x00\x84\x03" + b"\x00" * 8, "another operation, or an error"),
        (b"\x00" * 9001, "too large"),
    ],
)
def test_what_is_no_packet_for_us(raw: bytes, reason: str) -> None:
    segment = Segment()
    ana = segment.host(1)
    segment.inject(raw)
    segment.run(1)
    assert ana.ignored == {reason: 1}


@given(st.lists(packets(), max_size=4), st.integers(0, 100))
@settings(max_examples=60)
def test_whatever_strangers_say_nothing_is_raised(some: list[DnsPacket], seed: int) -> None:
    segment = Segment(seed=seed)
    ana, ben = segment.host(1), segment.host(2)
    claim(segment, ana, "ana")
    segment.call(ben, ben.ask, who_chats())
    for packet in some:
        segment.inject(encode(packet), MAL)
        segment.inject(encode(DnsPacket(packet.questions, packet.answers, flags=0x8400)), MAL)
        segment.run(0.4)
    segment.run(20)
    assert segment.told(ana, NameClaimed)


@pytest.mark.fault("F061")
def test_a_forged_answer_is_corrected_by_the_owner() -> None:
    """The owner hears it too: it probes again, and announces with the cache-flush bit (section 9)."""
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    claim(segment, ana, "ana")
    segment.call(ben, ben.ask, who_chats())
    segment.run(10)
    segment.inject(spoofed(), MAL)
    segment.run(0.1)
    assert MAL[0] in [found.address[0] for found in instances(ben.cache, CHAT, segment.now)]
    segment.run(4)
    assert [found.address for found in instances(ben.cache, CHAT, segment.now)] == [(ana.host, 4000)]
    assert segment.told(ana, NameClaimed)[-1].label == "ana"


@pytest.mark.fault("F061")
def test_a_forged_goodbye_is_corrected_by_the_owner() -> None:
    """RFC 6762, section 6.6."""
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    claim(segment, ana, "ana")
    segment.call(ben, ben.ask, who_chats())
    segment.run(10)
    forged = [
        ResourceRecord(r.name, r.data, 0, cache_flush=r.cache_flush) for r in chat_at(ana).records("ana")
    ]
    (data,) = responses(forged)
    segment.inject(data, MAL)
    segment.run(3)
    assert labels(segment, ben) == ["ana"]
    assert not segment.told(ben, RecordGone)


@pytest.mark.fault("F061")
def test_a_neighbour_that_says_no_to_every_name() -> None:
    """It is the owner of nothing, and costs a few datagrams a second, no more (section 8.1)."""
    segment = Segment()
    ana = segment.host(1)
    claim(segment, ana, "ana")
    for _ in range(600):
        segment.run(0.1)
        label = next(iter(ana._claims.values())).label
        name = DomainName.parse(f"{label}.local")
        segment.inject(DnsPacket(answers=(ResourceRecord(name, A(MAL[0])),), flags=0x8400), MAL)
    assert ana.sent["probe"] < 30
    assert not segment.told(ana, NameClaimed)
    segment.run(10)
    assert segment.told(ana, NameClaimed)


@pytest.mark.fault("F062")
def test_a_flood_of_forged_goodbyes_costs_one_answer_a_second() -> None:
    segment = Segment()
    ana = segment.host(1)
    claim(segment, ana, "ana")
    segment.run(10)
    forged = ResourceRecord(ANA, A(ana.host), 0, cache_flush=True)
    before = ana.sent["answer"]
    for _ in range(500):
        segment.inject(DnsPacket(answers=(forged,), flags=0x8400), MAL)
        segment.run(0.01)
    assert ana.sent["answer"] - before <= 6


def test_a_set_of_several_records_is_replaced_as_a_whole() -> None:
    """What a packet says again stays, whatever else is in it; what it does not say is gone (section 10.2)."""
    segment = Segment()
    ben = segment.host(2)
    first = tuple(ResourceRecord(ANA, A(f"192.168.1.{n}"), 120, cache_flush=True) for n in (7, 8, 9))
    for records, expected in ((first, 3), (first, 3), (first[:2], 2)):
        segment.inject(DnsPacket(answers=records, flags=0x8400), MAL)
        segment.run(5)
        assert len(ben.cache.answers(Question(ANA, RecordType.A), segment.now)) == expected
    assert [event.record.data for event in segment.told(ben, RecordGone)] == [A("192.168.1.9")]


def test_our_own_datagrams_are_not_heard() -> None:
    segment = Segment()
    ana = segment.host(1)
    claim(segment, ana, "ana")
    segment.call(ana, ana.ask, who_chats())
    segment.run(10)
    assert ana.ignored["our own"] == len(segment.sent(ana))
    assert ana.sent["answer"] == 0
    assert not segment.told(ana, RecordHeard)


def test_two_on_one_host_hear_each_other() -> None:
    """As on a loopback: same address, same port."""
    ana, ben = (MulticastDns("127.0.0.1", random.Random(number)) for number in range(2))
    ana.claim("ana", chat_at(ana).records, 0.0)
    ben.ask(who_chats(), 0.0)
    events: list[Any] = []
    for step in range(400):
        now = step / 100
        sent = []
        for each in (ana, ben):
            while (at := each.timer()) is not None and at <= now:
                each.on_timer(now)
            sent += [data for data, _ in each.to_send()]
            events += each.events()
        for data in sent:
            for each in (ana, ben):
                each.receive(data, ("127.0.0.1", 5353), now)
    assert [found.label for found in instances(ben.cache, CHAT, 4.0)] == ["ana"]
    assert len(ana.cache) == 0


def test_another_link_than_the_next_254() -> None:
    machine = MulticastDns("10.1.2.3", random.Random(1), link="10.1.0.0/16")
    machine.receive(encode(DnsPacket()), ("10.1.9.9", 5353), 0.0)
    assert not machine.ignored


INSTANCE = DomainName.parse("ana._chat._udp.local")


def established(segment: Segment) -> tuple[MulticastDns, int]:
    """Ana, with her name, on a quiet link."""
    ana = segment.host(1)
    number = claim(segment, ana, "ana")
    segment.run(5)
    return ana, number


@pytest.mark.fault("F061")
def test_the_records_of_one_datagram_are_one_conflict() -> None:
    """The first takes Ana back to probing; the second must not take the name, for nobody was asked yet."""
    segment = Segment()
    ana, number = established(segment)
    said: list[Srv | Txt] = [
        Srv(0, 0, 6666, DomainName.parse("mal.local")),
        Txt((b"mal",)),
        Srv(0, 0, 1, ANA),
    ]
    for data in responses([ResourceRecord(INSTANCE, each, 120, cache_flush=True) for each in said]):
        segment.inject(data, MAL)
    segment.run(5)
    assert (ana.claimed(number).label, ana.claimed(number).state) == ("ana", ClaimState.ESTABLISHED)
    assert not segment.told(ana, NameChanged)


@pytest.mark.fault("F061")
def test_one_datagram_takes_one_name_at_most() -> None:
    segment = Segment()
    ana = segment.host(1)
    number = claim(segment, ana, "ana")
    names = ["ana", *(f"ana-{n}" for n in range(2, 40))]
    for data in responses([ResourceRecord(DomainName.parse(f"{n}.local"), A(MAL[0]), 120) for n in names]):
        segment.inject(data, MAL)
    segment.run(0.01)
    assert ana.claimed(number).label == "ana-2"
    assert len(segment.told(ana, NameChanged)) == 1


def test_a_name_that_is_lost_after_it_was_announced_gets_a_goodbye() -> None:
    """RFC 6762, section 10.1. The shared record would otherwise stand for 75 minutes."""
    segment = Segment()
    ben = segment.host(2)
    ana, number = established(segment)
    for _ in range(12):
        segment.inject(responses([ResourceRecord(ANA, A(MAL[0]), 120, cache_flush=True)])[0], MAL)
        segment.run(0.25)
    segment.run(10)
    assert ana.claimed(number).label == "ana-2"
    found = ben.cache.answers(who_chats(), segment.now)
    assert [str(entry.record) for entry in found] == ["_chat._udp.local. 4500 PTR ana-2._chat._udp.local."]
    goodbyes = [r for each in segment.sent(ana) for r in each.packet.answers if r.ttl_s == 0]
    assert goodbyes
    assert not any(record.cache_flush for record in goodbyes)  # Mal may be right about the name


def test_taking_a_claim_back_while_it_is_contested_says_goodbye_too() -> None:
    segment = Segment()
    ben = segment.host(2)
    ana, number = established(segment)
    segment.inject(responses([ResourceRecord(ANA, A(MAL[0]), 120, cache_flush=True)])[0], MAL)
    segment.run(0.01)
    assert ana.claimed(number).state is ClaimState.PROBING
    segment.call(ana, ana.release, number)
    segment.run(2)
    assert not ben.cache.answers(who_chats(), segment.now)


@pytest.mark.fault("F061")
def test_a_forged_goodbye_is_corrected_before_anybody_forgets() -> None:
    segment = Segment()
    ben = segment.host(2)
    segment.call(ben, ben.ask, who_chats())
    ana, number = established(segment)
    for _ in range(20):
        lies = [replace(record, ttl_s=0) for record in ana.claimed(number).records]
        for data in responses(lies):
            segment.inject(data, MAL)
        for _ in range(10):
            segment.run(0.05)
            assert labels(segment, ben) == ["ana"]
    assert ana.sent["answer"] <= 12


def test_two_that_got_one_name_in_two_places_settle_it_when_they_meet() -> None:
    segment = Segment()
    ana, number = established(segment)
    segment.remove(ana)
    ben = segment.host(2)
    other = claim(segment, ben, "ana")
    segment.run(5)
    segment.hosts[ana.host] = ana
    cho = segment.host(3)
    segment.call(cho, cho.ask, Question(ANA, RecordType.A))
    segment.run(30)
    claims = ana.claimed(number), ben.claimed(other)
    assert sorted(each.label for each in claims) == ["ana", "ana-2"]
    assert {each.state for each in claims} == {ClaimState.ESTABLISHED}


def test_a_probe_comes_from_the_port_of_the_group() -> None:
    """Anybody's program may send from another, and would keep every name from us."""
    segment = Segment()
    ana = segment.host(1)
    number = claim(segment, ana, "ana")
    highest = ResourceRecord(ANA, A("255.255.255.255"), 120)
    for _ in range(20):
        lie = DnsPacket((Question(ANA, RecordType.ANY),), authorities=(highest,))
        segment.inject(lie, (MAL[0], 9999))
        segment.run(0.2)
    assert ana.claimed(number).state is ClaimState.ESTABLISHED


@pytest.mark.fault("F080")
def test_what_is_pushed_out_of_the_cache_leaves_no_timer_behind() -> None:
    segment = Segment()
    ben = segment.host(2)
    segment.call(ben, ben.ask, who_chats())
    for number in range(1_000):
        pointer = Ptr(DomainName([b"%d" % number]).under(CHAT))
        ben.receive(responses([ResourceRecord(CHAT, pointer, 86_400)])[0], MAL, segment.now)
    heard = sum(isinstance(event, RecordHeard) for event in ben.events())
    assert (heard, len(ben.cache)) == (1_000, 500)
    timers = list(ben.timers.due(2 * 86_400))
    assert len(timers) <= 2 * 500 + 2  # for each record its end and a refresh


@pytest.mark.parametrize("txt", [(b"x" * 256,), (b"x" * 255,) * 40])
def test_a_claim_that_no_datagram_can_carry_is_refused_at_once(txt: tuple[bytes, ...]) -> None:
    segment = Segment()
    ana = segment.host(1)
    with pytest.raises(UsageError):
        segment.call(ana, ana.claim, "ana", Offer(CHAT, 4000, ana.host, txt).records)
    assert ana.timer() is None


def test_a_name_that_leaves_no_room_for_a_number_is_refused_at_once() -> None:
    """A conflict would make a name that cannot be, in the midst of what a stranger sends."""
    segment = Segment()
    ana = segment.host(1)
    kind = DomainName([b"x" * 62] * 3 + [b"x" * 42, b"_udp", b"local"])
    with pytest.raises(UsageError):
        segment.call(ana, ana.claim, "ana", Offer(kind, 4000, ana.host).records)
    assert ana.timer() is None
