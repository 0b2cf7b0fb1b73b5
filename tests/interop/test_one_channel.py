"""One channel with npm's discovery-channel, live: each finds the other by the key, through two sources."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.mdns.dns_discovery_source import DnsDiscoverySource
from p2plib.discovery.one_channel import Discovery
from p2plib.discovery.source import Source, topic_of
from p2plib.machine.addresses import Address
from p2plib.wire import bencode
from tests.interop.mainline import PATIENCE_S, host_of, in_namespace, our_node, until
from tests.interop.peers import NODE_SCRIPTS

pytestmark = pytest.mark.interop

KEY = "cats of Lisbon"
MDNS_PORT = 25_353


class Channel:
    """discovery-channel in Node, as a child of this process."""

    def __init__(self) -> None:
        self._asked = 0

    async def __aenter__(self) -> Channel:
        pipe = asyncio.subprocess.PIPE
        script = str(NODE_SCRIPTS / "one_channel.js")
        self._child = await asyncio.create_subprocess_exec("node", script, stdin=pipe, stdout=pipe)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        await self._child.wait()

    async def ask(self, operation: str, **arguments: Any) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._asked += 1
        request = {"id": self._asked, "op": operation, "arguments": arguments}
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            answer = json.loads(await self._child.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]


async def first(discovery: Discovery, key: str) -> Address:
    """The first that our channel finds for a key, if it finds somebody soon."""
    async with asyncio.timeout(PATIENCE_S), aclosing(discovery.peers(key)) as peers:
        return (await anext(peers)).address


async def met(through: str) -> dict[str, Any]:
    """Each looks for what the other has announced; through the DHT, or by multicast, or both."""
    questions: list[str] = []
    async with our_node(1) as node, our_node(2) as other, Channel() as theirs:
        await other.bootstrap([node.address])
        receive = node.machine.receive

        def noted(data: bytes, address: Address, now: float) -> None:
            if topic_of(KEY) in data and b"9:get_peers" in data:
                questions.append(data.hex())
            receive(data, address, now)

        node.machine.receive = noted  # type: ignore[method-assign]
        sources: list[Source] = []
        if through != "mdns":
            sources.append(MainlineSource([node.address], random.Random(3), host_of(3)))
        if through != "dht":
            group = ("224.0.0.251", MDNS_PORT)
            sources.append(DnsDiscoverySource("127.0.0.1", random.Random(4), group=group, link="127.0.0.0/8"))
        bootstrap = [f"{node.address[0]}:{node.address[1]}"] if through != "mdns" else []
        await theirs.ask("start", bootstrap=bootstrap, mdns_port=MDNS_PORT if through != "dht" else 0)
        async with Discovery(sources, own_hosts=[], again_s=1.0, rng=random.Random(5)) as ours:
            await ours.announce("of ours", 4001)
            await theirs.ask("join", key="of ours")
            await theirs.ask("join", key=KEY, port=4242)
            by_them = await until(lambda: theirs.ask("peers", key="of ours"))
            by_us = await first(ours, KEY)
        await theirs.ask("stop")
    return {"by_them": by_them, "by_us": by_us, "question": questions[:1]}


async def through_the_dht() -> dict[str, Any]:
    return await met("dht")


async def by_multicast() -> dict[str, Any]:
    return await met("mdns")


async def through_both() -> dict[str, Any]:
    return await met("both")


@pytest.mark.parametrize("way", [through_the_dht, by_multicast, through_both])
def test_each_finds_the_other_by_its_key(way: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    said = in_namespace(way)
    assert {each.split()[1].rsplit(":")[1] for each in said["by_them"]} == {"4001"}
    assert said["by_us"][1] == 4242
    if way is not by_multicast:
        question: Any = bencode.decode(bytes.fromhex(said["question"][0]))
        assert question[b"q"] == b"get_peers"
        assert question[b"a"][b"info_hash"] == topic_of(KEY), "their topic is the one that we hash"
