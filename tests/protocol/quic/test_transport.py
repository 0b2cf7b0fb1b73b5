"""Nodes over QUIC: all that they do over TCP, at `/udp/<port>/quic-v1`."""

from __future__ import annotations

import asyncio
import sys

import pytest

from p2plib.errors import LocalError, NotAllowed, Unreachable, WrongPeer
from p2plib.identity import ids
from p2plib.protocol import identify, ping
from p2plib.protocol.admission import Places
from p2plib.protocol.conformance import pattern, read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.gater import DenyList
from p2plib.protocol.node import Node
from p2plib.protocol.quic.driver import QuicConnection
from p2plib.protocol.quic.machine import Machine, configure
from p2plib.protocol.quic.sockets import dial
from p2plib.protocol.yamux.limits import Limits
from p2plib.wire.multiaddr import Multiaddr
from tests.protocol.nodes import ALICE, BOB, CAROL, ECHO, echo

pytest.importorskip("aioquic")

from aioquic._buffer import Buffer
from aioquic.quic.packet import QuicPacketType, pull_quic_header

ANYWHERE = "/ip4/127.0.0.1/udp/0/quic-v1"


async def echoed(connection: Connection, data: bytes) -> bytes:
    stream, _ = await connection.open_stream(ECHO)
    async with stream, asyncio.TaskGroup() as group:

        async def write() -> None:
            await stream.write(data)
            await stream.close_write()

        group.create_task(write())
        return await read_all(stream)


@pytest.mark.parametrize("anywhere", [ANYWHERE, "/ip6/::1/udp/0/quic-v1"])
def test_two_nodes(anywhere: str) -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with Node(ALICE) as alice, Node(BOB, {ECHO: echo}) as bob:
            address = await bob.listen(anywhere)
            assert str(address).endswith(f"/quic-v1/p2p/{bob.peer_id}")
            assert bob.addresses == (address,)
            async with await alice.dial(address) as connection:
                assert isinstance(connection.muxed, QuicConnection)
                assert connection.remote_id == bob.peer_id
                many = await asyncio.gather(*(echoed(connection, pattern(5000, n)) for n in range(30)))
                assert many == [pattern(5000, n) for n in range(30)]
                assert await ping.ping(connection) > 0
                said = await identify.identify(connection)
                assert said.addresses == (address,)
                assert str(said.observed).startswith(anywhere.split("/udp/")[0] + "/udp/")
                (back,) = bob.connections
                assert back.remote_id == alice.peer_id
                assert back.seen_at == said.observed
            await back.wait_closed()
            assert bob.failures == {}
        assert asyncio.all_tasks() == before

    asyncio.run(main())


def test_one_node_over_both_transports() -> None:
    async def main() -> None:
        async with Node(ALICE) as alice, Node(BOB, {ECHO: echo}) as bob:
            places = [await bob.listen("/ip4/127.0.0.1/tcp/0"), await bob.listen(ANYWHERE)]
            assert bob.addresses == tuple(places)
            dead = "/ip4/127.0.0.1/udp/9/quic-v1"
            async with await alice.dial(dead, places[1]) as connection:
                assert await echoed(connection, b"over QUIC") == b"over QUIC"
            async with await alice.dial(dead, "/ip4/127.0.0.1/udp/9/webrtc-direct", places[0]) as connection:
                assert await echoed(connection, b"over TCP") == b"over TCP"
            with pytest.raises(Unreachable, match="Connection refused"):
                await alice.dial(dead)

    asyncio.run(main())


def test_who_is_expected_and_who_is_allowed() -> None:
    async def main() -> None:
        gater = DenyList(peers=[ids.peer_id(CAROL.public)])
        async with Node(ALICE) as alice, Node(BOB, gater=gater) as bob, Node(CAROL) as carol:
            address = str(await bob.listen(ANYWHERE)).split("/p2p/")[0]
            with pytest.raises(WrongPeer):
                await alice.dial(f"{address}/p2p/{carol.peer_id}")
            refused = await carol.dial(address)
            await refused.wait_closed()
            while bob.given_up["not allowed"] != 1:
                await asyncio.sleep(0.001)
            with pytest.raises(NotAllowed):
                await bob.dial(f"{address}/p2p/{carol.peer_id}")

    asyncio.run(asyncio.wait_for(main(), 200))


@pytest.mark.finding("M2")
def test_handshakes_that_stand_still_give_way() -> None:
    """Each client says its first word and then nothing: the node forgets the oldest, and takes who speaks."""

    async def main() -> None:
        async with Node(ALICE) as alice, Node(BOB, {ECHO: echo}, places=Places(max_pending=4)) as bob:
            address = await bob.listen(ANYWHERE)
            silent = [await first_word(address) for _ in range(10)]
            async with await alice.dial(address) as connection:
                assert await echoed(connection, b"x") == b"x"
            assert bob.given_up["another handshake came"] >= 6
            assert bob.pending <= 4
            for transport in silent:
                transport.close()

    asyncio.run(main())


async def first_word(address: Multiaddr) -> asyncio.DatagramTransport:
    """Sends the first datagram of a handshake, and nothing more."""
    place = endpoint(address)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(place.host, place.port)
    )
    machine = Machine(configure(CAROL, is_client=True))
    machine.connect((place.host, place.port), now=0.0)
    for data, _ in machine.datagrams_to_send(0.0):
        transport.sendto(data)
    return transport


def test_limits_of_the_node_hold_for_quic() -> None:
    async def main() -> None:
        limits = Limits(window_bytes=300_000, memory_bytes=1_000_000, max_streams=7)
        async with Node(ALICE) as alice, Node(BOB, limits=limits) as bob:
            async with await alice.dial(await bob.listen(ANYWHERE)) as connection:
                (back,) = bob.connections
                assert isinstance(back.muxed, QuicConnection)
                found = back.muxed.machine.limits
                assert (found.window_bytes, found.memory_bytes, found.max_streams) == (300_000, 1_000_000, 7)
            assert connection.is_over

    asyncio.run(main())


def test_without_aioquic_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aioquic.quic.configuration", None)

    async def main() -> None:
        async with Node(ALICE) as alice, Node(BOB, {ECHO: echo}) as bob:
            with pytest.raises(LocalError, match=r"QUIC needs aioquic: pip install 'p2plib\[quic\]'"):
                await bob.listen(ANYWHERE)
            with pytest.raises(LocalError, match="QUIC needs aioquic"):
                await alice.dial("/ip4/127.0.0.1/udp/4001/quic-v1")
            tcp = await bob.listen("/ip4/127.0.0.1/tcp/0")
            async with await alice.dial("/ip4/127.0.0.1/udp/4001/quic-v1", tcp) as connection:
                assert await echoed(connection, b"x") == b"x"

    asyncio.run(main())


@pytest.mark.finding("W8")
@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_a_node_that_closes_leaves_no_connection(steps: int) -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with Node(BOB) as bob:
            address = await bob.listen(ANYWHERE)
            alice = Node(ALICE)
            dialling = asyncio.ensure_future(alice.dial(address))
            for _ in range(steps):
                await asyncio.sleep(0)
            await alice.close()
            if isinstance(await asyncio.gather(dialling, return_exceptions=True), Connection):
                assert dialling.result().is_over
            assert not alice.connections
        assert asyncio.all_tasks() == before

    asyncio.run(main())


def handshake_packets(data: bytes) -> bytes:
    """Those of a datagram that finish the handshake."""
    found, buffer = b"", Buffer(data=data)
    while not buffer.eof() and data[start := buffer.tell()] >= 0x80:
        header = pull_quic_header(buffer, host_cid_length=8)
        if header.packet_type == QuicPacketType.HANDSHAKE:
            found += data[start : start + header.packet_length]
        buffer.seek(start + header.packet_length)
    return found


@pytest.mark.finding("W8")
def test_a_peer_that_ends_its_handshake_and_says_farewell_in_one_datagram_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its connection is over before it has begun."""
    transmit = QuicConnection._transmit

    def hastily(connection: QuicConnection, copies: int = 1) -> None:
        machine, now = connection.machine, asyncio.get_running_loop().time()
        if not machine._is_client or connection.remote_key is None:
            transmit(connection, copies)
        elif not connection._is_silent:
            ((first, _),) = machine.datagrams_to_send(now)
            machine.close()
            ((farewell, address),) = machine.datagrams_to_send(now)
            connection._put(handshake_packets(first) + farewell, address)
            connection._fall_silent()

    begin, begun = Node._begin, list[Connection]()

    def begins(node: Node, connection: Connection) -> None:
        begun.append(connection)
        begin(node, connection)

    async def main() -> None:
        async with Node(BOB, {ECHO: echo}) as bob:
            place = endpoint(await bob.listen(ANYWHERE))
            monkeypatch.setattr(Node, "_begin", begins)
            monkeypatch.setattr(QuicConnection, "_transmit", hastily)
            for number in range(3):
                await dial(ALICE, place.host, place.port)
                while len(begun) <= number:
                    await asyncio.sleep(0.001)
            while bob.connections:
                await asyncio.sleep(0.001)
            assert all(each.is_over for each in begun)
            assert not len(bob._admission)

    asyncio.run(asyncio.wait_for(main(), 200))
