"""The client that the chapter on asking a DHT prints, run on real sockets against our nodes.

It is taken out of the text of the page, so that what is tested is what is read.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.messages import GetPeersQuery
from p2plib.discovery.source import topic_of
from tests.discovery.mainline.test_driver import loopback, network, peers_of

PAGE = Path(__file__).resolve().parents[3] / "book/src/discovery/dht.md"
CATS = topic_of("cats of Lisbon")

pytestmark = pytest.mark.usefixtures("patient")


def script() -> dict[str, Any]:
    """What the cells of the section define; those that use the library or the page are left out."""
    section = PAGE.read_text("utf8").split("### Enough to talk to a stranger")[1].split("\n## ")[0]
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)\n```", section, re.S)
    own = [
        cell for cell in cells if re.search(r"^(async )?(def|class) ", cell, re.M) and "p2plib" not in cell
    ]
    code = "\n\n".join(own).split("\nasync def main(")[0]
    assert "p2plib" not in code
    assert len([line for line in code.splitlines() if line.strip()]) <= 110
    made: dict[str, Any] = {}
    exec(compile(code, "the page", "exec"), made)
    return made


def test_it_announces_and_is_found_and_finds_on_real_sockets() -> None:
    page = script()

    async def main() -> None:
        async with network([None] * 14) as nodes:
            assert await page["stranger"](loopback(60), nodes[3].address, 7000) == []
            assert await peers_of(nodes[9], CATS) == [(loopback(60), 7000)]
            assert await page["stranger"](loopback(61), nodes[11].address) == [(loopback(60), 7000)]
            assert all(len(node.machine.table) <= 13 for node in nodes)  # it is in no table

    asyncio.run(main())


def test_its_bytes_are_those_of_the_codec() -> None:
    page = script()
    query = krpc.encode(GetPeersQuery(b"aa", 5, int.from_bytes(CATS, "big"), is_read_only=True))
    assert page["bencode"](page["bdecode"](query)[0]) == query


HOSTILE = [
    b"",
    b"d",
    b"l",
    b"l" * 5000,
    b"i",
    b"d1:t4:",
    b"1000000000000:x",
    b"l-3:e",
    b"d1:t2:aa1:rle1:y1:re",
    b"d1:rd2:id2:xx5:nodesi5ee1:t2:aa1:y1:re",
    b"i" + b"9" * 5000 + b"e",
]


@pytest.mark.parametrize("raw", HOSTILE, ids=lambda raw: repr(raw[:20]))
def test_what_a_stranger_sends_does_it_no_harm(raw: bytes) -> None:
    page = script()

    async def main() -> None:
        asker = page["Asker"]()
        asker.datagram_received(raw, ("127.1.0.1", 4000))
        assert not asker.waiting

    asyncio.run(main())


class Teller(asyncio.DatagramProtocol):
    """Answers each query with some dict."""

    def __init__(self, page: dict[str, Any], answer: Any) -> None:
        self.page, self.answer = page, answer

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        asked, _ = self.page["bdecode"](data)
        said = {b"t": asked[b"t"], b"y": b"r", b"r": self.answer}
        self.transport.sendto(self.page["bencode"](said), address)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {b"id": 5},
        {b"id": bytes(20), b"nodes": 5, b"values": 7},
        {b"id": bytes(20), b"nodes": bytes(25), b"values": [5, [], b"x"]},
        {b"id": bytes(20), b"token": b"x", b"values": {b"a": 1}},
    ],
    ids=repr,
)
def test_lies_end_the_search_and_nothing_else(answer: Any) -> None:
    page = script()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Teller(page, answer), local_addr=("127.1.0.1", 0)
        )
        entrance = transport.get_extra_info("sockname")
        assert await page["stranger"](loopback(60), entrance) == []
        transport.close()

    asyncio.run(main())
