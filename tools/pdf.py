"""The whole book as one PDF. `make pdf` runs this.

    python tools/pdf.py [--output _build/the-peer-to-peer-handbook.pdf]

Sphinx writes the book as one long page; Chromium prints it, with a cover and a table of contents before it.
It takes some minutes. Chapters and labs are in it, the glossary and the sources, and not the reference of
the library, which is a thing to search and not to leaf through. Each chapter begins on a new page. What the
site folds is unfolded, but for solutions: they stand at the end of their chapter, so that they cannot be
read by accident, and each exercise says so. Figures that move are printed as they start, with the words of
every step.

The contents want page numbers, and no browser knows them before it has printed. So the book is printed
twice: the outline of the first print says on which page every chapter begins.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LEFT_OUT = ("book/reference/api", "genindex")  # pages to search, which paper cannot
PRINT_TIMEOUT_MS = 20 * 60 * 1000  # hundreds of pages, on a slow machine
STYLE = Path(__file__).with_name("pdf.css")
SCRIPT = Path(__file__).with_name("pdf.js")
# The site's own scripts move figures to their last step before they are printed; here they stay at the first.
NO_BEFOREPRINT = "addEventListener('beforeprint', event => event.stopImmediatePropagation(), true)"
OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\b(.*?)\bendobj", re.S)
REFERENCE = re.compile(rb"(\d+) 0 R")


class NoBook(Exception):
    """The book could not be made; the message says why."""


def printed_contents(contents: dict[str, Any]) -> dict[str, Any]:
    """A table of contents without the pages that are not printed."""

    def kept(chapters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [chapter for chapter in chapters if not chapter["file"].startswith(LEFT_OUT)]

    parts = [{**part, "chapters": kept(part["chapters"])} for part in contents["parts"]]
    return {**contents, "parts": [part for part in parts if part["chapters"]]}


def one_page(root: Path, work: Path) -> Path:
    """Let Sphinx write the book as one page, and return the page.

    Raises:
        NoBook: the build failed; its output has been shown.
    """
    work.mkdir(parents=True, exist_ok=True)
    toc = work / "_toc.yml"
    contents = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    toc.write_text(yaml.safe_dump(printed_contents(contents), sort_keys=False), "utf8")
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(root), "--builder", "singlehtml"]
    command += ["--toc", str(toc), "--path-output", str(work), "--quiet"]
    with (work / "build.log").open("w") as log:  # links to the library, which is not printed, have no target
        if subprocess.run(command, stdout=log, stderr=log, cwd=root, check=False).returncode:
            raise NoBook(f"the book could not be built as one page: see {work / 'build.log'}")
    return work / "_build" / "singlehtml" / "index.html"


def objects(pdf: bytes) -> dict[int, bytes]:
    """The objects of a PDF by number, with those that are packed together in compressed streams."""
    found = {int(number): body for number, body in OBJECT.findall(pdf)}
    for body in list(found.values()):
        if b"/ObjStm" not in body or b"stream" not in body:
            continue
        count, first = (int(re.search(key + rb"\s+(\d+)", body)[1]) for key in (rb"/N", rb"/First"))  # type: ignore[index]
        raw = zlib.decompress(body.split(b"stream", 1)[1].lstrip(b"\r\n"))
        numbers = [int(word) for word in raw[:first].split()][: 2 * count]
        starts = [*numbers[1::2], len(raw) - first]
        for place, number in enumerate(numbers[::2]):
            found[number] = raw[first + starts[place] : first + starts[place + 1]]
    return found


def page_order(found: dict[int, bytes]) -> dict[int, int]:
    """The page number, from 1, of every page object, in the order of the tree of pages."""
    order: dict[int, int] = {}

    def walk(number: int) -> None:
        body = found[number]
        kids = re.search(rb"/Kids\s*\[(.*?)\]", body, re.S)
        if kids:
            for kid in REFERENCE.findall(kids[1]):
                walk(int(kid))
        else:
            order[number] = len(order) + 1

    root = next(body for body in found.values() if re.search(rb"/Type\s*/Catalog", body))
    walk(int(re.search(rb"/Pages\s+(\d+) 0 R", root)[1]))  # type: ignore[index]
    return order


def pages_of_places(pdf: bytes) -> dict[str, int]:
    """The page on which each named place of a PDF stands, as far as it can be read."""
    found = objects(pdf)
    order = page_order(found)
    places = {}
    pattern = rb"/([!-~]+?)\s*(?:<<\s*/D\s*)?\[(\d+) 0 R\s*/XYZ"
    for body in found.values():
        for name, page in re.findall(pattern, body):
            if int(page) in order:
                plain = re.sub(rb"#([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), name)
                places[plain.decode("utf8", "replace")] = order[int(page)]
    return places


def chromium() -> str:
    """The browser's program.

    Raises:
        NoBook: there is none.
    """
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        raise NoBook("printing takes Chromium, and there is none here (Debian: apt-get install chromium)")
    return program


def print_book(page_file: Path, output: Path, title: str, author: str) -> int:
    """Print the one page of the book, twice, and return how many pages it has.

    Raises:
        NoBook: there is no browser, or no playwright to lead it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as missing:
        raise NoBook("printing takes playwright: pip install -e '.[test]'") from missing
    foot = (
        '<div style="width:100%;font:8pt sans-serif;color:#555;text-align:center">'
        '<span class="pageNumber"></span></div>'
    )
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(PRINT_TIMEOUT_MS)
        page.add_init_script(NO_BEFOREPRINT)
        page.goto(page_file.as_uri(), timeout=PRINT_TIMEOUT_MS)
        page.add_style_tag(path=str(STYLE))
        page.add_script_tag(path=str(SCRIPT))
        page.evaluate("([title, author]) => handbookPrint.prepare(title, author)", [title, author])

        def printed() -> bytes:
            return page.pdf(
                format="A4",
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=foot,
                margin={"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"},
                outline=True,
                tagged=True,
            )

        first = printed()
        with contextlib.suppress(LookupError, TypeError, StopIteration, zlib.error):
            page.evaluate("pages => handbookPrint.number(pages)", pages_of_places(first))  # or no numbers
        final = printed()
        browser.close()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(final)
    return len(page_order(objects(final)))


def main(arguments: list[str] | None = None) -> int:
    """The command; see the head of this file."""
    parser = argparse.ArgumentParser(description="Print the whole book as one PDF.")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout (for tests)")
    parser.add_argument("--output", type=Path, help="by default _build/the-peer-to-peer-handbook.pdf")
    given = parser.parse_args(arguments)
    output = given.output or given.root / "_build" / "the-peer-to-peer-handbook.pdf"
    settings = yaml.safe_load((given.root / "_config.yml").read_text("utf8"))
    try:
        page_file = one_page(given.root, given.root / "_build" / "pdf")
        count = print_book(page_file, output, html.escape(settings["title"]), html.escape(settings["author"]))
    except NoBook as why:
        print(f"No PDF: {why}.")
        return 1
    print(f"{output}: {count} pages, {output.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
