"""Two nodes that know each other, for tests of nodes and of what they speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
CAROL = SecretKey.from_seed(bytes([3]) * 32)
ANYWHERE = "/ip4/127.0.0.1/tcp/0"
ECHO = "/echo/1.0.0"


async def echo(stream: Stream, connection: Connection) -> None:
    while data := await stream.read():
        await stream.write(data)


@asynccontextmanager
async def two_nodes(**options: Any) -> AsyncIterator[tuple[Node, Node]]:
    """Alice, and Bob who listens and echoes; nothing is left of them afterwards."""
    before = asyncio.all_tasks()
    async with Node(ALICE) as alice, Node(BOB, {ECHO: echo}, **options) as bob:
        await bob.listen(ANYWHERE)
        yield alice, bob
    assert asyncio.all_tasks() == before
