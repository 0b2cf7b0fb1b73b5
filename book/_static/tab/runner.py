"""The cells of one notebook, run in the worker of a reader's tab: what a kernel does, for one page.

`open_notebook(text, page, kept)` takes the page's notebook, `await run(id, source)` runs a text as one of its
cells, and `redraw(figure, values)` computes one more frame of a control. All of them take and give JSON,
because that is what a worker can pass on; `worker.mjs` says what for.

A cell's outputs have nbformat's form. They are compared with the stored ones as these were brought into their
lasting form: the pieces of a stream joined, and of an error its kind and its words; byte for byte.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import inspect
import io
import json
import linecache
import os
import pprint
import shutil
import sys
import time
import traceback
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from needs import harmless, needs, sentence

MOST_CHARACTERS = 1_000_000  # of a cell's streams; a page does not become readable by more
HOME = Path.home() / "handbook"  # of the notebooks
BESIDE = Path(__file__).parent / "beside"  # the files that they read, each by its place in the handbook
KEPT = "my_peer"  # the folder, beside a notebook, of the functions that a lab kept
OWN = ("p2plib", "my_peer")  # whose modules are imported afresh for each notebook, as in a new kernel
CELLS = "/ipykernel/"  # of the cells' files, so that the library knows them for a notebook's
LACKING = {"numpy", "matplotlib", "cryptography"}  # a changed cell that fails for one of these is told why

_page: _Page | None = None


class _Stream(io.TextIOBase):
    """What a cell prints, up to a limit."""

    def __init__(self, name: str, outputs: list[dict[str, Any]]) -> None:
        super().__init__()
        self._name, self._outputs = name, outputs
        self._pieces: list[str] = []
        self._room, self._left_out = MOST_CHARACTERS, 0

    def writable(self) -> bool:
        """It takes text."""
        return True

    def write(self, text: str) -> int:
        """Keep a text, as far as there is room."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not self._pieces and text:
            self._outputs.append({"output_type": "stream", "name": self._name, "text": self._pieces})
        kept = text[: self._room]
        self._room -= len(kept)
        self._left_out += len(text) - len(kept)
        if kept:
            self._pieces.append(kept)
        return len(text)

    def end(self) -> None:
        """Make one text of the pieces."""
        for output in self._outputs:
            if output.get("text") is self._pieces:
                rest = f"\n... and {self._left_out:,} more characters\n" if self._left_out else ""
                output["text"] = "".join(self._pieces) + rest


class _Page:
    """An open notebook.

    Args:
        notebook: as nbformat stores it.
    """

    def __init__(self, notebook: Mapping[str, Any]) -> None:
        self.code = {cell["id"]: cell for cell in notebook["cells"] if cell["cell_type"] == "code"}
        self.needs = needs(notebook["cells"])
        self.controls: dict[str, Any] = {}
        self._prepared: set[str] = set()
        self.runs = 0
        self.main = types.ModuleType("__main__")
        self.main.__dict__.update(__builtins__=builtins, display=self.display)
        self._outputs: list[dict[str, Any]] = []

    def lacks(self, name: str, source: str) -> str:
        """Why a cell is not run, in a sentence; empty if it is."""
        cell = self.code.get(name)
        if cell is None or source != _joined(cell["source"]) or not self.needs[name]:
            return ""
        by_itself = any(tag.startswith("needs-") for tag in cell["metadata"].get("tags", []))
        return sentence(self.needs[name], by_itself=by_itself)

    def prepare(self, name: str) -> None:
        """Run what is harmless of the cells that are left out, up to one of the cells."""
        for before, cell in self.code.items():
            if self.needs[before] and before not in self._prepared:
                self._prepared.add(before)
                file, source = f"{CELLS}<cell {before}>", _joined(cell["source"])
                linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
                for statement in harmless(source):
                    with contextlib.suppress(
                        Exception
                    ):  # whoever uses its names needs the same, and is left out
                        exec(compile(ast.Module([statement], []), file, "exec"), self.main.__dict__)
            if before == name:
                break

    async def run(self, name: str, source: str) -> tuple[list[dict[str, Any]], BaseException | None]:
        """Run a text as one of the cells: its outputs, and what it raised."""
        self.runs += 1
        outputs: list[dict[str, Any]] = []
        self._outputs = outputs
        streams = _Stream("stdout", outputs), _Stream("stderr", outputs)
        again = "" if self.runs <= len(self.code) else f", run {self.runs}"
        file = f"{CELLS}<cell {name}{again}>"
        linecache.cache.pop(file, None)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        raised = None
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            try:
                value = await self._execute(source, file)
                if value is not None:
                    self.display(value, kind="execute_result")
            except BaseException as error:
                raised = error
                outputs.append(_error(error, file))
        for stream in streams:
            stream.end()
        return outputs, raised

    async def _execute(self, source: str, file: str) -> Any:
        """Run the statements; return the value of the last one, if it is an expression."""
        try:
            tree = ast.parse(source, file)
        except SyntaxError as error:
            if source.lstrip().startswith(("%", "!")):
                error.msg = "a page runs Python alone, without commands that begin with % or !"
            raise
        last = None
        if tree.body and isinstance(end := tree.body[-1], ast.Expr):
            last = ast.Expression(end.value)
            del tree.body[-1]
        value = None
        for part, mode in ((tree, "exec"), (last, "eval")):
            if part is not None:
                code = compile(part, file, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                value = eval(code, self.main.__dict__)
                if code.co_flags & inspect.CO_COROUTINE:
                    value = await value
        return value if last is not None else None

    def display(self, *values: Any, kind: str = "display_data") -> None:
        """Show values as a notebook does: as HTML, a picture or Markdown if they can be, and as text."""
        for value in values:
            data, metadata = _bundle(value)
            output: dict[str, Any] = {"output_type": kind, "data": data, "metadata": metadata}
            if kind == "execute_result":
                output["execution_count"] = None
            if callable(getattr(value, "redrawn", None)):
                output["figure"] = f"figure-{len(self.controls)}"
                self.controls[output["figure"]] = value
            self._outputs.append(output)


def open_notebook(text: str, page: str = "", kept: str = "{}") -> str:
    """Take a notebook, and forget the one before it.

    Args:
        text: the notebook's JSON.
        page: its path without ending, such as "book/topology/chord": it is run in a folder like its own.
        kept: JSON: the files that labs kept, by their names in `my_peer`.

    Returns:
        JSON: each code cell's id, and what it needs that a browser lacks.
    """
    global _page
    _as_new(HOME / Path(page).parent, json.loads(kept))
    _page = _Page(json.loads(text))
    sys.modules["__main__"] = _page.main
    return json.dumps([{"id": name, "needs": needed} for name, needed in _page.needs.items()])


async def run(name: str, source: str, is_forced: bool = False) -> str:
    """Run a text as one of the notebook's cells.

    Args:
        name: the cell's id.
        source: what to run in its place.
        is_forced: run it whatever it needs.

    Returns:
        JSON: the fields of a `result`.
    """
    page = _opened()
    page.prepare(name)
    if not is_forced and (lacks := page.lacks(name, source)):
        return json.dumps(
            {"outputs": [], "same": None, "error": None, "seconds": 0, "lacks": lacks}, ensure_ascii=False
        )
    before, start = _kept(), time.perf_counter()
    outputs, raised = await page.run(name, source)
    seconds = time.perf_counter() - start
    cell = page.code.get(name)
    is_stored = cell is not None and source == _joined(cell["source"])
    same = settled(outputs) == settled(page.code[name]["outputs"]) if is_stored else None
    result: dict[str, Any] = {
        "outputs": [_marked(output) for output in outputs],
        "same": same,
        "error": None if raised is None else type(raised).__name__,
        "seconds": round(seconds, 3),
        "lacks": _missing(raised),
    }
    if (after := _kept()) != before:
        result["kept"] = after
    return json.dumps(result, ensure_ascii=False)


def redraw(figure: str, values: str) -> str:
    """Compute one frame of a control.

    Args:
        figure: the number that the control got when its cell was run.
        values: JSON: the value of each knob, by its name.

    Returns:
        JSON: the frame's `html` and its `words`, or an `error`.
    """
    control = _opened().controls.get(figure)
    if control is None:
        return json.dumps({"error": "The cell of this figure has not been run yet."})
    try:
        html, words = control.redrawn(json.loads(values))
    except Exception as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"}, ensure_ascii=False)
    return json.dumps({"html": html, "words": words}, ensure_ascii=False)


def _kept() -> dict[str, str]:
    """What lies in `my_peer`, each file by its name."""
    folder = Path(os.environ["P2PLIB_LABS_HOME"])
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {file.relative_to(folder).as_posix(): file.read_text("utf8", "replace") for file in files}


def settled(outputs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Outputs as they are compared: a stream in one piece, texts whole, of an error its kind and words."""
    streams: dict[str, str] = {}
    found: list[tuple[Any, ...]] = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            name = output["name"]
            if name not in streams:
                found.append((kind, name))
            streams[name] = streams.get(name, "") + _joined(output["text"])
        elif kind == "error":
            found.append((kind, output["ename"], output["evalue"]))
        else:
            found.append((kind, {mime: _joined(data) for mime, data in output["data"].items()}))
    return [(*one, streams[one[1]]) if one[0] == "stream" else one for one in found]


def _opened() -> _Page:
    if _page is None:
        raise RuntimeError("no notebook is open")
    return _page


def _as_new(folder: Path, kept: Mapping[str, str]) -> None:
    """Bring the interpreter as near to a new kernel as can be without starting it again.

    Args:
        folder: where the notebook runs.
        kept: the files of its `my_peer`; where there are none, there is no such folder.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
    for name in [name for name in linecache.cache if name.startswith(CELLS)]:
        del linecache.cache[name]
    os.chdir("/")
    shutil.rmtree(HOME, ignore_errors=True)
    if BESIDE.exists():
        shutil.copytree(BESIDE, HOME)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for name, text in kept.items():
        file = folder / KEPT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf8")
    os.environ["P2PLIB_LABS_HOME"] = str(folder / KEPT)
    with contextlib.suppress(RuntimeError):
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def _joined(text: Any) -> Any:
    return "".join(text) if isinstance(text, list) else text


def _bundle(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A value in all forms in which it can show itself, and what is said about them."""
    if hasattr(type(value), "_repr_mimebundle_"):
        bundle = value._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return dict(data), dict(metadata)
    data = {"text/plain": _plain(value)}
    for name, mime in (
        ("_repr_html_", "text/html"),
        ("_repr_markdown_", "text/markdown"),
        ("_repr_svg_", "image/svg+xml"),
    ):
        shown = getattr(value, name)() if hasattr(type(value), name) else None
        if shown is not None:
            data[mime] = shown
    return data, {}


def _plain(value: Any) -> str:
    """A value as text, on several lines if it is a long collection."""
    return pprint.pformat(value, width=79, sort_dicts=False, compact=False)


def _error(error: BaseException, file: str) -> dict[str, Any]:
    """An exception as an output; its traceback has the reader's own lines, and not those of the library."""
    name, said = type(error).__name__, str(error)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(CELLS)]
    lines = "".join(traceback.format_list(own)).splitlines()
    if isinstance(error, SyntaxError) and error.filename == file:
        lines = "".join(traceback.format_exception_only(error)).splitlines()[:-1]
    said = said.replace(CELLS, "")
    lines = [line.replace(f'"{CELLS}', '"') for line in lines]
    return {"output_type": "error", "ename": name, "evalue": said, "traceback": [*lines, f"{name}: {said}"]}


def _marked(output: dict[str, Any]) -> dict[str, Any]:
    """An output with the number of its control in its HTML, by which the page asks for another frame."""
    if (number := output.pop("figure", None)) is None:
        return output
    html = output["data"]["text/html"].replace("<figure ", f'<figure data-figure="{number}" ', 1)
    return {**output, "data": {**output["data"], "text/html": html}}


def _missing(raised: BaseException | None) -> str | None:
    """One sentence, if a cell failed for a package that a browser lacks."""
    lost: list[str] = []
    if isinstance(raised, ModuleNotFoundError) and (raised.name or "").partition(".")[0] in LACKING:
        lost = [str(raised.name).partition(".")[0]]
    return sentence(lost, by_itself=True).partition(", so ")[0] + "." if lost else None
