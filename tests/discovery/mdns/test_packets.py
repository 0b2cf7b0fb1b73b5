"""Whole packets: dnspython and dnslib read what we write, and we read what they write."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import RESPONSE, TRUNCATED, DnsPacket, Question, decode, dissect, encode
from p2plib.discovery.mdns.rdata import plain_data
from p2plib.discovery.mdns.records import A, Opt, Ptr, RecordType, ResourceRecord, Srv, Txt
from p2plib.errors import DecodeError, UsageError
from tests.discovery.mdns.dns_strategies import PLAIN_LABELS, packets

CHAT = DomainName.parse("_chat._udp.local")
ANA = DomainName.parse("ana._chat._udp.local")

# RFC 1035's header and question (section 4.1), and the one that the head of the module draws
QUESTION = bytes.fromhex("0000 0000 0001 0000 0000 0000") + b"\x05_chat\x04_udp\x05local\x00\x00\x0c\x80\x01"
ANSWER = (
    bytes.fromhex("0000 8400 0000 0001 0000 0001")
    + b"\x05_chat\x04_udp\x05local\x00\x00\x0c\x00\x01\x00\x00\x11\x94\x00\x06\x03ana\xc0\x0c"
    + b"\xc0\x28\x00\x21\x80\x01\x00\x00\x00\x78\x00\x0e\x00\x00\x00\x00\x0f\xa0\x05anas0\xc0\x17"
)


def test_a_question_by_hand() -> None:
    packet = DnsPacket((Question(CHAT, RecordType.PTR, wants_unicast=True),))
    assert encode(packet) == QUESTION
    assert decode(QUESTION) == packet
    assert not packet.is_response


def test_an_answer_by_hand() -> None:
    host = DomainName.parse("anas0.local")
    packet = DnsPacket(
        answers=(ResourceRecord(CHAT, Ptr(ANA), 4500),),
        additionals=(ResourceRecord(ANA, Srv(0, 0, 4000, host), 120, cache_flush=True),),
        flags=0x8400,
    )
    assert encode(packet) == ANSWER
    assert decode(ANSWER) == packet
    assert packet.is_response
    assert not packet.is_truncated


@given(packets(), st.booleans(), st.booleans())
def test_there_and_back(packet: DnsPacket, compresses: bool, multicast: bool) -> None:
    raw = encode(packet, compresses=compresses, multicast=multicast)
    again = decode(raw)
    assert again == packet
    assert [r.name.labels for r in again.records] == [r.name.labels for r in packet.records]  # case and all
    fields = dissect(raw)
    assert b"".join(field.raw for field in fields) == raw
    assert all(field.raw for field in fields)
    assert len(raw) <= len(encode(packet, compresses=False))


@given(st.binary(max_size=200))
def test_whatever_arrives_is_a_packet_or_refused(raw: bytes) -> None:
    try:
        packet = decode(raw)
    except DecodeError:
        with pytest.raises(DecodeError):
            dissect(raw)
        return
    assert decode(encode(packet)) == packet
    assert b"".join(field.raw for field in dissect(raw)) == raw


@given(packets(), st.data())
def test_a_packet_with_one_byte_changed_or_cut_off(packet: DnsPacket, data: st.DataObject) -> None:
    raw = bytearray(encode(packet))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    for hostile in (bytes(raw), bytes(raw[:place])):
        try:
            found = decode(hostile)
        except DecodeError:
            continue
        assert decode(encode(found)) == found


@pytest.mark.fault("F060")
@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (bytes(11), "12 bytes"),
        (bytes(4) + b"\xff\xff" * 4, "promise"),
        (bytes(6) + b"\xff\xff" + bytes(4 + 2000), "promise"),
        (bytes(12) + b"\x00", "the last record"),
        (bytes(4) + b"\0\x01" + bytes(6) + b"\x01a\x00\x00\x01", "within a question"),
        (bytes(6) + b"\0\x01" + bytes(4) + b"\x01a" + bytes(9), "within a record"),
        (bytes(6) + b"\0\x01" + bytes(4) + bytes(9) + b"\xff\xff", "data of 65535 bytes"),
        (bytes(70_000), "65535 is the most"),
    ],
)
def test_hostile_packets(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        decode(raw)


def test_what_cannot_be_written() -> None:
    for packet in (
        DnsPacket(id=65_536),
        DnsPacket((Question(CHAT, 1, 0x8001),)),
        DnsPacket((Question(CHAT, 70_000),)),
        DnsPacket(answers=(ResourceRecord(CHAT, A("192.0.2.1"), 2**32),)),
        DnsPacket(answers=(ResourceRecord(CHAT, A("192.0.2.1"), -1),)),
        DnsPacket(answers=(ResourceRecord(CHAT, Txt((b"x" * 255,) * 300)),)),
        DnsPacket(answers=(ResourceRecord(CHAT, Txt((b"x" * 255,) * 200)),) * 2),
    ):
        with pytest.raises(UsageError):
            encode(packet)


def test_an_opt_keeps_its_sixteen_bits() -> None:
    record = ResourceRecord(DomainName(), Opt(b""), 0x8000, 0x8400)
    again = decode(encode(DnsPacket(additionals=(record,)))).additionals[0]
    assert (again.rclass, again.cache_flush) == (0x8400, False)
    assert "33792 bytes" in str([field.note for field in dissect(encode(DnsPacket(additionals=(record,))))])


def test_flags() -> None:
    packet = DnsPacket(flags=RESPONSE | TRUNCATED | 5 << 11 | 3)
    assert (packet.is_response, packet.is_truncated, packet.opcode, packet.rcode) == (True, True, 5, 3)


def test_which_records_answer_a_question() -> None:
    record = ResourceRecord(ANA, A("192.0.2.1"))
    for question, answers in (
        (Question(DomainName.parse("ANA._chat._udp.LOCAL"), RecordType.A), True),
        (Question(ANA, RecordType.ANY), True),
        (Question(ANA, RecordType.A, 255), True),
        (Question(ANA, RecordType.AAAA), False),
        (Question(ANA, RecordType.A, 3), False),
        (Question(CHAT, RecordType.A), False),
    ):
        assert question.asks_for(record) is answers


def test_in_words() -> None:
    assert str(decode(QUESTION)) == "query\n  _chat._udp.local. PTR? (QU)"
    assert str(decode(ANSWER)).splitlines() == [
        "response",
        "  answer: _chat._udp.local. 4500 PTR ana._chat._udp.local.",
        "  additional: ana._chat._udp.local. 120 SRV 0 0 4000 anas0.local.",
    ]


# Oracles --------------------------------------------------------------------------------------------------


def rrs_of(packet: DnsPacket) -> list[tuple[Any, ...]]:
    """Records in a form that other libraries can give, too."""
    return [
        (r.name.labels, r.type, r.rclass | 0x8000 * r.cache_flush, r.ttl_s, plain_data(r.data))
        for r in packet.records
    ]


def in_dnspython(raw: bytes) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    message = pytest.importorskip("dns.message")
    found = message.from_wire(raw, one_rr_per_rrset=True)
    questions = [(q.name.labels[:-1], int(q.rdtype), int(q.rdclass)) for q in found.question]
    return questions, [
        (rrset.name.labels[:-1], int(rrset.rdtype), int(rrset.rdclass), int(rrset.ttl), rrset[0].to_wire())
        for section in (found.answer, found.authority, found.additional)
        for rrset in section
    ]


# to dnspython, SRV and A of a class that has the top bit set are of an unknown kind
@given(packets(flush=False), st.booleans())
@settings(max_examples=60)
def test_dnspython_reads_the_same(packet: DnsPacket, compresses: bool) -> None:
    packet = DnsPacket(packet.questions, packet.answers, packet.authorities, packet.additionals, 0x8400, 7)
    questions, records = in_dnspython(encode(packet, compresses=compresses, multicast=False))
    assert questions == [
        (q.name.labels, q.type, q.rclass | 0x8000 * q.wants_unicast) for q in packet.questions
    ]
    assert records == rrs_of(packet)


@given(packets(PLAIN_LABELS, flush=False))
@settings(max_examples=60)
def test_what_dnspython_writes_is_read(packet: DnsPacket) -> None:
    message = pytest.importorskip("dns.message")
    packet = DnsPacket(packet.questions, packet.answers, packet.authorities, packet.additionals, 0x8400, 7)
    theirs = message.from_wire(encode(packet, multicast=False), one_rr_per_rrset=True).to_wire()
    assert Counter(decode(theirs).records) == Counter(packet.records)  # it takes the case of the first


@given(packets(PLAIN_LABELS, others=False), st.booleans())
@settings(max_examples=60)
def test_dnslib_reads_and_writes_the_same(packet: DnsPacket, compresses: bool) -> None:
    dnslib = pytest.importorskip("dnslib")
    packet = DnsPacket(packet.questions, packet.answers, packet.authorities, packet.additionals, 0x8400, 7)
    theirs = dnslib.DNSRecord.parse(encode(packet, compresses=compresses))
    found = [
        (tuple(rr.rname.label), rr.rtype, rr.rclass, rr.ttl) for rr in [*theirs.rr, *theirs.auth, *theirs.ar]
    ]
    assert found == [entry[:4] for entry in rrs_of(packet)]
    assert rrs_of(decode(theirs.pack())) == rrs_of(packet)
