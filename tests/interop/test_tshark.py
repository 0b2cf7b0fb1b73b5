"""The judge itself: that it knows what it is shown, and notices what is broken."""

from __future__ import annotations

import pytest

from tests.interop.peers import demand_peers
from tests.interop.tshark import Datagram, dissect, dissect_stream, summary, why_no_tshark

pytestmark = pytest.mark.interop

QUERY = bytes.fromhex("1234 0100 0001 0000 0000 0000 0473656564 0370327000 0001 0001")
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
HANDSHAKE = b"\x13BitTorrent protocol" + bytes(5) + b"\x10\x00\x01" + bytes(20) + b"-PB0001-123456789012"


@pytest.fixture(autouse=True, scope="module")
def _tshark_is_here() -> None:
    demand_peers(why_no_tshark())


def test_a_query_is_read() -> None:
    (answer,) = dissect([QUERY], target=("127.0.0.1", 53))
    assert answer.protocols == ("dns",)
    assert not answer.is_malformed
    assert not answer.complaints
    assert answer.values("dns.qry.name") == ["seed.p2p"]


def test_a_query_that_is_cut_is_malformed() -> None:
    answers = dissect([QUERY, QUERY[:-3], QUERY], target=("127.0.0.1", 53))
    assert summary(answers) == ["dns", "dns malformed", "dns"]
    assert answers[1].complaints


def test_a_port_can_be_given_a_protocol() -> None:
    assert summary(dissect([b"hello"])) == [""]
    assert summary(dissect([QUERY], decode_as=["udp.port==50002,mdns"])) == ["mdns"]
    answers = dissect([PING, PING[:-6]], decode_as=["udp.port==50002,bt-dht"])
    assert summary(answers) == ["bt-dht", "bt-dht malformed"]


def test_datagrams_have_addresses_of_their_own() -> None:
    query = Datagram(bytes(2) + QUERY[2:], ("192.0.2.1", 5353), ("224.0.0.251", 5353))
    over_ipv6 = Datagram(bytes(2) + QUERY[2:], ("2001:db8::1", 5353), ("ff02::fb", 5353))
    assert summary(dissect([query, over_ipv6])) == ["mdns", "mdns"]


def test_a_stream_is_put_together() -> None:
    response = b"\x81\x80".join((QUERY[:2], QUERY[4:]))
    long = (2 + len(QUERY)).to_bytes(2, "big")
    answers = dissect_stream(
        [(True, len(QUERY).to_bytes(2, "big") + QUERY), (False, len(response).to_bytes(2, "big") + response)],
        server=("127.0.0.1", 53),
    )
    assert summary(answers) == ["dns", "dns"]
    (cut,) = dissect_stream([(True, long + QUERY)], server=("127.0.0.1", 53))
    assert "dns" not in cut.protocols, "the message is not whole, and tshark waits for the rest"


def test_a_long_message_is_dissected_in_its_last_segment() -> None:
    piece = (9 + 4_000).to_bytes(4, "big") + b"\x07" + bytes(8 + 4_000)
    messages = [(True, HANDSHAKE), (False, HANDSHAKE), (False, piece)]
    answers = dissect_stream(messages, decode_as=["tcp.port==50002,bittorrent"])
    assert [answer.is_malformed for answer in answers] == [False] * 5
    assert answers[-1].values("bittorrent.msg.length") == ["4009"]
