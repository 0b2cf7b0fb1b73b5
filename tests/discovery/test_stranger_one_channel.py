"""The stranger of the page about one channel, taken from its text, asks our nodes on real sockets."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.one_channel import Discovery
from tests.patience import be_patient

PAGE = Path(__file__).parents[2] / "book" / "src" / "discovery" / "one-channel.md"
KEY = "cats of Lisbon"


def strangers_program() -> dict[str, Any]:
    """The names that the page's cell defines."""
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (program,) = [cell for cell in cells if "async def ask_as_a_stranger" in cell]
    assert "p2plib" not in program
    names: dict[str, Any] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    return names


def test_whoever_has_the_key_and_the_page_finds_who_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    be_patient(monkeypatch)
    ask = strangers_program()["ask_as_a_stranger"]

    async def main() -> None:
        async with AsyncExitStack() as stack:
            nodes: list[MainlineNode] = []
            for number in range(5):
                opened = MainlineNode.open(random.Random(number), f"127.{number + 1}.0.7")
                nodes.append(await stack.enter_async_context(opened))
                if number:
                    await nodes[number].bootstrap([nodes[0].address])
            source = MainlineSource([nodes[0].address], random.Random(9), "127.9.0.7")
            async with Discovery([source], own_hosts=[]) as discovery:
                await discovery.announce(KEY, 4001)
                answers = [await ask(KEY.encode(), node.address) for node in nodes]
                assert ("127.9.0.7", 4001) in [peer for answer in answers for peer in answer]
                assert await ask(b"dogs of Porto", nodes[0].address) == []

    asyncio.run(main())
