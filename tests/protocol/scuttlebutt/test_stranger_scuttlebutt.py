"""The page says enough: its own cells, with nothing of ours, call our server and hear its goodbye."""

from __future__ import annotations

import asyncio

from p2plib.errors import HandshakeFailed
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol import secure
from p2plib.protocol.conformance import read_all
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener
from tests.protocol import stranger

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
NETWORK = bytes([6]) * 32
LAST_LINES = """
import sys

host, port, network, server, seed = sys.argv[1:]
question = bytes(range(256)) * 16
answer = call(host, int(port), *map(bytes.fromhex, (network, server, seed)), question)
print(len(answer), answer == question)
"""


async def call(host: str, port: int | str, network: str, server: str, seed: str) -> str:
    """Call an echo, and say how many bytes came back and whether they were the same."""
    return await stranger.call(["scuttlebutt"], LAST_LINES, host, port, network, server, seed)


async def served(network: bytes, server: SecretKey, says_goodbye: bool = True) -> tuple[str, list[str]]:
    """What the stranger reports of a call to our echo, and what our side had to say about it."""
    events: list[str] = []

    async def echo(tcp: Stream) -> None:
        try:
            stream = await secure.shs_server(tcp, BOB, network=NETWORK)
        except HandshakeFailed as failed:
            events.append(str(failed))
            return
        assert isinstance(stream.remote_key, PublicKey)
        events.append(stream.remote_key.hex())
        await stream.write(await read_all(stream))
        if says_goodbye:
            await stream.close()
        else:
            await tcp.close_write()

    async with TcpListener(echo) as listener:
        host, port = listener.address
        said = await call(host, port, network.hex(), server.public.hex(), ALICE.expose_seed().hex())
        return said, events


def test_a_stranger_calls_our_server() -> None:
    assert asyncio.run(served(NETWORK, BOB)) == ("4096 True", [ALICE.public.hex()])


def test_it_notices_another_network() -> None:
    said, (failed,) = asyncio.run(served(bytes(32), BOB))
    assert "Error" in said  # reset, or cut off
    assert "network" in failed


def test_it_is_not_answered_with_the_wrong_key() -> None:
    said, (failed,) = asyncio.run(served(NETWORK, ALICE))
    assert "Error" in said  # reset, or cut off
    assert "does not open" in failed


def test_it_notices_that_the_goodbye_is_missing() -> None:
    said, events = asyncio.run(served(NETWORK, BOB, says_goodbye=False))
    assert "without a goodbye" in said
    assert events == [ALICE.public.hex()]


def test_it_believes_no_proof_of_another_network() -> None:
    lines = """
assert believe(b"k" * 32, prove(b"k" * 32, b"f" * 32)) == b"f" * 32
try:
    print("believed", believe(b"k" * 32, prove(b"n" * 32, b"f" * 32)))
except ValueError:
    print("refused")
"""
    assert asyncio.run(stranger.call(["scuttlebutt"], lines)) == "refused"
