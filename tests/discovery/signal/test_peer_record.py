"""libp2p's signed peer record: its bytes, forgeries, other keys' records, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.signal.peer_record import (
    MAX_ADDRESSES,
    PAYLOAD_TYPE,
    RoutingRecord,
    decode,
    dissect,
    encode,
    signed_bytes,
)
from p2plib.errors import DecodeError, RemoteError, SignatureError, UsageError, WrongPeer
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.wire import multiaddr, protobuf
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

ANA, MAL = (SecretKey.from_seed(name.encode() * 32) for name in "am")
ADDRESSES = (multiaddr.parse("/ip4/192.0.2.1/tcp/4001"), multiaddr.parse("/ip6/2001:db8::1/udp/1/quic-v1"))
RECORD = RoutingRecord(ANA.public, 1_570_215_229, ADDRESSES)


def envelope(payload: bytes, secret: SecretKey = ANA, kind: bytes = PAYLOAD_TYPE) -> bytes:
    return protobuf.encode(
        (
            ProtoField(1, BYTES, ids.encode_public_key(secret.public)),
            ProtoField(2, BYTES, kind),
            ProtoField(3, BYTES, payload),
            ProtoField(5, BYTES, secret.sign_raw(signed_bytes(kind, payload))),
        )
    )


def payload_of(*fields: ProtoField, about: SecretKey = ANA) -> bytes:
    return protobuf.encode((ProtoField(1, BYTES, ids.peer_id_bytes(about.public)), *fields))


def address(raw: bytes) -> ProtoField:
    return ProtoField(3, BYTES, ProtoField(1, BYTES, raw).encode())


def test_there_and_back_and_what_is_signed() -> None:
    raw = encode(RECORD, ANA)
    assert decode(raw) == RECORD
    assert decode(raw).peer_id == ids.peer_id(ANA.public)
    assert b"".join(field.raw for field in dissect(raw)) == raw
    assert signed_bytes(b"\x03\x01", b"xyz") == b"\x12libp2p-peer-record" + b"\x02\x03\x01" + b"\x03xyz"
    assert raw.startswith(bytes.fromhex("0a24 08011220") + ANA.public.raw + bytes.fromhex("1202 0301 1a"))


def test_what_the_future_may_add_is_left_alone() -> None:
    unknown = ProtoField(9, BYTES, b"later")
    payload = payload_of(address(b"\xc8\x08"), address(ADDRESSES[0].encode()), unknown)
    assert decode(envelope(payload)) == RoutingRecord(ANA.public, 0, ADDRESSES[:1])


@pytest.mark.parametrize("at", range(0, 190, 7))
def test_any_change_is_noticed(at: int) -> None:
    raw = bytearray(encode(RECORD, ANA))
    raw[at % len(raw)] ^= 1
    with pytest.raises(RemoteError):
        decode(bytes(raw))


def test_a_record_about_somebody_else() -> None:
    with pytest.raises(WrongPeer):
        decode(envelope(payload_of(about=ANA), secret=MAL))
    forged = encode(RECORD, ANA).replace(ANA.public.raw, MAL.public.raw, 1)
    with pytest.raises(SignatureError):
        decode(forged)
    with pytest.raises(UsageError, match="cannot sign"):
        encode(RECORD, MAL)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "field 1 is there 0 times"),
        (bytes(9000), "8192 is the most"),
        (envelope(payload_of(), kind=b"\x03\x02"), "is 0301"),
        (envelope(payload_of(ProtoField(3, VARINT, 1))), "is a message, not a number"),
        (envelope(payload_of(*[address(ADDRESSES[0].encode())] * (MAX_ADDRESSES + 1))), "at most 64"),
        (encode(RECORD, ANA) + b"\x20\x01", "field 4 is unknown"),
    ],
)
def test_what_is_no_record(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        decode(raw)


@given(st.binary(max_size=100))
def test_whatever_comes_is_refused(raw: bytes) -> None:
    with pytest.raises(RemoteError):
        decode(raw)


def test_more_than_others_would_read() -> None:
    with pytest.raises(UsageError, match="at most 64"):
        encode(RoutingRecord(ANA.public, 1, ADDRESSES * 40), ANA)
    long = multiaddr.parse("/dns/" + "x" * 250 + "/tcp/1")
    with pytest.raises(UsageError, match="8192"):
        encode(RoutingRecord(ANA.public, 1, (long,) * 40), ANA)
