"""Nodes: dialling, listening, ping, identify; wrong peers, slow handshakes and thousands of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import (
    Closed,
    DecodeError,
    EndOfStream,
    HandshakeFailed,
    NoCommonProtocol,
    P2PError,
    PeerTimeout,
    StreamReset,
    UsageError,
    WrongPeer,
)
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import identify, multistream, ping
from p2plib.protocol.conformance import read_all
from p2plib.protocol.connection import Connection, upgrade
from p2plib.protocol.node import Node, endpoint
from p2plib.protocol.stream import Stream, memory_pair
from p2plib.protocol.tcp import connect_tcp
from p2plib.wire import multiaddr

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
CAROL = SecretKey.from_seed(bytes([3]) * 32)
ANYWHERE = "/ip4/127.0.0.1/tcp/0"
ECHO = "/echo/1.0.0"


async def echo(stream: Stream, connection: Connection) -> None:
    while data := await stream.read():
        await stream.write(data)


@asynccontextmanager
async def two_nodes(**options: Any) -> AsyncIterator[tuple[Node, Node]]:
    """Alice, and Bob who listens and echoes; nothing is left of them afterwards."""
    before = asyncio.all_tasks()
    async with Node(ALICE) as alice, Node(BOB, {ECHO: echo}, **options) as bob:
        await bob.listen(ANYWHERE)
        yield alice, bob
    assert asyncio.all_tasks() == before


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


@pytest.mark.parametrize("offers", [(True, True), (True, False), (False, True), (False, False)])
def test_the_muxer_is_named_early_or_negotiated(offers: tuple[bool, bool]) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=100)
        near, far = await asyncio.gather(
            upgrade(a, ALICE, is_client=True, expected=BOB.public, offers_early_muxer=offers[0]),
            upgrade(b, BOB, is_client=False, handlers={ECHO: echo}, offers_early_muxer=offers[1]),
        )
        assert near.has_early_muxer == far.has_early_muxer == all(offers)
        async with near, far:
            lazy = await near.propose_stream(ECHO)
            async with lazy:
                await lazy.write(b"x" * 1000)
                assert await lazy.read_exactly(1000) == b"x" * 1000

    asyncio.run(main())


@pytest.mark.fault("F043")
def test_another_peer_than_the_one_that_was_dialled() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob):
            host, port, _ = endpoint(bob.addresses[0])
            wrong = multiaddr.of(("ip4", host), ("tcp", port)).with_peer(ids.peer_id(CAROL.public))
            with pytest.raises(WrongPeer):
                await alice.dial(wrong)
            while not bob.failures:
                await asyncio.sleep(0)
            assert bob.failures == {"HandshakeFailed": 1}
            assert (alice.connections, bob.connections) == (set(), set())

    asyncio.run(main())


def test_addresses_that_cannot_be_dialled() -> None:
    for address in ("/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/1", "/tcp/1", "/ip4/127.0.0.1/tcp/1/ws"):
        with pytest.raises(UsageError, match="is no host and TCP port"):
            endpoint(address)
    with pytest.raises(DecodeError):
        endpoint("127.0.0.1:1")
    assert endpoint("/ip6/::1/tcp/80") == ("::1", 80, None)

    async def main() -> None:
        async with Node(ALICE) as alice:
            with pytest.raises(UsageError, match="another peer's"):
                await alice.listen(f"{ANYWHERE}/p2p/{ids.peer_id(BOB.public)}")

    asyncio.run(main())


@pytest.mark.fault("F052")
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"\x13/multistream/1.0.0\n\x03na\n", NoCommonProtocol),
        (b"\x13/multistream/1.0.0\n\x11/plaintext/2.0.0\n", DecodeError),
        (b"\x0eGET / HTTP/1.1\n", DecodeError),
        (b"", EndOfStream),
        (b"\x13/multistream/1.0.0\n\x07/noise\n", HandshakeFailed),
        (b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff" + bytes(70_000), HandshakeFailed),
    ],
)
def test_whoever_is_no_libp2p_peer(said: bytes, error: type[P2PError]) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=100_000)
        await b.write(said)
        await b.close_write()
        with pytest.raises(error):
            await upgrade(a, ALICE, is_client=True)
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


@pytest.mark.fault("F040")
@pytest.mark.parametrize("is_client", [True, False])
@pytest.mark.parametrize("said", [b"", b"\x13/multi", b"\x13/multistream/1.0.0\n\x07/noise\n\x00"])
def test_the_deadline_is_one_for_everything(is_client: bool, said: bytes) -> None:
    async def main() -> None:
        a, b = memory_pair()
        await b.write(said)
        with pytest.raises(PeerTimeout):
            await upgrade(a, ALICE, is_client=is_client, timeout_s=0.02)
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


@pytest.mark.fault("F041")
def test_half_open_connections_keep_nobody_out() -> None:
    async def main() -> None:
        async with two_nodes(max_pending=8) as (alice, bob):
            host, port, _ = endpoint(bob.addresses[0])
            silent = [await connect_tcp(host, port) for _ in range(100)]
            async with await alice.dial(bob.addresses[0]) as connection:
                assert await ping.ping(connection) > 0
                assert bob.pending <= 8
                assert bob.given_up["another handshake came"] >= 92
                for stream in silent[:90]:
                    with pytest.raises(StreamReset):
                        await asyncio.wait_for(stream.read(), 5)
                silent += [await connect_tcp(host, port) for _ in range(20)]
                assert await ping.ping(connection) > 0  # who is through is not given up
                assert bob.pending <= 8
            for stream in silent:
                stream.reset()

    asyncio.run(main())


@pytest.mark.fault("F041")
def test_connections_are_counted() -> None:
    async def main() -> None:
        async with two_nodes(max_connections=2) as (alice, bob), contextlib.AsyncExitStack() as open_ones:
            first = [await open_ones.enter_async_context(await alice.dial(bob.addresses[0])) for _ in "12"]
            await asyncio.gather(*map(ping.ping, first))
            with pytest.raises(P2PError):
                await alice.dial(bob.addresses[0])
            assert bob.given_up["too many connections"] == 1
            await first[0].close()
            while len(bob.connections) == 2:
                await asyncio.sleep(0)
            async with await alice.dial(bob.addresses[0]) as connection:
                assert await ping.ping(connection) > 0

    asyncio.run(main())


def test_handlers_that_fail_and_protocols_that_are_not_there() -> None:
    async def breaks(stream: Stream, connection: Connection) -> None:
        raise KeyError("ours")

    async def main() -> None:
        seen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
        async with two_nodes() as (alice, bob):
            bob.handlers["/breaks/1"] = breaks
            async with await alice.dial(bob.addresses[0]) as connection:
                stream = await connection.propose_stream("/breaks/1")
                with pytest.raises(StreamReset):
                    await stream.read()
                with pytest.raises(NoCommonProtocol, match="speaks none of /none/1, /none/2"):
                    await connection.open_stream("/none/1", "/none/2")
                (back,) = bob.connections
                assert await ping.ping(connection) > 0
                assert back.failures["KeyError"] == 1
                assert [repr(error) for error in seen] == ["KeyError('ours')"]

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


# ping and identify


def lying(answer: Callable[[bytes], bytes]) -> Any:
    async def handle(stream: Stream, connection: Connection) -> None:
        await stream.write(answer(await stream.read_exactly(32)))

    return handle


def test_pings_that_are_answered_wrong_or_not_at_all() -> None:
    async def never(stream: Stream, connection: Connection) -> None:
        await stream.read()
        await stream.read()

    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            bob.handlers[ping.PROTOCOL_ID] = lying(lambda asked: asked[::-1])
            with pytest.raises(DecodeError, match="other bytes"):
                await ping.ping(connection)
            bob.handlers[ping.PROTOCOL_ID] = never
            with pytest.raises(PeerTimeout, match="answered no ping"):
                await ping.ping(connection, timeout_s=0.05)

    asyncio.run(main())


def test_identify_bytes() -> None:
    address = multiaddr.parse("/ip4/192.0.2.1/tcp/4001")
    known = identify.Identity(ALICE.public, (address,), (ECHO,), address, "v/1", "agent")
    raw = identify.encode(known)
    assert identify.decode(raw) == known
    assert raw[:2] == b"\x0a\x24"
    assert b"\x12\x08" + address.encode() in raw
    assert b"\x1a\x0b" + ECHO.encode() in raw
    assert b"".join(field.raw for field in identify.dissect(raw)) == raw
    future = raw + b"\x4a\x01x" + b"\x12\x02\xc8\x08"  # a field and a kind of address from the future
    assert identify.decode(future).unknown_addresses == 1
    assert identify.decode(future).addresses == (address,)


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        (b"\x1a\x01x" * 257, "protocols is there 257 times"),
        (b"\x12\x01x" * 65, "listenAddrs is there 65 times"),
        (b"\x22\x01x" * 2, "observedAddr is there 2 times"),
        (b"\x32\x01\xff", "UTF-8"),
        (b"\x32\x81\x02" + b"x" * 257, "a text of 257 bytes"),
        (b"\x18\x01", "protocols is bytes"),
        (b"\x0a\x00", "field 1 is there 2 times"),
    ],
)
def test_identify_is_bounded(extra: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        identify.decode(identify.encode(identify.Identity(ALICE.public))[:38] + extra)


def test_a_peer_that_says_it_is_another_one() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            bob.handlers[identify.PROTOCOL_ID] = identify.handler(lambda _: identify.Identity(CAROL.public))
            with pytest.raises(WrongPeer, match="has proved"):
                await identify.identify(connection)

    asyncio.run(main())


@pytest.mark.fault("F040")
def test_a_stream_on_which_nothing_is_agreed_is_reset() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            assert await ping.ping(connection) > 0
            (back,) = bob.connections
            back.negotiation_timeout_s = 0.02
            stream = await connection.muxed.open_stream()
            await stream.write(multistream.encode(multistream.HEADER))
            with pytest.raises(StreamReset):
                await read_all(stream)
            assert back.failures == {"PeerTimeout": 1}

    asyncio.run(main())
