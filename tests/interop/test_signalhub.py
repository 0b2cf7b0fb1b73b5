"""npm's signalhub 4.9.0, live: its clients at our hub, our clients and sources at its hub."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from p2plib.discovery.signal.client import HubClient
from p2plib.discovery.signal.events import EventDecoder
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import SignalSource
from p2plib.discovery.source import topic_of
from p2plib.errors import P2PError
from p2plib.identity.keys import SecretKey
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

HELLO = {"hello": "wörld", "n": [1, 2.5, None, True]}
APP = "interop"


# Our client, their hub


async def use(port: int) -> dict[str, Any]:
    """Everything that our client does at their hub."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(listening.TIMEOUT_S), HubClient(f"127.0.0.1:{port}", APP) as hub:
        async with hub.subscribe("one", "two") as texts:
            await hub.broadcast("one", '{"n": 1}')
            await hub.broadcast("two", '{"t": "größe"}')
            await hub.broadcast("three", '{"n": 3}')
            await hub.broadcast("one", '{"n": 4}')
            found["heard"] = [await anext(texts) for _ in range(3)]
            await hub.broadcast("one", '{\n"n": 5\n}')
            found["line feed"] = await anext(texts)
            try:
                async with asyncio.timeout(3):
                    await hub.broadcast("one", '"' + "x" * 70_000 + '"')
            except (P2PError, TimeoutError) as error:
                found["too large"] = type(error).__name__
            await hub.broadcast("one", '"after"')
            found["after"] = await anext(texts)
        found["raw"] = await heartbeat(port)
    return found


async def heartbeat(port: int) -> list[int]:
    """Reads until their heartbeat: its comments and events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /v1/{APP}/quiet HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    decoder, events = EventDecoder(), 0
    while not decoder.comments:
        size = int(await reader.readline(), 16)
        events += len(decoder.receive(await reader.readexactly(size)))
        await reader.readexactly(2)
    writer.close()
    return [decoder.comments, events]


def test_our_client_at_their_hub() -> None:
    with Namespace() as net, ForeignPeer("signalhub.js", namespace=net) as peer:
        port = peer.ask("listen", heartbeatMs=300)["port"]
        found = net.run_together(use, port)
        assert found["heard"] == ['{"n": 1}', '{"t": "größe"}', '{"n": 4}']
        assert found["line feed"] == "{", "their hub lets a line feed break the framing"
        assert found["after"] == '"after"'
        assert found["raw"] == [1, 0]
        assert found["too large"] in ("TimeoutError", "PeerTimeout", "Unreachable")


async def meet(port: int) -> list[list[str]]:
    """Two sources of ours over their hub."""
    url, topic = f"http://127.0.0.1:{port}", topic_of("cats of Lisbon")
    sources = [
        SignalSource([url], SecretKey.from_seed(bytes([n]) * 32), rng=random.Random(n)) for n in (1, 2)
    ]
    async with asyncio.timeout(listening.TIMEOUT_S), sources[0] as ana, sources[1] as ben:
        await ana.announce(topic, 4001)
        found = [each async for each in ben.lookup(topic)]
        await ana.withdraw(topic)
        return [[f"{each.address[0]}:{each.address[1]}", each.peer] for each in found]


def test_our_sources_find_each_other_at_their_hub() -> None:
    with Namespace() as net, ForeignPeer("signalhub.js", namespace=net) as peer:
        port = peer.ask("listen")["port"]
        ((address, peer_id),) = net.run_together(meet, port)
        assert address == "127.0.0.1:4001"
        assert peer_id.startswith("12D3KooW")


# Their client, our hub


async def serve(port: int) -> list[str]:
    """Our hub, until somebody says "enough"; returns what it heard."""
    lines: list[str] = []
    over = asyncio.Event()
    hub = SignalHub("127.0.0.1", port)

    def hears(line: str) -> None:
        lines.append(line)
        if "interop/enough" in line:
            over.set()

    hub.channels.hears = hears
    async with asyncio.timeout(listening.TIMEOUT_S), hub:
        await over.wait()
        await asyncio.sleep(0.2)
    return lines


def test_their_clients_at_our_hub() -> None:
    port = listening.PORT
    with (
        Namespace() as net,
        ForeignPeer("signalhub.js", namespace=net) as ana,
        ForeignPeer("signalhub.js", namespace=net) as ben,
        ThreadPoolExecutor(1) as pool,
    ):
        serving = pool.submit(net.run_together, serve, port)
        here: dict[str, Any] = {"port": port, "app": APP}
        ana.ask("subscribe", channels=["one", "two"], **here)  # it tries again until our hub is there
        assert ben.ask("broadcast", channel="one", message=HELLO, **here) == "taken"
        assert ana.next_event() == ("message", HELLO)
        assert ben.ask("broadcast", channel="two", message="größe", **here) == "taken"
        assert ana.next_event() == ("message", "größe")
        assert ben.ask("broadcast", channel="one", message=None, **here) == "taken"
        assert ana.next_event() == ("message", {}), "their client sends {} for nothing"
        assert ben.ask("post", port=port, path=f"/v1/{APP}/one", body='{\n  "pretty": true\n}') == 200
        assert ana.next_event() == ("message", {"pretty": True}), "a line feed does no harm here"
        assert ben.ask("post", port=port, path=f"/v1/{APP}/one", body="no json") == 400
        assert ben.ask("post", port=port, path=f"/v1/{APP}/one", body='"' + "x" * 70_000 + '"') == 413
        assert ben.ask("post", port=port, path=f"/v1/{APP}/one", body='"' + "x" * 65_534 + '"') == 200
        assert ana.next_event() == ("message", "x" * 65_534)
        assert ana.ask("close") == "closed"
        assert ben.ask("broadcast", channel="enough", message=1, **here) == "taken"
        lines = serving.result()
        assert "127.0.0.1 listens to interop/one, interop/two" in lines
        assert "127.0.0.1 has left interop/one, interop/two" in lines
