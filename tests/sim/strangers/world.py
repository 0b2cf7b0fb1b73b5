"""A server of somebody's and a client of somebody's, played on real sockets and on two simulated hosts.

    serving(ip, port)   an async context manager: in its block the server listens there
    using(name, port)   what the client does with the server of that name; it returns what it has found

Neither knows where it runs. The same result has to come out everywhere.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from p2plib.sim import Internet, Link

Serving = Callable[[str, int], AbstractAsyncContextManager[Any]]
Using = Callable[[str, int], Awaitable[Any]]

PORT = 8000
HOME = Link(latency=0.02, jitter_s=0.01)
LOSSY = Link(latency=0.03, jitter_s=0.005, loss=0.02)
LIMIT_S = 120  # of real time, for one conversation on real sockets


@dataclass(frozen=True)
class Played:
    """What came out of a simulated conversation.

    Attributes:
        result: what the client found.
        digest: of the trace, byte for byte.
        net: the internet; its run is over.
    """

    result: Any
    digest: str
    net: Internet


def play(serving: Serving, using: Using, link: Link = HOME, seed: int = 1, **named: Any) -> Played:
    """Plays a conversation between the hosts "server" and "client". Nothing may be left at its end."""
    named = {"max_events": 2_000_000} | named
    net = Internet(seed=seed, link=link, **named)

    async def serve() -> None:
        async with serving("0.0.0.0", PORT):
            await asyncio.Event().wait()

    async def main(net: Internet) -> Any:
        server, client = net.host("server"), net.host("client")
        server.start(serve)
        await asyncio.sleep(1)
        result = await client.run(using("server", PORT))
        await asyncio.sleep(1)  # the server hears that its guests have left
        return result

    result = net.run(main, time_limit_s=600)
    return Played(result, net.trace.digest(), net)


def play_for_real(serving: Serving, using: Using) -> Any:
    """Plays the same conversation over this machine's loopback."""

    async def main() -> Any:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        async with serving("127.0.0.1", port):
            return await using("localhost", port)

    return asyncio.run(asyncio.wait_for(main(), LIMIT_S))


def play_everywhere(serving: Serving, using: Using, *, repeats: bool = True, **named: Any) -> Any:
    """Plays it for real, over a good link and over a lossy one, each of these twice with the same seed.

    Args:
        serving: the server.
        using: the client.
        repeats: whether both times give the same packets, byte for byte.

    Returns:
        The result, which was the same each time.
    """
    result = play_for_real(serving, using)
    for link in (HOME, LOSSY):
        first, second = (play(serving, using, link, **named) for _ in range(2))
        assert first.result == second.result == result
        assert (first_difference(first.net, second.net) is None) is repeats
        assert first.net.time == second.net.time
    return result


def first_difference(one: Internet, other: Internet) -> tuple[Any, Any] | None:
    """The first packets that differ between two runs; None if there are none."""
    if one.trace.digest() == other.trace.digest():
        return None
    return next(((a, b) for a, b in zip_longest(one.trace, other.trace) if a != b), (one, other))
