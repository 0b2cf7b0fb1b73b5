"""TSIG against dnspython, both ways and to the byte; and packets that somebody has changed."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.discovery.dns import tsig
from p2plib.discovery.dns.tsig import (
    ALGORITHM,
    BAD_KEY,
    BAD_SIGNATURE,
    BAD_TIME,
    BAD_TRUNCATION,
    Signature,
    TsigError,
    TsigKey,
)
from p2plib.discovery.mdns.packets import DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import RecordType
from p2plib.errors import DecodeError, UsageError
from tests.discovery.dns.world import KEY, OTHER, name

NOW = 1_700_000_000
QUERY = encode(DnsPacket((Question(name("seed.p2p.test"), RecordType.A),), id=0x1234))


def test_there_and_back() -> None:
    signed, mac = tsig.sign(QUERY, KEY, NOW)
    packet, signature = tsig.verify(signed, [OTHER, KEY], NOW + 10)
    assert packet == QUERY
    assert (signature.key_name, signature.mac, signature.original_id) == (KEY.name, mac, 0x1234)
    assert decode(signed).additionals[-1].type == tsig.TSIG_TYPE


def test_the_code_by_hand() -> None:
    """RFC 8945, 4.3: the packet, then the variables of the record, under HMAC with SHA-256."""
    import hashlib
    import hmac

    _, mac = tsig.sign(QUERY, KEY, NOW)
    owner, algorithm = b"\x07tracker\x00", b"\x0bhmac-sha256\x00"
    times = NOW.to_bytes(6, "big") + (300).to_bytes(2, "big")
    covered = QUERY + owner + b"\x00\xff" + bytes(4) + algorithm + times + bytes(2) + bytes(2)
    assert mac == hmac.new(KEY.secret, covered, hashlib.sha256).digest()


def test_dnspython_writes_the_same_bytes() -> None:
    dns_update = pytest.importorskip("dns.update")
    import dns.tsigkeyring

    ring = dns.tsigkeyring.from_text({"tracker": KEY.text})
    update = dns_update.UpdateMessage("p2p.test", keyring=ring, keyalgorithm="hmac-sha256")
    update.add("seed", 5, "A", "192.0.2.7")
    theirs = update.to_wire()
    packet, signature = tsig.verify(theirs, [KEY], update.tsig[0].time_signed)
    ours, mac = tsig.sign(packet, KEY, signature.time_s)
    assert ours == theirs
    assert mac == update.mac


def test_dnspython_accepts_a_response_of_ours_and_no_changed_one() -> None:
    pytest.importorskip("dns.message")
    import time

    import dns.message
    import dns.tsig
    import dns.tsigkeyring

    ring = dns.tsigkeyring.from_text({"tracker": KEY.text})
    request = dns.message.make_query("seed.p2p.test", "A")
    request.use_tsig(ring, algorithm="hmac-sha256")
    packet, signature = tsig.verify(request.to_wire(), [KEY], time.time())
    answer = packet[:2] + b"\x80\x00" + packet[4:]
    signed, _ = tsig.sign(answer, KEY, int(time.time()), request_mac=signature.mac)
    assert dns.message.from_wire(signed, keyring=ring, request_mac=request.mac).had_tsig
    for wrong in (b"", bytes(32)):
        bad, _ = tsig.sign(answer, KEY, int(time.time()), request_mac=wrong)
        with pytest.raises(dns.tsig.BadSignature):
            dns.message.from_wire(bad, keyring=ring, request_mac=request.mac)


@settings(max_examples=60)
@given(st.data())
def test_one_changed_byte_is_noticed(data: st.DataObject) -> None:
    signed, _ = tsig.sign(QUERY, KEY, NOW)
    place = data.draw(st.integers(2, len(signed) - 1))
    changed = bytearray(signed)
    changed[place] ^= data.draw(st.integers(1, 255))
    # The case of the key's name and the algorithm's is the one thing that may be changed.
    if decode_or_none(bytes(changed)) is not None and changed.lower() == bytearray(signed).lower():
        return
    with pytest.raises((TsigError, DecodeError)):
        tsig.verify(bytes(changed), [KEY], NOW)


def decode_or_none(raw: bytes) -> DnsPacket | None:
    try:
        return decode(raw)
    except DecodeError:
        return None


def test_a_server_in_between_may_change_the_id() -> None:
    signed, _ = tsig.sign(QUERY, KEY, NOW)
    packet, _ = tsig.verify(b"\xab\xcd" + signed[2:], [KEY], NOW)
    assert packet == QUERY


def refused(raw: bytes, now: float = NOW, **options: bytes) -> int:
    with pytest.raises(TsigError) as caught:
        tsig.verify(raw, [KEY], now, **options)
    return caught.value.error


def test_what_is_refused_and_why() -> None:
    signed, mac = tsig.sign(QUERY, KEY, NOW)
    assert refused(QUERY) == BAD_KEY
    assert refused(tsig.sign(QUERY, OTHER, NOW)[0]) == BAD_KEY
    impostor = TsigKey(KEY.name, b"sixteen bytes or more")
    assert refused(tsig.sign(QUERY, impostor, NOW)[0]) == BAD_SIGNATURE
    assert refused(signed, NOW + 301) == BAD_TIME
    assert refused(signed, NOW - 301) == BAD_TIME
    assert refused(signed, request_mac=mac) == BAD_SIGNATURE, "it is no response"
    md5 = Signature(KEY.name, name("hmac-md5.sig-alg.reg.int"), NOW, 300, bytes(16), 0x1234)
    assert refused(tsig.with_signature(QUERY, md5)) == BAD_KEY


@pytest.mark.parametrize("size", [16, 31])
def test_a_code_that_was_cut_is_not_enough(size: int) -> None:
    """RFC 8945, 5.2.2.1: it may be right as far as it goes, and the answer then says what is missing."""
    _, mac = tsig.sign(QUERY, KEY, NOW)
    short = Signature(KEY.name, ALGORITHM, NOW, 300, mac[:size], 0x1234)
    assert refused(tsig.with_signature(QUERY, short)) == BAD_TRUNCATION
    wrong = Signature(KEY.name, ALGORITHM, NOW, 300, bytes(size), 0x1234)
    assert refused(tsig.with_signature(QUERY, wrong)) == BAD_SIGNATURE


@pytest.mark.parametrize("size", [0, 1, 10, 15, 33])
def test_a_code_of_an_impossible_size_is_malformed(size: int) -> None:
    _, mac = tsig.sign(QUERY, KEY, NOW)
    odd = Signature(KEY.name, ALGORITHM, NOW, 300, (mac + b"x")[:size], 0x1234)
    with pytest.raises(DecodeError, match="16 to 32 bytes"):
        tsig.verify(tsig.with_signature(QUERY, odd), [KEY], NOW)


def test_a_signer_cannot_make_its_packet_good_for_hours() -> None:
    unsigned = Signature(KEY.name, ALGORITHM, NOW, 65_535, b"", 0x1234)
    mac = tsig._mac(QUERY, KEY, unsigned, b"")
    long = tsig.with_signature(QUERY, Signature(KEY.name, ALGORITHM, NOW, 65_535, mac, 0x1234))
    assert tsig.verify(long, [KEY], NOW + 300)[0] == QUERY
    assert refused(long, NOW + 301) == BAD_TIME


def test_the_right_time_is_not_asked_about_a_wrong_signature() -> None:
    """RFC 8945, 5.2: key, then code, then time; an old packet of a stranger's is no news about our clock."""
    impostor = TsigKey(KEY.name, b"sixteen bytes or more")
    assert refused(tsig.sign(QUERY, impostor, NOW)[0], NOW + 4000) == BAD_SIGNATURE


SIGNED, _ = tsig.sign(QUERY, KEY, NOW)
AT = len(QUERY)  # where the record begins: 9 bytes of name, 10 of numbers, 13 of algorithm


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda raw: raw[:11], "a header has 12 bytes"),
        (lambda raw: raw[:-1], "the records end at offset"),
        (lambda raw: raw + b"\x00", "the records end at offset"),
        (lambda raw: raw[: AT + 11] + b"\x00\x01" + raw[AT + 13 :], "of class ANY"),
        (lambda raw: raw[: AT + 13] + b"\x00\x00\x00\x01" + raw[AT + 17 :], "time to live of 0"),
        (lambda raw: raw[: AT + 40] + b"\xff\xff" + raw[AT + 42 :], "a code of 65535 bytes"),
        (lambda raw: raw[:-2] + b"\x00\x09", "9 bytes follow"),
        (lambda raw: raw[:10] + b"\x00\x02" + raw[12:], "within"),
    ],
)
def test_a_record_that_breaks_a_rule(change: Callable[[bytes], bytes], rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        tsig.verify(change(SIGNED), [KEY], NOW)


@given(st.binary(max_size=80))
def test_whatever_arrives_is_split_or_refused(raw: bytes) -> None:
    try:
        packet, signature = tsig.split(QUERY[:10] + b"\x00\x01" + QUERY[12:] + raw)
    except DecodeError:
        return
    assert signature is not None or packet.endswith(raw)


def test_a_key_as_it_is_configured() -> None:
    assert TsigKey.parse("tracker.", KEY.text) == KEY
    assert "secret" not in repr(KEY)
    for secret in ("not base 64!", base64.b64encode(b"short").decode()):
        with pytest.raises(UsageError):
            TsigKey.parse("tracker", secret)
