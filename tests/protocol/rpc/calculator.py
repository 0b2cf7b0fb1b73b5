"""A service for tests, with calls of every kind, and a record of what its handlers went through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from p2plib.errors import DecodeError, Refusal
from p2plib.protocol.connection import Connection
from p2plib.protocol.rpc import BYTES, Call, Codec, Service, Subscription

NAME = "/test/1.0.0"


def number_bytes(number: int) -> bytes:
    return str(number).encode()


def bytes_number(raw: bytes) -> int:
    if not raw.isdigit():
        raise DecodeError("a number has digits")
    return int(raw)


NUMBER = Codec(number_bytes, bytes_number)
NUMBERS = (NUMBER, NUMBER)
DOUBLE: Call[int, int] = Call("double", *NUMBERS)
STUCK: Call[int, int] = Call("stuck", *NUMBERS)
BREAK: Call[int, int] = Call("break", *NUMBERS)
REFUSE: Call[int, int] = Call("refuse", *NUMBERS)
LARGE: Call[int, bytes] = Call("large", NUMBER, BYTES, max_response_bytes=1000)
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
        raise Refusal("not you", "go away")

    async def large(self, size: int, caller: Connection) -> bytes:
        return bytes(size)

    async def count(self, end: int, caller: Connection) -> AsyncGenerator[int, None]:
        try:
            for self.counted in range(end):
                yield self.counted
        finally:
            self.was_cancelled.set()
