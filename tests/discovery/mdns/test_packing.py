"""Packing: nothing is lost between datagrams, and none is too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question, decode
from p2plib.discovery.mdns.packing import ANSWER, LINK_BYTES, Packing, probe, queries, responses
from p2plib.discovery.mdns.records import Ptr, RecordType, ResourceRecord, Txt
from p2plib.errors import UsageError
from tests.discovery.mdns.dns_strategies import records

CHAT = DomainName.parse("_chat._udp.local")


def pointers(count: int) -> list[ResourceRecord]:
    return [
        ResourceRecord(CHAT, Ptr(DomainName([b"instance number %d" % number]).under(CHAT)), 4500)
        for number in range(count)
    ]


@given(st.lists(records(), min_size=1, max_size=60), st.lists(records(), max_size=10))
def test_answers_all_arrive_in_order(answers: list[ResourceRecord], more: list[ResourceRecord]) -> None:
    datagrams = responses(answers, more)
    packets = [decode(data) for data in datagrams]
    assert [record for packet in packets for record in packet.answers] == answers
    said = [record for packet in packets for record in packet.additionals]
    assert said == more[: len(said)]
    assert all(len(data) <= LINK_BYTES for data in datagrams)


def test_what_did_not_fit_leaves_no_trace() -> None:
    """A name of a record that was cut off again is not pointed to."""
    packing = Packing(limit_bytes=100)
    one, other = pointers(2)
    assert packing.add(ANSWER, one)
    assert not packing.add(ANSWER, ResourceRecord(DomainName.parse("a.long.name.elsewhere"), other.data))
    assert packing.add(ANSWER, ResourceRecord(DomainName.parse("elsewhere"), Txt((b"",))))
    assert [str(record.name) for record in decode(packing.finish()).answers] == [str(CHAT), "elsewhere."]


def test_nothing_to_say_is_no_datagram() -> None:
    assert responses([], pointers(1)) == []


def test_known_answers_over_several_datagrams() -> None:
    """RFC 6762, section 7.2: all but the last have the bit set, only the first asks."""
    known = pointers(200)
    packets = [decode(data) for data in queries([Question(CHAT, RecordType.PTR)], known)]
    assert len(packets) == 5
    assert [packet.is_truncated for packet in packets] == [True] * 4 + [False]
    assert [len(packet.questions) for packet in packets] == [1, 0, 0, 0, 0]
    assert [record for packet in packets for record in packet.answers] == known


def test_a_large_record_goes_alone_and_a_huge_one_not_at_all() -> None:
    large = ResourceRecord(CHAT, Txt((b"x" * 250,) * 10))
    datagrams = responses([*pointers(1), large, *pointers(1)])
    assert [len(data) > LINK_BYTES for data in datagrams] == [False, True, False]
    with pytest.raises(UsageError, match="too large for a link"):
        responses([ResourceRecord(CHAT, Txt((b"x" * 250,) * 40))])


def test_a_probe_says_what_is_going_to_be_claimed() -> None:
    packet = decode(probe([Question(CHAT, RecordType.ANY)], pointers(2)))
    assert (len(packet.questions), packet.authorities) == (1, tuple(pointers(2)))


@pytest.mark.parametrize("known", [0, 3, 100])
def test_many_questions_go_into_several_datagrams(known: int) -> None:
    asked = [Question(DomainName([b"%060d" % n]).under(CHAT), RecordType.SRV) for n in range(200)]
    answers = pointers(known)
    datagrams = queries(asked, answers)
    packets = [decode(data) for data in datagrams]
    assert [question for packet in packets for question in packet.questions] == asked
    assert [record for packet in packets for record in packet.answers] == answers
    assert all(len(data) <= LINK_BYTES for data in datagrams)
    truncated = [packet.is_truncated for packet in packets]
    assert truncated == [bool(known)] * (len(packets) - 1) + [False]


def test_a_probe_that_does_not_fit_is_an_error() -> None:
    """Half a probe would claim names that nobody was asked about."""
    with pytest.raises(UsageError):
        probe([Question(CHAT, RecordType.ANY)], pointers(1_000))
