"""A handbook of one chapter with a library of its own, for the tests of tools/notebooks.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import notebooks
from handbook import stale

from tests.conftest import ROOT

TOOL = ROOT / "tools" / "notebooks.py"

FRONT = """\
---
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
handbook:
  role: identity
  minutes: 20
  needs: []
  able: [Say this, Show that, Build the other]
---
"""
CHAPTER = """\
(ch-one)=
# One

It begins.

```{code-cell} ipython3
:tags: [hide-input]
import sys

from p2plib.wire import low

print("to", "stdout")
low.VALUE
```

It ends.
"""
FACADE = """\
from importlib import import_module

_WHERE = {
    "p2plib.figures._roles": ("roles",),
    "p2plib.figures._tree": ("tree", "leaf"),
    "p2plib.figures.show": ("show",),
}


def __getattr__(name):
    return getattr(import_module(next(home for home, names in _WHERE.items() if name in names)), name)
"""


def furnish(root: Path) -> None:
    """A handbook of one chapter, with a library of its own that has no dependencies."""
    write(root / "book" / "src" / "identity" / "one.md", FRONT + CHAPTER)
    library = {
        "__init__.py": "",
        "errors.py": "class Oops(Exception): ...\n",
        "figures/__init__.py": FACADE,
        "figures/_roles.py": "def roles(here, compact):\n    return f'you are in {here}'\n",
        "figures/_tree.py": "def tree():\n    return 'a tree'\n",
        "figures/show.py": "def show(*things, docstring=True):\n    return len(things)\n",
        "wire/__init__.py": "",
        "wire/low.py": (
            "from typing import TYPE_CHECKING\n\nfrom ..errors import Oops\n\n"
            "if TYPE_CHECKING:\n    from p2plib.wire import other\n\nVALUE = 7\n"
            '\n\nclass Box:\n    """What one is."""\n\n'
            '    def open(self):\n        """Open it."""\n        return VALUE\n'
        ),
        "wire/other.py": "",
        "wire/lazy.py": "def later():\n    import p2plib.wire.other\n",
    }
    for name, text in library.items():
        write(root / "p2plib" / name, text)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
    return path


def tool(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an author does."""
    environment = {name: value for name, value in os.environ.items() if name != "NBGRADER_EXECUTION"}
    command = [sys.executable, str(TOOL), "--root", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def made(root: Path, name: str = "book/identity/one.ipynb") -> dict[str, Any]:
    return json.loads((root / name).read_text("utf-8"))


def why(root: Path, name: str = "one") -> list[str]:
    """The reasons for which a notebook is stale."""
    return stale.State(root).reasons(notebooks.chosen(root, [name])[0])
