"""grpclib in the simulated internet, as it is: calls of all four kinds over HTTP/2, with deadlines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.sim.certificates import Certificates
from tests.sim.strangers.world import play_everywhere

pytest.importorskip("grpclib")

from grpclib import GRPCError, Status
from grpclib.client import Channel, StreamStreamMethod, StreamUnaryMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server, Stream


class JsonCodec(CodecBase):
    """Messages are JSON here; grpclib lets a program choose."""

    __content_subtype__ = "json"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return json.dumps(message).encode()

    def decode(self, data: bytes, message_type: Any) -> Any:
        return json.loads(data)


class Counter:
    """A service of four methods, one of each kind."""

    async def add(self, stream: Stream[Any, Any]) -> None:
        numbers = await stream.recv_message()
        if numbers == []:
            raise GRPCError(Status.INVALID_ARGUMENT, "nothing to add")
        await stream.send_message(sum(numbers))

    async def count(self, stream: Stream[Any, Any]) -> None:
        for number in range(await stream.recv_message()):
            await stream.send_message(number)

    async def total(self, stream: Stream[Any, Any]) -> None:
        await stream.send_message(sum([number async for number in stream]))

    async def double(self, stream: Stream[Any, Any]) -> None:
        async for number in stream:
            await stream.send_message(2 * number)

    async def wait(self, stream: Stream[Any, Any]) -> None:
        await stream.recv_message()
        await asyncio.sleep(600)

    def __mapping__(self) -> dict[str, Handler]:
        kinds = Cardinality
        return {
            f"/Counter/{method.__name__}": Handler(method, kind, None, None)
            for method, kind in (
                (self.add, kinds.UNARY_UNARY),
                (self.count, kinds.UNARY_STREAM),
                (self.total, kinds.STREAM_UNARY),
                (self.double, kinds.STREAM_STREAM),
                (self.wait, kinds.UNARY_UNARY),
            )
        }


@asynccontextmanager
async def serving(papers: Certificates | None, ip: str, port: int) -> AsyncIterator[None]:
    tls = None
    if papers is not None:
        tls = papers.server()
        tls.set_alpn_protocols(["h2"])
    server = Server([Counter()], codec=JsonCodec())
    await server.start(ip, port, ssl=tls)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def using(papers: Certificates | None, name: str, port: int) -> list[Any]:
    tls = None
    if papers is not None:
        tls = papers.client()
        tls.set_alpn_protocols(["h2"])
    found: list[Any] = []
    async with Channel(name, port, codec=JsonCodec(), ssl=tls) as channel:
        add = UnaryUnaryMethod(channel, "/Counter/add", None, None)
        found.append(await asyncio.gather(*(add([number, 1]) for number in range(5))))
        found.append(await UnaryStreamMethod(channel, "/Counter/count", None, None)(4))
        found.append(await StreamUnaryMethod(channel, "/Counter/total", None, None)([1, 2, 3]))
        async with StreamStreamMethod(channel, "/Counter/double", None, None).open() as stream:
            for number in (10, 20):
                await stream.send_message(number)
                found.append(await stream.recv_message())
            await stream.end()
        with pytest.raises(GRPCError, match="nothing to add") as failure:
            await add([])
        found.append(failure.value.status.name)
        # Both ends watch the same deadline, and on a busy machine the server's word may come first.
        with pytest.raises((asyncio.TimeoutError, GRPCError)) as late:
            await UnaryUnaryMethod(channel, "/Counter/wait", None, None)(1, timeout=0.2)
        assert getattr(late.value, "status", Status.DEADLINE_EXCEEDED) is Status.DEADLINE_EXCEEDED
    return found


FOUND = [[1, 2, 3, 4, 5], [0, 1, 2, 3], 6, 20, 40, "INVALID_ARGUMENT"]


def test_calls_of_every_kind() -> None:
    assert play_everywhere(partial(serving, None), partial(using, None)) == FOUND


def test_calls_over_tls(papers: Certificates) -> None:
    assert play_everywhere(partial(serving, papers), partial(using, papers), repeats=False) == FOUND
