"""A program that a stranger would write from the chapter on content addressing alone: its tagged cells.

It runs in a fresh interpreter that cannot import anything of ours.
"""

from __future__ import annotations

import asyncio
import re

from tests.conftest import ROOT
from tests.protocol import stranger


def cells() -> str:
    """The code of the page's tagged cells."""
    text = (ROOT / "book" / "src" / "data" / "content-addressing.md").read_text("utf8")
    found = re.findall(r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", text, re.DOTALL)
    assert len(found) == 2
    assert "p2plib" not in "".join(found)
    return "\n\n".join(found)


NAME = """
import json
import sys

print(json.dumps([cid_of(bytes.fromhex(text)) for text in json.loads(sys.argv[1])]))
"""
JUDGE = """
import json
import sys

said = []
for text in json.loads(sys.argv[2]):
    try:
        said.append(is_content_of(text, bytes.fromhex(sys.argv[1])))
    except (AssertionError, ValueError) as error:
        said.append("refused")
print(json.dumps(said))
"""


def run(last_lines: str, *arguments: str) -> str:
    """What the cells and a few lines after them print last; what they say on their last line if they fail."""
    return asyncio.run(stranger.run(cells() + last_lines, *arguments))
