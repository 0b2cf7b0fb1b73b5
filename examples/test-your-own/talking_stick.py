"""A talking stick: of many programs on many machines, at most one may speak at a time.

    async with stick("server", 4000):
        ...                              # here, nobody else does

    asyncio.run(serve("0.0.0.0", 4000))  # on the server

The protocol is lines of text over TCP. A client that connects joins a queue, and asks "mine?" once a second.
The server answers "yours" to the first in the queue and "wait" to all others. A client that it has not heard
from for LEASE_S is out of the queue, and so is one that closes its connection.

Two clocks run here, and they need not agree. The server's time for a client begins when it *hears* the
question, and no question is heard before it is asked. So a holder may speak until LEASE_S after it *asked*
the last question that was answered. It stops a little before that (MARGIN_S), as one clock may run faster
than the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEASE_S, ASK_EVERY_S, MARGIN_S = 5.0, 1.0, 0.5


class StickLost(Exception):
    """The server may have given the stick to somebody else; whatever was being said has been stopped."""


class Server:
    """One talking stick, and the queue for it."""

    def __init__(self) -> None:
        self._queue: list[asyncio.StreamWriter] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, from its place at the end of the queue to its end."""
        self._queue.append(writer)
        try:
            while await _line(reader) == b"mine?\n":
                writer.write(b"yours\n" if self._queue[0] is writer else b"wait\n")
        except (TimeoutError, ConnectionError):
            pass  # it has lost its place
        finally:
            self._queue.remove(writer)
            writer.transport.abort()  # not close(): that would wait for a machine that may be gone


async def _line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LEASE_S):
        return await reader.readline()


async def serve(host: str, port: int) -> None:
    """Serve until cancelled."""
    async with await asyncio.start_server(Server().connected, host, port) as server:
        await server.serve_forever()


@asynccontextmanager
async def stick(host: str, port: int) -> AsyncIterator[None]:
    """Wait for the stick, and hold it for as long as the block lasts.

    Raises:
        StickLost: the server has not answered for so long that others may have the stick.
        OSError: the server could not be reached at all.
    """
    reader, writer = await asyncio.open_connection(host, port)
    keeping = None
    try:
        async with asyncio.timeout(LEASE_S) as deadline:
            while not await _ask(reader, writer, deadline):
                await asyncio.sleep(ASK_EVERY_S)
                deadline.reschedule(asyncio.get_running_loop().time() + LEASE_S)
            keeping = asyncio.create_task(_keep(reader, writer, deadline))
            yield
    except TimeoutError as error:
        raise StickLost("the server has not answered in time") from error
    finally:
        if keeping is not None:
            keeping.cancel()
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deadline: asyncio.Timeout) -> bool:
    """Ask whether the stick is ours; if it is, move the deadline to when it may no longer be."""
    asked_at = asyncio.get_running_loop().time()
    writer.write(b"mine?\n")
    answer = await reader.readline()
    if answer == b"yours\n":
        deadline.reschedule(asked_at + LEASE_S - MARGIN_S)
    elif answer != b"wait\n":
        raise StickLost("the server hung up")
    return answer == b"yours\n"


async def _keep(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deadline: asyncio.Timeout
) -> None:
    """Go on asking until cancelled, or until the server is gone; then the deadline does the rest."""
    try:
        while await _ask(reader, writer, deadline):
            await asyncio.sleep(ASK_EVERY_S)
    except (StickLost, ConnectionError):
        pass


if __name__ == "__main__":
    asyncio.run(serve("127.0.0.1", 4000))
