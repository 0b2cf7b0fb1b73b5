"""libp2p's ping, `/ipfs/ping/1.0.0`: 32 bytes there and the same 32 back, as often as wanted. A driver.

It measures the whole way through Noise, yamux and the other side's program. yamux has a ping of its own
(`YamuxConnection.ping`), which its driver answers.
"""

from __future__ import annotations

import asyncio
import os

from p2plib.errors import DecodeError, PeerTimeout
from p2plib.identity.secret import Random
from p2plib.protocol.connection import Connection
from p2plib.protocol.stream import Stream

PROTOCOL_ID = "/ipfs/ping/1.0.0"
PING_BYTES = 32
TIMEOUT_S = 10.0


async def handle(stream: Stream, connection: Connection) -> None:
    """Answers pings until the other side ends the stream."""
    while first := await stream.read(PING_BYTES):
        await stream.write(first + await stream.read_exactly(PING_BYTES - len(first)))


async def ping(connection: Connection, *, timeout_s: float = TIMEOUT_S, random: Random = os.urandom) -> float:
    """Seconds there and back.

    Raises:
        PeerTimeout: no answer in time.
        NoCommonProtocol: the other side does not answer pings.
        DecodeError: it answered something else.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            stream, _ = await connection.open_stream(PROTOCOL_ID, timeout_s=timeout_s)
            async with stream:
                sent = random(PING_BYTES)
                started = loop.time()
                await stream.write(sent)
                came_back = await stream.read_exactly(PING_BYTES)
                took_s = loop.time() - started
    except TimeoutError as error:
        if isinstance(error, PeerTimeout):
            raise
        raise PeerTimeout(f"{connection.remote} answered no ping within {timeout_s:g} s") from None
    if came_back != sent:
        raise DecodeError("a ping was answered with other bytes than it had")
    return took_s
