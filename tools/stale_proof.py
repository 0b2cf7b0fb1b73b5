"""Edit each module of the library in turn, in memory, and count the notebooks that this would make stale.

    python tools/stale_proof.py

Edits of comments, docstrings and layout may make stale only the pages that show the edited code
(`figures.show`); if they reach any other page, the exit status is 1. A change in what the modules do is
counted as well, to show that the count need not be zero.
"""

from __future__ import annotations

import ast
import gc
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from handbook import source
from handbook.library import Library, names_in

ROOT = Path(__file__).resolve().parents[1]
QUOTES = re.compile(rb"[rRbBuU]*(\"\"\"|'''|\"|')")


def with_comments(text: str) -> str:
    """A comment above every statement, in functions too."""
    lines = text.split("\n")
    starts = {
        min(one.lineno for one in (node, *getattr(node, "decorator_list", ())))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt)
    }
    for line in sorted(starts, reverse=True):
        indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
        lines.insert(line - 1, " " * indent + "# A comment.")
    return "\n".join(lines)


def with_other_docstrings(text: str) -> str:
    """Every docstring with a word put before it."""
    lines = text.encode("utf-8").split(b"\n")  # positions in a line are counted in bytes
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is None:
                continue
            first = node.body[0]
            line = lines[first.lineno - 1]
            quotes = QUOTES.match(line, first.col_offset)
            assert quotes, line
            lines[first.lineno - 1] = line[: quotes.end()] + b"Edited. " + line[quotes.end() :]
    return b"\n".join(lines).decode("utf-8")


def with_other_layout(text: str) -> str:
    """The same statements as Python itself would write them: no comments, long lines, other quotes."""
    return ast.unparse(ast.parse(text))


def with_one_more_constant(text: str) -> str:
    """A change in what the module does."""
    return f"{text}\nEDITED = 1\n"


HARMLESS: dict[str, Callable[[str], str]] = {
    "comments": with_comments,
    "docstrings": with_other_docstrings,
    "layout": with_other_layout,
}


@dataclass(frozen=True)
class Stale:
    """A notebook that an edit makes stale.

    Args:
        module: the module that was edited.
        notebook: the notebook's name.
        shown: the names in that module that the edit changed and whose source the notebook shows.
        is_shown: whether those names are the only reason.
    """

    module: str
    notebook: str
    shown: tuple[str, ...]
    is_shown: bool


def stale_after(root: Path, edits: Iterable[Callable[[str], str]]) -> Iterator[list[Stale]]:
    """What each of some edits makes stale when it is made to each module of the library in turn."""
    library = Library(root)
    pages = {}
    for product in source.products(root):
        code = names_in(json.loads(product.target.read_text("utf-8"))["cells"])
        pages[product.name] = code, library.behind(code)
    for edit in edits:
        found = []
        for name in library.all_modules():
            module = library.module(name)
            assert module is not None, name
            other = library.edited(name, edit(module.text))
            for notebook, (code, before) in pages.items():
                after = other.behind(code) if name in before else before
                changed = sorted(key for key in before | after if before.get(key) != after.get(key))
                if changed:
                    shown = [key.partition(":")[2] for key in changed if key.startswith(f"{name}:")]
                    found.append(Stale(name, notebook, tuple(shown), len(shown) == len(changed)))
        yield found


def main() -> int:
    """Print what each edit reaches, and return the exit status."""
    gc.disable()  # see tools/notebooks.py
    modules = Library(ROOT).all_modules()
    print(f"{len(modules)} modules, edited in turn; {len(source.products(ROOT))} notebooks")
    wrong = 0
    for what, found in zip(HARMLESS, stale_after(ROOT, HARMLESS.values()), strict=True):
        others = [one for one in found if not one.is_shown]
        wrong += len(others)
        print(f"\n{what}: {len(others)} stale, and {len(found) - len(others)} that show the code")
        for one in found:
            print(
                f"    {one.module}: {one.notebook}: {', '.join(one.shown) if one.is_shown else 'NOT SHOWN'}"
            )
    [found] = stale_after(ROOT, [with_one_more_constant])
    figures = [name for name in modules if ".figures." in name]
    of_figures = sum(one.module in figures for one in found)
    print(f"\none more constant: {len(found)} stale, {len(found) / len(modules):.1f} for each module;")
    print(f"    for each module of figures, {of_figures / max(1, len(figures)):.1f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
