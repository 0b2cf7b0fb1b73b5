"""Bendy butt: bytes put together by hand, every rule broken alone; npm's module is in tests/interop."""

from __future__ import annotations

import hashlib

import nacl.signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.log import bendy_butt, forks
from p2plib.data.log.bendy_butt import (
    BENDY_FEED,
    CLASSIC_FEED,
    MAX_BYTES,
    SIGNATURE,
    BendyContent,
    BendyFormat,
    BfeReference,
)
from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import head_of
from p2plib.errors import DecodeError, Forked, InvalidEntry, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.wire import bencode
from tests.data.log.shelf import ANA, MAL, TIME_MS, Shelf

BENDY = BendyFormat()
SUB = SecretKey.from_seed(bytes([9]) * 32)
ADD = {
    "type": "metafeed/add/derived",
    "subfeed": BfeReference(CLASSIC_FEED, SUB.public.raw),
    "metafeed": BfeReference(BENDY_FEED, ANA.public.raw),
    "nonce": bytes(32),
    "n": 7,
    "yes": True,
    "list": [1, "é", None],
    "tangles": {"metafeed": {"root": None, "previous": None}},
}
FIRST = BENDY.create(ANA, None, BendyContent(ADD, SUB), TIME_MS)
SECOND = BENDY.create(ANA, head_of(FIRST), BendyContent({"type": "metafeed/seed", "a": False}), TIME_MS + 1)


def test_the_bytes_are_those_that_the_head_of_the_module_says() -> None:
    """Put together by hand, with another Ed25519."""
    ana = nacl.signing.SigningKey(bytes([1]) * 32)
    content = b"d1:a3:\x06\x01\x004:type15:\x06\x00metafeed/seede"
    content_signature = ana.sign(b"bendybutt" + content).signature
    payload = b"l34:\x00\x03" + ANA.public.raw + b"i2e34:\x01\x04" + hashlib.sha256(FIRST.raw).digest()
    payload += b"i%de" % (TIME_MS + 1) + b"l" + content + b"66:\x04\x00" + content_signature + b"ee"
    assert SECOND.raw == b"l" + payload + b"66:\x04\x00" + ana.sign(payload).signature + b"e"


def test_what_is_read_is_what_was_said() -> None:
    again = BENDY.parse(FIRST.raw)
    BENDY.verify(again)
    assert again == FIRST
    assert again.content == ADD
    assert (SECOND.previous, SECOND.sequence, FIRST.previous) == (FIRST.id, 2, None)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FIRST.raw) - 1), st.integers(1, 255))
def test_every_changed_byte_is_noticed(place: int, change: int) -> None:
    raw = bytearray(FIRST.raw)
    raw[place] ^= change
    with pytest.raises(InvalidEntry):
        BENDY.verify(BENDY.parse(bytes(raw)))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6) | st.binary(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_any_value_reads_back(value: object) -> None:
    raw = bencode.encode(bendy_butt.encode_value(value))  # type: ignore[arg-type]
    found = bendy_butt.decode_value(bencode.decode(raw))
    assert found == value
    assert repr(found) == repr(value) or isinstance(value, dict | list)


@pytest.mark.parametrize(
    "value",
    [b"", b"\6", b"\6\1", b"\6\1\2", b"\6\1\0\0", b"\6\2x", b"\6\4x", b"\6\0\xff", [b"\6"], {b"\xff": 1}],
)
def test_what_is_no_value(value: bencode.Value) -> None:
    with pytest.raises(DecodeError):
        bendy_butt.decode_value(value)


def test_there_is_no_form_for_a_float() -> None:
    with pytest.raises(UsageError):
        bendy_butt.encode_value(1.5)  # type: ignore[arg-type]


def signed(payload: list, secret: SecretKey = ANA) -> bytes:
    """A message that is right but for its payload, and signed as it is."""
    return bencode.encode([payload, SIGNATURE + secret.sign_raw(bencode.encode(payload))])


PAYLOAD = bencode.decode(FIRST.raw)[0]


def changed(at: int, value: bencode.Value) -> bytes:
    return signed([*PAYLOAD[:at], value, *PAYLOAD[at + 1 :]])


CONTENT, CONTENT_SIGNATURE = PAYLOAD[4]


@pytest.mark.fault("F112")
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "bencode"), (b"le", "message"), (b"d1:a1:be", "message"), (FIRST.raw[:-1], "bencode"),
        (FIRST.raw + b"x", "bencode"), (FIRST.raw + b"0:", "bencode"), (b"l" * 5000, "bencode"),
        (bytes(MAX_BYTES + 1), "size"), (b"99999999999:x", "bencode"),
        (signed(PAYLOAD[:4]), "payload"), (signed([*PAYLOAD, 1]), "payload"),
        (changed(0, b"\0\0" + ANA.public.raw), "author"), (changed(0, PAYLOAD[0][:-1]), "author"),
        (changed(0, b"\0\3" + bytes([1]) + bytes(31)), "author"), (changed(0, 7), "author"),
        (changed(1, 0), "sequence"), (changed(1, -1), "sequence"), (changed(1, 2**31), "sequence"),
        (changed(1, b"1"), "sequence"),
        (changed(2, b"\1\4" + bytes(31)), "previous"), (changed(2, b"\1\0" + bytes(32)), "previous"),
        (changed(2, b""), "previous"),
        (changed(3, -1), "timestamp"), (changed(3, 2**53), "timestamp"), (changed(3, b"\6\2"), "timestamp"),
        (changed(4, CONTENT), "content"), (changed(4, [CONTENT]), "content"),
        (changed(4, [[], CONTENT_SIGNATURE]), "content"), (changed(4, [{}, CONTENT_SIGNATURE]), "content"),
        (changed(4, [{b"type": 5}, CONTENT_SIGNATURE]), "content"),
        (changed(4, [{b"type": b"x"}, CONTENT_SIGNATURE]), "content"),
        (changed(4, [CONTENT, CONTENT_SIGNATURE[:-1]]), "content signature"),
        (changed(4, [CONTENT, b"\4\1" + CONTENT_SIGNATURE[2:]]), "content signature"),
        (bencode.encode([PAYLOAD, 5]), "signature"),
    ],
)  # fmt: skip
def test_what_is_no_message(raw: bytes, why: str) -> None:
    with pytest.raises(InvalidEntry, match=f"^{why}: "):
        BENDY.parse(raw)


def with_content(content: dict, signer: SecretKey) -> bytes:
    said = bendy_butt.encode_value(content)
    signature = SIGNATURE + signer.sign_raw(b"bendybutt" + bencode.encode(said))
    return changed(4, [said, signature])


@pytest.mark.parametrize("signer", [MAL, ANA])
def test_what_is_added_has_to_agree(signer: SecretKey) -> None:
    """The flaw of npm's module: a stranger's signature of the content, and all else is right."""
    with pytest.raises(InvalidEntry, match=r"^content signature: "):
        BENDY.verify(BENDY.parse(with_content(ADD, signer)))
    BENDY.verify(BENDY.parse(with_content(ADD, SUB)))


def test_other_contents_are_signed_by_the_author() -> None:
    content = {"type": "metafeed/announce"}
    BENDY.verify(BENDY.parse(with_content(content, ANA)))
    with pytest.raises(InvalidEntry, match=r"^content signature: "):
        BENDY.verify(BENDY.parse(with_content(content, SUB)))


@pytest.mark.parametrize(
    "subfeed", [None, "text", BfeReference(b"\1\0", bytes(32)), BfeReference(CLASSIC_FEED, b"short")]
)
def test_what_is_added_is_a_feed(subfeed: object) -> None:
    with pytest.raises(InvalidEntry):
        BENDY.verify(BENDY.parse(with_content({**ADD, "subfeed": subfeed}, SUB)))


def test_a_message_of_somebody_else() -> None:
    with pytest.raises(InvalidEntry, match=r"^signature: "):
        BENDY.verify(BENDY.parse(signed(PAYLOAD, MAL)))


@pytest.mark.fault("F114")
def test_an_hmac_key_separates_networks() -> None:
    private = BendyFormat(bytes(range(32)))
    message = private.create(ANA, None, BendyContent(ADD, SUB), TIME_MS)
    private.verify(message)
    with pytest.raises(InvalidEntry, match=r"^signature: "):
        BENDY.verify(message)


@pytest.mark.parametrize(
    "content",
    [BendyContent({}), BendyContent({"type": "x", "pad": bytes(MAX_BYTES)}), BendyContent(ADD),
     BendyContent({"type": "x"}, SUB)],
)  # fmt: skip
def test_we_do_not_sign_what_others_refuse(content: BendyContent) -> None:
    with pytest.raises(UsageError):
        BENDY.create(ANA, None, content, TIME_MS)


@pytest.mark.fault("F110")
def test_a_metafeed_freezes_at_a_fork_as_any_other_log() -> None:
    feed = Feed(Shelf(), ANA.public, BENDY)
    assert feed.extend([FIRST.raw, SECOND.raw]) == 2
    other = BENDY.create(ANA, head_of(FIRST), BendyContent({"type": "other"}), TIME_MS)
    with pytest.raises(Forked) as refused:
        feed.add(other.raw)
    assert forks.read(refused.value.proof, BENDY, ANA.public).sequence == 2
