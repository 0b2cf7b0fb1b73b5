"""One notebook from its text: cells, card, product, outputs, digest, file."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import TextError, card, labs, source, stale

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CONTEXT_LINES = 12  # of a failing cell's source, in the message


def cells(product: source.Product) -> list[Any]:
    """The text's cells with the card, a lab's marks still in; metadata has each cell's `line`."""
    front = source.front_matter(product.root, product.text)
    made = card.insert(product, front, source.cells_of(product.root, product.text))
    if product.kind == "chapter":
        return made
    labs.check_text(product.text.relative_to(product.root).as_posix(), made)
    return made


def notebook(
    product: source.Product, form: Callable[[list[Any]], list[Any]] | None = None
) -> tuple[Any, dict[str, int]]:
    """The notebook before it is run, and the line in the text of each cell id.

    Args:
        product: which one.
        form: the form of a lab's cells; by default the one that the product's kind asks for.
    """
    from nbformat.v4 import new_notebook

    made = cells(product)
    # Counted before any cell is left out, so that a cell has the same id in all products of a lab.
    for number, cell in enumerate(made):
        cell["id"] = f"{product.text.stem}-{number:03d}"
    form = form or {"chapter": list, "lab": labs.learner, "solution": labs.solved}[product.kind]
    made = form(made)
    lines = {cell["id"]: cell.metadata.pop("line", 1) for cell in made}
    front = source.front_matter(product.root, product.text)
    about = {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(front).items()
    }
    about |= {"kind": product.kind, "text": product.text.relative_to(product.root).as_posix()}
    return new_notebook(cells=made, metadata={**copy.deepcopy(METADATA), "handbook": about}), lines


def make(product: source.Product, done: Callable[[], object] = lambda: None) -> None:
    """Make, run and write one notebook.

    Raises:
        TextError: the text breaks a rule, or one of its cells fails; the message shows the cell.
    """
    from . import execute  # the kernel's client is slow to import, and --check does not need it

    made, lines = notebook(product)
    made.metadata["handbook"]["digest"] = {
        **stale.expected(product),
        "cells": stale.cells_digest(made.cells),
        "library": stale.library(product.root, made.cells),
    }
    try:
        execute.run(made, product.target.parent, product.root, done)
    except execute.CellFailed as failed:
        raise TextError(_failure(product, failed, lines)) from None
    # The kernel has added its version, which would differ from reader to reader.
    made.metadata["language_info"] = {"name": "python"}
    write(made, product.target)


def write(made: Any, target: Path) -> None:
    """Write a notebook in one step, so that nobody ever reads half of one."""
    import nbformat

    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    beside.write_text(nbformat.writes(made, version=4).rstrip("\n") + "\n", "utf-8", newline="\n")
    os.replace(beside, target)


def _failure(product: source.Product, failed: Any, lines: dict[str, int]) -> str:
    where = f"{product.text.relative_to(product.root).as_posix()}:{lines.get(failed.cell['id'], 1)}"
    code = failed.cell.source.split("\n")
    shown = [f"    | {line}" for line in code[:CONTEXT_LINES]]
    if len(code) > CONTEXT_LINES:
        shown.append(f"    | ... {len(code) - CONTEXT_LINES} more lines")
    return "\n".join(
        [f"{where}: {product.kind}, code cell {failed.number} ({failed.cell['id']}): {failed.why}", *shown]
    )
