"""Texts in, executed notebooks out, the same bytes each time.

    python tools/notebooks.py                   rewrite what is stale
    python tools/notebooks.py --check           run nothing; list what is stale and why; exit 1 if anything is
    python tools/notebooks.py --force           rewrite everything
    python tools/notebooks.py identity/keys     limit any of these to some documents (by name or path)

    book/src/**/*.md  ->  book/**/*.ipynb
    labs/src/*.md     ->  labs/*.ipynb (the learner's) and labs/solutions/*.ipynb (solved)

The class's assignments are made by tools/classroom.py. How a text is written stands in CONTRIBUTING.md; how
a lab's one text becomes its products, in tools/handbook/labs.py; what makes a notebook stale, in
tools/handbook/stale.py.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from handbook import TextError, build, source, stale

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("jupytext", "nbformat", "nbclient", "matplotlib", "tqdm", "yaml")


def chosen(root: Path, names: list[str]) -> list[source.Product]:
    """The notebooks that some names mean; all if there are no names.

    Raises:
        TextError: a name means nothing.
    """
    every = source.products(root)
    if not names:
        return every
    found = []
    for name in names:
        path = Path(name).resolve()
        fits = [p for p in every if name in (p.document, p.text.stem) or path in (p.text, p.target)]
        if not fits:
            known = ", ".join(sorted({p.document for p in every})) or "none"
            raise TextError(f"no text is called {name!r}; there are {known}")
        found += [product for product in fits if product not in found]
    return found


def look(products: list[source.Product]) -> tuple[list[tuple[source.Product, list[str]]], list[str]]:
    """Which notebooks are stale, with the reasons, and which texts break a rule (one message a text)."""
    old, broken = [], []
    for product in products:
        try:
            if reasons := stale.reasons(product):
                old.append((product, reasons))
        except TextError as error:
            if str(error) not in broken:
                broken.append(str(error))
    return old, broken


def check(root: Path, products: list[source.Product], whole: bool) -> int:
    """Print what is stale; the exit status."""
    old, broken = look(products)
    for message in broken:
        print(message)
    for product, reasons in old:
        print(f"stale: {product.name}: {'; '.join(reasons)}")
    gone = stale.orphans(root) if whole else []
    for path in gone:
        print(f"left over: {path.relative_to(root).as_posix()}: its text is gone; delete it")
    if old:
        print("run: python tools/notebooks.py")
    return 1 if old or broken or gone else 0


def rewrite(root: Path, products: list[source.Product], force: bool) -> int:
    """Make what is stale (or everything); the exit status."""
    from tqdm import tqdm

    old, broken = look(products)
    todo = products if force else [product for product, _ in old]
    ready = []
    for product in todo:
        try:
            ready.append(
                (product, sum(cell.cell_type == "code" for cell in build.notebook(product)[0].cells))
            )
        except TextError as error:
            if str(error) not in broken:
                broken.append(str(error))
    made = []
    with tqdm(total=sum(cells for _, cells in ready), unit="cell", disable=not ready) as bar:
        for product, cells in ready:
            bar.set_description(product.name)
            start = bar.n
            try:
                build.make(product, lambda: bar.update())
                made.append(product)
            except TextError as error:
                broken.append(str(error))
            bar.update(start + cells - bar.n)
        bar.set_description("done")
    for product in made:
        print(f"made {product.name}")
    for message in broken:
        print(message, file=sys.stderr)
    return 1 if broken else 0


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command; see the head of this file."""
    parser = argparse.ArgumentParser(
        description="Texts in, executed notebooks out, the same bytes each time."
    )
    parser.add_argument(
        "names", nargs="*", help="only these documents, such as identity/keys or labs/lab01_identity"
    )
    parser.add_argument("--check", action="store_true", help="run nothing; list what is stale and why")
    parser.add_argument("--force", action="store_true", help="rewrite everything, stale or not")
    parser.add_argument(
        "--root", type=Path, default=root, help="the handbook's folder (by default, this tool's)"
    )
    given = parser.parse_args(arguments)
    root = given.root.resolve()
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        parser.error(
            f"{sys.executable} has no {', '.join(missing)}: use the handbook's environment, "
            ".venv/bin/python, which make test sets up"
        )
    try:
        products = chosen(root, given.names)
    except TextError as error:
        parser.error(str(error))
    if given.check:
        return check(root, products, whole=not given.names)
    return rewrite(root, products, given.force)


if __name__ == "__main__":
    sys.exit(main())
