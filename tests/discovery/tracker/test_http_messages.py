"""Queries and responses over HTTP: by hand, what others write, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import compact
from p2plib.discovery.tracker import http_messages as wire
from p2plib.discovery.tracker.announce import Announce, Announced, Counts, Event, TrackerFailure
from p2plib.errors import DecodeError, RequestRefused
from tests.discovery.tracker.packets import INFO_HASH, PEER_ID
from tests.discovery.tracker.test_udp_messages import ANNOUNCES

QUERY = (
    "info_hash=%C3%A9%80%FF%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10"
    "&peer_id=-P20001-%80%81%FE%FF12345678&port=6881&uploaded=3&downloaded=1&left=2&compact=1&key=deadbeef"
    "&event=started"
)
BY_HAND = Announce(INFO_HASH, PEER_ID, 6881, 2, 3, 1, Event.STARTED, None, 0xDEADBEEF)
PEERS = bytes.fromhex("c0000207 1ae1 c6336401 1ae2")
ANNOUNCED = b"d8:completei1e10:incompletei2e8:intervali1800e5:peers12:" + PEERS + b"e"


def test_an_announce_by_hand() -> None:
    assert wire.encode_announce(BY_HAND) == QUERY
    assert wire.decode_announce(wire.decode_query(QUERY)) == (BY_HAND, True)


def test_a_response_by_hand() -> None:
    peers = (("192.0.2.7", 6881), ("198.51.100.1", 6882))
    assert wire.decode_announced(ANNOUNCED) == Announced(1800, 1, 2, peers)


def test_the_list_of_dicts_of_bep_3() -> None:
    raw = (
        b"d8:intervali60e5:peersld2:ip9:192.0.2.77:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881ee"
        b"d2:ip15:tracker.example4:porti1eeee"
    )
    assert wire.decode_announced(raw).peers == (("192.0.2.7", 6881), ("tracker.example", 1))  # type: ignore[union-attr]


def test_what_we_write_is_what_we_read() -> None:
    packed = [PEERS[:6], PEERS[6:]]
    raw = wire.encode_announced(1800, Counts(1, 5, 2), "192.0.2.1", packed, None)
    expected = Announced(1800, 1, 2, compact.unpack(PEERS), own_host="192.0.2.1")
    assert wire.decode_announced(raw) == expected
    ids = [bytes([200]) * 20, b"b" * 20]
    assert (
        wire.decode_announced(wire.encode_announced(1800, Counts(1, 5, 2), "192.0.2.1", packed, ids))
        == expected
    )
    six = bytes.fromhex("20010db8000000000000000000000007 1ae1")
    raw = wire.encode_announced(60, Counts(), "2001:db8::1", [six], None)
    assert b"5:peers0:6:peers618:" in raw
    assert wire.decode_announced(raw).peers == (("2001:db8::7", 6881),)  # type: ignore[union-attr]


def test_a_failure_outweighs_the_rest() -> None:
    raw = b"d14:failure reason2:no8:intervali1800ee"
    assert wire.decode_announced(raw) == TrackerFailure("no")
    assert wire.decode_announced(wire.encode_failure("no")) == TrackerFailure("no")
    assert wire.decode_scraped(wire.encode_failure("no"), [INFO_HASH]) == TrackerFailure("no")


def test_a_scrape_by_hand() -> None:
    query = "info_hash=" + QUERY[10:].partition("&")[0]
    assert wire.encode_scrape([INFO_HASH]) == query
    assert wire.decode_scrape(wire.decode_query(query + "&" + query)) == (INFO_HASH, INFO_HASH)
    raw = b"d5:filesd20:" + INFO_HASH + b"d8:completei1e10:downloadedi5e10:incompletei2eeee"
    assert wire.encode_scraped({INFO_HASH: Counts(1, 5, 2)}) == raw
    assert wire.decode_scraped(raw, [INFO_HASH, bytes(20)]) == {
        INFO_HASH: Counts(1, 5, 2),
        bytes(20): Counts(),
    }


def test_a_key_in_utf_8_is_understood() -> None:
    """What npm's bittorrent-tracker 9 to 11 write: measured."""
    mangled = wire.as_npm_writes(INFO_HASH)
    assert len(mangled) == 24  # four of its twenty bytes are above 0x7f
    raw = b"d5:filesd24:" + mangled + b"d8:completei1e10:downloadedi5e10:incompletei2eeee"
    assert wire.decode_scraped(raw, [INFO_HASH]) == {INFO_HASH: Counts(1, 5, 2)}


@pytest.mark.parametrize(
    ("announce", "scrape"),
    [("/announce", "/scrape"), ("/x/announce", "/x/scrape"), ("/announce.php", "/scrape.php"),
     ("/announce?x2=1", "/scrape?x2=1")],
)  # fmt: skip
def test_where_scrapes_are(announce: str, scrape: str) -> None:
    assert wire.scrape_path(announce) == scrape


@pytest.mark.parametrize("path", ["/a", "/announcements/x", "/"])
def test_where_no_scrapes_are(path: str) -> None:
    with pytest.raises(RequestRefused, match="no scrapes"):
        wire.scrape_path(path)


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("", "info_hash is missing"),
        (QUERY.replace("%C3", ""), "this has 19"),
        (QUERY + "&info_hash=a", "there 2 times"),
        (QUERY.replace("6881", "65536"), "at most 65535"),
        (QUERY.replace("6881", "-1"), "whole number"),
        (QUERY.replace("6881", "9" * 30), "whole number"),
        (QUERY.replace("&port=6881", ""), "whole number"),
        (QUERY.replace("started", "begun"), "an event is"),
        (QUERY + "&numwant=x", "whole number"),
        (QUERY + "&x=%zz", "two hexadecimal digits"),
        (QUERY + "&x=%", "two hexadecimal digits"),
        (QUERY + "&x" * 200, "pairs"),
        (QUERY + "&x=" + "y" * 9000, "characters"),
    ],
)
def test_what_is_refused(query: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        wire.decode_announce(wire.decode_query(query))


def test_what_others_write_is_understood() -> None:
    def read(query: str) -> tuple[Announce, bool]:
        return wire.decode_announce(wire.decode_query(query))

    assert read(QUERY + "&numwant=-1")[0].numwant is None
    assert read(QUERY + "&numwant=0")[0].numwant == 0
    assert read(QUERY.replace("compact=1", "compact=0"))[1] is False
    assert read(QUERY.replace("&compact=1", ""))[1] is True
    assert read(QUERY.replace("deadbeef", "not-hex!"))[0].key == 0
    assert read(QUERY.replace("left=2", "left=18446744073709551615"))[0].left == 2**63 - 1
    assert (
        read(QUERY.replace("-P20001-", "%2DP2+001-").lower().replace("p2", "P2"))[0].peer_id[:8]
        == b"-P2+001-"
    )
    assert read(QUERY + "&ip=198.51.100.9&trackerid=1&supportcrypto=1&&corrupt=0")[0] == BY_HAND


@pytest.mark.fault("F066")
@pytest.mark.parametrize("size", [1, 5, 7, 17])
def test_peers_that_are_no_whole_number_of_peers_are_refused(size: int) -> None:
    for name in (b"5:peers", b"6:peers6"):
        with pytest.raises(DecodeError, match="left over"):
            wire.decode_announced(b"d8:intervali60e%b%d:%be" % (name, size, bytes(size)))


@pytest.mark.parametrize(
    "raw",
    [b"", b"le", b"i1e", b"<html>", b"d8:interval1:xe", b"d5:peersi1ee", b"d5:peersli1eee",
     b"d5:peersld2:ipi1eeee", b"d6:peers6i1ee", b"d15:warning messagei1ee", b"d14:failure reasoni1ee",
     ANNOUNCED + b"x", ANNOUNCED[:-1],
     b"d5:peers70000:" + bytes(70000) + b"e"],
    ids=lambda raw: repr(raw[:20]),
)  # fmt: skip
def test_no_response(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.decode_announced(raw)


def test_numbers_of_any_size_are_kept_small() -> None:
    answer = wire.decode_announced(b"d8:completei-5e10:incompletei%de8:intervali%dee" % (10**50, 10**50))
    assert answer == Announced(2**32 - 1, 0, 2**32 - 1)


@pytest.mark.parametrize("raw", [b"d5:filesi1ee", b"d5:filesd20:" + INFO_HASH + b"i1eee", b"i1e"])
def test_no_response_to_a_scrape(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.decode_scraped(raw, [INFO_HASH])


@given(ANNOUNCES)
def test_there_and_back(announce: Announce) -> None:
    assert wire.decode_announce(wire.decode_query(wire.encode_announce(announce))) == (announce, True)


@given(st.text(max_size=100), st.binary(max_size=100))
def test_whatever_arrives_is_understood_or_refused(query: str, raw: bytes) -> None:
    for text in (query, QUERY + query):
        try:
            wire.decode_announce(wire.decode_query(text))
            wire.decode_scrape(wire.decode_query(text))
        except DecodeError:
            pass
    for body in (raw, ANNOUNCED[:-1] + raw, b"d5:peers" + raw):
        try:
            wire.decode_announced(body)
            wire.decode_scraped(body, [INFO_HASH])
        except DecodeError:
            pass
