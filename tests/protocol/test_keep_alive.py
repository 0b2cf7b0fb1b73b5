"""A peer that is gone is noticed, and a connection that nobody needs is ended; nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.errors import Closed, P2PError, UsageError
from p2plib.protocol import ping
from p2plib.protocol.conformance import pattern, read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.keep_alive import IDLE_S, INTERVAL_S, TIMEOUT_S, KeepAlive
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.sim import Constant, Internet, Link
from tests.protocol.test_in_the_internet import ALICE, BOB, echo

NEWS = "/news/1"
DAY_S = 86_400.0


async def news(stream: Stream, connection: Connection) -> None:
    await stream.write(b"first")
    await asyncio.sleep(1000 * DAY_S)


def with_two(
    use: Callable[[Any, Any, Any, Connection], Awaitable[None]], link: Link | None = None, **options: Any
) -> None:
    """Runs `use` on Alice's host with the network, both hosts, and a connection to Bob."""

    async def main(net: Any) -> None:
        ana, host = net.host("alice"), net.host("bob")

        async def serve() -> None:
            async with Node(BOB, {"/echo/1": echo, NEWS: news}, keep_alive=None) as bob:
                await bob.listen(f"/ip4/{host.address}/tcp/4001")
                await bob.serve_forever()

        serving = host.start(serve)
        await asyncio.sleep(1)

        async def dial() -> None:
            async with Node(ALICE, **options) as alice:
                await use(net, ana, host, await alice.dial(f"/ip4/{host.address}/tcp/4001"))

        await ana.run(dial())
        if host.is_up:
            serving.cancel()
            await asyncio.wait([serving])

    Internet(seed=1, **({} if link is None else {"link": link})).run(main, time_limit_s=40 * DAY_S)


@pytest.mark.finding("M1")
@pytest.mark.parametrize("vanishes", ["the host", "the way"])
def test_a_subscription_to_a_peer_that_is_gone_ends(vanishes: str) -> None:
    async def use(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        stream, _ = await connection.open_stream(NEWS)
        assert await stream.read() == b"first"
        began = net.time
        if vanishes == "the host":
            bob.crash()
        else:
            net.cut([ana], [bob])
        with pytest.raises(Closed, match="nothing came from it for 60 s"):
            await stream.read()
        assert net.time - began == pytest.approx(INTERVAL_S + TIMEOUT_S, abs=1)
        assert connection.is_over
        with pytest.raises(Closed, match="nothing came from it"):
            await connection.open_stream(NEWS)
        await connection.wait_closed()

    with_two(use)


@pytest.mark.finding("M1")
def test_a_stream_that_is_silent_for_hours_keeps_its_connection() -> None:
    async def use(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        stream, _ = await connection.open_stream(NEWS)
        assert await stream.read() == b"first"
        await asyncio.sleep(10_000)
        assert not connection.is_over
        assert await ping.ping(connection) > 0

    with_two(use)


@pytest.mark.finding("M1")
def test_a_connection_that_nobody_needs_is_ended() -> None:
    async def use(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        await asyncio.sleep(IDLE_S - 10)
        assert await ping.ping(connection) > 0  # a stream, however short, is use
        began = net.time
        await connection.wait_closed()
        assert IDLE_S - 1 <= net.time - began <= IDLE_S + INTERVAL_S
        with pytest.raises(Closed, match="it has carried no stream for 600 s"):
            await connection.open_stream(NEWS)

    with_two(use)


def test_what_ends_a_connection_can_be_switched_off() -> None:
    async def forever(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        await asyncio.sleep(30 * DAY_S)
        assert await ping.ping(connection) > 0

    async def until_it_is_dead(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        await forever(net, ana, bob, connection)
        bob.crash()
        await connection.wait_closed()

    async def deaf(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        await asyncio.sleep(10)  # until nothing is under way that TCP itself would miss
        bob.crash()
        await asyncio.sleep(DAY_S)
        assert not connection.is_over

    with_two(forever, keep_alive=None)
    with_two(until_it_is_dead, keep_alive=KeepAlive(DAY_S, idle_s=None))
    with_two(deaf, keep_alive=None)


@pytest.mark.finding("M1")
def test_a_ping_that_must_wait_behind_megabytes_kills_nobody() -> None:
    async def use(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        sent = pattern(1_000_000)
        stream, _ = await connection.open_stream("/echo/1")

        async def write() -> None:
            await stream.write(sent)
            await stream.close_write()

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            assert await read_all(stream) == sent
        await stream.close()

    with_two(use, Link(Constant(0.05), bytes_per_s=20_000), keep_alive=KeepAlive(5.0, 30.0))


def test_a_busy_connection_is_not_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    pings: list[float] = []

    async def use(net: Any, ana: Any, bob: Any, connection: Connection) -> None:
        real = connection.muxed.ping

        async def counted(**options: Any) -> float:
            pings.append(net.time)
            return await real(**options)

        monkeypatch.setattr(connection.muxed, "ping", counted)
        stream, _ = await connection.open_stream("/echo/1")
        for _ in range(20):
            await stream.write(b"x")
            assert await stream.read() == b"x"
            await asyncio.sleep(INTERVAL_S / 2)
        assert not pings
        await asyncio.sleep(10 * INTERVAL_S)
        assert 9 <= len(pings) <= 10
        stream.reset()

    with_two(use)


def test_a_peer_that_answers_with_anything_but_a_pong_is_alive() -> None:
    """Its keep-alive is broken, and it still talks."""

    async def main(net: Any) -> None:
        async def chatter(stream: Stream, connection: Connection) -> None:
            while True:
                await stream.write(b"x")
                await asyncio.sleep(50)

        host = net.host("bob")
        with host:
            bob = Node(BOB, {"/chat/1": chatter})
            address = await bob.listen(f"/ip4/{host.address}/tcp/4001")

        async def use() -> None:
            async with Node(ALICE) as alice, await alice.dial(address) as connection:
                assert await ping.ping(connection) > 0
                (back,) = bob.connections
                back.muxed.session._take_ping = lambda header, events: None  # type: ignore[attr-defined]
                stream, _ = await connection.open_stream("/chat/1")
                for _ in range(100):
                    assert await stream.read() == b"x"
                stream.reset()

        await net.host("alice").run(use())
        with pytest.raises(P2PError):
            await bob.dial("/ip4/198.18.0.99/tcp/1")
        await bob.close()

    Internet(seed=1).run(main)


def test_times_are_above_zero() -> None:
    for options in ({"interval_s": 0}, {"timeout_s": -1}, {"idle_s": 0}):
        with pytest.raises(UsageError, match="above zero"):
            KeepAlive(**options)
    assert KeepAlive(idle_s=None).idle_s is None
