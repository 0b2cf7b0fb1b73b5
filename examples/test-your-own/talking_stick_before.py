"""The talking stick as it was first written. Its tests on one machine pass; it is wrong all the same.

The server gives the stick to one connection at a time, and takes it back when that connection is closed. The
operating system closes the connections of a program that ends, even of one that is killed. What could go
wrong?
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class StickLost(Exception):
    """The connection broke before the stick was ours."""


class Server:
    """One talking stick."""

    def __init__(self) -> None:
        self._stick = asyncio.Lock()  # which hands itself on in the order of asking

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, from its place in the queue to its end."""
        try:
            async with self._stick:
                writer.write(b"yours\n")
                await reader.read()  # until its end
        except ConnectionError:
            pass  # it has lost its turn
        finally:
            writer.close()


async def serve(host: str, port: int) -> None:
    """Serve until cancelled."""
    async with await asyncio.start_server(Server().connected, host, port) as server:
        await server.serve_forever()


@asynccontextmanager
async def stick(host: str, port: int) -> AsyncIterator[None]:
    """Wait for the stick, and hold it for as long as the block lasts.

    Raises:
        StickLost: the connection broke while we waited.
        OSError: the server could not be reached at all.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        if await reader.readline() != b"yours\n":
            raise StickLost("the server hung up")
        yield
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve("127.0.0.1", 4000))
