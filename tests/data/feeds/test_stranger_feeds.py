"""The page says enough: its own cells, with nothing of ours, fetch a history from our node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from p2plib.data.feeds import history
from p2plib.errors import CallFailed, Refusal
from p2plib.identity import ids
from p2plib.protocol.muxrpc import methods
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener
from tests.data.feeds.peers import ANA, BEN, written
from tests.protocol import stranger

PAGE = "../data/feeds"
LAST_LINES = """
import sys

host, port, author, seq = sys.argv[1:]
heard = list(call(host, int(port), author, int(seq)))
print([message["sequence"] for message in heard], [message["content"]["text"] for message in heard][-1:])
"""


async def served(author: str, seq: int, offered: dict[str, Any], asks_back: bool = False) -> tuple[str, Any]:
    """What the stranger prints, and what our end counted."""
    counted: list[Any] = []
    refused: list[str] = []
    over = asyncio.Event()

    async def handle(stream: Stream) -> None:
        async with Muxrpc(stream, offered) as rpc:
            back = [rpc.source("blobs.createWants"), rpc.duplex("x")] if asks_back else []
            for asked in back:
                try:
                    await anext(asked)
                except CallFailed as failed:
                    refused.append(failed.sentence)
            await rpc.wait_closed()
            over.set()
            counted.append([rpc.machine.strays, rpc.failures, refused])

    async with TcpListener(handle) as listener:
        said = await stranger.call([PAGE], LAST_LINES, *listener.address, author, seq)
        async with asyncio.timeout(100):
            await over.wait()
    return said, counted[0]


ANA_ID = ids.ssb_feed_id(ANA.public)


def test_a_stranger_takes_a_history() -> None:
    offered = {history.NAME: history.serve(written(5))}
    assert asyncio.run(served(ANA_ID, 4, offered)) == ("[4, 5] ['post 5']", [0, {}, []])


def test_it_refuses_our_calls_and_goes_on() -> None:
    offered = {history.NAME: history.serve(written(2))}
    assert asyncio.run(served(ANA_ID, 1, offered, asks_back=True)) == (
        "[1, 2] ['post 2']",
        [0, {}, ["we offer nothing"] * 2],
    )


def test_it_takes_nothing_where_nothing_is() -> None:
    offered = {history.NAME: history.serve(written(2))}
    assert asyncio.run(served(ids.ssb_feed_id(BEN.public), 1, offered))[0] == "[] []"


def test_it_hears_of_an_error() -> None:
    async def fail(rpc: Any, said: Any) -> AsyncIterator[Any]:
        raise Refusal("Error", "not today")
        yield

    offered = {history.NAME: methods.source(fail, is_public=True)}
    assert asyncio.run(served(ANA_ID, 1, offered))[0] == "ValueError: not today"


LIES = {
    "an end that is a number": (bytes.fromhex("0e 00000001 ffffffff") + b"7", "ValueError: 7"),
    "an end that is a list": (bytes.fromhex("0e 00000002 ffffffff") + b"[]", "ValueError: []"),
    "a goodbye in place of an answer": (bytes(9), "ValueError: a goodbye"),
    "a huge length": (bytes.fromhex("0a ffffffff ffffffff"), "ValueError: 4294967295 bytes"),
    "a hang-up within a head": (bytes(5), "EOFError: cut off, without a goodbye"),
}


@pytest.mark.parametrize("lie", LIES)
def test_it_says_what_is_wrong_with_a_lie(lie: str) -> None:
    answer, sentence = LIES[lie]

    async def handle(stream: Stream) -> None:
        head = await stream.read_exactly(9)
        await stream.read_exactly(
            int.from_bytes(head[1:5], "big")
        )  # what is left unread resets the connection
        await stream.write(answer)

    async def lied_to() -> str:
        async with TcpListener(handle) as listener:
            return await stranger.call([PAGE], LAST_LINES, *listener.address, ANA_ID, 1)

    assert asyncio.run(lied_to()) == sentence
