"""Answering: which records, to whom, and when."""

from __future__ import annotations

import pytest

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import TRUNCATED, DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import A, Nsec, Ptr, RecordType, ResourceRecord
from p2plib.discovery.mdns.service import Offer
from tests.discovery.mdns.segment import CHAT, GROUP, Segment, chat_at, who_chats

CHO = ("192.168.1.200", 5353)


def with_ana() -> Segment:
    """A segment where Ana has claimed her name, and it has become quiet."""
    segment = Segment()
    ana = segment.host(1)
    segment.call(ana, ana.claim, "ana", chat_at(ana).records)
    segment.run(10)
    segment.trace.clear()
    return segment


def asked(
    segment: Segment, *questions: Question, source: tuple[str, int] = CHO, **more: object
) -> list[tuple[float, DnsPacket]]:
    """What is sent after a question, and how long after it."""
    start = segment.now
    segment.inject(DnsPacket(questions, **more), source)  # type: ignore[arg-type]
    segment.run(2)
    return [(each.at - start, each.packet) for each in segment.trace if each.source != source]


def test_a_shared_record_waits_and_brings_what_is_asked_next() -> None:
    """RFC 6762, section 6, and RFC 6763, section 12.1."""
    ((delay, packet),) = asked(with_ana(), who_chats())
    assert 0.02 <= delay <= 0.13
    assert [str(record) for record in packet.answers] == ["_chat._udp.local. 4500 PTR ana._chat._udp.local."]
    assert [record.type for record in packet.additionals] == [RecordType.SRV, RecordType.TXT, RecordType.A]
    assert (packet.id, packet.flags, packet.questions) == (0, 0x8400, ())


def test_a_unique_record_goes_at_once() -> None:
    ((delay, packet),) = asked(with_ana(), Question(DomainName.parse("ANA.local"), RecordType.A))
    assert delay < 0.01
    assert packet.answers[0].data == A("192.168.1.1")


def test_any_type_gets_all_and_an_unknown_name_gets_nothing() -> None:
    segment = with_ana()
    ((_, packet),) = asked(segment, Question(DomainName.parse("ana._chat._udp.local"), RecordType.ANY))
    assert [record.type for record in packet.answers] == [RecordType.SRV, RecordType.TXT]
    segment.trace.clear()
    assert not asked(segment, Question(DomainName.parse("ben.local"), RecordType.A))
    assert not asked(segment, Question(DomainName.parse("ana.local"), RecordType.A, 3))


def test_a_type_that_a_name_of_ours_does_not_have_gets_a_clear_no() -> None:
    """RFC 6762, section 6.1."""
    ((_, packet),) = asked(with_ana(), Question(DomainName.parse("ana.local"), RecordType.AAAA))
    assert packet.answers[0].data == Nsec(
        DomainName.parse("ana.local"), (1,)
    )  # "MUST NOT have the NSEC bit set"
    assert packet.answers[0].cache_flush


@pytest.mark.fault("F062")
def test_what_the_asker_knows_is_not_said() -> None:
    """RFC 6762, section 7.1: unless less than half of its time is left."""
    ana = DomainName.parse("ana").under(CHAT)
    for ttl_s, answers in ((4500, 0), (2250, 0), (2249, 1)):
        known = ResourceRecord(CHAT, Ptr(ana), ttl_s)
        assert len(asked(with_ana(), who_chats(), answers=(known,))) == answers


@pytest.mark.fault("F062")
def test_known_answers_in_further_datagrams() -> None:
    """RFC 6762, section 7.2."""
    for follows, answers in ((True, 0), (False, 1)):
        segment, start = with_ana(), 10.0
        known = ResourceRecord(CHAT, Ptr(DomainName.parse("ana").under(CHAT)), 4500)
        segment.inject(DnsPacket((who_chats(),), flags=0x0200), CHO)
        segment.run(0.3)
        if follows:
            segment.inject(DnsPacket(answers=(known,)), CHO)
        segment.run(1)
        found = [each for each in segment.trace if each.source != CHO]
        assert len(found) == answers
        assert all(0.4 <= each.at - start <= 0.51 for each in found)


@pytest.mark.fault("F062")
def test_a_hundred_questions_at_once_get_one_answer_a_second() -> None:
    segment = with_ana()
    for _ in range(10):
        for number in range(100):
            segment.inject(DnsPacket((who_chats(),)), (f"192.168.1.{number + 100}", 5353))
        segment.run(0.1)
    segment.run(3)
    answers = [each for each in segment.trace if each.source == ("192.168.1.1", 5353)]
    assert len(answers) == 2
    assert answers[1].at - answers[0].at >= 1.0


def test_an_asker_that_wants_to_be_told_alone() -> None:
    """RFC 6762, section 5.4: only if the group has been told within a quarter of the time."""
    question = Question(CHAT, RecordType.PTR, wants_unicast=True)
    segment = with_ana()
    asked(segment, question)
    assert [each.to for each in segment.trace[1:]] == [CHO]
    segment.run(4500 / 4)
    segment.trace.clear()
    asked(segment, question)
    assert [each.to for each in segment.trace[1:]] == [GROUP]


def test_an_asker_on_our_own_host_is_answered_through_the_group() -> None:
    segment = with_ana()
    own = ("192.168.1.1", 5353)
    segment.inject(DnsPacket((Question(CHAT, RecordType.PTR, wants_unicast=True),)), own)
    segment.run(1)
    assert [each.to for each in segment.trace] == [GROUP, GROUP]


def test_a_program_that_knows_only_plain_dns() -> None:
    """RFC 6762, section 6.7."""
    segment, source = with_ana(), ("192.168.1.200", 40_000)
    question = Question(DomainName.parse("ana.local"), RecordType.A)
    ((delay, packet),) = asked(segment, question, source=source, id=0x1234)
    assert segment.trace[1].to == source
    assert (packet.id, packet.questions) == (0x1234, (question,))
    assert (packet.answers[0].ttl_s, packet.answers[0].cache_flush) == (10, False)
    assert delay < 0.01
    segment.trace.clear()
    assert not asked(segment, Question(DomainName.parse("ben.local"), RecordType.A), source=source)


@pytest.mark.fault("F062")
def test_two_hosts_with_the_same_shared_record_say_it_once() -> None:
    """RFC 6762, section 7.4."""
    segment = with_ana()
    ben = segment.host(2)
    segment.call(ben, ben.claim, "ben", chat_at(ben).records)
    segment.run(10)
    segment.trace.clear()
    kinds = Question(DomainName.parse("_services._dns-sd._udp.local"), RecordType.PTR)
    assert len(asked(segment, kinds)) == 1
    total = sum(host.suppressed().get("said by another", 0) for host in segment.hosts.values())
    assert total == 1


def test_what_is_sent_reads_back() -> None:
    ((_, packet),) = asked(with_ana(), who_chats())
    assert decode(encode(packet)) == packet


def test_a_simple_program_gets_one_datagram_of_a_size_that_a_link_carries() -> None:
    """RFC 6762, section 18.5: what does not fit is left out, and the bit TRUNCATED says so."""
    segment = Segment()
    ana = segment.host(1)
    for number in range(30):
        offer = Offer(CHAT, 4000, ana.host, (b"x" * 200,))
        segment.call(ana, ana.claim, f"ana {number}", offer.records)
    segment.run(10)
    segment.trace.clear()
    names = [DomainName([b"ana %d" % number]).under(CHAT) for number in range(30)]
    ((_, packet),) = asked(segment, *(Question(name, RecordType.TXT) for name in names), source=(CHO[0], 999))
    assert 3 <= len(packet.answers) < 30
    assert packet.is_truncated
    assert len(encode(packet, multicast=False)) <= 1472


def test_known_answers_count_in_a_datagram_that_has_a_question_too() -> None:
    """RFC 6762, section 7.2: they may be those of the question in the datagram before."""
    segment = with_ana()
    ana = next(iter(segment.hosts.values()))
    (pointer,) = [record for record in ana.claimed(1).records if record.name == CHAT]
    segment.inject(DnsPacket((who_chats(),), flags=TRUNCATED), CHO)
    other = Question(DomainName.parse("_other._udp.local"), RecordType.PTR)
    assert asked(segment, other, answers=(pointer,)) == []


def test_an_asker_that_has_more_to_say_is_waited_for_even_if_it_asks_for_itself() -> None:
    segment = with_ana()
    question = Question(CHAT, RecordType.PTR, wants_unicast=True)
    ((delay, _),) = asked(segment, question, flags=TRUNCATED)
    assert 0.4 <= delay <= 0.51


def test_nothing_is_said_about_a_name_that_has_been_given_back() -> None:
    segment = with_ana()
    ana = next(iter(segment.hosts.values()))
    question = Question(DomainName.parse("ana.local"), RecordType.AAAA)
    asked(segment, question)
    segment.trace.clear()
    segment.now -= 1.5  # its NSEC has just been said, so that the next waits
    segment.inject(DnsPacket((question,)), CHO)
    segment.run(0.1)
    segment.call(ana, ana.release, 1)
    segment.run(3)
    assert [packet.answers[0].ttl_s for packet in (each.packet for each in segment.sent(ana))] == [0]
