"""Two ends of a muxrpc connection, and what a test often needs of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from p2plib.errors import Refusal
from p2plib.protocol.muxrpc import methods
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.methods import MuxrpcMethod
from p2plib.protocol.muxrpc.streams import MuxrpcStream
from p2plib.protocol.stream import memory_pair


async def settle(turns: int = 50) -> None:
    """Lets every task run until it waits."""
    for _ in range(turns):
        await asyncio.sleep(0)


class Offered:
    """A side's methods, and what became of their handlers."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.got: list[Any] = []
        self.methods: dict[str, MuxrpcMethod] = {
            "add": methods.asynchronous(self.add, is_public=True),
            "secret": methods.asynchronous(self.add),
            "refuse": methods.asynchronous(self.refuse, is_public=True),
            "break": methods.asynchronous(self.break_, is_public=True),
            "wait": methods.asynchronous(self.wait, is_public=True),
            "large": methods.asynchronous(self.large, is_public=True),
            "numbers.count": methods.source(self.count, is_public=True),
            "numbers.fail": methods.source(self.fail, is_public=True),
            "store": methods.sink(self.store, is_public=True),
            "echo": methods.duplex(self.echo, is_public=True),
        }

    async def add(self, rpc: Muxrpc, a: int, b: int) -> int:
        return a + b

    async def refuse(self, rpc: Muxrpc) -> int:
        raise Refusal("TypeError", "not today")

    async def break_(self, rpc: Muxrpc) -> int:
        raise KeyError("a secret of the house")

    async def wait(self, rpc: Muxrpc) -> int:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled.append("wait")
            raise
        return 0

    async def large(self, rpc: Muxrpc, size: int) -> bytes:
        return bytes(size)

    async def count(self, rpc: Muxrpc, end: int) -> AsyncIterator[int]:
        try:
            for number in range(end):
                yield number
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append("count")
            raise

    async def fail(self, rpc: Muxrpc) -> AsyncIterator[int]:
        yield 1
        raise Refusal("Error", "no more")

    async def store(self, rpc: Muxrpc, stream: MuxrpcStream, name: str) -> None:
        async for value in stream:
            self.got.append((name, value))
            if value == "bad":
                raise Refusal("Error", "I do not store that")

    async def echo(self, rpc: Muxrpc, stream: MuxrpcStream) -> None:
        async for value in stream:
            await stream.send(value)


@asynccontextmanager
async def connected(
    offered: Mapping[str, MuxrpcMethod] | None = None, limit_bytes: int = 65_536, **options: Any
) -> AsyncIterator[tuple[Muxrpc, Muxrpc]]:
    """A caller, and one that offers methods."""
    a, b = memory_pair(limit_bytes=limit_bytes)
    near, far = Muxrpc(a), Muxrpc(b, offered or Offered().methods, **options)
    far.start()
    try:
        async with near:
            yield near, far
    finally:
        await far.close()
