"""Show the library's own source in a page, so that the text and the code cannot drift apart."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from typing import Any

from p2plib.errors import UsageError


class Source:
    """Source text that Jupyter and the book show as highlighted Python.

    Args:
        text: the source.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        fence = "```"
        while fence in self.text:
            fence += "`"
        return {"text/markdown": f"{fence}python\n{self.text}\n{fence}", "text/plain": self.text}


def show(obj: Any, *objs: Any, docstring: bool = True) -> Source:
    """The real source of functions, classes and methods, for the last line of a cell.

    Args:
        obj: a function, a class, a method (`RoutingTable.insert`) or a property of a class.
        objs: more of them, shown below one another.
        docstring: False leaves docstrings out, where the prose has said it already.

    Returns:
        An object that shows itself as Python, each piece under a comment that says where it lives.

    Raises:
        UsageError: there is no source to show, as for a value, a module or a built-in.

    Example:
        >>> show(keys.with_context)
    """
    return Source("\n\n\n".join(_piece(shown, docstring) for shown in (obj, *objs)))


def _piece(obj: Any, docstring: bool) -> str:
    target = obj
    if isinstance(target, property):
        target = target.fget
    elif isinstance(target, functools.cached_property):
        target = target.func
    target = inspect.unwrap(target) if callable(target) else target
    if inspect.ismodule(target):
        raise UsageError(
            f"show() is for one function or class at a time, not for the whole module {target.__name__}"
        )
    if not (inspect.isfunction(target) or inspect.isclass(target) or inspect.ismethod(target)):
        raise UsageError(
            f"show() needs a function, a class or a method; this is a {type(obj).__name__}, without one"
        )
    try:
        source = textwrap.dedent(inspect.getsource(target)).rstrip()
    except (OSError, TypeError) as error:
        raise UsageError(f"there is no Python source of {target.__qualname__}") from error
    if not docstring:
        source = _without_docstrings(source)
    if target.__module__ == "__main__":
        return source
    package = hasattr(sys.modules.get(target.__module__), "__path__")
    path = target.__module__.replace(".", "/") + ("/__init__.py" if package else ".py")
    return f"# {target.__qualname__}, in {path}\n{source}"


def _without_docstrings(source: str) -> str:
    lines = source.splitlines()
    documented = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and ast.get_docstring(node) is not None
    ]
    for node in sorted(
        documented, key=lambda node: -node.body[0].lineno
    ):  # from below, so that line numbers hold
        first, rest = node.body[0], node.body[1:]
        end = first.end_lineno or first.lineno
        while rest and not lines[end].strip():
            end += 1
        lines[first.lineno - 1 : end] = [] if rest else [" " * first.col_offset + "..."]
    return "\n".join(lines)
