"""The page says enough: its own cells, with nothing of ours, call our node and get their ping back."""

from __future__ import annotations

import asyncio

from p2plib.protocol.node import Node
from tests.protocol import stranger
from tests.protocol.nodes import ANYWHERE, BOB

LAST_LINES = """
import sys

key, number = call(sys.argv[1], int(sys.argv[2]), bytes([9]) * 32, 2026)
print(key.hex(), number)
"""


async def call(host: str, port: int | str) -> str:
    """The key of whoever answers there, and the number that came back."""
    return await stranger.call(["secure-channels"], LAST_LINES, host, port)


def test_a_stranger_calls_our_node() -> None:
    async def main() -> None:
        async with Node(BOB) as bob:
            await bob.listen(ANYWHERE)
            port = bob.addresses[0].components[1].value
            assert await call("127.0.0.1", port) == f"{BOB.public.raw.hex()} 2026"
            assert not bob.given_up

    asyncio.run(main())


def test_it_notices_that_another_key_signs() -> None:
    """A payload whose signature is over another static key than the one that came in the message."""
    lines = """
import nacl.exceptions

payload = introduction(bytes([9]) * 32, b"s" * 32)
their_key(payload, b"s" * 32)
try:
    their_key(payload, b"t" * 32)
except nacl.exceptions.BadSignatureError:
    print("refused")
"""
    assert asyncio.run(stranger.call(["secure-channels"], lines)) == "refused"
