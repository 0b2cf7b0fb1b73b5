"""A reader's functions as a readable module of their own, and back.

A kept function must work without the notebook that it was written in, so what it refers to goes with it:
imports as import statements, constants and helper functions as the reader wrote them. What it refers to is
read from its source (Python's own symbol tables), where that came from is looked up in the cells that were
run. The text is executed in a fresh namespace before it is written anywhere; the caller checks the
functions that come out of it.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import os
import symtable
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = "my_peer"


class CannotKeep(Exception):
    """A function cannot be written down so that it works elsewhere; the message says why."""


def home() -> Path:
    """Where kept functions lie: P2PLIB_LABS_HOME, or `my_peer` beside the notebook."""
    return Path(os.environ.get("P2PLIB_LABS_HOME") or FOLDER)


def module_text(title: str, functions: Mapping[str, Callable[..., Any]]) -> str:
    """The source of a module that holds some functions and all that they need.

    Args:
        title: the module's docstring.
        functions: by the names under which they are to be found.

    Raises:
        CannotKeep: one of them refers to something that cannot be written down.
    """
    gatherer = _Gatherer()
    for name, function in functions.items():
        gatherer.definition(name, function)
    parts = ['"""' + title + '"""', "from __future__ import annotations"]
    if gatherer.imports:
        parts.append("\n".join(sorted(gatherer.imports, key=lambda line: (line.startswith("from"), line))))
    return "\n\n".join([*parts, *gatherer.blocks]) + "\n"


def load(text: str, room: str, where: str) -> dict[str, Any]:
    """Execute a module's text in a namespace that holds nothing else.

    Args:
        text: the module's source.
        room: names the module (`my_peer.identity`).
        where: its file, for tracebacks and for showing its source.

    Returns:
        The names that it defines. Raises whatever the text raises.
    """
    module = types.ModuleType(f"{FOLDER}.{room}")
    module.__file__ = where
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    linecache.cache[where] = (len(text), None, text.splitlines(keepends=True), where)
    exec(compile(text, where, "exec"), module.__dict__)
    return module.__dict__


def write(path: Path, text: str) -> None:
    """Write a file in one step, so that a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)


class _Gatherer:
    """Collects the lines of the module: imports, then blocks, each after what it needs."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.blocks: list[str] = []
        self.seen: set[str] = set()

    def definition(self, name: str, thing: Any) -> None:
        """A function or class that the reader wrote, under a name, with what it needs before it."""
        source, namespace = _source(name, thing)
        own = ast.parse(source).body[0]
        if not isinstance(own, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            raise CannotKeep(f"{name} is not written with def or class")
        if own.name not in self.seen:
            self.seen.add(own.name)
            self._needs(source, namespace)
            self.blocks.append("\n" + source)
        if own.name != name and name not in self.seen:
            self.seen.add(name)
            self.blocks.append(f"{name} = {own.name}")

    def _needs(self, source: str, namespace: dict[str, Any]) -> None:
        required = free_names(_without_annotations(source))
        for name in sorted(free_names(source)):
            if name in self.seen or (name not in namespace and hasattr(builtins, name)):
                continue
            if name in namespace:
                try:
                    self._global(name, namespace[name], source, namespace)
                except CannotKeep:
                    if name in required:  # a name in an annotation alone may stay unknown
                        raise
            elif name in required:
                raise CannotKeep(f"it uses {name}, which this notebook does not define")

    def _global(self, name: str, value: Any, source: str, namespace: dict[str, Any]) -> None:
        own_module = namespace.get("__name__")
        if (statement := _import_of(name, value, namespace)) is not None:
            self.imports.add(statement)
        elif isinstance(value, types.ModuleType):
            self._import_module(name, value, source)
        elif (
            callable(value)
            and getattr(value, "__module__", None) == own_module
            and hasattr(value, "__qualname__")
        ):
            self.definition(name, value)
        elif (statement := _importable(name, value)) is not None:
            self.imports.add(statement)
        else:
            self._constant(name, value, namespace)

    def _import_module(self, name: str, module: types.ModuleType, source: str) -> None:
        real = module.__name__
        self.imports.add(f"import {real}" if real == name else f"import {real} as {name}")
        if real != name:
            return
        for node in ast.walk(
            ast.parse(source)
        ):  # concurrent.futures.wait(...) needs `import concurrent.futures`
            chain = ast.unparse(node).split(".") if isinstance(node, ast.Attribute) else []
            if (
                len(chain) > 1
                and chain[0] == name
                and isinstance(sys.modules.get(".".join(chain)), types.ModuleType)
            ):
                self.imports.add(f"import {'.'.join(chain)}")

    def _constant(self, name: str, value: Any, namespace: dict[str, Any]) -> None:
        """The assignment as written, if it gives the same value again; else the value spelled out."""
        if name in self.seen:
            return
        self.seen.add(name)
        statement = _binding(name, namespace)
        if statement is not None and _gives(statement, name, value, namespace):
            self._needs(statement, namespace)
            self.blocks.append(statement)
            return
        try:
            spelled = repr(value)
            is_spelled = bool(ast.literal_eval(spelled) == value)
        except Exception:
            is_spelled = False
        if not is_spelled:
            raise CannotKeep(
                f"it uses {name}, which cannot be written down; make it an argument or build it inside"
            )
        self.blocks.append(f"{name} = {spelled}")


def free_names(source: str) -> set[str]:
    """The names that some source looks up outside itself (builtins included)."""
    top = symtable.symtable(source, "<kept>", "exec")
    found = {s.get_name() for s in top.get_symbols() if s.is_referenced() and not s.is_assigned()}
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned()}
    inner = list(top.get_children())
    while inner:
        table = inner.pop()
        inner.extend(table.get_children())
        found |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return found - defined


def _without_annotations(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant("")
    return ast.unparse(tree)


def _source(name: str, thing: Any) -> tuple[str, dict[str, Any]]:
    """The source of a function or class, and the namespace that it was written in."""
    bare = inspect.unwrap(thing)
    namespace = getattr(bare, "__globals__", None) or vars(sys.modules[bare.__module__])
    try:
        if inspect.isclass(bare) and not namespace.get("__file__"):
            # A notebook's classes know no file: the last executed cell that defines one is it.
            statement = _class_statement(bare.__name__, namespace)
            if statement is None:
                raise OSError
            return statement, namespace
        return textwrap.dedent(inspect.getsource(bare)).rstrip(), namespace
    except (OSError, TypeError, IndentationError):
        raise CannotKeep(f"the source of {name} is not known; run its cell again") from None


def _cells(namespace: dict[str, Any]) -> Iterator[ast.Module]:
    """The sources that ran in a namespace, the last one first: a notebook's cells, or a module's file."""
    file = namespace.get("__file__")
    if isinstance(file, str):
        sources = ["".join(linecache.getlines(file))]
    else:
        # IPython leaves each executed cell in linecache, in order, without a time of modification.
        sources = [
            "".join(entry[2]) for entry in linecache.cache.values() if len(entry) == 4 and entry[1] is None
        ]
    for text in reversed(sources):
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in tree.body:
            node.text = ast.get_source_segment(text, node) or ""  # type: ignore[attr-defined]
            decorators = getattr(node, "decorator_list", [])
            if decorators:  # a source segment begins at `def`, not at the decorator above it
                lines = text.splitlines(keepends=True)[decorators[0].lineno - 1 : node.end_lineno]
                node.text = "".join(lines).rstrip()  # type: ignore[attr-defined]
        yield tree


def _binding(name: str, namespace: dict[str, Any]) -> str | None:
    """The last executed statement at the top of a cell that bound a name by assignment, def or class."""
    for tree in _cells(namespace):
        for node in reversed(tree.body):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                targets = [node.target]
            names = {t.id for t in targets if isinstance(t, ast.Name)} | {getattr(node, "name", None)}
            if name in names:
                return str(node.text)  # type: ignore[attr-defined]
    return None


def _class_statement(name: str, namespace: dict[str, Any]) -> str | None:
    """The last executed statement that defined a class; `Name = check("Name", Name)` only binds it again."""
    for tree in _cells(namespace):
        for node in reversed(tree.body):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return str(node.text)  # type: ignore[attr-defined]
    return None


def _import_of(name: str, value: Any, namespace: dict[str, Any]) -> str | None:
    """The import that bound a name, cut down to that name."""
    for tree in _cells(namespace):
        for node in reversed(tree.body):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    real = getattr(sys.modules.get(node.module), alias.name, None)
                    if name == (alias.asname or alias.name) and real is value:
                        return f"from {node.module} import {ast.unparse(alias)}"
    return None


def _importable(name: str, value: Any) -> str | None:
    """An import that gives a value, for what came by another road than an import statement."""
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or module in ("__main__", "builtins"):
        return None
    if getattr(sys.modules.get(module), path, None) is not value:
        return None
    return f"from {module} import {path}" + ("" if path == name else f" as {name}")


def _gives(statement: str, name: str, value: Any, namespace: dict[str, Any]) -> bool:
    """Whether a statement, run again, binds a name to an equal value (a freshly drawn key is not)."""
    again = dict(namespace)
    try:
        exec(compile(statement, "<kept>", "exec"), again)
        return bool(again[name] == value)
    except Exception:
        return False
