"""Notebooks in a headless browser, as the cells of a page run in a reader's tab: what each cell gave.

`with Tab(browser) as tab` opens a page with a worker in it; `tab.run(path)` runs one notebook and gives a
`Page`, with a `Cell` for each code cell. Only this machine is asked for anything; `tab.requests` has it all.
"""

from __future__ import annotations

import functools
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tab_pieces
from browsers import NoBrowser

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "book" / "_static" / "tab"
CELL_S = 120  # as long as a cell may take when its notebook is made
PAGE_S = 900  # as long as a page may take
START_S = 90  # the pieces are on this machine; on a busy one, it takes a while all the same
EXCERPT = 60  # characters of a difference that are shown

# The page's part: one worker, one question at a time.
CLIENT = """
<!doctype html><meta charset="utf-8"><title>tab</title><link rel="icon" href="data:,"><script>
let worker = null
const begin = () => {
  worker?.terminate()
  worker = new Worker('/tab/worker.mjs', { type: 'module' })
}
const ask = (question, seconds) => new Promise((resolve, reject) => {
  const late = setTimeout(() => reject(new Error(`no answer in ${seconds} s`)), seconds * 1000)
  worker.onmessage = ({ data }) => {
    if (data.type === 'progress') return
    clearTimeout(late)
    data.type === 'failed' ? reject(new Error(data.sentence)) : resolve(data)
  }
  worker.onerror = ({ message }) => { clearTimeout(late); reject(new Error(message || 'no worker')) }
  worker.postMessage(question)
})
</script>
"""


@dataclass
class Cell:
    """What became of a code cell.

    Attributes:
        name: its id.
        needs: what it needs that a browser lacks.
        is_tagged: whether a tag says so, and not only a name that it uses.
        is_same: whether it gave the stored bytes; None if it was not run.
        seconds: how long it ran.
        difference: where its outputs leave the stored ones, in a line; empty if they do not.
    """

    name: str
    needs: list[str]
    is_tagged: bool
    is_same: bool | None = None
    seconds: float = 0.0
    difference: str = ""


@dataclass
class Page:
    """What became of a notebook.

    Attributes:
        name: its path without ending, such as "identity/keys" or "labs/solutions/lab05_ring".
        cells: its code cells.
        seconds: from opening it to its last cell.
        lost: why Python ended before the last cell; empty if it did not.
        idle_tags: tagged cells that raise nothing, though they carry a tag.
    """

    name: str
    cells: list[Cell] = field(default_factory=list)
    seconds: float = 0.0
    lost: str = ""
    idle_tags: list[str] = field(default_factory=list)

    @property
    def eligible(self) -> int:
        """How many cells need nothing that a browser lacks."""
        return sum(not cell.needs for cell in self.cells)

    @property
    def same(self) -> int:
        """How many of these gave the stored bytes."""
        return sum(bool(cell.is_same) for cell in self.cells)


def path_name(notebook: Path) -> str:
    """The path of a notebook's page in the site, without its ending."""
    return notebook.resolve().relative_to(ROOT).with_suffix("").as_posix()


def page_name(notebook: Path) -> str:
    """The short name of a notebook's page."""
    return path_name(notebook).removeprefix("book/")


class Tab:
    """A page with a worker in it; used with `with`.

    Args:
        browser: a running browser.
        pieces: the folder of the pieces.

    Attributes:
        requests: the addresses that the page and its worker asked for.
    """

    def __init__(self, browser: Any, pieces: Path = tab_pieces.PIECES) -> None:
        self._browser, self._pieces = browser, pieces
        self._closing = ExitStack()
        self._is_lost = False  # the worker failed or hangs; before the next notebook there is another one
        self.requests: list[str] = []

    def __enter__(self) -> Tab:
        with self._closing as opened:
            address = opened.enter_context(serve(self._pieces))
            self._context = self._browser.new_context()
            opened.callback(self._context.close)
            self._context.on("request", lambda request: self.requests.append(request.url))
            self._page = self._context.new_page()
            self._page.goto(address)
            self.start()
            self._closing = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def start(self) -> float:
        """Start a new worker; return after how many seconds it was ready."""
        self._page.evaluate("begin()")
        self._is_lost = False
        began = time.perf_counter()
        self.ask({"type": "start", "base": self._page.url + "tab/"}, START_S)
        return time.perf_counter() - began

    def ask(self, question: dict[str, Any], seconds: float = CELL_S) -> dict[str, Any]:
        """What the worker answers; a notebook is opened in a new one, if the last question was too much.

        Raises:
            NoBrowser: it failed, or did not answer in time.
        """
        from playwright.sync_api import Error

        if self._is_lost and question["type"] == "open":
            self.start()
        try:
            answer: dict[str, Any] = self._page.evaluate("([q, s]) => ask(q, s)", [question, seconds])
        except Error as error:
            self._is_lost = True
            raise NoBrowser(error.message.partition("\n")[0].removeprefix("Page.evaluate: Error: ")) from None
        return answer

    def run(self, path: Path, *, check_tags: bool = True, seconds: float = PAGE_S) -> Page:
        """Run a notebook's cells in order, those that need nothing.

        A cell that Python does not survive, or that has no answer in time, is the last one of its page.

        Args:
            path: the notebook.
            check_tags: run the tagged cells in the end, to see that they fail.
            seconds: how long all of it may take.
        """
        notebook = json.loads(path.read_text("utf8"))
        stored = {cell["id"]: cell for cell in notebook["cells"] if cell["cell_type"] == "code"}
        page = Page(page_name(path))
        question = {"type": "open", "notebook": json.dumps(notebook), "page": path_name(path)}
        opened = self.ask(question)["cells"]
        began = time.monotonic()
        for cell in opened:
            tags = stored[cell["id"]]["metadata"].get("tags", [])
            page.cells.append(Cell(cell["id"], cell["needs"], any(t.startswith("needs-") for t in tags)))
        for cell in page.cells:
            if not cell.needs:
                self._run_cell(page, cell, stored[cell.name], began + seconds)
        page.seconds = time.monotonic() - began
        if check_tags and not page.lost:
            tagged = [stored[cell.name] for cell in page.cells if cell.is_tagged]
            page.idle_tags = self._idle(tagged, began + seconds)
        return page

    def _run_cell(self, page: Page, cell: Cell, stored: dict[str, Any], end: float) -> None:
        if page.lost:
            cell.is_same, cell.difference = False, f"not run, since {page.lost}"
            return
        question = {"type": "run", "id": cell.name, "source": "".join(stored["source"])}
        try:
            result = self.ask(question, _left(end))
        except NoBrowser as why:
            cell.is_same, cell.difference = False, str(why)
            page.lost = f"the page ended with {cell.name}"
            return
        cell.is_same, cell.seconds = bool(result["same"]), result["seconds"]
        if not cell.is_same:
            cell.difference = first_difference(stored["outputs"], result["outputs"])

    def _idle(self, tagged: list[dict[str, Any]], end: float) -> list[str]:
        """The tagged cells that raise nothing, when they are run after all others.

        One that has no answer in time does not run here, and those after it are not tried.
        """
        idle = []
        for stored in tagged:
            source = "".join(stored["source"])
            question = {"type": "run", "id": stored["id"], "source": source, "force": True}
            try:
                result = self.ask(question, _left(end))
            except NoBrowser:
                break
            if result["error"] is None:
                idle.append(stored["id"])
        return idle


def _left(end: float) -> float:
    """How long the next cell may take, if its page must be done at a time."""
    return max(0.1, min(CELL_S, end - time.monotonic()))


def first_difference(stored: list[dict[str, Any]], given: list[dict[str, Any]]) -> str:
    """Where some outputs leave the stored ones: a line."""
    errors = [output for output in given if output["output_type"] == "error"]
    if errors and not any(output["output_type"] == "error" for output in stored):
        return f"{errors[0]['ename']}: {errors[0]['evalue']}".partition("\n")[0]
    want, got = (" ".join(_text(output) for output in outputs) for outputs in (stored, given))
    at = next(
        (i for i, (a, b) in enumerate(zip(want, got, strict=False)) if a != b), min(len(want), len(got))
    )
    begin = max(0, at - EXCERPT // 3)
    return f"want {want[begin : begin + EXCERPT]!r}, got {got[begin : begin + EXCERPT]!r}"


def _text(output: dict[str, Any]) -> str:
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    parts = [output["text"]] if "text" in output else list(output["data"].values())
    return " ".join("".join(part) for part in parts)


@contextmanager
def serve(pieces: Path) -> Iterator[str]:
    """Serve the client, the worker's files and the pieces on a port of this machine: the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            name = path.partition("?")[0].removeprefix("/tab/")
            below = name.removeprefix("pieces/")
            return str(pieces / below if below != name else SOURCES / name)

        def do_GET(self) -> None:
            if self.path != "/":
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(CLIENT.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
