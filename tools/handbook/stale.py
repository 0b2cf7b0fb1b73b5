"""Which notebooks are no longer what their text and the library would give, and why; nothing is run.

A notebook carries in `metadata.handbook.digest` what it was made from:

    text        the author's text, and the titles that its card quotes
    cells       the cells as they were made, so that an edit by hand is seen
    library     every module of p2plib that its code imports, directly or not, each with its bytes' digest
    format      this tool's own version
    matplotlib  the version that drew its plots

`library` is one line of `module:digest` words, so that a change shows as one changed line and still says
which module it was. Bytes are taken with line ends as LF. Nothing in a digest depends on a path, on the
system or on the Python that computes it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path
from typing import Any

from . import source

FORMAT = 1  # raise it when the same text would give other cells or outputs
LIBRARY = "p2plib"


def digest(*parts: str) -> str:
    """Sixteen hex digits for some text; the parts' borders count."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def expected(product: source.Product) -> dict[str, str]:
    """The parts of a digest that can be known without the notebook's cells."""
    front = source.front_matter(product.root, product.text)
    titles = [source.title_of(source.text_of(product.root, need)) for need in front.needs]
    return {
        "text": digest(product.kind, source.read_text(product.text), *titles),
        "format": str(FORMAT),
        "matplotlib": matplotlib_version(),
    }


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


def reasons(product: source.Product) -> list[str]:
    """Why a notebook must be made again; empty if it need not.

    Raises:
        TextError: the text's front matter breaks a rule.
    """
    want = expected(product)
    if not product.target.exists():
        return ["it was never made"]
    try:
        notebook = json.loads(product.target.read_text("utf-8"))
        have = notebook["metadata"]["handbook"]["digest"]
        cells = notebook["cells"]
        found = []
        if have["text"] != want["text"]:
            found.append("its text changed")
        if have["format"] != want["format"]:
            found.append(f"made in format {have['format']}, now {want['format']}")
        if have["matplotlib"] != want["matplotlib"]:
            found.append(f"drawn by matplotlib {have['matplotlib']}, installed is {want['matplotlib']}")
        if have["cells"] != cells_digest(cells):
            found.append("its cells were edited by hand")
        elif changed := _changed_modules(have["library"], library(product.root, cells)):
            found.append("changed: " + ", ".join(changed))
        counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
        if counts != list(range(1, len(counts) + 1)):
            found.append("not every cell was run, in order")
    except (ValueError, KeyError, TypeError):
        return ["it is not a notebook that this tool made"]
    return found


def orphans(root: Path) -> list[Path]:
    """Notebooks that this tool made and whose text is gone."""
    wanted = {product.target for product in source.products(root)}
    there = sorted({*(root / "book").rglob("*.ipynb"), *(root / "labs").rglob("*.ipynb")} - wanted)
    return [p for p in there if ".ipynb_checkpoints" not in p.parts and '"handbook"' in p.read_text("utf-8")]


def library(root: Path, cells: list[dict[str, Any]]) -> str:
    """The modules behind some cells, as `module:digest` words in alphabetical order."""
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    todo = [name for text in code for name in _imported(root, _parse_cell(text), package="")]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(_imports_of_module(root, name))
    return " ".join(f"{name}:{_module_digest(root, name)}" for name in sorted(seen))


def _changed_modules(have: str, now: str) -> list[str]:
    before, after = (
        dict(word.split(":") for word in have.split()),
        dict(word.split(":") for word in now.split()),
    )
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _parse_cell(text: str) -> ast.AST:
    """A cell's syntax; lines that only IPython understands (%magic, !command) are left out."""
    try:
        return ast.parse(text)
    except SyntaxError:
        kept = [line for line in text.split("\n") if not line.lstrip().startswith(("%", "!"))]
        try:
            return ast.parse("\n".join(kept))
        except SyntaxError:
            return ast.Module(body=[], type_ignores=[])  # a cell that is meant to fail


def _module_file(root: Path, name: str) -> Path | None:
    """The file of a module of the library; None if there is no such module."""
    base = root.joinpath(*name.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    # A folder without __init__.py is a package too (a namespace), but it has no code of its own.
    return None


@cache
def _module_digest(root: Path, name: str) -> str:
    path = _module_file(root, name)
    assert path is not None, "only existing modules are collected"
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:8]


@cache
def _imports_of_module(root: Path, name: str) -> tuple[str, ...]:
    path = _module_file(root, name)
    assert path is not None, "only existing modules are collected"
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(_imported(root, ast.parse(path.read_bytes()), package))


def _imported(root: Path, tree: ast.AST, package: str) -> list[str]:
    """The library's modules that some code imports anywhere in it, with the packages they lie in."""
    found: list[str] = []
    for node in _running(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # `from p2plib import figures` imports a module, `from p2plib.errors import DecodeError` a name in
            # one: both readings are tried, and what is not a file falls out below.
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    whole = [name.split(".") for name in found if name.split(".")[0] == LIBRARY]
    prefixes = {".".join(parts[: n + 1]) for parts in whole for n in range(len(parts))}
    return sorted(name for name in prefixes if _module_file(root, name) is not None)


def _running(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`, which never run."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        found.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            todo.extend(node.orelse)
        else:
            todo.extend(ast.iter_child_nodes(node))
    return found
