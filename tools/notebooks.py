"""Texts in, executed notebooks out, the same bytes each time.

    python tools/notebooks.py                   rewrite what is stale
    python tools/notebooks.py --check           run nothing; list what is stale and why; exit 1 if anything is
    python tools/notebooks.py --force           rewrite everything
    python tools/notebooks.py --jobs 1          one notebook at a time, and not one for each core
    python tools/notebooks.py identity/keys     limit any of these to some documents (by name or path)

    book/src/**/*.md  ->  book/**/*.ipynb
    labs/src/*.md     ->  labs/*.ipynb (the learner's) and labs/solutions/*.ipynb (solved)

notebooks.lock records what each was made from (tools/handbook/lock.py). The class's assignments are made by
tools/classroom.py. CONTRIBUTING.md says how a text is written, tools/handbook/labs.py how the one text of a
lab becomes its products, and tools/handbook/library.py what makes a notebook stale.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from handbook import TextError, build, lock, source, stale

ROOT = Path(__file__).resolve().parents[1]
JOBS = min(4, os.cpu_count() or 1)  # kernels at a time: one for each core, and few enough for a laptop
NEEDED = ("jupytext", "nbformat", "nbclient", "matplotlib", "tqdm", "yaml")


def chosen(root: Path, names: list[str]) -> list[source.Product]:
    """The notebooks that some names mean; all of them if there are no names.

    Raises:
        TextError: a name means no notebook.
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


def look(
    state: stale.State, products: list[source.Product]
) -> tuple[list[tuple[source.Product, list[str]]], list[str]]:
    """Which notebooks are stale, with the reasons, and which texts break a rule (one message a text)."""
    old, broken = [], []
    gc.disable()  # syntax trees are a million small objects; looking for cycles in them takes half the time
    for product in products:
        try:
            source.check_lines(product.root, product.text)
            if reasons := state.reasons(product):
                old.append((product, reasons))
        except TextError as error:
            if str(error) not in broken:
                broken.append(str(error))
    gc.enable()
    state.notes.save()
    return old, broken


def check(root: Path, products: list[source.Product], whole: bool) -> int:
    """Print what is stale, and return the exit status."""
    state = stale.State(root)
    old, broken = look(state, products)
    for message in broken:
        print(message)
    for product, reasons in old:
        print(f"stale: {product.name}: {'; '.join(reasons)}")
    gone = stale.orphans(root) if whole else []
    for path in gone:
        print(f"left over: {path.relative_to(root).as_posix()}: it has no text any more; delete it")
    strange = state.lock.strangers([product.name for product in products]) if whole else []
    for word in strange:
        print(f"left over: a line of {lock.FILE} begins with {word!r}, which is not the name of a notebook")
    if old or strange:
        print("run: python tools/notebooks.py")
    return 1 if old or broken or gone or strange else 0


def rewrite(root: Path, products: list[source.Product], whole: bool, force: bool, jobs: int) -> int:
    """Make what is stale (or everything), and return the exit status."""
    state = stale.State(root)
    old, broken = look(state, products)
    drafts = []
    for product in products if force else [product for product, _ in old]:
        try:
            source.check_lines(product.root, product.text)
            drafts.append(build.draft(product, state))
        except TextError as error:
            if str(error) not in broken:
                broken.append(str(error))
    for message in broken:  # before anything runs
        print(message, file=sys.stderr)
    if whole:
        state.lock.forget(state.lock.strangers([product.name for product in products]))
    made, failed = run(state, drafts, jobs)
    for name in made:
        print(f"made {name}")
    for message in failed:
        print(message, file=sys.stderr)
    return 1 if broken or failed else 0


def run(state: stale.State, drafts: list[build.Draft], jobs: int) -> tuple[list[str], list[str]]:
    """Run drafts, several at a time.

    Returns:
        The names of the notebooks that were made, and a message for each that was not, in the drafts' order.
    """
    from tqdm import tqdm

    failures: dict[str, str] = {}
    total = sum(draft.code_cells for draft in drafts)
    with (
        tqdm(total=total, unit="cell", disable=not drafts) as bar,
        ThreadPoolExecutor(max_workers=jobs) as pool,
    ):
        counting = threading.Lock()
        cells_run = dict.fromkeys((draft.product.name for draft in drafts), 0)

        def count(name: str, cells: int = 1) -> None:
            with counting:
                cells_run[name] += cells
                bar.update(cells)

        running = {
            pool.submit(build.run, draft, partial(count, draft.product.name)): draft for draft in drafts
        }
        try:
            for future in as_completed(running):
                draft = running[future]
                name = draft.product.name
                try:
                    future.result()
                    state.settle(draft.product, draft.made_from)
                except TextError as error:
                    failures[name] = str(error)
                    count(name, draft.code_cells - cells_run[name])
                bar.set_description(name)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # those that are running end by themselves
            raise
        bar.set_description("done")
    names = [draft.product.name for draft in drafts]
    return [name for name in names if name not in failures], [
        failures[name] for name in names if name in failures
    ]


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
        "--jobs", type=int, default=JOBS, help=f"how many notebooks run at a time (here {JOBS})"
    )
    parser.add_argument(
        "--root", type=Path, default=root, help="the handbook's folder (by default, this tool's)"
    )
    given = parser.parse_args(arguments)
    if given.jobs < 1:
        parser.error("--jobs must be 1 or more")
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
    return rewrite(root, products, whole=not given.names, force=given.force, jobs=given.jobs)


if __name__ == "__main__":
    sys.exit(main())
