"""What a Python program does, as a digest: comments, docstrings and layout do not count.

The syntax tree is written out by a walk of our own, because `ast.dump` says the same thing differently from
one Python to the next. Left out is what cannot change a run: positions, docstrings and other strings that
stand alone, types in comments, and what only a type checker reads (`if TYPE_CHECKING:`).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterator
from typing import Any

DIGITS = 8  # of a digest: a notebook stands on a hundred modules, and nobody forges them
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_IGNORED = ("ctx", "kind", "type_comment", "type_ignores")


def parse(text: str) -> ast.Module:
    """The syntax of what a text does when it runs.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = ast.parse(text)
    todo: list[ast.AST] = [tree]
    while todo:  # blocks only: no statement stands inside an expression
        node = todo.pop()
        for field in _BLOCKS:
            block = getattr(node, field, None)
            if isinstance(block, list):  # the body of a lambda is an expression
                block = list(_running(block))
                setattr(node, field, block)
                todo += block
    return tree


def digest(tree: ast.Module, without: Collection[str] = ()) -> str:
    """Some hex digits for what a module does, the same under every Python that can read it.

    Args:
        tree: what `parse` gave.
        without: names whose assignments at the module's top do not count.
    """
    words: list[str] = []
    for statement in tree.body:
        if without and isinstance(statement, ast.Assign | ast.AnnAssign) and assigned(statement) in without:
            continue
        _write(statement, words)
    return text_digest("\n".join(words))


def text_digest(text: str) -> str:
    """As many hex digits for some text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def assigned(statement: ast.Assign | ast.AnnAssign) -> str | None:
    """The one name that a statement assigns to; None if it is not one plain name."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None


def _running(block: list[Any]) -> Iterator[Any]:
    """The statements of a block that do something when it runs."""
    for statement in block:
        if isinstance(statement, ast.If) and _is_for_type_checkers(statement.test):
            yield from _running(statement.orelse)
        elif not _is_lone_string(statement):
            yield statement


def _is_for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _is_lone_string(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _write(value: Any, words: list[str]) -> None:
    """Write a node, a list or a plain value, each so that no two different ones look alike."""
    if isinstance(value, ast.Constant):
        words.append(_plain(value.value))
    elif isinstance(value, ast.AST):
        words.append(f"({type(value).__name__}")
        for field in value._fields:
            inside = getattr(value, field, None)
            if isinstance(value, ast.JoinedStr) and isinstance(inside, list):
                inside = [part for part in inside if getattr(part, "value", None) != ""]
            # What is empty is left out: where it stands in a tree differs from one Python to the next.
            if inside is not None and inside != [] and field not in _IGNORED:
                words.append(field)
                _write(inside, words)
        words.append(")")
    elif isinstance(value, list):
        words.append("[")
        for one in value:  # a default that is not there is not the default None, and {**x} not {None: x}
            words.append("nothing") if one is None else _write(one, words)
        words.append("]")
    else:
        words.append(_plain(value))


def _plain(value: Any) -> str:
    # ascii() and not repr(): which characters can be printed differs from one Python to the next. And a long
    # number has no decimal digits without asking for them.
    return f"int {value:x}" if type(value) is int else f"{type(value).__name__} {value!a}"
