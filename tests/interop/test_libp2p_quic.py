"""QUIC with js-libp2p, live, both ways: who is there, identify, ping, megabytes and many streams of echo."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import NoCommonProtocol, WrongPeer
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import identify, ping
from p2plib.protocol.conformance import pattern
from p2plib.protocol.node import Node
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer
from tests.interop.test_libp2p import ECHO, MANY, OURS, echo, echoed, sha256

pytestmark = pytest.mark.interop
pytest.importorskip("aioquic")

MEGABYTES = 3_000_000
STRANGER = SecretKey.from_seed(bytes([3]) * 32)
ADDRESS = f"/ip4/127.0.0.1/udp/{listening.PORT}/quic-v1"


async def dial(address: str) -> dict[str, Any]:
    """Everything that we do with a js-libp2p that we dialled."""
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        await node.dial(address) as connection,
    ):
        said = await identify.identify(connection)
        try:
            await connection.open_stream("/nobody/speaks/this")
        except NoCommonProtocol as error:
            refused = str(error)
        broken, _ = await connection.open_stream(ECHO)
        await broken.write(b"x")
        broken.reset()
        return {
            "remote": connection.remote_id,
            "agent": said.agent,
            "addresses": [str(one).split("/p2p/")[0] for one in said.addresses],
            "observed": str(said.observed),
            "ping": await ping.ping(connection),
            "quic ping": await connection.muxed.ping(),
            "refused": refused,
            "large": await echoed(connection, pattern(MEGABYTES)),
            "many": await asyncio.gather(*(echoed(connection, pattern(20_000, n)) for n in range(MANY))),
        }


@pytest.mark.finding("W11")
@pytest.mark.parametrize("kind", ["Ed25519", "RSA", "secp256k1"])
def test_we_dial_them(kind: str) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", kind, "quic", namespace=net) as peer:
        where = peer.ask("listen")
        assert "/quic-v1/p2p/" in where["address"]
        found = net.run_together(dial, where["address"])
        assert found["remote"] == where["id"]
        assert found["agent"].startswith("js-libp2p/3.3.11")
        assert where["address"].split("/p2p/")[0] in found["addresses"]
        assert found["observed"].startswith("/ip4/127.0.0.1/udp/")
        assert "/quic-v1" in found["observed"]
        assert found["ping"] > 0
        assert found["quic ping"] > 0
        assert found["refused"] == "the other side speaks none of /nobody/speaks/this"
        assert found["large"] == sha256(pattern(MEGABYTES))
        assert found["many"] == [sha256(pattern(20_000, n)) for n in range(MANY)]


async def dial_somebody_else(address: str) -> str:
    """What comes of expecting another peer there."""
    async with Node(OURS) as node:
        try:
            await node.dial(f"{address.split('/p2p/')[0]}/p2p/{ids.peer_id(STRANGER.public)}")
        except WrongPeer as error:
            return str(error)
        return "it was let pass"


def test_we_expect_somebody_else() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", "Ed25519", "quic", namespace=net) as peer:
        where = peer.ask("listen")
        assert net.run_together(dial_somebody_else, where["address"]).endswith(where["id"])


async def listen() -> dict[str, Any]:
    """Be dialled by js-libp2p until it hangs up; meanwhile ask it things over the connection that it made."""
    async with asyncio.timeout(listening.TIMEOUT_S), Node(OURS, {ECHO: echo}) as node:
        await node.listen(ADDRESS)
        while not node.connections:
            await asyncio.sleep(0.001)
        (connection,) = node.connections
        said = await identify.identify(connection)
        large = await echoed(connection, pattern(MEGABYTES, 3))
        await connection.wait_closed()
        return {
            "remote": connection.remote_id,
            "agent": said.agent,
            "large": large,
            "failures": dict(connection.failures),
        }


def test_they_dial_us() -> None:
    address = f"{ADDRESS}/p2p/{ids.peer_id(OURS.public)}"
    with Namespace() as net, ForeignPeer("libp2p.mjs", "Ed25519", "quic", namespace=net) as peer:
        own = peer.ask("listen")["id"]

        def talk() -> dict[str, Any]:
            return {
                "large": peer.ask("echoes", address=address, count=1, size=MEGABYTES),
                "many": peer.ask("echoes", address=address, count=MANY, size=20_000),
                "ping": peer.ask("ping", address=address),
                "identify": peer.ask("identify", address=address),
                "hang up": peer.ask("hangUp", address=address),
            }

        ours, theirs, found = listening.called_and_asked(net, listen, (), peer, talk, address=address)
        assert theirs["peer"] == ids.peer_id(OURS.public)
        assert (found["large"], found["many"]) == (1, MANY)
        assert found["ping"] >= 0
        assert found["identify"]["peer"] == ids.peer_id(OURS.public)
        assert found["identify"]["addresses"] == [address]
        assert "/quic-v1" in found["identify"]["observed"]
        assert ours["remote"] == own
        assert ours["agent"].startswith("js-libp2p/3.3.11")
        assert ours["large"] == sha256(pattern(MEGABYTES, 3))
        # js-libp2p asks for protocols that we do not speak, and takes our "na": nothing else went wrong.
        assert set(ours["failures"]) <= {"EndOfStream", "StreamReset"}, ours["failures"]
