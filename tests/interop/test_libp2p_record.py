"""The signed peer record that js-libp2p sends in identify: envelope, signature, addresses, read by us."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.discovery.signal import peer_record
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import identify
from p2plib.protocol.framing import read_frame
from p2plib.protocol.node import Node
from p2plib.wire import protobuf
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

OURS = SecretKey.from_seed(bytes([1]) * 32)


async def ask(address: str) -> dict[str, Any]:
    """Dials them, and reads field 8 of their identify."""
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        await node.dial(address) as connection,
    ):
        stream, _ = await connection.open_stream(identify.PROTOCOL_ID)
        async with stream:
            fields = protobuf.decode(await read_frame(stream, identify.FRAMES))
        record = peer_record.decode(protobuf.content(fields, 8))
        return {"key": record.key == connection.remote_key, "id": record.peer_id, "seq": record.seq} | {
            "addresses": [str(each) for each in record.addresses]
        }


def test_their_record() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        found = net.run_together(ask, where["address"])
        assert found["key"]
        assert found["id"] == where["id"] == ids.canonical(where["id"])
        assert found["seq"] > 1_600_000_000_000, "they count in milliseconds"
        assert where["address"].split("/p2p/")[0] in [each.split("/p2p/")[0] for each in found["addresses"]]
