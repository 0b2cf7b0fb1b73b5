"""The wire: bytes seen from npm's module, round trips, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hyperlog import messages, nodes
from p2plib.data.hyperlog.messages import (
    HyperlogHandshake,
    HyperlogHave,
    HyperlogSend,
    HyperlogWant,
    SentHeads,
    SentWants,
)
from p2plib.errors import DecodeError, UsageError

LINK = nodes.key_of((), b"a")
ROOT = nodes.make([], b"hello", "A", 1)


def test_the_handshake_of_the_module() -> None:
    assert messages.encode(HyperlogHandshake()) == bytes.fromhex("000801")
    assert messages.frame(SentHeads()) == bytes.fromhex("0104")


def test_a_node_written_out() -> None:
    raw = messages.encode(HyperlogSend(ROOT, 1))
    assert raw == b"\x03\x08\x01\x12\x40" + ROOT.key.encode() + b"\x1a\x01A\x20\x01\x2a\x05hello"


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
numbers = st.integers(0, 2**32 - 1)
sends = st.builds(
    lambda links, value, log, seq, change, identity: HyperlogSend(
        nodes.HyperlogNode(nodes.key_of(links, value), tuple(links), value, log, seq, identity), change
    ),
    st.lists(st.just(LINK), max_size=3), st.binary(max_size=50), texts, numbers, numbers,
    st.none() | st.binary(max_size=4),
)  # fmt: skip
any_message = st.one_of(
    st.builds(HyperlogHandshake, st.sampled_from(messages.MODES), st.booleans(), st.none() | st.binary()),
    st.builds(HyperlogHave, texts, numbers),
    st.builds(HyperlogWant, texts, numbers),
    sends,
    st.just(SentHeads()),
    st.just(SentWants()),
)


@given(any_message)
def test_round_trip(message: messages.HyperlogMessage) -> None:
    raw = messages.frame(message)
    assert messages.decode(messages.FRAMES.dissect(raw)[1].raw) == message
    parts = messages.dissect(raw)
    assert b"".join(part.raw for part in parts) == raw


@given(st.binary(max_size=80))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    try:
        messages.decode(raw)
    except DecodeError:
        return


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("", "has a type"),
        ("06", "no message of type 6"),
        ("0400", "has no body"),
        ("00", "field 1 is there 0 times"),
        ("000802", "version 2"),
        ("0008011203666f6f", "no mode 'foo'"),
        ("010a0141", "field 2 is there 0 times"),
        ("010a01411001" + "1002", "field 2 is there 2 times"),
        ("010a01ff1001", "UTF-8"),
        ("010a0141108080808010", "32 bits"),
        ("0108011001", "is varint"),
        ("010aff01", "are left"),
        ("03080112014120010a", "ends inside"),
        ("0308011201411a0141200128012a0130", None),
    ],
)
def test_what_is_refused(raw: str, rule: str | None) -> None:
    with pytest.raises(DecodeError, match=rule):
        messages.decode(bytes.fromhex(raw))


def test_too_many_links_are_refused_before_they_are_texts() -> None:
    raw = messages.encode(HyperlogSend(ROOT, 1)) + b"\x32\x00" * (nodes.MAX_LINKS + 1)
    with pytest.raises(DecodeError, match="1025 times"):
        messages.decode(raw)
    with pytest.raises(DecodeError, match="text, not a number"):
        messages.decode(messages.encode(HyperlogSend(ROOT, 1)) + b"\x30\x01")


def test_unknown_fields_are_left_alone() -> None:
    assert messages.decode(bytes.fromhex("000801") + b"\x48\x01") == HyperlogHandshake()


def test_metadata_and_modes_have_limits() -> None:
    with pytest.raises(DecodeError, match="metadata"):
        messages.decode(messages.encode(HyperlogHandshake(metadata=bytes(5000))))
    with pytest.raises(UsageError):
        messages.encode(HyperlogHandshake("both"))


def test_the_largest_node_fits_a_frame() -> None:
    node = nodes.make([LINK] * nodes.MAX_LINKS, bytes(nodes.MAX_VALUE_BYTES), "é" * 128, nodes.MAX_SEQ)
    proof = bytes(nodes.MAX_PROOF_BYTES)
    large = nodes.HyperlogNode(node.key, node.links, node.value, node.log, node.seq, proof, proof)
    raw = messages.frame(HyperlogSend(large, nodes.MAX_SEQ))
    assert messages.decode(messages.FRAMES.dissect(raw)[1].raw) == HyperlogSend(large, nodes.MAX_SEQ)
