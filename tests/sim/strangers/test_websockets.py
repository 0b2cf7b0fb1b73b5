"""websockets in the simulated internet, as it is: a server and clients, in the clear and over TLS."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Internet, Link

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
