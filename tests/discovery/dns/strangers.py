"""What the chapter calls a stranger: its own code, taken out of the page, which imports nothing of ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PAGE = ROOT / "book" / "src" / "discovery" / "dns.md"
CELL = re.compile(r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", re.S)
LINES_OF_THE_PAGE = ("print(question(", "print(addresses(")  # what compares with packets of the page
MAIN = """
import sys
print(sorted(asyncio.run(stranger(("127.0.0.1", int(sys.argv[1])), sys.argv[2]))))
"""


def program() -> str:
    """The cells, and a line that asks with them."""
    lines = "\n".join(CELL.findall(PAGE.read_text("utf8"))).splitlines()
    return "\n".join([line for line in lines if not line.startswith(LINES_OF_THE_PAGE)]) + MAIN


def ask(folder: Path, port: int, name: str) -> str:
    """What the stranger prints, in an interpreter of its own that finds nothing of ours."""
    script = folder / "stranger.py"
    script.write_text(program(), "utf8")
    command = [sys.executable, "-I", str(script), str(port), name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout or done.stderr.splitlines()[-1]
