"""The Mainline DHT with npm's bittorrent-dht, live, in both roles."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.discovery.mainline.compact import id_of
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.items import ImmutableItem, sign_item, target_of
from p2plib.discovery.mainline.messages import GetPeersQuery, GetQuery, KrpcResponse
from p2plib.errors import RequestRefused
from tests.discovery.mainline.test_stranger_storage_node import stranger
from tests.interop.mainline import (
    OURS,
    PATIENCE_S,
    PORT,
    SALT,
    THEIRS,
    Asker,
    host_of,
    in_namespace,
    our_node,
    peers_of,
    topic,
    until,
)
from tests.interop.peers import NODE_SCRIPTS

pytestmark = pytest.mark.interop


class NodeJs:
    """bittorrent-dht in Node, as a child of this process."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._asked = 0

    async def __aenter__(self) -> NodeJs:
        script = str(NODE_SCRIPTS / "bittorrent_dht.mjs")
        pipe = asyncio.subprocess.PIPE
        self._child = await asyncio.create_subprocess_exec("node", script, self.host, stdin=pipe, stdout=pipe)
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
        assert answer["id"] == self._asked
        if "error" in answer:
            raise AssertionError(f"{operation}: {answer['error']}")
        return answer["result"]

    async def item(self, target: bytes, salt: bytes = b"") -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self.ask("get", target=target.hex(), salt=salt.hex())
        return found


async def with_node_js(they_bootstrap_from_us: bool) -> dict[str, Any]:
    """Two of ours and one of theirs: peers, items of both kinds, compare and swap, both ways."""
    said: dict[str, Any] = {}
    async with our_node(1) as ours, our_node(2) as other, NodeJs(host_of(9)) as js:
        if they_bootstrap_from_us:
            await other.bootstrap([ours.address])
            await js.ask("start", bootstrap=[f"{ours.address[0]}:{ours.address[1]}"])
        else:
            port = (await js.ask("start", bootstrap=[]))["port"]
            await ours.bootstrap([(js.host, port)])
            await other.bootstrap([(js.host, port)])
        said["nodes"] = len(await until(lambda: js.ask("nodes"))) > 0

        await js.ask("announce", info_hash=topic("theirs").hex(), port=4242)
        said["we find"] = await until(lambda: peers_of(other, topic("theirs")))
        await ours.announce_peer(topic("ours"), 4001)
        said["they find"] = await until(lambda: js.ask("lookup", info_hash=topic("ours").hex()))

        stored = await js.ask("put_immutable", value=b"theirs".hex())
        said["their value"] = (
            await until(lambda: other.get_immutable(bytes.fromhex(stored["target"])))
        ).decode()
        await ours.put_immutable([b"ours", {b"n": 1}])
        await ours.put_immutable(b"ours")
        said["our value"] = await until(lambda: js.item(ImmutableItem(b"ours").target))

        their_item = {"seed": THEIRS.expose_seed().hex(), "salt": SALT.hex()}

        async def they_put(seq: int, cas: int | None = None) -> Any:
            value = f"v{seq}".encode().hex()
            return (await js.ask("put_mutable", **their_item, seq=seq, cas=cas, value=value)).get("code")

        await they_put(1)
        await they_put(2, cas=1)
        item = await until(lambda: other.get_mutable(THEIRS.public.raw, SALT))
        said["their item"] = [item.seq, item.value.decode()]
        said["their cas"] = (await js.ask("put_mutable", **their_item, seq=5, cas=4, value=b"v5".hex()))[
            "code"
        ]
        said["their seq"] = (await js.ask("put_mutable", **their_item, seq=1, cas=None, value=b"v0".hex()))[
            "code"
        ]

        await ours.put_mutable(sign_item(OURS, b"v1", 1, SALT))
        await ours.put_mutable(sign_item(OURS, b"v2", 2, SALT), cas=1)
        said["our item"] = await until(lambda: js.item(target_of(OURS.public.raw, SALT), SALT))
        for name, seq, cas in (("our cas", 5, 4), ("our seq", 1, None)):
            try:
                await ours.put_mutable(sign_item(OURS, b"v", seq, SALT), cas=cas)
            except RequestRefused as refused:
                said[name] = refused.code
    return said


async def they_bootstrap_from_us() -> dict[str, Any]:
    return await with_node_js(True)


async def we_bootstrap_from_them() -> dict[str, Any]:
    return await with_node_js(False)


@pytest.mark.fault("F077")
@pytest.mark.parametrize("talk", [they_bootstrap_from_us, we_bootstrap_from_them])
def test_with_bittorrent_dht(talk: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    assert in_namespace(talk) == {
        "nodes": True,
        "we find": [[host_of(9), 4242]],
        "they find": [f"{host_of(1)}:4001"],
        "their value": "theirs",
        "our value": {"value": b"ours".hex(), "seq": None, "key": None},
        "their item": [2, "v2"],
        "their cas": 301,
        "their seq": 302,
        "our item": {"value": b"v2".hex(), "seq": 2, "key": OURS.public.raw.hex()},
        "our cas": 301,
        "our seq": 302,
    }


async def through_the_stranger() -> dict[str, Any]:
    """A node that was written from the page alone lets theirs and ours in, and keeps what they store."""
    async with stranger(host_of(5)) as way_in, our_node(1) as ours, NodeJs(host_of(9)) as js:
        await js.ask("start", bootstrap=[f"{way_in[0]}:{way_in[1]}"])
        await ours.bootstrap([way_in])
        await js.ask("announce", info_hash=topic("theirs").hex(), port=4242)
        stored = await js.ask("put_immutable", value=b"theirs".hex())
        target = bytes.fromhex(stored["target"])
        async with Asker(host_of(6)) as asker:
            peers = await asker.ask(GetPeersQuery(b"p", 1, id_of(topic("theirs"))), way_in)
            item = await asker.ask(GetQuery(b"g", 1, id_of(target)), way_in)
        assert isinstance(peers, KrpcResponse)
        assert isinstance(item, KrpcResponse)
        found = await until(lambda: peers_of(ours, topic("theirs")))
        return {"keeps": [list(peer) for peer in peers.peers], "item": str(item.value), "found": found}


def test_it_enters_through_the_node_of_the_page() -> None:
    theirs = [[host_of(9), 4242]]
    assert in_namespace(through_the_stranger) == {"keeps": theirs, "item": "b'theirs'", "found": theirs}


PUBLIC = ("203.0.113.1", "198.51.100.1", "192.0.2.9")  # where ids have to fit; here they lead nowhere


async def in_public() -> dict[str, Any]:
    """Their ids are random, so none of ours keeps such a node; yet two of ours meet through it."""
    for host in PUBLIC:
        subprocess.run(["ip", "address", "add", f"{host}/32", "dev", "lo"], check=True)
    async with NodeJs(PUBLIC[2]) as js:
        way_in = PUBLIC[2], (await js.ask("start", bootstrap=[]))["port"]
        async with (
            MainlineNode.open(random.Random(1), PUBLIC[0], PORT) as ours,
            MainlineNode.open(random.Random(2), PUBLIC[1], PORT) as other,
        ):
            await ours.bootstrap([way_in])
            await until(lambda: js.ask("nodes"))
            await other.bootstrap([way_in])
            await ours.peer.until(lambda: len(ours.machine.table) == 1, PATIENCE_S)
            copies = (await ours.announce_peer(topic("ours"), 4001)).copies
            return {"copies": copies, "found": [list(peer) for peer in await peers_of(other, topic("ours"))]}


@pytest.mark.fault("F072")
def test_where_its_id_does_not_fit_it_still_lets_ours_meet() -> None:
    assert in_namespace(in_public) == {"copies": 1, "found": [[PUBLIC[0], 4001]]}
