"""js-libp2p with keys of other kinds than ours, live, both ways: who is there, identify, and an echo.

There is no such test for ECDSA: the module that makes js-libp2p's keys writes those in a form of its own, and
its node refuses to have one, as the last test here shows. What go-libp2p signed with one is verified in the
tests of `p2plib.identity.foreign_keys`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import WrongPeer
from p2plib.identity import ids
from p2plib.identity.foreign_keys import ForeignKey
from p2plib.identity.keys import SecretKey
from p2plib.protocol import identify
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerError
from tests.interop.test_libp2p import ECHO, OURS, echo, echoed, pattern, sha256

pytestmark = [pytest.mark.interop, pytest.mark.finding("W11")]

STRANGER = SecretKey.from_seed(bytes([3]) * 32)
SIZE = 50_000
KINDS = {"RSA": "Qm", "secp256k1": "16Uiu2HA"}


async def met(connection: Connection) -> dict[str, Any]:
    """Who is at the other side, by its key and by what it says of itself, and an echo from there."""
    said = await identify.identify(connection)
    assert said.key == connection.remote_key
    assert isinstance(said.key, ForeignKey)
    return {
        "id": connection.remote_id,
        "kind": said.key.kind.lower(),
        "echo": await echoed(connection, pattern(SIZE)),
    }


async def dial(address: str) -> dict[str, Any]:
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        await node.dial(address) as connection,
    ):
        return await met(connection)


async def dial_in_vain(address: str) -> str:
    async with asyncio.timeout(listening.TIMEOUT_S), Node(OURS) as node:
        with pytest.raises(WrongPeer) as wrong:
            await node.dial(address)
        return str(wrong.value)


async def listen() -> dict[str, Any]:
    """Be dialled, ask who it is, and wait until it hangs up."""
    async with asyncio.timeout(listening.TIMEOUT_S), Node(OURS, {ECHO: echo}) as node:
        await node.listen(f"/ip4/127.0.0.1/tcp/{listening.PORT}")
        while not node.connections:
            await asyncio.sleep(0.001)
        (connection,) = node.connections
        found = await met(connection)
        await connection.wait_closed()
        return {**found, "failures": dict(node.failures)}


@pytest.mark.parametrize(("kind", "begins"), KINDS.items())
def test_we_dial_them_by_their_id_and_no_other(kind: str, begins: str) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", kind, namespace=net) as peer:
        where = peer.ask("listen")
        assert where["id"].startswith(begins)
        assert ids.canonical(where["id"]) == where["id"]
        found = net.run_together(dial, where["address"])
        assert found == {"id": where["id"], "kind": kind.lower(), "echo": sha256(pattern(SIZE))}
        assert peer.next_event() == ("connected", ids.peer_id(OURS.public))
        elsewhere = where["address"].replace(where["id"], ids.peer_id(STRANGER.public))
        problem = net.run_together(dial_in_vain, elsewhere)
        assert problem.endswith(f"the peer that answered is {where['id']}")


@pytest.mark.parametrize("kind", KINDS)
def test_they_dial_us(kind: str) -> None:
    address = f"/ip4/127.0.0.1/tcp/{listening.PORT}/p2p/{ids.peer_id(OURS.public)}"
    with Namespace() as net, ForeignPeer("libp2p.mjs", kind, namespace=net) as peer:
        own = peer.ask("listen")["id"]

        def talk() -> Any:
            said = peer.ask("echo", address=address, hex="00ff" * 100)
            while peer.next_event()[0] != "echoed":
                pass
            peer.ask("hangUp", address=address)
            return said

        ours, theirs, said = listening.called_and_asked(net, listen, (), peer, talk, address=address)
        assert theirs["peer"] == ids.peer_id(OURS.public)
        assert said == "00ff" * 100
        assert ours == {"id": own, "kind": kind.lower(), "echo": sha256(pattern(SIZE)), "failures": {}}


def test_they_have_no_ecdsa_keys() -> None:
    with (
        Namespace() as net,
        ForeignPeer("libp2p.mjs", "ECDSA", namespace=net) as peer,
        pytest.raises(PeerError, match="UnsupportedKeyTypeError"),
    ):
        peer.ask("listen")
