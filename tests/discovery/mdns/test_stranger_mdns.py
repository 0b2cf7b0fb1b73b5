"""The stranger of the chapter: its cells, cut out of the page, speak with the library on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from p2plib.discovery.mdns.responder import Responder
from p2plib.discovery.mdns.service import Offer
from tests.conftest import ROOT
from tests.discovery.mdns.segment import CHAT

PAGE = ROOT / "book" / "src" / "discovery" / "mdns.md"
PORT = 24_000 + os.getpid() % 10_000
HERE = "127.0.0.1"

MAIN = """
import json


async def main(port):
    group, found = ("224.0.0.251", port), {}
    for _, _, instance in await ask("127.0.0.1", "_chat._udp.local", 12, group, 0.5):
        srv = await ask("127.0.0.1", instance, 33, group, 0.3)
        number, host = next(data for _, kind, data in srv if kind == 33)
        told = await ask("127.0.0.1", host, 1, group, 0.3)
        found[instance] = [told[0][2], number]
    print(json.dumps(found))


asyncio.run(main(%d))
"""


def cells() -> str:
    """The cells of the page with the tag `stranger`, without their options."""
    found = re.findall(
        r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", PAGE.read_text("utf8"), re.S
    )
    return "\n\n".join(found)


def test_the_page_has_a_stranger_that_imports_nothing_of_ours() -> None:
    assert "async def ask" in cells()
    assert "p2plib" not in cells()


@pytest.mark.slow
def test_the_stranger_finds_who_chats(tmp_path: Path) -> None:
    program = tmp_path / "stranger.py"
    program.write_text(cells() + MAIN % PORT, encoding="utf8")

    async def main() -> str:
        async with Responder.open(HERE, random.Random(1), group=("224.0.0.251", PORT)) as responder:
            for label, port in (("Ana", 4001), ("Ben", 4002)):
                await responder.publish(Offer(CHAT, port, HERE).records, label)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", str(program), stdout=subprocess.PIPE, cwd=tmp_path
            )
            output, _ = await asyncio.wait_for(process.communicate(), 100)
            return output.decode().splitlines()[-1]

    assert json.loads(asyncio.run(main())) == {
        "Ana._chat._udp.local.": [HERE, 4001],
        "Ben._chat._udp.local.": [HERE, 4002],
    }
