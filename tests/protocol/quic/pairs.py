"""Two ends of a QUIC connection over loopback, and of a stream of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from p2plib.identity.keys import SecretKey
from p2plib.protocol.quic.driver import QuicConnection
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.sockets import QuicListener, dial
from p2plib.protocol.quic.stream import QuicStream

ALICE, BOB = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))


@asynccontextmanager
async def listening(
    host: str = "127.0.0.1", limits: QuicLimits | None = None
) -> AsyncIterator[tuple[QuicListener, asyncio.Queue[QuicConnection]]]:
    """A listener of Bob's, and the connections that came to it, which stay until the end of the block."""
    arrived: asyncio.Queue[QuicConnection] = asyncio.Queue()
    over = asyncio.Event()

    async def handler(connection: QuicConnection) -> None:
        await connection.handshake()
        arrived.put_nowait(connection)
        await over.wait()

    async with QuicListener(handler, BOB, host, limits=limits) as listener:
        try:
            yield listener, arrived
        finally:
            over.set()


@asynccontextmanager
async def connections(
    host: str = "127.0.0.1", limits: QuicLimits | None = None
) -> AsyncIterator[tuple[QuicConnection, QuicConnection]]:
    """The two ends of a connection that Alice made to Bob."""
    async with (
        listening(host, limits) as (listener, arrived),
        await dial(ALICE, *listener.address, expected=BOB.public, limits=limits) as near,
    ):
        yield near, await arrived.get()


async def opened(one: QuicConnection, other: QuicConnection) -> tuple[QuicStream, QuicStream]:
    """Both ends of a stream that one side opened; QUIC says so with the first byte."""
    near = await one.open_stream()
    await near.write(b"x")
    far = await other.accept_stream()
    assert await far.read_exactly(1) == b"x"
    return near, far


@asynccontextmanager
async def streams(limits: QuicLimits | None = None) -> AsyncIterator[tuple[QuicStream, QuicStream]]:
    async with connections(limits=limits) as (near, far):
        yield await opened(near, far)
