"""Small helpers for the tests of sockets: a UDP or TCP socket at hand, and what a call raises."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

HOME = "127.0.0.1"


@contextlib.contextmanager
def udp(family: int = socket.AF_INET, address: Any = (HOME, 0)) -> Iterator[socket.socket]:
    """A UDP socket that does not block, bound to a free port of loopback."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        if address is not None:
            sock.bind(address)
        yield sock


@contextlib.contextmanager
def tcp() -> Iterator[socket.socket]:
    """A TCP socket that does not block."""
    with socket.socket() as sock:
        sock.setblocking(False)
        yield sock


@contextlib.contextmanager
def listening(backlog: int = 5) -> Iterator[socket.socket]:
    """A TCP socket that listens at a free port of loopback."""
    with tcp() as sock:
        sock.bind((HOME, 0))
        sock.listen(backlog)
        yield sock


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """Two TCP sockets that are connected to each other: who dialled, who accepted."""
    loop = asyncio.get_running_loop()
    with listening() as server, tcp() as client:
        await loop.sock_connect(client, server.getsockname())
        accepted, _ = await loop.sock_accept(server)
        with accepted:
            yield client, accepted


def raised(call: Callable[[], Any]) -> Any:
    """Return the type and number of the OSError that a call raises; None if it raises none."""
    try:
        call()
    except OSError as error:
        return type(error), error.errno
    return None


async def a_moment() -> None:
    """Let what is under way arrive: some time, and some turns of the loop, however slow they are."""
    for _ in range(10):
        await asyncio.sleep(0.002)
