"""Which notebooks are no longer what their text and the library would give, and why; nothing is run.

`notebooks.lock` says what each notebook was made from (lock.py), and this is compared with what it would be
made from now. Line ends count as LF. Nothing depends on a path, on the system or on the Python that computes
it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import source
from .library import Library, names_in
from .lock import Lock, Notes
from .syntax import DIGITS

MOST_LETTERS = 200  # of the name of a file
FORMAT = 1  # raise it when the same text would give other cells or outputs


def digest(*parts: str) -> str:
    """Sixteen hex digits for some text; the parts' borders count."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@cache
def matplotlib_version() -> str:
    """The installed version, without importing it."""
    try:
        return importlib.metadata.version("matplotlib")
    except importlib.metadata.PackageNotFoundError:
        return "none"


def cells_digest(cells: list[dict[str, Any]]) -> str:
    """What identifies cells, outputs left out; sorted, as nbformat sorts nested metadata."""
    shape = [[c["cell_type"], c["id"], "".join(c["source"]), c["metadata"]] for c in cells]
    return digest(json.dumps(shape, sort_keys=True))


def library_digest(behind: dict[str, str]) -> str:
    """One digest for all that stands behind a notebook."""
    return digest(*(f"{name}:{behind[name]}" for name in sorted(behind)))


def files_named(strings: Iterable[str], root: Path, folder: Path) -> dict[str, str]:
    """The files of the handbook that some strings name, seen from a folder, each with its digest."""
    found = {}
    for text in sorted(strings):
        if "/" in text and len(text) <= MOST_LETTERS and "\n" not in text and "\0" not in text:
            path = (folder / text).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                name = path.relative_to(root.resolve()).as_posix()
                found[name] = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:DIGITS]
    return found


@dataclass(frozen=True)
class MadeFrom:
    """What a notebook is made from: its line in the lock file, and the modules behind its `library`."""

    parts: dict[str, str]
    behind: dict[str, str]


class State:
    """A handbook as it is now: its library, its lock file, and the notes in `_build/`.

    Args:
        root: the handbook's folder.
    """

    def __init__(self, root: Path) -> None:
        self.lock, self.notes = Lock(root), Notes(root)
        self._library = Library(root, notes=self.notes)

    def made_from(self, product: source.Product, cells: list[dict[str, Any]]) -> MadeFrom:
        """What a notebook with these cells would be made from now.

        Raises:
            TextError: the text's front matter breaks a rule.
        """
        front = source.front_matter(product.root, product.text)
        titles = [source.title_of(source.text_of(product.root, need)) for need in front.needs]
        names = names_in(cells)
        behind = self._library.behind(names) | files_named(names.strings, product.root, product.target.parent)
        parts = {
            "text": digest(product.kind, source.read_text(product.text), *titles),
            "cells": cells_digest(cells),
            "library": library_digest(behind),
            "format": str(FORMAT),
            "matplotlib": matplotlib_version(),
        }
        return MadeFrom(parts, behind)

    def settle(self, product: source.Product, made_from: MadeFrom) -> None:
        """Write down what a notebook was made from."""
        self.lock.write(product.name, made_from.parts)
        self.notes.put("notebooks", product.name, made_from.behind)
        self.notes.save()

    def reasons(self, product: source.Product) -> list[str]:
        """Why a notebook must be made again; empty if it need not.

        Raises:
            TextError: the text's front matter breaks a rule.
        """
        if not product.target.exists():
            source.front_matter(product.root, product.text)
            return ["it was never made"]
        try:
            notebook = json.loads(product.target.read_text("utf-8"))
            cells = notebook["cells"]
            counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
            now = self.made_from(product, cells)
            notebook["metadata"]["handbook"]
        except (ValueError, KeyError, TypeError):
            return ["it is not a notebook that this tool made"]
        try:
            found = self._differences(product, self.lock.parts(product.name), now)
        except ValueError as error:
            found = [str(error)]
        if counts != list(range(1, len(counts) + 1)):
            found.append("not every cell was run, in order")
        return found

    def _differences(self, product: source.Product, have: dict[str, str], now: MadeFrom) -> list[str]:
        differ = {part for part, value in now.parts.items() if have[part] != value}
        found = []
        if "text" in differ:
            found.append("its text changed")
        if "format" in differ:
            found.append(f"made in format {have['format']}, now {FORMAT}")
        if "matplotlib" in differ:
            found.append(f"drawn by matplotlib {have['matplotlib']}, installed is {now.parts['matplotlib']}")
        if "cells" in differ:
            found.append("its cells were edited by hand")
        elif "library" in differ:
            found.append(self._what_changed(product, have["library"], now.behind))
        else:
            self.notes.put("notebooks", product.name, now.behind)
        return found

    def _what_changed(self, product: source.Product, have: str, after: dict[str, str]) -> str:
        before = self.notes.get("notebooks", product.name)
        if before is None or library_digest(before) != have:  # no notes, or those of another branch
            return "the library behind it changed"
        names = sorted(name for name in before | after if before.get(name) != after.get(name))
        return "changed: " + ", ".join(names)


def orphans(root: Path) -> list[Path]:
    """Notebooks that this tool made and whose text is gone."""
    wanted = {product.target for product in source.products(root)}
    there = sorted({*(root / "book").rglob("*.ipynb"), *(root / "labs").rglob("*.ipynb")} - wanted)
    return [p for p in there if ".ipynb_checkpoints" not in p.parts and '"handbook"' in p.read_text("utf-8")]
