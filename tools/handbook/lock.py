"""What each notebook was made from: `notebooks.lock`, and the notes in `_build/` that say it in detail.

The lock file lies beside the README and is committed, with one line for each notebook:

    book/identity/keys.ipynb text=f6a4e7d6d53bfcc7 cells=... library=... format=1 matplotlib=3.11.2

    text        the author's text, and the titles that its card quotes
    cells       the cells as they were made, so that an edit by hand is seen
    library     what stands behind them in p2plib (library.py)
    format      this tool's own version
    matplotlib  the version that drew its plots

Lines are sorted, with an empty line between two, so that Git can merge what two branches did to neighbours.
The order is no rule: whoever resolves a conflict keeps both sides, and a notebook that then has two lines is
made again.

The notes may be lost at any time. They know the module that changed, where the lock file knows only that one
did, and spare the next run the reading of modules that did not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = "notebooks.lock"
NOTES = Path("_build") / "notebooks.json"
PARTS = ("text", "cells", "library", "format", "matplotlib")
HEAD = (
    "# What each notebook was made from. Written by tools/notebooks.py; the empty lines help Git to merge.\n"
)


class Lock:
    """The lock file of a handbook, as it is now.

    Args:
        root: the handbook's folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._lines: dict[str, list[str]] = {}
        text = self._path.read_text("utf-8") if self._path.exists() else ""
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                self._lines.setdefault(line.split()[0], []).append(line)

    def parts(self, name: str) -> dict[str, str]:
        """What a notebook was made from, by the names of PARTS.

        Raises:
            ValueError: it cannot be told; the message says why.
        """
        lines = self._lines.get(name, [])
        if len(lines) != 1:
            raise ValueError(f"{FILE} has {'two lines' if lines else 'no line'} for it")
        parts = dict(word.partition("=")[::2] for word in lines[0].split()[1:])
        if tuple(parts) != PARTS or not all(parts.values()):
            raise ValueError(f"its line in {FILE} cannot be read")
        return parts

    def write(self, name: str, parts: Mapping[str, str]) -> None:
        """Write one notebook's line; all others stay as they are."""
        self._lines[name] = [" ".join([name, *(f"{part}={parts[part]}" for part in PARTS)])]
        self._save()

    def strangers(self, names: Collection[str]) -> list[str]:
        """What lines begin with that is none of some names: notebooks that are gone, marks of a conflict."""
        return sorted(self._lines.keys() - set(names))

    def forget(self, names: Iterable[str]) -> None:
        """Drop the lines that begin with some names."""
        for name in names:
            del self._lines[name]
        self._save()

    def _save(self) -> None:
        lines = [line for name in sorted(self._lines) for line in self._lines[name]]
        replace(self._path, "\n".join([HEAD, *(f"{line}\n" for line in lines)]))


class Notes:
    """What is remembered between two runs and can be lost: see the head of this file.

    Args:
        root: the handbook's folder.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / NOTES
        self._changed = False
        self._said: dict[str, Any] = {}
        try:
            said = json.loads(self._path.read_text("utf-8"))
            self._said = said if said["reader"] == _reader() else {}
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there are none yet, or another version of this tool wrote them

    def get(self, kind: str, name: str) -> Any:
        """A note; None if there is none."""
        return self._said.get(kind, {}).get(name)

    def put(self, kind: str, name: str, note: Any) -> None:
        """Write down a note."""
        if self.get(kind, name) != note:
            self._said.setdefault(kind, {})[name] = note
            self._changed = True

    def save(self) -> None:
        """Keep the notes for the next run."""
        if self._changed:
            self._path.parent.mkdir(exist_ok=True)
            replace(self._path, json.dumps({**self._said, "reader": _reader()}))
            self._changed = False


@cache
def _reader() -> str:
    """Which version of this tool reads the library: notes of another one are worth nothing."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def replace(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody ever reads half of one."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "utf-8", newline="\n")
    os.replace(beside, path)
