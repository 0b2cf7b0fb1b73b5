"""Lab 3's solutions, as they stand in its text, with libtorrent's nodes of the Mainline DHT, live."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from p2plib.labs.lab03_dht import live
from p2plib.labs.lab03_dht.client import Client, Datagrams, Parts
from tests.interop.mainline import host_of, in_namespace, until
from tests.labs.lab03_dht.learners import written
from tests.labs.mutating import answers

libtorrent = pytest.importorskip("libtorrent")

from tests.interop.torrent_node import TorrentNode  # noqa: E402 (it imports libtorrent)

pytestmark = pytest.mark.interop

SOLVED = answers("lab03_dht")
PARTS = Parts(*(written(name, SOLVED[name]) for name in ("read_nodes", "Questions", "find_peers")))
NODES = 6


async def asks_libtorrent() -> dict[str, Any]:
    """A client of the solutions looks, announces and looks again; then a node of libtorrent's looks."""
    said: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        nodes: list[TorrentNode] = []
        for number in range(2, 2 + NODES):
            way_in = nodes[0].address if nodes else None
            nodes.append(await stack.enter_async_context(TorrentNode(host_of(number), way_in)))
            for other in nodes[:-1]:
                nodes[-1].knows(other.address)
        rng = random.Random(1)
        client = await stack.enter_async_context(
            await Client.open(PARTS, rng.getrandbits(160), rng, host_of(1))
        )
        kept = written_down(client)

        async def tokens_of_all() -> Any:
            await asyncio.sleep(0.5)  # more than five questions a second would have us banned
            _, tokens = await client.get_peers(live.TOPIC, [nodes[0].address])
            return tokens if len(tokens) == NODES else None

        tokens = await until(tokens_of_all)
        kept.clear()
        said["before"], tokens = await client.get_peers(live.TOPIC, [nodes[0].address])
        said["stored"] = len(await client.announce(live.TOPIC, 4000, tokens))
        said["after"], _ = await client.get_peers(live.TOPIC, [nodes[1].address])
        await asyncio.sleep(1)
        said["theirs"] = await until(lambda: nodes[-1].peers(live.TOPIC))
        said["datagrams"] = [(way, data.hex()) for way, data in kept]
    return said


def written_down(client: Client) -> list[tuple[str, bytes]]:
    """Everything that a client sends and receives from now on."""
    kept: list[tuple[str, bytes]] = []
    socket: Datagrams = client._socket
    send, receive = socket.send, socket.datagram_received

    def sends(data: bytes, address: Any) -> None:
        kept.append(("sent", data))
        send(data, address)

    def hears(data: bytes, addr: Any) -> None:
        kept.append(("heard", data))
        receive(data, addr)

    socket.send, socket.datagram_received = sends, hears  # type: ignore[method-assign]
    return kept


def test_the_solutions_talk_to_libtorrent() -> None:
    said = in_namespace(asks_libtorrent)
    assert said["before"] == []
    assert said["stored"] == NODES
    assert said["after"] == [[host_of(1), 4000]]
    assert said["theirs"] == [[host_of(1), 4000]]
    ways = [way for way, _ in said["datagrams"]]
    assert ways.count("heard") >= ways.count("sent") - 2


async def the_live_program() -> dict[str, Any]:
    lines: list[str] = []
    await live.talk(libtorrent, PARTS, lines.append)
    return {"lines": lines}


def test_what_the_notebook_says_to_run_runs() -> None:
    *counts, last = in_namespace(the_live_program)["lines"]
    assert counts == [f"{live.NODES} nodes of libtorrent gave a token", f"{live.NODES} took the announcement"]
    assert last == "peers now: 127.1.0.1:4000"
