"""Streams and connections in the simulated internet: the conformance suite again, and slow, silent, flooding
and dying peers. Time is virtual, so minutes cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import P2PError, PeerTimeout, StreamReset
from p2plib.identity.keys import SecretKey
from p2plib.protocol import conformance, multistream, ping
from p2plib.protocol.admission import Places
from p2plib.protocol.conformance import check_stream, pattern, read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.sim import Constant, Internet, Link
from p2plib.wire.multiaddr import Multiaddr

ALICE, BOB = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))
ECHO = "/echo/1"


async def echo(stream: Stream, connection: Connection) -> None:
    while data := await stream.read():
        await stream.write(data)


@asynccontextmanager
async def listening_node(net: Any, **options: Any) -> AsyncIterator[tuple[Node, Multiaddr]]:
    """Bob, on a host of his own, and his address."""
    host = net.host("bob")
    with host:
        node = Node(BOB, {ECHO: echo}, **options)
        address = await node.listen(f"/ip4/{host.address}/tcp/4001")
    async with node:
        yield node, address


@pytest.mark.slow
@pytest.mark.fault("F051")
@pytest.mark.parametrize("link", [None, Link(Constant(0.05), bytes_per_s=5e6)])
def test_tcp_streams_conform(link: Link | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", 2.0)  # a few round trips of the slowest pair

    async def main(net: Any) -> None:
        ana, ben = net.host("ana"), net.host("ben")

        @asynccontextmanager
        async def pair() -> AsyncIterator[tuple[TcpStream, TcpStream]]:
            arrived: asyncio.Future[TcpStream] = asyncio.get_running_loop().create_future()
            over = asyncio.Event()

            async def handler(stream: TcpStream) -> None:
                arrived.set_result(stream)
                await over.wait()

            with ben:
                listener = TcpListener(handler, ben.address)
                await listener.__aenter__()
            try:
                near = await ana.run(connect_tcp(*listener.address))
                far = await arrived
                yield near, far
                near.reset()
                far.reset()
                over.set()
            finally:
                await listener.__aexit__()

        await check_stream(pair, timeout_s=3600)

    Internet(seed=1, **({} if link is None else {"link": link})).run(main)


@pytest.mark.fault("F040")
def test_a_byte_every_ten_seconds_is_no_handshake() -> None:
    async def main(net: Any) -> None:
        async with listening_node(net, upgrade_timeout_s=30) as (bob, address):
            place = endpoint(address)
            loop = asyncio.get_running_loop()

            async def drip(stream: Stream) -> None:
                for byte in multistream.encode(multistream.HEADER):
                    await stream.write(bytes([byte]))
                    await asyncio.sleep(10)

            async def attack() -> float:
                stream = await connect_tcp(place.host, place.port)
                began = loop.time()
                with pytest.raises(StreamReset):
                    await drip(stream)
                stream.reset()
                return loop.time() - began

            took_s = await net.host("mallory").run(attack())
            assert 30 <= took_s <= 50
            assert (bob.pending, bob.failures) == (0, {"PeerTimeout": 1})

    Internet(seed=1).run(main)


@pytest.mark.slow
@pytest.mark.fault("F041")
def test_ten_thousand_half_open_connections_and_an_honest_peer() -> None:
    async def main(net: Any) -> None:
        async with listening_node(net, places=Places(max_pending=50)) as (bob, address):
            place = endpoint(address)

            async def flood() -> list[TcpStream]:
                return [await connect_tcp(place.host, place.port) for _ in range(500)]

            attacking = [net.host(f"mallory{number}").start(flood) for number in range(20)]
            while len(bob.given_up) == 0:
                await asyncio.sleep(1)

            async def honest() -> float:
                async with Node(ALICE) as alice, await alice.dial(address) as connection:
                    return await ping.ping(connection)

            assert 0 < await net.host("alice").run(honest()) < 1
            assert bob.pending <= 50
            for stream in [one for each in attacking for one in await each]:
                stream.reset()
            assert bob.given_up["another handshake came"] >= 9_500  # others came to their end by themselves

    Internet(seed=1).run(main)


@pytest.mark.fault("F040")
def test_nobody_answers() -> None:
    async def silent(stream: TcpStream) -> None:
        await asyncio.Event().wait()

    async def main(net: Any) -> None:
        ben = net.host("ben")
        with ben:
            listener = TcpListener(silent, ben.address, 4001)
            await listener.__aenter__()

        async def dial() -> float:
            async with Node(ALICE, upgrade_timeout_s=20) as alice:
                with pytest.raises(PeerTimeout, match="20 s"):
                    await alice.dial(f"/ip4/{ben.address}/tcp/4001")
            return asyncio.get_running_loop().time()

        assert 20 <= await net.host("alice").run(dial()) < 21
        await listener.__aexit__()

    Internet(seed=1).run(main)


@pytest.mark.fault("F050")
def test_megabytes_and_many_streams_over_a_long_link_with_losses() -> None:
    async def main(net: Any) -> None:
        async with listening_node(net) as (_, address):

            async def use() -> None:
                async with Node(ALICE) as alice, await alice.dial(address) as connection:

                    async def ask(size: int) -> None:
                        stream, _ = await connection.open_stream(ECHO, timeout_s=120)
                        sent = pattern(size, size)

                        async def write() -> None:
                            await stream.write(sent)
                            await stream.close_write()

                        async with stream, asyncio.TaskGroup() as group:
                            group.create_task(write())
                            assert await read_all(stream) == sent

                    async with asyncio.TaskGroup() as group:
                        for size in (1_000_000, *range(1000, 30_000, 1000)):
                            group.create_task(ask(size))

            await net.host("alice").run(use())

    Internet(seed=1, link=Link(Constant(0.08), loss=0.005)).run(main)


@pytest.mark.fault("F051")
def test_a_host_that_dies_in_the_middle_leaves_nobody_waiting() -> None:
    async def main(net: Any) -> None:
        bob, loop = net.host("bob"), asyncio.get_running_loop()

        async def serve() -> None:
            async with Node(BOB, {ECHO: echo}) as node:
                await node.listen(f"/ip4/{bob.address}/tcp/4001")
                await asyncio.Event().wait()

        bob.start(serve)

        async def use() -> None:
            async with Node(ALICE) as alice:
                connection = await alice.dial(f"/ip4/{bob.address}/tcp/4001")
                stream, _ = await connection.open_stream(ECHO)
                await stream.write(b"x")
                assert await stream.read() == b"x"
                bob.crash()
                with pytest.raises(P2PError):
                    await connection.muxed.ping(timeout_s=5)
                began = loop.time()
            assert loop.time() - began < 20

        await net.host("alice").run(use())

    Internet(seed=1).run(main)


@pytest.mark.finding("W1")
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_connection_that_is_closed_well_delivers_every_stream_that_was(seed: int) -> None:
    """Even to handlers that read only when the connection is over."""
    got: list[int] = []

    async def count(stream: Stream, connection: Connection) -> None:
        await asyncio.sleep(2)
        got.append(len(await read_all(stream)))

    async def main(net: Any) -> None:
        async with listening_node(net) as (bob, address):
            bob.handlers["/count/1"] = count

            async def use() -> None:
                async with Node(ALICE) as alice, await alice.dial(address) as connection:

                    async def send() -> None:
                        stream, _ = await connection.open_stream("/count/1", timeout_s=60)
                        async with stream:
                            await stream.write(bytes(20_000))

                    await asyncio.gather(*(send() for _ in range(20)))

            await net.host("alice").run(use())
            await asyncio.sleep(3)

    Internet(seed, link=Link(Constant(0.02), loss=0.01)).run(main)
    assert got == [20_000] * 20
