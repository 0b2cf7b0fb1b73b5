"""A program that a stranger would write from the chapter on logs alone: its cells tagged `stranger`, cut out.

It runs in a fresh interpreter that cannot import anything of ours.
"""

from __future__ import annotations

import asyncio
import re

from tests.conftest import ROOT
from tests.protocol import stranger


def cells() -> str:
    """The code of the page's tagged cells."""
    text = (ROOT / "book" / "src" / "data" / "logs.md").read_text("utf8")
    found = re.findall(r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", text, re.DOTALL)
    assert len(found) == 3
    assert "p2plib" not in "".join(found)
    return "\n\n".join(found)


CHECK = """
import sys

before = None
for text in json.loads(sys.argv[1]):
    message = json.loads(text)
    check(message, before)
    before = message
print(id_of(before))
"""
WRITE = """
import sys

seed, contents, timestamp = json.loads(sys.argv[1])
made = []
for n, content in enumerate(contents):
    made.append(write(bytes.fromhex(seed), content, made[-1] if made else None, timestamp + n))
print(json.dumps([text_of(message) for message in made]))
"""


def run(last_lines: str, *arguments: str) -> str:
    """What the cells and a few lines after them print last; what they say on their last line if they fail."""
    return asyncio.run(stranger.run(cells() + last_lines, *arguments))
