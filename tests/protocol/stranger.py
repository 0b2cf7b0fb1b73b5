"""Programs that a stranger would write from a page alone: its cells tagged `stranger`, cut out and run.

They run in a fresh interpreter that cannot import anything of ours, on real sockets.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence

from tests.conftest import ROOT

TIMEOUT_S = 100


def cells(page: str) -> str:
    """The code of a page's cells with the tag `stranger`, without their options."""
    text = (ROOT / "book" / "src" / "protocol" / f"{page}.md").read_text("utf8")
    found = re.findall(r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", text, re.DOTALL)
    assert found, f"{page} has no cells for a stranger"
    assert "p2plib" not in "".join(found)
    return "\n\n".join(found)


async def run(program: str, *arguments: object) -> str:
    """What the program prints; what it says on its last line if it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        program,
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    return (out.decode().strip() or err.decode().strip()).splitlines()[-1]


async def call(pages: Sequence[str], last_lines: str, *arguments: object) -> str:
    """Run the cells of some pages, one page after another, and then a few lines that use them."""
    return await run("\n\n".join([*map(cells, pages), last_lines]), *arguments)
