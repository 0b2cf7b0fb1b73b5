"""The page on streams says enough: its own cells, with nothing of ours, ask a node what it speaks."""

from __future__ import annotations

import asyncio

from p2plib.protocol.framing import VarintFrames
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener
from tests.protocol import stranger
from tests.protocol.nodes import ANYWHERE, BOB

LAST_LINES = """
import sys

print(propose(sys.argv[1], int(sys.argv[2]), [b"/none/1", b"/noise"]))
"""
ANSWERS = "[b'/multistream/1.0.0\\n', b'na\\n', b'/noise\\n']"


async def call(host: str, port: int | str) -> str:
    """What a libp2p node answers to /none/1 and then /noise."""
    return await stranger.call(["streams"], LAST_LINES, host, port)


def test_a_stranger_asks_our_node() -> None:
    async def main() -> None:
        async with Node(BOB) as bob:
            await bob.listen(ANYWHERE)
            port = bob.addresses[0].components[1].value
            assert await call("127.0.0.1", port) == ANSWERS

    asyncio.run(main())


async def answered(raw: bytes) -> str:
    """What the stranger says to these bytes."""

    async def handler(tcp: Stream) -> None:
        await tcp.read()
        await tcp.write(raw)
        await tcp.close_write()
        while await tcp.read():
            pass

    async with TcpListener(handler) as listener:
        return await call(*listener.address)


def test_it_believes_no_huge_size_and_no_endless_one() -> None:
    """A megabyte is announced, and a size that has no end."""
    for size in (VarintFrames(2**20).encode(bytes(2**20))[:3], b"\xff" * 20):
        assert asyncio.run(answered(size)) == "ValueError: a size that nobody should believe"


def test_it_notices_that_the_stream_ends_inside_a_frame() -> None:
    assert asyncio.run(answered(b"\x13/multi")) == "EOFError: the stream ended inside a frame"
