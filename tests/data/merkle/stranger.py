"""A program that a stranger would write from the chapter on Merkle trees alone: its cells tagged `stranger`.

It runs in a fresh interpreter that cannot import anything of ours.
"""

from __future__ import annotations

import asyncio
import json
import re

from tests.conftest import ROOT
from tests.protocol import stranger

LAST_LINES = """
import json, sys


def verdict(function, *arguments):
    try:
        function(*arguments)
        return True
    except Exception:
        return False


found = []
for kind, *asked in json.loads(sys.argv[1]):
    if kind == "inclusion":
        root, size, index, data, proof = asked
        given = bytes.fromhex(root), size, index, bytes.fromhex(data), [bytes.fromhex(x) for x in proof]
        found.append(verdict(check_inclusion, *given))
    else:
        file, data, *rest = asked
        found.append(verdict(check_logged, file, bytes.fromhex(data), *rest))
print(json.dumps(found))
"""


def cells() -> str:
    """The code of the page's tagged cells."""
    text = (ROOT / "book" / "src" / "data" / "merkle.md").read_text("utf8")
    found = re.findall(r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", text, re.DOTALL)
    assert len(found) == 4
    assert "p2plib" not in "".join(found)
    return "\n\n".join(found)


def ask(questions: list[tuple[object, ...]]) -> list[bool]:
    """What the page's code believes.

    Args:
        questions: ("inclusion", root, size, index, data, proof), all bytes in hex, or ("logged", file, data,
            verifier key, origin).
    """
    return list(json.loads(asyncio.run(stranger.run(cells() + LAST_LINES, json.dumps(questions)))))
