"""websockets in the simulated internet, as it is: a server and clients, in the clear and over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from p2plib.sim import Internet, Link
from tests.sim.certificates import Certificates
from tests.sim.strangers.world import play_everywhere

pytest.importorskip("websockets")

HOME = Link(latency=0.02, jitter_s=0.01)


async def chat(net: Internet) -> list[str]:
    """A WebSocket server and two clients that talk to it at the same time, one of them a lot."""
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve

    async def shout(socket: Any) -> None:
        async for message in socket:
            await socket.send(message.upper())

    async def served() -> None:
        async with serve(shout, "0.0.0.0", 8765):
            await asyncio.Event().wait()

    async def client(count: int) -> list[str]:
        heard = []
        async with connect("ws://server:8765", compression=None) as socket:
            for number in range(count):
                await socket.send(f"message {number} " + "x" * 3000 * (number % 2))
                heard.append(await socket.recv())
        return heard

    server, ana, ben = net.host("server"), net.host("ana"), net.host("ben")
    server.start(served)
    await asyncio.sleep(0.1)
    one, other = await asyncio.gather(ana.run(client(3)), ben.run(client(20)))
    return [*one, *other]


def test_websockets_talk() -> None:
    net = Internet(seed=6, link=HOME, max_events=1_000_000)
    heard = net.run(chat)
    assert len(heard) == 23
    assert heard[0] == "MESSAGE 0 "
    assert heard[-1] == "MESSAGE 19 " + "X" * 3000
    assert {kind for _, kind in net.trace.sent()} == {"tcp"}


def test_websockets_talk_over_a_bad_link() -> None:
    net = Internet(
        seed=6, link=Link(latency=0.05, jitter_s=0.04, loss=0.05, duplicate=0.02), max_events=1_000_000
    )
    heard = net.run(chat)
    assert [message.split()[1] for message in heard[3:]] == [str(number) for number in range(20)]
    assert net.trace.dropped()["lost"] > 5


@asynccontextmanager
async def serving(papers: Certificates, ip: str, port: int) -> AsyncIterator[None]:
    from websockets.asyncio.server import serve

    async def shout(socket: Any) -> None:
        async for message in socket:
            await socket.send(message.upper())

    async with serve(shout, ip, port, ssl=papers.server(), compression=None):
        yield


async def using(papers: Certificates, name: str, port: int) -> list[int | str]:
    from websockets.asyncio.client import connect

    heard: list[int | str] = []
    async with connect(f"wss://{name}:{port}", ssl=papers.client(), proxy=None, max_size=None) as socket:
        for message in ("hello", "x" * 300_000):
            await socket.send(message)
            heard.append(len(await socket.recv()))
        heard.append(socket.response.headers["Upgrade"])
    return heard


def test_wss(papers: Certificates) -> None:
    played = play_everywhere(partial(serving, papers), partial(using, papers), repeats=False)
    assert played == [5, 300_000, "websocket"]
