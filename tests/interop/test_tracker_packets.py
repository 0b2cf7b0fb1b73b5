"""tshark, which knows nothing of us, reads what our tracker and its clients put on the wire over HTTP.

Of BEP 15 the tshark of Debian 12 (4.0) knows nothing: npm's and libtorrent's programs judge those packets.
"""

from __future__ import annotations

import pytest

from p2plib.discovery.tracker import http_messages
from p2plib.discovery.tracker.announce import Announce, Counts, Event
from p2plib.discovery.tracker.compact import pack_peer
from tests.interop.peers import demand_peers
from tests.interop.tshark import dissect_stream, why_no_tshark

pytestmark = pytest.mark.interop

INFO_HASH = bytes.fromhex("c3a980ff0102030405060708090a0b0c0d0e0f10")
ANNOUNCE = Announce(
    INFO_HASH, b"-P20001-\xff\xfe\x80\xc3ana45678", 6881, 9, 8, 7, Event.STARTED, 50, 0xDEADBEEF
)
PEERS = [pack_peer(("192.0.2.7", 6881)), pack_peer(("198.51.100.1", 6882))]


@pytest.fixture(autouse=True, scope="module")
def _tshark_is_here() -> None:
    demand_peers(why_no_tshark())


def test_an_exchange_over_http() -> None:
    query = http_messages.encode_announce(ANNOUNCE)
    body = http_messages.encode_announced(1800, Counts(1, 5, 2), "192.0.2.1", PEERS, None)
    answers = dissect_stream(
        [
            (True, f"GET /announce?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()),
            (
                False,
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body),
            ),
        ],
        server=("127.0.0.1", 80),
    )
    assert [answer.protocols[0] for answer in answers] == ["http", "http"]
    assert not any(answer.is_malformed or answer.complaints for answer in answers)
    assert answers[0].values("http.request.uri.path") == ["/announce"]
    assert f"info_hash={'%C3%A9%80%FF'}" in answers[0].values("http.request.uri.query")[0]
