"""Nodes: who may be dialled, how many connections there may be, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from p2plib.errors import (
    Closed,
    DecodeError,
    NotForUs,
    P2PError,
    StreamReset,
    Unreachable,
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
                        await asyncio.wait_for(stream.read(), 100)
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
            async with asyncio.timeout(100):
                assert [await got.get() for _ in range(20)] == [200_000] * 20

    asyncio.run(main())


@pytest.mark.finding("W9")
def test_a_name_is_looked_up_in_the_family_that_its_address_says() -> None:
    async def main() -> None:
        asked: list[int] = []
        loop = asyncio.get_running_loop()
        look_up = loop.getaddrinfo

        async def noting(*where: Any, family: int = 0, **options: Any) -> Any:
            asked.append(family)
            return await look_up(*where, family=family, **options)

        loop.getaddrinfo = noting  # type: ignore[method-assign]
        async with two_nodes() as (alice, bob):
            port = endpoint(bob.addresses[0]).port
            async with await alice.dial(f"/dns4/localhost/tcp/{port}") as connection:
                assert await ping.ping(connection) > 0
            with pytest.raises(Unreachable):  # Bob listens in IPv4 alone
                await alice.dial(f"/dns6/localhost/tcp/{port}")
            address = await alice.listen("/dns4/localhost/tcp/0")
            assert str(address).startswith("/ip4/127.0.0.1/tcp/")
            assert asked == [socket.AF_INET, socket.AF_INET6, socket.AF_INET]

    asyncio.run(main())


@pytest.mark.finding("M4")
def test_of_several_addresses_those_that_can_be_dialled_are_tried() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob):
            (good,) = bob.addresses
            useless = ("/ip4/127.0.0.1/udp/1", "no address", "/ip4/127.0.0.1/tcp/0", f"{ANYWHERE[:-1]}1")
            async with await alice.dial(*useless, good) as connection:
                assert connection.remote_key == BOB.public
            with pytest.raises(Unreachable) as caught:
                await alice.dial(*useless)
            for why in (
                "none of the 4 addresses worked",
                "/ip4/127.0.0.1/udp/1 is not a host and a port for TCP or QUIC",
                'no address: an address begins with "/"',
                "has no port that can be dialled",
                "/ip4/127.0.0.1/tcp/1: no connection to 127.0.0.1:1",
            ):
                assert why in str(caught.value)
            with pytest.raises(UsageError, match="no address to dial"):
                await alice.dial()
            with pytest.raises(DecodeError):
                await alice.dial("no address")

    asyncio.run(main())


@pytest.mark.fault("F014")
def test_nobody_dials_itself() -> None:
    async def main() -> None:
        async with two_nodes() as (_, bob):
            with pytest.raises(UsageError, match="is our own"):
                await bob.dial(bob.addresses[0])

    asyncio.run(main())


@pytest.mark.finding("K7")
def test_a_node_remembers_what_its_connections_counted() -> None:
    async def refuses(stream: Stream, connection: Connection) -> None:
        raise NotForUs("not this")

    async def main() -> None:
        async with two_nodes() as (alice, bob):
            bob.handlers["/refuses/1"] = refuses
            for number in range(1, 4):
                async with await alice.dial(bob.addresses[0]) as connection:
                    stream = await connection.propose_stream("/refuses/1")
                    await stream.write(b"x")
                    with pytest.raises(StreamReset):
                        await stream.read()
                    assert bob.failures["NotForUs"] == number
                await no_connections(bob)
                assert bob.failures["NotForUs"] == number
            await bob.close()
            assert bob.failures["NotForUs"] == 3

    asyncio.run(main())


async def no_connections(node: Node) -> None:
    async with asyncio.timeout(100):
        while node.connections:
            await asyncio.sleep(0)


@pytest.mark.finding("M5")
def test_a_node_at_all_interfaces_names_each_of_them() -> None:
    async def main() -> None:
        async with Node(ALICE) as alice, Node(BOB) as bob:
            first = await bob.listen("/ip4/0.0.0.0/tcp/0")
            places = [endpoint(address) for address in bob.addresses]
            assert first == bob.addresses[0]
            assert "127.0.0.1" in {place.host for place in places}
            assert "0.0.0.0" not in {place.host for place in places}
            assert len({place.port for place in places}) == 1
            async with await alice.dial(f"/ip4/127.0.0.1/tcp/{places[0].port}") as connection:
                assert (await identify.identify(connection)).addresses == bob.addresses

    asyncio.run(main())
