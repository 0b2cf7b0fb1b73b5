"""Nodes: who may be dialled, how many connections there may be, and how they end."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from p2plib.errors import (
    Closed,
    P2PError,
    StreamReset,
    UsageError,
    WrongPeer,
)
from p2plib.identity import ids
from p2plib.protocol import identify, ping
from p2plib.protocol.admission import Places
from p2plib.protocol.conformance import read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import connect_tcp
from p2plib.wire import multiaddr
from tests.protocol.nodes import ALICE, ANYWHERE, BOB, CAROL, ECHO, echo, two_nodes


def test_dial_echo_ping_identify() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob):
            address = bob.addresses[0]
            assert address.names == ("ip4", "tcp", "p2p")
            async with await alice.dial(address) as connection:
                assert connection.remote_key == BOB.public
                assert connection.has_early_muxer
                stream, name = await connection.open_stream("/none/1", ECHO)
                assert name == ECHO
                async with stream:
                    await stream.write(b"hello")
                    await stream.close_write()
                    assert await stream.read_exactly(5) == b"hello"
                    assert await stream.read() == b""
                assert 0 < await ping.ping(connection) < 5
                assert 0 < await connection.muxed.ping() < 5
                said = await identify.identify(connection)
                assert (said.key, said.addresses) == (BOB.public, (address,))
                assert set(said.protocols) == {ECHO, ping.PROTOCOL_ID, identify.PROTOCOL_ID}
                seen = said.observed
                assert seen is not None
                assert seen.names == ("ip4", "tcp")
                (back,) = bob.connections
                assert back.remote_key == ALICE.public
                assert (await identify.identify(back)).key == ALICE.public
            assert alice.connections == set()

    asyncio.run(main(), debug=True)


@pytest.mark.fault("F043")
def test_another_peer_than_the_one_that_was_dialled() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob):
            place = endpoint(bob.addresses[0])
            wrong = multiaddr.of(("ip4", place.host), ("tcp", place.port)).with_peer(
                ids.peer_id(CAROL.public)
            )
            with pytest.raises(WrongPeer):
                await alice.dial(wrong)
            while not bob.failures:
                await asyncio.sleep(0)
            assert bob.failures == {"HandshakeFailed": 1}
            assert (alice.connections, bob.connections) == (set(), set())

    asyncio.run(main())


def test_nobody_listens_at_the_address_of_another_peer() -> None:
    async def main() -> None:
        async with Node(ALICE) as alice:
            with pytest.raises(UsageError, match="another peer's"):
                await alice.listen(f"{ANYWHERE}/p2p/{ids.peer_id(BOB.public)}")

    asyncio.run(main())


@pytest.mark.fault("F041")
def test_half_open_connections_keep_nobody_out() -> None:
    async def main() -> None:
        async with two_nodes(places=Places(max_pending=8)) as (alice, bob):
            place = endpoint(bob.addresses[0])
            silent = [await connect_tcp(place.host, place.port) for _ in range(100)]
            async with await alice.dial(bob.addresses[0]) as connection:
                assert await ping.ping(connection) > 0
                assert bob.pending <= 8
                assert bob.given_up["another handshake came"] >= 92
                for stream in silent[:90]:
                    with pytest.raises(StreamReset):
                        await asyncio.wait_for(stream.read(), 5)
                silent += [await connect_tcp(place.host, place.port) for _ in range(20)]
                assert await ping.ping(connection) > 0  # who is through is not given up
                assert bob.pending <= 8
            for stream in silent:
                stream.reset()

    asyncio.run(main())


@pytest.mark.fault("F041")
def test_connections_are_counted_and_idle_ones_give_way() -> None:
    async def main() -> None:
        async with (
            two_nodes(places=Places(max_connections=2)) as (alice, bob),
            contextlib.AsyncExitStack() as open_ones,
        ):
            first = [await open_ones.enter_async_context(await alice.dial(bob.addresses[0])) for _ in "12"]
            for connection in first:
                assert await ping.ping(connection) > 0
                await (await connection.open_stream(ECHO))[0].write(b"so that it is busy")
            with pytest.raises(P2PError):
                async with await alice.dial(bob.addresses[0]) as refused:
                    await ping.ping(refused)
            assert bob.given_up == {"too many connections": 1}
            await first[0].close()
            while len(bob.connections) == 2:
                await asyncio.sleep(0)
            idle = await open_ones.enter_async_context(await alice.dial(bob.addresses[0]))
            assert await ping.ping(idle) > 0
            async with await alice.dial(bob.addresses[0]) as connection:
                assert await ping.ping(connection) > 0
                await idle.wait_closed()
                assert not first[1].is_over
            assert bob.given_up == {"too many connections": 1, "another connection came": 1}

    asyncio.run(main())


def test_when_a_node_goes_the_other_side_knows() -> None:
    async def main() -> None:
        async with Node(ALICE) as alice:
            async with Node(BOB, {ECHO: echo}) as bob:
                connection = await alice.dial(await bob.listen(ANYWHERE))
                stream, _ = await connection.open_stream(ECHO)
                await stream.write(b"x")
                assert await stream.read() == b"x"
            with pytest.raises(StreamReset):
                await stream.read()
            await connection.wait_closed()
            assert connection.is_over
            with pytest.raises(Closed):
                await connection.open_stream(ECHO)
            while alice.connections:
                await asyncio.sleep(0)

    asyncio.run(main())


@pytest.mark.finding("W1")
def test_closing_a_connection_delivers_what_its_streams_had_sent() -> None:
    async def main() -> None:
        got: asyncio.Queue[int] = asyncio.Queue()

        async def count(stream: Stream, connection: Connection) -> None:
            got.put_nowait(len(await read_all(stream)))

        async with two_nodes() as (alice, bob):
            bob.handlers["/count/1"] = count
            async with await alice.dial(bob.addresses[0]) as connection:

                async def send() -> None:
                    stream, _ = await connection.open_stream("/count/1")
                    async with stream:
                        await stream.write(bytes(200_000))

                await asyncio.gather(*(send() for _ in range(20)))
            async with asyncio.timeout(10):
                assert [await got.get() for _ in range(20)] == [200_000] * 20

    asyncio.run(main())
