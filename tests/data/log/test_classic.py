"""Classic messages: the two of the Scuttlebutt Protocol Guide, and what no message may be taken for."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.log import classic, validate
from p2plib.data.log.formats import Head
from p2plib.errors import DecodeError, SignatureError, UsageError
from p2plib.identity import ids
from p2plib.wire import canonical_json
from tests.data.log.shelf import ANA, MAL, TIME_MS

# The Scuttlebutt Protocol Guide, "Feeds": the first two messages of one feed.
FIRST = b"""{
  "previous": null,
  "author": "@FCX/tsDLpubCPKKfIrw4gc+SQkHcaD17s7GI6i/ziWY=.ed25519",
  "sequence": 1,
  "timestamp": 1514517067954,
  "hash": "sha256",
  "content": {
    "type": "post",
    "text": "This is the first post!"
  },
  "signature": "\
QYOR/zU9dxE1aKBaxc3C0DJ4gRyZtlMfPLt+CGJcY73sv5abKKKxr1SqhOvnm8TY784VHE8kZHCD8RdzFl1tBA==.sig.ed25519"
}"""
FIRST_ID = "%XphMUkWQtomKjXQvFGfsGYpt69sgEY7Y4Vou9cEuJho=.sha256"
SECOND = b"""{
  "previous": "%XphMUkWQtomKjXQvFGfsGYpt69sgEY7Y4Vou9cEuJho=.sha256",
  "author": "@FCX/tsDLpubCPKKfIrw4gc+SQkHcaD17s7GI6i/ziWY=.ed25519",
  "sequence": 2,
  "timestamp": 1514517078157,
  "hash": "sha256",
  "content": {
    "type": "post",
    "text": "Second post!"
  },
  "signature": "\
z7W1ERg9UYZjNfE72ZwEuJF79khG+eOHWFp6iF+KLuSrw8Lqa6IousK4cCn9T5qFa8E14GVek4cAMmMbjqDnAg==.sig.ed25519"
}"""
HMAC_KEY = bytes(range(32))
CONTENT = {"type": "post", "text": "€ and ¬ have one low byte"}


def test_the_two_messages_of_the_guide() -> None:
    first = validate.check(canonical_json.parse(FIRST), None)
    assert (first.id, first.raw) == (FIRST_ID, FIRST)
    second = validate.check(canonical_json.parse(SECOND), Head(1, first.id))
    assert (second.previous, second.raw, second.sequence) == (FIRST_ID, SECOND, 2)
    assert second.content == {"type": "post", "text": "Second post!"}


def test_what_we_sign_reads_back_the_same() -> None:
    message = classic.sign(ANA, CONTENT, timestamp=TIME_MS)
    again = validate.check(canonical_json.parse(message.text), None)
    assert again == message
    assert canonical_json.encode(canonical_json.parse(message.text)) == message.text


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=6),
        st.none() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(st.text(), max_size=3),
        max_size=4,
    ),
    st.none() | st.binary(min_size=32, max_size=32),
    st.integers(0, 2**45) | st.floats(0, 1e15),
)  # fmt: skip
def test_any_content_reads_back_the_same(extra: dict, hmac_key: bytes | None, timestamp: float) -> None:
    content = {**extra, "type": "random"}
    message = classic.sign(ANA, content, timestamp=timestamp, hmac_key=hmac_key)
    text = canonical_json.encode(canonical_json.parse(message.text))
    assert text == message.text
    again = validate.check(canonical_json.parse(text), None, hmac_key=hmac_key)
    assert (again.id, again.signature, again.raw) == (message.id, message.signature, message.raw)


def test_signed_is_utf8_and_hashed_is_the_low_byte() -> None:
    """The classic trap: two texts with one hash; the signature in them keeps their ids apart."""
    euro, not_sign = "€", "¬"
    assert classic.id_of(euro) == classic.id_of(not_sign)
    assert classic.signed_bytes(euro) != classic.signed_bytes(not_sign)
    one, other = (
        classic.sign(ANA, {"type": "price", "in": sign}, timestamp=TIME_MS) for sign in (euro, not_sign)
    )
    assert one.id != other.id


def test_an_hmac_key_separates_networks() -> None:
    message = classic.sign(ANA, CONTENT, timestamp=TIME_MS, hmac_key=HMAC_KEY)
    classic.verify(message, HMAC_KEY)
    for wrong in (None, bytes(32)):
        with pytest.raises(SignatureError):
            classic.verify(message, wrong)
    with pytest.raises(UsageError, match="32 bytes"):
        classic.verify(message, b"short")


def test_every_changed_character_is_noticed() -> None:
    message = classic.sign(ANA, {"type": "post", "text": "pay 1"}, timestamp=TIME_MS)
    head = None
    for at, old in enumerate(message.text):
        changed = message.text[:at] + ("x" if old != "x" else "y") + message.text[at + 1 :]
        with pytest.raises((DecodeError, validate.InvalidEntry)):
            validate.check(canonical_json.parse(changed), head)


@pytest.mark.parametrize(
    "text",
    ["", "@", "@" + "A" * 44 + ".ed25519", ids.ssb_feed_id(ANA.public)[1:],
     ids.ssb_feed_id(ANA.public) + "\n",
     ids.ssb_feed_id(ANA.public).replace(".ed25519", ".ed25518"), "%" + ids.ssb_feed_id(ANA.public)[1:],
     "@" + base64.b64encode(bytes([1]) + bytes(31)).decode() + ".ed25519",
     "@" + base64.b64encode((2**255 - 19).to_bytes(32, "little")).decode() + ".ed25519"],
)  # fmt: skip
def test_what_is_no_author(text: str) -> None:
    with pytest.raises(DecodeError):
        classic.read_author(text)


def test_an_author_reads_back() -> None:
    assert classic.read_author(ids.ssb_feed_id(MAL.public)) == MAL.public


@pytest.mark.parametrize(
    "key", ["", "AAAA", "A" * 43 + "=", "A" * 42 + "B=", None, 5, True, "€" * 44, "A" * 44, "A" * 10**6]
)
def test_what_is_no_hmac_key(key: object) -> None:
    if key == "A" * 43 + "=":
        assert classic.read_hmac_key(key) == bytes(32)
    else:
        with pytest.raises(UsageError):
            classic.read_hmac_key(key)


def test_ids_and_their_look_alikes() -> None:
    assert classic.is_id(FIRST_ID)
    for other in (FIRST_ID[:-1], FIRST_ID + " ", "&" + FIRST_ID[1:], None, 5, FIRST_ID.replace("=", "A"),
                  FIRST_ID.replace("ho=", "hp=")):  # fmt: skip
        assert not classic.is_id(other)


@pytest.mark.parametrize(
    ("content", "timestamp", "sequence"), [({"type": "x", "n": float("nan")}, 1, 1), ({"a": 2**60}, 1, 1),
    ({}, float("inf"), 1), ({}, 1, 0), ({"a": b"x"}, 1, 1)],
)  # fmt: skip
def test_what_cannot_be_written_is_not_signed(content: dict, timestamp: float, sequence: int) -> None:
    with pytest.raises(UsageError):
        classic.sign(ANA, content, timestamp=timestamp, sequence=sequence)


def test_a_text_without_a_signature_has_no_unsigned_part() -> None:
    for text in ("{}", '{\n  "signature": 5\n}', ""):
        with pytest.raises(UsageError, match="ends with its signature"):
            classic.unsigned_text(text)


def test_a_signature_inside_the_content_is_not_taken_for_the_messages() -> None:
    content = {"type": "post", "text": ',\n  "signature": "forged"\n}', "signature": "x"}
    message = classic.sign(ANA, content, timestamp=TIME_MS)
    assert validate.check(canonical_json.parse(message.text), None) == message


def test_the_drawing_has_every_byte_once() -> None:
    message = classic.sign(ANA, CONTENT, timestamp=TIME_MS)
    fields = classic.dissect(message)
    assert b"".join(field.raw for field in fields) == message.raw
    assert [field.name for field in fields] == [
        "{", "previous", "sequence", "author", "timestamp", "hash", "content", "signature", "}"
    ]  # fmt: skip
