"""libp2p's ping over a connection, answered rightly, wrongly and not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.errors import (
    DecodeError,
    PeerTimeout,
)
from p2plib.protocol import ping
from p2plib.protocol.connection import Connection
from p2plib.protocol.stream import Stream
from tests.protocol.nodes import two_nodes


def lying(answer: Callable[[bytes], bytes]) -> Any:
    async def handle(stream: Stream, connection: Connection) -> None:
        await stream.write(answer(await stream.read_exactly(32)))

    return handle


def test_pings_that_are_answered_wrong_or_not_at_all() -> None:
    async def never(stream: Stream, connection: Connection) -> None:
        await stream.read()
        await stream.read()

    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            bob.handlers[ping.PROTOCOL_ID] = lying(lambda asked: asked[::-1])
            with pytest.raises(DecodeError, match="other bytes"):
                await ping.ping(connection)
            bob.handlers[ping.PROTOCOL_ID] = never
            with pytest.raises(PeerTimeout):
                await ping.ping(connection, timeout_s=0.05)

    asyncio.run(main())
