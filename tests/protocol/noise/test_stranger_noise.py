"""The page says enough: a caller written from it alone shakes hands with our node, and gets its ping back."""

from __future__ import annotations

import ast
import asyncio
import sys
from pathlib import Path

from p2plib.protocol.node import Node
from tests.protocol.nodes import ANYWHERE, BOB

SCRIPT = Path(__file__).with_name("stranger_noise.py")
PAGE = Path(__file__).parents[3] / "book" / "src" / "protocol" / "secure-channels.md"


async def call(host: str, port: int | str) -> tuple[int | None, str]:
    """Run the stranger; what it returned and printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), host, str(port), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, output.decode()


def test_a_stranger_calls_our_node() -> None:
    async def main() -> None:
        async with Node(BOB) as bob:
            await bob.listen(ANYWHERE)
            port = bob.addresses[0].components[1].value
            assert await call("127.0.0.1", port) == (0, f"{BOB.public.raw.hex()} 2026\n")
            assert not bob.given_up

    asyncio.run(main())


def test_it_imports_nothing_of_ours_and_takes_nothing_that_the_page_does_not_say() -> None:
    program, page = SCRIPT.read_text("utf8"), PAGE.read_text("utf8")
    imported = {
        alias.name
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"hashlib", "hmac", "os", "socket", "sys", "nacl.bindings", "nacl.signing"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(program)))
    said, enough, _ = page.partition("That is **enough to talk to a stranger**")
    assert enough
    for needed in ("noise-libp2p-static-key:", "08 01 12 20", "/multistream/1.0.0", "/noise", "/yamux/1.0.0"):
        assert needed in said
    assert "0002 0001 00000000 000007ea" in said
