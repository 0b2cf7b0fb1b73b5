"""Mutants: the solved cells of a lab's text, each with one thing changed. A check must refuse them all.

`answers` reads the solutions out of `labs/src`, so what is mutated is what the solved notebook holds; `but`
changes one thing by hand, and `mutants` all that a machine can think of: a comparison turned round, a number
off by one, a condition always true, a line left out.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from typing import Any

from tests.conftest import ROOT

CELL = re.compile(r"```\{code-cell\} ipython3\n:task: (\w+)\n(.*?)```", re.DOTALL)
MARKS = re.compile(r" *### (?:BEGIN|END) SOLUTION\n")


def answers(notebook: str) -> dict[str, str]:
    """The solved cell of each task in a lab's text, without the marks."""
    text = (ROOT / "labs" / "src" / f"{notebook}.md").read_text("utf-8")
    return {name: MARKS.sub("", cell) for name, cell in CELL.findall(text)}


def but(source: str, *changes: str) -> str:
    """A cell with some things changed: old, new, old, new, and so on."""
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in source, f"{old!r} is no part of the cell any more"
        source = source.replace(old, new)
    return source


_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.Sub,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Pow: ast.Mult,
}  # fmt: skip
_NAMED = {"min": "max", "max": "min", "sorted": "list", "any": "all", "all": "any"}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every mutant of a cell: what was changed, and the cell."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        for number in range(len(list(_changes(node)))):
            changed = copy.deepcopy(tree)
            twin = next(other for at, other in enumerate(ast.walk(changed)) if at == place)
            name, value, what = list(_changes(twin))[number]
            setattr(twin, name, value)
            line = ast.unparse(node).splitlines()[0].strip()
            yield (
                f"line {getattr(node, 'lineno', 0)}: {what} in {line}",
                ast.unparse(ast.fix_missing_locations(changed)),
            )


Change = tuple[str, Any, str]  # which attribute of a node, its other value, and that in words


def _changes(node: ast.AST) -> Iterator[Change]:
    """All ways to change one node."""
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                if type(op) in _COMPARED:
                    yield "ops", [*ops[:at], _COMPARED[type(op)](), *ops[at + 1 :]], "compares otherwise"
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator):
            if type(operator) in _COUNTED:
                yield "op", _COUNTED[type(operator)](), "counts otherwise"
        case ast.BoolOp(op=joint):
            yield "op", ast.Or() if isinstance(joint, ast.And) else ast.And(), "and for or"
        case ast.UnaryOp(op=ast.Not()):
            yield "op", ast.UAdd(), "not left out"
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number):
            yield "value", number + 1, "+1 for a number"
            yield "value", number - 1, "-1 for a number"
        case ast.Constant(value=bytes() as raw) if raw:
            yield "value", b"", "no bytes"
        case ast.Name(id=name) if name in _NAMED:
            yield "id", _NAMED[name], f"{_NAMED[name]} for {name}"
        case ast.If() | ast.IfExp() | ast.While():
            yield "test", ast.Constant(True), "always True"
            yield "test", ast.Constant(False), "always False"
        case ast.comprehension(ifs=ifs) if ifs:
            yield "ifs", ifs[1:], "an if left out"
        case ast.Slice():
            for end in ("lower", "upper"):
                if getattr(node, end):
                    yield end, None, f"no {end} end"
    for block in ("body", "orelse", "finalbody"):
        lines = getattr(node, block, None)
        if isinstance(lines, list):
            yield from _shorter(block, lines)


_KEPT = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass


def _shorter(block: str, lines: list[ast.stmt]) -> Iterator[Change]:
    """A block of lines without one of them, for each of them."""
    for at, line in enumerate(lines):
        is_docstring = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        if not isinstance(line, _KEPT) and not is_docstring:
            without = [*lines[:at], ast.copy_location(ast.Pass(), line), *lines[at + 1 :]]
            yield block, without, f"leaves out {ast.unparse(line).splitlines()[0]!r}"
