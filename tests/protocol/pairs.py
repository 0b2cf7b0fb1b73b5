"""Pairs of connected streams, for the conformance suite and for everything that runs over a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from p2plib.protocol import multistream
from p2plib.protocol.stream import LIMIT_BYTES, Stream, memory_pair
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.protocol.yamux.driver import YamuxConnection, YamuxStream
from p2plib.protocol.yamux.limits import Limits


@asynccontextmanager
async def memory(limit_bytes: int = LIMIT_BYTES) -> AsyncIterator[tuple[Stream, Stream]]:
    a, b = memory_pair(limit_bytes=limit_bytes)
    yield a, b
    a.reset()
    b.reset()


@asynccontextmanager
async def tcp(limit_bytes: int = LIMIT_BYTES) -> AsyncIterator[tuple[TcpStream, TcpStream]]:
    """The two ends of a connection over loopback."""
    arrived: asyncio.Future[TcpStream] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def handler(stream: TcpStream) -> None:
        arrived.set_result(stream)
        await over.wait()

    async with TcpListener(handler, limit_bytes=limit_bytes) as listener:
        near = await connect_tcp(*listener.address, limit_bytes=limit_bytes)
        far = await arrived
        try:
            yield near, far
        finally:
            near.reset()
            far.reset()
            over.set()


@asynccontextmanager
async def proposed() -> AsyncIterator[tuple[Stream, Stream]]:
    """A stream on which one protocol was proposed and not yet taken, and its other end."""
    a, b = memory_pair()
    lazy = multistream.propose(a, "/test/1")
    lazy._propose()  # type: ignore[attr-defined]
    await multistream.answer(b, ["/test/1"])
    yield lazy, b
    a.reset()
    b.reset()


@asynccontextmanager
async def yamux_connections(
    below: tuple[Stream, Stream] | None = None, limits: Limits | None = None
) -> AsyncIterator[tuple[YamuxConnection, YamuxConnection]]:
    a, b = below or memory_pair()
    async with (
        YamuxConnection(a, is_client=True, limits=limits) as client,
        YamuxConnection(b, is_client=False, limits=limits) as server,
    ):
        yield client, server


@asynccontextmanager
async def yamux(limits: Limits | None = None) -> AsyncIterator[tuple[YamuxStream, YamuxStream]]:
    """Two ends of a stream of yamux, the first one opened it."""
    async with yamux_connections(limits=limits) as (client, server):
        near = await client.open_stream()
        yield near, await server.accept_stream()
