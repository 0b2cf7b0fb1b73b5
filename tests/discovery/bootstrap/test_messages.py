"""The messages of seeds: known bytes, and a request that is as long as its longest response."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.bootstrap.messages import (
    ASK_BYTES,
    CODEC,
    MAX_NAMED,
    AskPeers,
    NamedPeers,
    SeedRefused,
    SeedTold,
    TellPeer,
    padded,
)
from p2plib.errors import DecodeError


def test_messages_by_hand() -> None:
    topic = bytes(range(20))
    tell = TellPeer(0x0102, topic, 4001, b"token123")
    assert CODEC.encode(tell).hex() == (
        "0903" + "020102" + "14" + topic.hex() + "020fa1" + "08" + b"token123".hex()
    )
    told = SeedTold(1, 1800, ("192.0.2.1", 4000))
    assert CODEC.encode(told).hex() == "0904" + "0101" + "020708" + "06c00002010fa0"
    assert CODEC.encode(SeedRefused(1, 2)).hex() == "0905" + "0101" + "0102"
    named = NamedPeers(1, b"token123", (("192.0.2.1", 4000),))
    assert CODEC.encode(named).hex() == "0902" + "0101" + "08" + b"token123".hex() + "07" + "06c00002010fa0"
    for message in (tell, told, named):
        assert CODEC.decode(CODEC.encode(message)) == message


@pytest.mark.fault("F079")
@given(st.integers(1, 2**64 - 1))
def test_a_request_is_as_long_as_the_longest_response(transaction: int) -> None:
    asked = padded(AskPeers(transaction, bytes(20), b""))
    named = NamedPeers(
        transaction, b"\xff" * 8, tuple((f"2001:db8::{port:x}", 60_000) for port in range(1, MAX_NAMED + 1))
    )
    assert len(CODEC.encode(named)) <= len(asked) == ASK_BYTES


@given(st.binary(max_size=60).map(lambda raw: b"\x09" + raw))
def test_whatever_arrives_is_a_message_or_refused(raw: bytes) -> None:
    try:
        message = CODEC.decode(raw)
    except DecodeError:
        return
    assert CODEC.encode(message) == raw
