"""The bytes of calls: round trips, and messages that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import (
    DecodeError,
    UsageError,
)
from p2plib.protocol.rpc import messages
from p2plib.protocol.rpc.messages import ERROR, VALUE, Request, Response


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64),
    st.integers(0, 3_600_000),
    st.binary(),
)
def test_requests_round_trip(method: str, deadline_ms: int, body: bytes) -> None:
    request = Request(method, deadline_ms, body)
    assert messages.decode_request(request.encode()) == request
    assert messages.decode_response(Response(VALUE, body).encode()) == Response(VALUE, body)
    error = Response(ERROR, b"", method, "héllo")
    assert messages.decode_response(error.encode()) == error


def test_messages_that_are_none() -> None:
    good = Request("m", 1, b"").encode()
    assert good.hex() == "0a016d10011a00"
    for raw in (b"", good[:-2], good + b"\x20\x01", b"\x0a\x00" + good[3:], b"\x0a\x01\x07" + good[3:]):
        with pytest.raises(DecodeError):
            messages.decode_request(raw)
    with pytest.raises(DecodeError, match="is the most"):
        messages.decode_request(bytes.fromhex("0a016d1081dddb011a00"))
    for raw in ("0804", "0800", "08021200", "08012200", "08031a0161", "08031a01612201ff"):
        with pytest.raises(DecodeError):
            messages.decode_response(bytes.fromhex(raw))
    long = Response(ERROR, b"", "code", "é" * 1000).encode()
    assert messages.decode_response(long).sentence == "é" * 256
    for wrong in (Request("", 1, b""), Request("m\n", 1, b""), Request("m", -1, b"")):
        with pytest.raises(UsageError):
            wrong.encode()
