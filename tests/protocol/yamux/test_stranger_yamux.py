"""Two pages say enough: their own cells, with nothing of ours, ask something on a stream inside Noise."""

from __future__ import annotations

import asyncio

from p2plib.protocol.conformance import read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from tests.protocol import stranger
from tests.protocol.nodes import ANYWHERE, BOB

ECHO = "/echo/1.0.0"
LAST_LINES = """
import sys

host, port, protocol = sys.argv[1:]
with socket.create_connection((host, int(port)), 10) as sock:
    def hear(size):
        raw = b""
        while len(raw) < size:
            piece = sock.recv(size - len(raw))
            assert piece
            raw += piece
        return raw

    agree_on(b"/noise", sock.sendall, hear)
    key, keys = shake_hands(sock.sendall, hear, bytes([9]) * 32)
    channel = Channel(sock.sendall, hear, keys)
    agree_on(b"/yamux/1.0.0", channel.say, channel.hear)
    print(ask_once(channel.say, channel.hear, protocol.encode(), b"supper at 7?"))
"""


async def call(host: str, port: int | str, protocol: str = ECHO) -> str:
    """What a libp2p node answers on a stream."""
    return await stranger.call(["secure-channels", "multiplexing"], LAST_LINES, host, port, protocol)


async def echo(stream: Stream, connection: Connection) -> None:
    await stream.write(await read_all(stream))


def test_a_stranger_asks_our_node() -> None:
    async def main() -> tuple[str, str]:
        async with Node(BOB, {ECHO: echo}) as bob:
            await bob.listen(ANYWHERE)
            port = bob.addresses[0].components[1].value
            return await call("127.0.0.1", port), await call("127.0.0.1", port, "/none/1")

    answer, refusal = asyncio.run(main())
    assert answer == "b'supper at 7?'"
    assert "Error: the other side" in refusal  # does not speak this, or has given up
