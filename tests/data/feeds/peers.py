"""What the tests of feeds share: authors, shelves, and two ends of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from p2plib.data.feeds.history import ClassicShelf
from p2plib.data.feeds.shelf import FeedShelf
from p2plib.data.log.validate import ClassicFormat
from p2plib.data.stores.memory import MemoryStore
from p2plib.identity.keys import SecretKey
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.methods import MuxrpcMethod
from p2plib.protocol.stream import memory_pair

ANA, BEN, EVE = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
TIME_MS = 1_514_517_067_954


def shelf() -> ClassicShelf:
    return FeedShelf(MemoryStore(), ClassicFormat())


def written(count: int, secret: SecretKey = ANA, text: str = "post") -> ClassicShelf:
    """A shelf with one log of so many entries."""
    filled = shelf()
    filled.follow(secret.public)
    for number in range(count):
        filled.write(secret, {"type": "post", "text": f"{text} {number + 1}"}, TIME_MS + number)
    return filled


@asynccontextmanager
async def linked(
    offered: Mapping[str, MuxrpcMethod], asker: Mapping[str, MuxrpcMethod] | None = None, **options: Any
) -> AsyncIterator[tuple[Muxrpc, Muxrpc]]:
    """A connection to a peer that offers this, and that peer's end of it."""
    a, b = memory_pair()
    near, far = Muxrpc(a, asker, **options), Muxrpc(b, offered)
    far.start()
    try:
        async with near:
            yield near, far
    finally:
        await far.close()
