"""One notebook from its text: cells, card, product, outputs, file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import TextError, card, labs, lock, source, stale

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


@dataclass
class Draft:
    """A notebook before it is run.

    Args:
        product: which one.
        notebook: its cells, so far without outputs.
        lines: the line in the text of each cell id.
        made_from: what it is made from.
    """

    product: source.Product
    notebook: Any
    lines: dict[str, int]
    made_from: stale.MadeFrom

    @property
    def code_cells(self) -> int:
        """How many cells there are to run."""
        return sum(cell.cell_type == "code" for cell in self.notebook.cells)


def draft(product: source.Product, state: stale.State) -> Draft:
    """A notebook that is ready to be run.

    Raises:
        TextError: the text breaks a rule.
    """
    made, lines = notebook(product)
    return Draft(product, made, lines, state.made_from(product, made.cells))


def run(draft: Draft, done: Callable[[], object] = lambda: None) -> None:
    """Run a draft's cells and write the notebook. Several drafts may be run at a time, each in a thread.

    Args:
        draft: what to run; its cells get their outputs.
        done: called after each code cell.

    Raises:
        TextError: one of the cells fails; the message shows it.
    """
    from . import execute  # the kernel's client is slow to import, and --check does not need it

    product = draft.product
    try:
        execute.run(draft.notebook, product.target.parent, product.root, done)
    except execute.CellFailed as failed:
        raise TextError(_failure(product, failed, draft.lines)) from None
    # The kernel has added its version, which would differ from reader to reader.
    draft.notebook.metadata["language_info"] = {"name": "python"}
    write(draft.notebook, product.target)


def write(made: Any, target: Path) -> None:
    """Write a notebook into its file."""
    import nbformat

    target.parent.mkdir(parents=True, exist_ok=True)
    lock.replace(target, nbformat.writes(made, version=4).rstrip("\n") + "\n")


def _failure(product: source.Product, failed: Any, lines: dict[str, int]) -> str:
    where = f"{product.text.relative_to(product.root).as_posix()}:{lines.get(failed.cell['id'], 1)}"
    code = failed.cell.source.split("\n")
    shown = [f"    | {line}" for line in code[:CONTEXT_LINES]]
    if len(code) > CONTEXT_LINES:
        shown.append(f"    | ... {len(code) - CONTEXT_LINES} more lines")
    return "\n".join(
        [f"{where}: {product.kind}, code cell {failed.number} ({failed.cell['id']}): {failed.why}", *shown]
    )
