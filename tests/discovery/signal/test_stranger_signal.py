"""The page says enough: a peer written from it alone finds ours at our hub, and is found, on real sockets."""

from __future__ import annotations

import ast
import asyncio
import sys
from pathlib import Path

import pytest

from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import APP, SignalSource
from p2plib.discovery.source import topic_of
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey

pytest.importorskip("aiohttp")
pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("stranger_signal.py")
TOPIC = topic_of("cats of Lisbon")
STRANGER = SecretKey.from_seed(b"s" * 32)
OURS = SecretKey.from_seed(b"o" * 32)


async def started(hub: SignalHub, seconds: float, *address: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), hub.url.removeprefix("http://"), APP, TOPIC.hex()),
        *((b"s" * 32).hex(), str(seconds), *address),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert await asyncio.wait_for(process.stdout.readline(), 100) == b"ready\n"
    return process


def test_a_stranger_finds_us_and_is_found() -> None:
    async def main() -> None:
        async with SignalHub() as hub, SignalSource([hub.url], OURS, listen_s=1.5) as ours:
            await ours.announce(TOPIC, 4001)
            asking = await started(hub, 2)
            output, _ = await asyncio.wait_for(asking.communicate(), 100)
            assert output.decode().split() == [ids.peer_id(OURS.public), "/ip4/127.0.0.1/tcp/4001"]
            answering = await started(hub, 4, "/ip4/127.0.0.1/tcp/5001")
            (found,) = [each async for each in ours.lookup(TOPIC)]
            assert found.address == ("127.0.0.1", 5001)
            assert found.peer == ids.peer_id(STRANGER.public)
            answering.kill()
            await answering.wait()

    asyncio.run(main())


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(SCRIPT.read_text("utf8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {
        *("base64", "http.client", "json", "sys", "time"),
        *("nacl.exceptions", "nacl.signing"),
    }
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
