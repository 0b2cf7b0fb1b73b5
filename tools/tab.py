"""Run pages as a reader's browser tab runs them, and say which cells give the stored bytes.

    python tools/tab.py identity/keys labs/lab05_ring     these pages, in headless Chromium
    python tools/tab.py                                   all of them
    python tools/tab.py --quick identity/keys             without trying whether tagged cells really fail
    python tools/tab.py --browser firefox identity/keys   in another browser
    python tools/tab.py --floors                          and make what they gave the floors of these pages

A page is named as in the table of contents, or by its notebook's path. For each one there is a line with its
code cells, those that need what a browser lacks (by a tag `needs-...`, or by a name of such a cell), the
others, which are eligible, and how many of these gave the stored bytes; then a line for each that did not.
The exit status is 1 if a page is below its floor in tests/site/tab_floors.toml, or a tag is not needed.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tab_pieces
from browsers import NoBrowser, launched
from tab_pages import Page, Tab, page_name

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ROOT / "tests" / "site" / "tab_floors.toml"
FLOORS_HEAD = """\
# How many cells of each page give the stored bytes in a browser's Python, at least. Written by
# `python tools/tab.py --floors`; `make test` fails for a page that falls below.
"""


def notebooks() -> list[Path]:
    """Every notebook: chapters, labs as learners get them, labs solved."""
    found = [*ROOT.glob("book/*/*.ipynb"), *ROOT.glob("labs/*.ipynb"), *ROOT.glob("labs/solutions/*.ipynb")]
    return sorted(found, key=page_name)


def chosen(names: list[str]) -> list[Path]:
    """The notebooks that some names mean; all if there are none.

    Raises:
        SystemExit: a name means none.
    """
    every = {page_name(path): path for path in notebooks()}
    if not names:
        return list(every.values())
    unknown = [name for name in names if short(name) not in every]
    if unknown:
        sys.exit(f"There is no page called {', '.join(unknown)}. There are {', '.join(every)}.")
    return [every[short(name)] for name in names]


def short(name: str) -> str:
    """A page's name, from a name or a path."""
    return name.removesuffix(".ipynb").removesuffix(".md").removeprefix("book/").removeprefix("src/")


def floors() -> dict[str, int]:
    """How many cells of each page give the stored bytes at least."""
    return dict(tomllib.loads(FLOORS.read_text("utf8"))["same"]) if FLOORS.exists() else {}


def write_floors(least: dict[str, int]) -> None:
    """Write the floors of the pages that there are."""
    names = {page_name(path) for path in notebooks()}
    rows = [f'"{name}" = {same}' for name, same in sorted(least.items()) if name in names]
    FLOORS.write_text("\n".join([FLOORS_HEAD, "[same]", *rows, ""]), "utf8")


def lines(page: Page) -> list[str]:
    """What is said of a page."""
    needy = len(page.cells) - page.eligible
    said = [
        f"{page.name}: {len(page.cells)} cells, {needy} need what a browser lacks, {page.eligible} eligible, "
        f"{page.same} the same bytes ({page.seconds:.1f} s)"
    ]
    said += [f"    {cell.name} differs: {cell.difference}" for cell in page.cells if cell.is_same is False]
    said += [f"    {name} has a tag, and runs all the same" for name in page.idle_tags]
    return said


def main() -> int:
    """Run the pages and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    parser.add_argument("--quick", action="store_true", help="do not try whether tags are needed")
    parser.add_argument("--floors", action="store_true", help="write what they gave into tab_floors.toml")
    parser.add_argument("--browser", choices=("chromium", "firefox"), default="chromium")
    arguments = parser.parse_args()
    least = floors()
    is_bad = False
    same = eligible = 0
    try:
        tab_pieces.gather()
        with launched(arguments.browser) as browser, Tab(browser) as tab:
            for path in chosen(arguments.pages):
                page = tab.run(path, check_tags=not arguments.quick)
                print("\n".join(lines(page)), flush=True)
                same, eligible = same + page.same, eligible + page.eligible
                if arguments.floors:
                    least[page.name] = page.same
                    write_floors(least)
                if page.same < least.get(page.name, 0):
                    print(f"    below its floor: {least[page.name]} cells gave the stored bytes before")
                    is_bad = True
                is_bad |= bool(page.idle_tags)
    except (NoBrowser, tab_pieces.NoPieces) as why:
        sys.exit(str(why))
    print(f"{same} of {eligible} eligible cells, {same / max(1, eligible):.1%}")
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
