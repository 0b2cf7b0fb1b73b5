"""The page says enough: a newcomer written from it alone asks our seed, and tells it, on real sockets."""

from __future__ import annotations

import ast
import asyncio
import random
import sys
from pathlib import Path

from p2plib.discovery.bootstrap.cache import entry_of
from p2plib.discovery.bootstrap.messages import ASK_BYTES
from p2plib.discovery.bootstrap.seed import Seed
from p2plib.discovery.bootstrap.source import BootstrapSource
from p2plib.discovery.source import topic_of
from p2plib.machine.peer import Peer

SCRIPT = Path(__file__).with_name("stranger_seed.py")
TOPIC = topic_of("cats of Lisbon")


async def run(*arguments: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 0
    return output.decode().split()


def test_a_stranger_asks_tells_and_is_found() -> None:
    async def main() -> None:
        async with Peer.open(lambda address, now: Seed(random.Random(1)), "127.0.0.1") as seed:
            entry = entry_of(seed.address)
            async with BootstrapSource([entry]) as ours:
                await ours.announce(TOPIC, 4001)
                assert await run(entry.encode().hex(), TOPIC.hex()) == ["127.0.0.1:4001"]
                named = await run(entry.encode().hex(), TOPIC.hex(), "5001")
                assert sorted(named) == ["127.0.0.1:4001", "127.0.0.1:5001"]
                assert [found.address async for found in ours.lookup(TOPIC)] == [("127.0.0.1", 5001)]

    asyncio.run(main())


def test_it_imports_nothing_of_ours_and_pads_as_the_page_says() -> None:
    tree = ast.parse(SCRIPT.read_text("utf8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"secrets", "socket", "sys"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    assert f"LONGEST = {ASK_BYTES}" in SCRIPT.read_text("utf8")
