"""The chapter says enough: a node written from it alone is one that ours enter through, and store at."""

from __future__ import annotations

import ast
import asyncio
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from p2plib.discovery.mainline.compact import id_of
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.items import ImmutableItem
from p2plib.discovery.mainline.messages import (
    AnnounceQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcResponse,
)
from p2plib.discovery.mainline.parts import LOCAL
from p2plib.discovery.source import topic_of
from p2plib.machine.addresses import Address
from tests.conftest import ROOT
from tests.interop.mainline import Asker

SCRIPT = Path(__file__).with_name("stranger_storage_node.py")
PAGE = ROOT / "book" / "src" / "topology" / "mainline.md"
CATS = topic_of("cats of Lisbon")


@asynccontextmanager
async def stranger(host: str = "127.0.0.1") -> AsyncIterator[Address]:
    """The script, running; where it is."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, str(SCRIPT), host, stdin=pipe, stdout=pipe)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield host, int(await asyncio.wait_for(child.stdout.readline(), 100))
    finally:
        child.stdin.close()
        await asyncio.wait_for(child.wait(), 100)


@pytest.mark.usefixtures("patient")
def test_our_nodes_enter_through_it_and_it_keeps_what_they_store() -> None:
    async def main() -> None:
        async with stranger() as way_in, AsyncExitStack() as stack:
            nodes = []
            for number in range(4):
                opened = MainlineNode.open(random.Random(number), settings=LOCAL)
                nodes.append(await stack.enter_async_context(opened))
                await nodes[-1].bootstrap([way_in])
            first, last = nodes[0], nodes[-1]
            assert way_in in {entry.contact.address for entry in last.machine.table}
            assert (await first.announce_peer(CATS, 4001)).copies == 4
            assert {peer.address async for peer in last.get_peers(CATS)} == {("127.0.0.1", 4001)}
            await first.put_immutable([b"cats", 9])
            target = ImmutableItem([b"cats", 9]).target
            assert await last.get_immutable(target) == [b"cats", 9]
            async with Asker("127.0.0.1") as asker:
                peers = await asker.ask(GetPeersQuery(b"p", 1, id_of(CATS)), way_in)
                item = await asker.ask(GetQuery(b"g", 1, id_of(target)), way_in)
                refused = await asker.ask(AnnounceQuery(b"a", 1, id_of(CATS), 80, b"no token"), way_in)
            assert isinstance(peers, KrpcResponse)
            assert isinstance(item, KrpcResponse)
            assert isinstance(refused, KrpcError)
            assert peers.peers == (("127.0.0.1", 4001),)
            assert item.value == [b"cats", 9]
            assert refused.code == 203

    asyncio.run(main())


def test_it_stores_nothing_without_a_token() -> None:
    made: dict[str, Any] = {"__name__": "the script"}
    code = SCRIPT.read_text("utf8").split("\nasyncio.run(")[0]
    exec(compile(code, "the script", "exec"), made)
    said: list[bytes] = []
    node = made["SmallNode"](bytes(20), b"secret")
    node.transport = SimpleNamespace(sendto=lambda data, address: said.append(data))
    for arguments in (
        {b"info_hash": b"f" * 20, b"port": 443},
        {b"info_hash": b"f" * 20, b"port": 443, b"token": b"let me in"},
    ):
        given = {b"id": b"m" * 20, **arguments}
        query = {b"t": b"bb", b"y": b"q", b"q": b"announce_peer", b"a": given}
        node.datagram_received(made["bencoded"](query), ("203.0.113.80", 6881))
    given = {b"id": b"m" * 20, b"v": b"x"}
    node.datagram_received(
        made["bencoded"]({b"t": b"bb", b"y": b"q", b"q": b"put", b"a": given}), ("203.0.113.80", 6881)
    )
    assert [made["bdecode"](each)[0][b"y"] for each in said] == [b"e"] * 3
    assert not node.peers
    assert not node.items


def definitions(tree: ast.Module) -> dict[str, str]:
    """The functions and classes of a module, without their layout."""
    return {
        node.name: ast.dump(node) for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def test_it_imports_nothing_of_ours_and_is_what_the_page_shows() -> None:
    tree = ast.parse(SCRIPT.read_text("utf8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"asyncio", "hashlib", "os", "socket", "sys"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    cell_of = re.compile(r"```\{code-cell\} ipython3\n(?::tags:[^\n]*\n)?(.*?)```", re.DOTALL)
    cells = cell_of.findall(PAGE.read_text("utf8"))
    wanted = [cell for cell in cells if re.match("def bdecode|import socket|def compact", cell)]
    shown = definitions(ast.parse("".join(wanted)))
    assert set(shown) == {"SmallNode", "answer", "bdecode", "bencoded", "compact", "sha1"}
    assert {name: code for name, code in definitions(tree).items() if name in shown} == shown
