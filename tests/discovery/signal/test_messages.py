"""Signed messages: a known answer, every member changed, and what is no message."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.signal.messages import (
    CONTEXT,
    HERE,
    MAX_BODY_BYTES,
    MAX_MESSAGE_BYTES,
    SignalMessage,
    decode,
    encode,
    open_body,
    seal_body,
    sign,
)
from p2plib.errors import DecodeError, NotForUs, RemoteError, SignatureError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey

ANA, BEN, MAL = (SecretKey.from_seed(name.encode() * 32) for name in "abm")
HELLO = SignalMessage("cats/lisbon", ANA.public, None, HERE, 7, 1_700_000_000, "/ip4/192.0.2.1/tcp/4001")


def changed(text: str, **members: Any) -> str:
    return json.dumps(json.loads(text) | members)


def test_what_is_signed_by_hand() -> None:
    """The canonical form, written out; the oracle of the signature is PyNaCl, called directly."""
    import nacl.signing

    me = ids.peer_id(ANA.public)
    canonical = (
        '{\n  "channel": "cats/lisbon",\n  "from": "' + me + '",\n  "to": "",\n  "kind": "here",\n'
        '  "seq": 7,\n  "time": 1700000000,\n  "body": "/ip4/192.0.2.1/tcp/4001"\n}'
    ).encode()
    assert HELLO.signed_bytes() == canonical
    framed = bytes([len(CONTEXT)]) + CONTEXT.encode() + bytes([len(canonical) & 0x7F | 0x80, 1]) + canonical
    assert len(canonical) >> 7 == 1
    signature = nacl.signing.SigningKey(b"a" * 32).sign(framed).signature
    assert json.loads(encode(sign(HELLO, ANA)))["signature"] == base64.b64encode(signature).decode()


def test_there_and_back() -> None:
    message = sign(replace(HELLO, to=BEN.public, body="größe 🚀\n"), ANA)
    text = encode(message)
    assert decode(text) == message
    assert "\n" not in text
    spaced = json.dumps(dict(reversed(json.loads(text).items())), indent=4, ensure_ascii=True)
    assert decode(spaced) == message, "a hub may write JSON anew"


@pytest.mark.fault("F068")
@pytest.mark.parametrize(
    "member",
    [
        {"channel": "cats/porto"},
        {"from": ids.peer_id(MAL.public)},
        {"to": ids.peer_id(BEN.public)},
        {"kind": "gone"},
        {"seq": 8},
        {"time": 1_700_000_001},
        {"body": "/ip4/66.6.6.6/tcp/6666"},
        {"signature": base64.b64encode(bytes(64)).decode()},
    ],
    ids=lambda member: next(iter(member)),
)
def test_a_change_of_any_member_is_noticed(member: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        decode(changed(encode(sign(HELLO, ANA)), **member))


@pytest.mark.fault("F068")
@pytest.mark.parametrize(
    ("member", "rule"),
    [
        ({"channel": "cats"}, "app/name"),
        ({"channel": "c/" + "x" * 300}, "app/name"),
        ({"channel": 1}, "channel is text"),
        ({"from": ""}, "looks like none"),
        ({"from": ANA.public.hex()}, "libp2p's peer id"),
        ({"kind": ""}, "a kind is"),
        ({"kind": "x" * 33}, "a kind is"),
        ({"kind": "é"}, "a kind is"),
        ({"seq": -1}, "seq is 0 to"),
        ({"seq": 2**53}, "seq is"),
        ({"seq": 1.5}, "seq is a whole number"),
        ({"seq": True}, "seq is a whole number"),
        ({"time": "1"}, "time is a whole number"),
        ({"body": None}, "body is text"),
        ({"body": "x" * (MAX_BODY_BYTES + 1)}, "a body has at most"),
        ({"signature": "AAAA"}, "64 bytes"),
        ({"signature": "%%%"}, "is base64"),
        ({"more": 1}, "and no others"),
    ],
)
def test_what_is_no_message(member: dict[str, Any], rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        decode(changed(encode(sign(HELLO, ANA)), **member))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "1", '"x"', "{" * 5000, "[" * 10_000])
def test_what_is_not_even_an_object(text: str) -> None:
    with pytest.raises(DecodeError):
        decode(text)


def test_half_of_a_surrogate_pair_is_no_body() -> None:
    with pytest.raises(DecodeError, match="half of a surrogate"):
        decode(encode(sign(HELLO, ANA)).replace("/ip4", "\\ud800/ip4"))


@pytest.mark.fault("F068")
def test_a_message_that_is_too_large_costs_nothing() -> None:
    with pytest.raises(DecodeError, match="at most 16384 bytes"):
        decode('{"channel":"' + "x" * MAX_MESSAGE_BYTES)
    with pytest.raises(UsageError, match="16384"):
        encode(sign(replace(HELLO, body='"' * MAX_BODY_BYTES), ANA))


@given(st.text(max_size=60))
def test_whatever_comes_is_a_message_or_refused(text: str) -> None:
    with pytest.raises(RemoteError):
        decode(text)


def test_the_callers_mistakes() -> None:
    with pytest.raises(UsageError, match="cannot sign"):
        sign(HELLO, BEN)
    with pytest.raises(UsageError, match="signed before"):
        encode(HELLO)


def test_a_sealed_body_is_for_one_and_says_whose_it_is() -> None:
    body = seal_body("an offer", ANA.public, BEN.public)
    message = decode(encode(sign(replace(HELLO, to=BEN.public, kind="offer", body=body), ANA)))
    assert open_body(message, BEN) == "an offer"
    with pytest.raises(NotForUs):
        open_body(message, MAL)
    with pytest.raises(DecodeError):
        open_body(sign(HELLO, ANA), BEN)


def test_a_sealed_body_cut_out_and_signed_by_another_is_noticed() -> None:
    body = seal_body("my address is ...", ANA.public, BEN.public)
    stolen = sign(replace(HELLO, sender=MAL.public, to=BEN.public, kind="offer", body=body), MAL)
    with pytest.raises(SignatureError, match="sealed by another peer"):
        open_body(decode(encode(stolen)), BEN)
