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


_COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COUNTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.Sub,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Pow: ast.Mult,
}  # fmt: skip
_NAMED = {"min": "max", "max": "min", "sorted": "list", "any": "all", "all": "any"}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every mutant of a cell: what was changed, and the cell."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        for number in range(9):
            changed = copy.deepcopy(tree)
            twin = next(other for at, other in enumerate(ast.walk(changed)) if at == place)
            what = _change(twin, number)
            if what is None:
                break
            if what:
                line = f" in {ast.unparse(node).splitlines()[0].strip()}"
                yield (
                    f"line {getattr(node, 'lineno', 0)}: {what}{line}",
                    ast.unparse(ast.fix_missing_locations(changed)),
                )


def _change(node: ast.AST, number: int) -> str | None:
    """Change a node in the way of that number; None if there is none, "" if that way is to be skipped."""
    ways = _ways(node)
    return ways[number]() if number < len(ways) else None


def _ways(node: ast.AST) -> list:  # type: ignore[type-arg]
    ways = []
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        ways.append(
            lambda: _put(node, "ops", [_COMPARED[type(node.ops[0])](), *node.ops[1:]], "compares otherwise")
        )
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _COUNTED:
        ways.append(lambda: _put(node, "op", _COUNTED[type(node.op)](), "counts otherwise"))
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        ways.append(lambda: _put(node, "op", other, "and for or"))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        ways.append(lambda: _put(node, "op", ast.UAdd(), "not left out"))
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        ways += [lambda d=d: _put(node, "value", node.value + d, f"{d:+} for a number") for d in (1, -1)]
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and node.value:
        ways.append(lambda: _put(node, "value", b"", "no bytes"))
    if isinstance(node, ast.Name) and node.id in _NAMED:
        ways.append(lambda: _put(node, "id", _NAMED[node.id], f"{_NAMED[node.id]} for {node.id}"))
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        ways += [lambda v=v: _put(node, "test", ast.Constant(v), f"always {v}") for v in (True, False)]
    if isinstance(node, ast.comprehension) and node.ifs:
        ways.append(lambda: _put(node, "ifs", node.ifs[1:], "an if left out"))
    if isinstance(node, ast.Slice):
        ways += [
            lambda e=e: _put(node, e, None, f"no {e} end") for e in ("lower", "upper") if getattr(node, e)
        ]
    for name in ("body", "orelse", "finalbody"):
        lines = getattr(node, name, None)
        if isinstance(lines, list):
            ways += [
                lambda n=n, i=i: _leave_out(node, n, i) for n, i in ((name, i) for i in range(len(lines)))
            ]
    return ways


def _put(node: ast.AST, name: str, value: object, what: str) -> str:
    setattr(node, name, value)
    return what


def _leave_out(node: ast.AST, name: str, index: int) -> str:
    lines = getattr(node, name)
    line = lines[index]
    if isinstance(
        line, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass
    ):
        return ""
    if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
        return ""
    lines[index] = ast.copy_location(ast.Pass(), line)
    return f"leaves out {ast.unparse(line).splitlines()[0]!r}"
