"""The packets of BEP 15, by hand; what is refused; there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import udp_messages as wire
from p2plib.discovery.tracker.announce import Announce, Announced, Counts, Event, Scrape, TrackerFailure
from p2plib.errors import DecodeError
from tests.discovery.tracker import packets

BY_HAND = Announce(
    packets.INFO_HASH, packets.PEER_ID, 6881, left=2, uploaded=3, downloaded=1, event=Event.STARTED,
    numwant=None, key=0xDEADBEEF,
)  # fmt: skip


def test_the_magic_number_of_a_connect() -> None:
    assert wire.MAGIC == 0x41727101980
    assert wire.encode_connect(0xCAFE0001) == packets.CONNECT
    assert wire.decode_request(packets.CONNECT) == wire.UdpRequest(
        bytes.fromhex("0000041727101980"), 0xCAFE0001, wire.Connect()
    )


def test_an_announce_of_98_bytes() -> None:
    assert len(packets.ANNOUNCE) == 98
    assert wire.encode_announce(packets.CONNECTION_ID, 0xCAFE0002, BY_HAND) == packets.ANNOUNCE
    request = wire.decode_request(packets.ANNOUNCE)
    assert request == wire.UdpRequest(packets.CONNECTION_ID, 0xCAFE0002, BY_HAND)


def test_responses_by_hand() -> None:
    assert wire.decode_response(packets.CONNECTED) == (0xCAFE0001, wire.Connected(packets.CONNECTION_ID))
    peers = (("192.0.2.7", 6881), ("198.51.100.1", 6882))
    assert wire.decode_response(packets.ANNOUNCED) == (0xCAFE0002, Announced(1800, 1, 2, peers))
    assert wire.decode_response(packets.SCRAPED) == (0xCAFE0003, wire.Scraped((Counts(1, 5, 2), Counts())))
    assert wire.decode_response(packets.ERROR) == (0xCAFE0002, TrackerFailure("no"))


def test_responses_are_written_as_they_are_read() -> None:
    assert wire.encode_connected(0xCAFE0001, packets.CONNECTION_ID) == packets.CONNECTED
    packed = [bytes.fromhex("c00002071ae1"), bytes.fromhex("c63364011ae2")]
    assert wire.encode_announced(0xCAFE0002, 1800, 2, 1, packed) == packets.ANNOUNCED
    assert wire.encode_scraped(0xCAFE0003, [Counts(1, 5, 2), Counts()]) == packets.SCRAPED
    assert wire.encode_failure(0xCAFE0002, "no") == packets.ERROR


def test_a_scrape_of_two() -> None:
    hashes = (packets.INFO_HASH, bytes(20))
    assert wire.encode_scrape(packets.CONNECTION_ID, 0xCAFE0003, hashes) == packets.SCRAPE
    assert wire.decode_request(packets.SCRAPE).body == Scrape(hashes)


def test_over_ipv6_a_peer_has_18_bytes() -> None:
    peer = bytes.fromhex("20010db8000000000000000000000007 1ae1")
    raw = packets.ANNOUNCED[:20] + peer
    assert wire.decode_response(raw, ipv6=True)[1].peers == (("2001:db8::7", 6881),)
    with pytest.raises(DecodeError, match="left over"):
        wire.decode_response(raw[:-1], ipv6=True)


@pytest.mark.fault("F067")
@pytest.mark.parametrize("whole", [packets.CONNECT, packets.ANNOUNCE, packets.SCRAPE], ids=len)
def test_a_request_that_is_cut_short_is_refused(whole: bytes) -> None:
    for size in range(len(whole)):
        if whole is packets.SCRAPE and size == 36:
            continue  # a scrape of one hash
        with pytest.raises(DecodeError):
            wire.decode_request(whole[:size])


@pytest.mark.fault("F066")
@pytest.mark.fault("F067")
@pytest.mark.parametrize("whole", [packets.CONNECTED, packets.ANNOUNCED, packets.SCRAPED], ids=len)
def test_a_response_that_is_cut_short_is_refused(whole: bytes) -> None:
    for size in range(len(whole)):
        if (whole is packets.ANNOUNCED and size in (20, 26)) or (
            whole is packets.SCRAPED and size in (8, 20)
        ):
            continue  # fewer peers, fewer counts
        with pytest.raises(DecodeError):
            wire.decode_response(whole[:size])


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (packets.CONNECTION_ID + packets.CONNECT[8:], "a connect begins with"),
        (packets.CONNECT[:8] + bytes.fromhex("00000003 00000000"), "a request has action"),
        (packets.CONNECT[:8] + bytes.fromhex("ffffffff 00000000"), "a request has action"),
        (packets.ANNOUNCE[:80] + bytes.fromhex("00000004") + packets.ANNOUNCE[84:], "an event is"),
        (packets.SCRAPE[:16], "1 to 74 hashes"),
        (packets.SCRAPE[:16] + bytes(20 * 75), "1 to 74 hashes"),
    ],
)
def test_what_is_refused(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        wire.decode_request(raw)


def test_what_others_do_is_understood() -> None:
    options = packets.ANNOUNCE + b"\x02\x09/announce"  # BEP 41
    assert wire.decode_request(options).body == BY_HAND
    unknown = packets.ANNOUNCE[:64] + b"\xff" * 8 + packets.ANNOUNCE[72:]  # left: 2**64 - 1
    assert wire.decode_request(unknown).body.left == 2**63 - 1  # type: ignore[union-attr]
    elsewhere = packets.ANNOUNCE[:84] + bytes([192, 0, 2, 66]) + packets.ANNOUNCE[88:]
    assert wire.decode_request(elsewhere).body == BY_HAND  # its ip field: nobody is entered who did not ask


def test_an_error_of_any_length_in_any_bytes_is_a_short_sentence() -> None:
    raw = bytes.fromhex("00000003 00000001") + b"\xff" * 5000
    _, body = wire.decode_response(raw)
    assert len(body.sentence) == 512  # type: ignore[union-attr]


NUMBERS = st.integers(0, 2**63 - 1)
ANNOUNCES = st.builds(
    Announce,
    info_hash=st.binary(min_size=20, max_size=20),
    peer_id=st.binary(min_size=20, max_size=20),
    port=st.integers(0, 65535),
    left=NUMBERS,
    uploaded=NUMBERS,
    downloaded=NUMBERS,
    event=st.sampled_from(Event),
    numwant=st.none() | st.integers(0, 2**31 - 1),
    key=st.integers(0, 2**32 - 1),
)


@given(ANNOUNCES, st.integers(0, 2**32 - 1))
def test_there_and_back(announce: Announce, transaction: int) -> None:
    raw = wire.encode_announce(packets.CONNECTION_ID, transaction, announce)
    request = wire.decode_request(raw)
    assert (request.transaction, request.body) == (transaction, announce)
    assert b"".join(field.raw for field in wire.dissect_request(raw)) == raw


@given(st.binary(max_size=200))
def test_whatever_arrives_is_understood_or_refused(raw: bytes) -> None:
    for head in (b"", packets.CONNECT[:8], packets.ANNOUNCE[:16], packets.SCRAPE[:16]):
        try:
            wire.decode_request(head + raw)
        except DecodeError:
            continue
        assert b"".join(field.raw for field in wire.dissect_request(head + raw)) == head + raw
    for action in range(5):
        data = action.to_bytes(4, "big") + raw
        try:
            wire.decode_response(data)
        except DecodeError:
            continue
        joined = b"".join(field.raw for field in wire.dissect_response(data))
        assert data.startswith(joined)
        assert len(joined) >= 16 or action != 0


def test_drawings_name_the_fields_of_the_specification() -> None:
    announce = {field.name: field.note for field in wire.dissect_request(packets.ANNOUNCE)}
    assert list(announce) == [
        "connection_id", "action", "transaction_id", "info_hash", "peer_id", "downloaded", "left", "uploaded",
        "event", "ip_address", "key", "num_want", "port",
    ]  # fmt: skip
    assert announce["action"] == "1: announce"
    assert announce["event"] == "2: started"
    assert announce["num_want"] == "-1"
    notes = [field.note for field in wire.dissect_response(packets.ANNOUNCED)]
    assert notes[2:] == ["1800", "2", "1", "192.0.2.7", "6881", "198.51.100.1", "6882"]
    assert [f.name for f in wire.dissect_response(packets.ERROR)] == ["action", "transaction_id", "message"]
