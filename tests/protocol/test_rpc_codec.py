"""The bytes of calls: round trips, and messages that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import (
    CallFailed,
    DecodeError,
    UsageError,
)
from p2plib.protocol import rpc_codec
from p2plib.protocol.connection import Connection
from p2plib.protocol.rpc import Service
from p2plib.protocol.rpc_codec import ERROR, ITEM, Call, Request, Response, Subscription

NAME = "/test/1.0.0"


def number_bytes(number: int) -> bytes:
    return str(number).encode()


def bytes_number(raw: bytes) -> int:
    if not raw.isdigit():
        raise DecodeError("a number has digits")
    return int(raw)


NUMBERS = (number_bytes, bytes_number, number_bytes, bytes_number)
DOUBLE: Call[int, int] = Call("double", *NUMBERS)
STUCK: Call[int, int] = Call("stuck", *NUMBERS)
BREAK: Call[int, int] = Call("break", *NUMBERS)
REFUSE: Call[int, int] = Call("refuse", *NUMBERS)
LARGE: Call[int, bytes] = Call("large", number_bytes, bytes_number, bytes, bytes, max_response_bytes=1000)
COUNT: Subscription[int, int] = Subscription("count", *NUMBERS)


class Calculator:
    """A service, with a record of what its handlers went through."""

    def __init__(self) -> None:
        self.service = Service(NAME, max_calls=4)
        self.seen: list[str] = []
        self.counted = 0
        self.is_stuck = asyncio.Event()
        self.was_cancelled = asyncio.Event()
        self.service.add(DOUBLE, self.double)
        self.service.add(STUCK, self.stuck)
        self.service.add(BREAK, self.breaks)
        self.service.add(REFUSE, self.refuse)
        self.service.add(LARGE, self.large)
        self.service.add_subscription(COUNT, self.count)

    async def double(self, number: int, caller: Connection) -> int:
        self.seen.append(caller.remote_id[:8])
        return 2 * number

    async def stuck(self, number: int, caller: Connection) -> int:
        self.is_stuck.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_cancelled.set()
        return 0

    async def breaks(self, number: int, caller: Connection) -> int:
        raise KeyError("a secret of ours")

    async def refuse(self, number: int, caller: Connection) -> int:
        raise CallFailed("not you", "go away")

    async def large(self, size: int, caller: Connection) -> bytes:
        return bytes(size)

    async def count(self, end: int, caller: Connection) -> AsyncIterator[int]:
        try:
            for self.counted in range(end):
                yield self.counted
        finally:
            self.was_cancelled.set()


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64),
    st.integers(0, 3_600_000),
    st.binary(),
)
def test_requests_round_trip(method: str, deadline_ms: int, body: bytes) -> None:
    request = Request(method, deadline_ms, body)
    assert rpc_codec.decode_request(request.encode()) == request
    assert rpc_codec.decode_response(Response(ITEM, body).encode()) == Response(ITEM, body)
    error = Response(ERROR, b"", method, "héllo")
    assert rpc_codec.decode_response(error.encode()) == error


def test_messages_that_are_none() -> None:
    good = Request("m", 1, b"").encode()
    assert good.hex() == "0a016d10011a00"
    for raw in (b"", good[:-2], good + b"\x20\x01", b"\x0a\x00" + good[3:], b"\x0a\x01\x07" + good[3:]):
        with pytest.raises(DecodeError):
            rpc_codec.decode_request(raw)
    with pytest.raises(DecodeError, match="is the most"):
        rpc_codec.decode_request(bytes.fromhex("0a016d1081dddb011a00"))
    for raw in ("0804", "0800", "08021200", "08012200", "08031a0161", "08031a01612201ff"):
        with pytest.raises(DecodeError):
            rpc_codec.decode_response(bytes.fromhex(raw))
    long = Response(ERROR, b"", "code", "é" * 1000).encode()
    assert rpc_codec.decode_response(long).sentence == "é" * 256
    for wrong in (Request("", 1, b""), Request("m\n", 1, b""), Request("m", -1, b"")):
        with pytest.raises(UsageError):
            wrong.encode()
    with pytest.raises(UsageError, match="a name has"):
        Call("x" * 65, *NUMBERS)
    service = Service(NAME)
    service.add(DOUBLE, Calculator.double)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has a method double already"):
        service.add(DOUBLE, Calculator.double)  # type: ignore[arg-type]
