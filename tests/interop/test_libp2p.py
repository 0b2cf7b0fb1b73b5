"""Whole connections with js-libp2p, live, both ways: Noise, yamux, identify, ping, and megabytes of echo."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from p2plib.errors import NoCommonProtocol
from p2plib.identity import ids
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol import identify, ping
from p2plib.protocol.conformance import pattern, read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused
from tests.protocol import test_stranger_streams
from tests.protocol.noise import test_stranger_noise
from tests.protocol.yamux import test_stranger_yamux

pytestmark = pytest.mark.interop

OURS = SecretKey.from_seed(bytes([1]) * 32)
ECHO = "/echo/1.0.0"
AGENT = "p2plib interop"
MEGABYTES = 5_000_000
MANY = 100


async def echo(stream: Stream, connection: Connection) -> None:
    while data := await stream.read():
        await stream.write(data)


async def echoed(connection: Connection, data: bytes) -> str:
    """What comes back of some bytes over a new stream, as a hash."""
    stream, _ = await connection.open_stream(ECHO)

    async def write() -> None:
        await stream.write(data)
        await stream.close_write()

    async with stream, asyncio.TaskGroup() as group:
        group.create_task(write())
        return hashlib.sha256(await read_all(stream)).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def dial(address: str) -> dict[str, Any]:
    """Everything that we do with a js-libp2p that we dialled."""
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS, agent=AGENT) as node,
        await node.dial(address) as connection,
    ):
        said = await identify.identify(connection)
        large = await echoed(connection, pattern(MEGABYTES))
        many = await asyncio.gather(*(echoed(connection, pattern(20_000, n)) for n in range(MANY)))
        try:
            await connection.open_stream("/nobody/speaks/this")
        except NoCommonProtocol as error:
            refused = str(error)
        return {
            "remote": connection.remote_id,
            "early": connection.has_early_muxer,
            "agent": said.agent,
            "protocols": said.protocols,
            "addresses": [str(one) for one in said.addresses],
            "observed": str(said.observed),
            "ping": await ping.ping(connection),
            "yamux ping": await connection.muxed.ping(),
            "large": large,
            "many": many,
            "refused": refused,
            "failures": dict(connection.failures),
        }


def test_we_dial_them() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        found = net.run_together(dial, where["address"])
        assert found["remote"] == where["id"]
        assert found["early"]
        assert found["agent"].startswith("js-libp2p/3.3.11")
        assert {ECHO, ping.PROTOCOL_ID, identify.PROTOCOL_ID} <= set(found["protocols"])
        assert where["address"].split("/p2p/")[0] in [one.split("/p2p/")[0] for one in found["addresses"]]
        assert found["observed"].startswith("/ip4/127.0.0.1/tcp/")
        assert found["ping"] > 0
        assert found["yamux ping"] > 0
        assert found["large"] == sha256(pattern(MEGABYTES))
        assert found["many"] == [sha256(pattern(20_000, n)) for n in range(MANY)]
        assert found["refused"] == "the other side speaks none of /nobody/speaks/this"
        events = [peer.next_event() for _ in range(MANY + 3)]
        assert ("connected", ids.peer_id(OURS.public)) in events
        (told,) = [data for name, data in events if name == "identified"]
        assert (told["peer"], told["agent"]) == (ids.peer_id(OURS.public), AGENT)
        assert set(told["protocols"]) == {ping.PROTOCOL_ID, identify.PROTOCOL_ID}
        assert sorted(size for name, size in events if name == "echoed") == [20_000] * MANY + [MEGABYTES]


def test_the_strangers_of_the_pages_dial_them() -> None:
    """The cells of the pages on streams, secure channels and multiplexing speak with js-libp2p as well."""
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        _, _, host, _, port, *_ = where["address"].split("/")
        assert net.run_together(test_stranger_streams.call, host, port) == test_stranger_streams.ANSWERS
        key, number = net.run_together(test_stranger_noise.call, host, port).split()
        assert number == "2026"
        assert ids.peer_id(PublicKey(bytes.fromhex(key))) == where["id"]
        assert net.run_together(test_stranger_yamux.call, host, port, ECHO) == "b'supper at 7?'"


async def listen() -> dict[str, Any]:
    """Be dialled by js-libp2p until it hangs up; meanwhile ask it things over the connection that it made."""
    async with asyncio.timeout(listening.TIMEOUT_S), Node(OURS, {ECHO: echo}, agent=AGENT) as node:
        await node.listen(f"/ip4/127.0.0.1/tcp/{listening.PORT}")
        while not node.connections:
            await asyncio.sleep(0.001)
        (connection,) = node.connections
        said = await identify.identify(connection)
        large = await echoed(connection, pattern(MEGABYTES, 3))
        ping_s = await ping.ping(connection)
        await connection.wait_closed()
        return {
            "remote": connection.remote_id,
            "early": connection.has_early_muxer,
            "agent": said.agent,
            "large": large,
            "ping": ping_s,
            "failures": dict(connection.failures),
            "node failures": dict(node.failures),
        }


def test_they_dial_us() -> None:
    address = f"/ip4/127.0.0.1/tcp/{listening.PORT}/p2p/{ids.peer_id(OURS.public)}"
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        own = peer.ask("listen")["id"]

        def talk() -> dict[str, Any]:
            return {
                "echo": peer.ask("echo", address=address, hex="00ff" * 1000),
                "large": peer.ask("echoes", address=address, count=1, size=MEGABYTES),
                "many": peer.ask("echoes", address=address, count=MANY, size=20_000),
                "ping": peer.ask("ping", address=address),
                "identify": peer.ask("identify", address=address),
                "hang up": peer.ask("hangUp", address=address),
            }

        ours, theirs, found = listening.called_and_asked(net, listen, (), peer, talk, address=address)
        assert theirs == {"peer": ids.peer_id(OURS.public), "encryption": "/noise", "muxer": "/yamux/1.0.0"}
        assert found["echo"] == "00ff" * 1000
        assert (found["large"], found["many"]) == (1, MANY)
        assert found["ping"] >= 0
        told = found["identify"]
        assert (told["peer"], told["agent"]) == (ids.peer_id(OURS.public), AGENT)
        assert told["version"] == "p2plib/0.1.0"
        assert told["addresses"] == [address]
        assert set(told["protocols"]) == {ECHO, ping.PROTOCOL_ID, identify.PROTOCOL_ID}
        assert told["observed"].startswith("/ip4/127.0.0.1/tcp/")
        assert (ours["remote"], ours["early"]) == (own, True)
        assert ours["agent"].startswith("js-libp2p/3.3.11")
        assert ours["large"] == sha256(pattern(MEGABYTES, 3))
        assert ours["ping"] > 0
        assert ours["node failures"] == {}
        # js-libp2p asks for protocols that we do not speak, and takes our "na": nothing else went wrong.
        assert set(ours["failures"]) <= {"EndOfStream", "StreamReset"}, ours["failures"]


def test_they_dial_somebody_else() -> None:
    stranger = SecretKey.from_seed(bytes([3]) * 32)
    address = f"/ip4/127.0.0.1/tcp/{listening.PORT}/p2p/{ids.peer_id(stranger.public)}"
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        failures, theirs = listening.called_by(net, fail_once, (), peer, address=address)
        assert isinstance(theirs, PeerRefused)
        assert failures == {"HandshakeFailed": 1}


async def fail_once() -> dict[str, int]:
    """Be dialled until that has failed, and say how."""
    async with asyncio.timeout(listening.TIMEOUT_S), Node(OURS) as node:
        await node.listen(f"/ip4/127.0.0.1/tcp/{listening.PORT}")
        while not node.failures:
            await asyncio.sleep(0.001)
        return dict(node.failures)
