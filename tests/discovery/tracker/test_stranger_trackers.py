"""The chapter's "enough to talk to a stranger": its two cells as a program of their own, against our tracker.

The program runs in a fresh interpreter that cannot import p2plib, on real sockets.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
from pathlib import Path

import pytest

from p2plib.discovery.tracker.announce import Announce, Event
from p2plib.discovery.tracker.client import TrackerClient
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource

PAGE = Path(__file__).parents[3] / "book/src/discovery/trackers.md"
INFO_HASH = bytes.fromhex("c3a980ff0102030405060708090a0b0c0d0e0f10")
RUN = """
import sys
assert "p2plib" not in sys.modules
host, port, info_hash, listen_on = sys.argv[1:]
print(asyncio.run(stranger(host, int(port), bytes.fromhex(info_hash), int(listen_on))))
"""


def program() -> str:
    """The cells of the section, and a line that runs them."""
    section = PAGE.read_text("utf8").partition("### Enough to talk to a stranger")[2].partition("\n## ")[0]
    cells = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", section, re.DOTALL)
    wanted = [cell for cell in cells if "class Inbox" in cell or "async def stranger" in cell]
    assert len(wanted) == 2
    assert not any("p2plib" in cell for cell in wanted)
    return "import asyncio\n" + "\n".join(wanted) + RUN


async def run(*arguments: object) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", program(), *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 100)
    return out.decode().strip() or err.decode().strip().splitlines()[-1]


def test_a_program_from_the_page_speaks_with_our_tracker() -> None:
    async def main() -> None:
        async with TrackerServer(random.Random(1), http_port=None) as server:
            assert server.udp_address is not None
            ana = TrackerClient(server.urls[0], random.Random(2))
            await ana.announce(Announce(INFO_HASH, b"a" * 20, 6001, left=0, event=Event.STARTED))
            heard = await run(*server.udp_address, INFO_HASH.hex(), 51413)
            assert heard == "(1800, 1, 1, [('127.0.0.1', 6001)])"
            async with TrackerSource([[server.urls[0]]], random.Random(3)) as ben:
                found = sorted([each.address async for each in ben.lookup(INFO_HASH)])
            assert found == [("127.0.0.1", 6001), ("127.0.0.1", 51413)]
            assert not server.udp.machine.ignored  # type: ignore[union-attr]

    asyncio.run(main())


@pytest.mark.slow
def test_it_says_what_the_tracker_refuses() -> None:
    async def main() -> None:
        async with TrackerServer(random.Random(1), http_port=None) as server:
            heard = await run(*server.udp_address, INFO_HASH.hex(), 0)  # type: ignore[misc]
            assert "port 0 is nowhere" in heard

    asyncio.run(main())
