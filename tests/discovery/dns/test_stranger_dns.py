"""The page says enough: its own script, without anything of ours, speaks with our server on real sockets."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

from tests.discovery.dns.strangers import ask, program
from tests.discovery.dns.world import a_zone, record, served


def test_it_imports_nothing_of_ours() -> None:
    imported = {
        name.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(program()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"asyncio", "secrets", "struct", "sys"}


def test_it_asks_our_server(tmp_path: Path) -> None:
    zone = a_zone([record("seed.p2p.test", f"127.0.0.{n}") for n in (7, 8, 9)])

    async def main() -> list[str]:
        async with served(zone) as server:
            port, asked = server.address[1], ("seed.p2p.test", "no.p2p.test")
            return [await asyncio.to_thread(ask, tmp_path, port, name) for name in asked]

    said = asyncio.run(main())
    assert said == ["['127.0.0.7', '127.0.0.8', '127.0.0.9']\n", "ValueError: truncated, or error 3"]
