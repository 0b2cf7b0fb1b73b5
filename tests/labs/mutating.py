"""Mutants: the solved cells of a lab's text, each with one thing changed. A check must refuse them all.

`answers` reads the solutions out of `labs/src`, so what is mutated is what the solved notebook holds; `but`
changes one thing by hand, and `mutants` all that a machine can think of. `within_steps` bounds a mutant: one
that goes round its loops far more often than the solution does is stopped, on any machine at the same place.
`tests.labs.mutants` is the tool that runs them.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator

from tests.conftest import ROOT
from tests.labs.kinds import changes

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


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every mutant of a cell: what was changed, and the cell.

    What was changed begins with the number of the line, up to ": ". The rest names a mutant as long as the
    line of the solution stays as it is; where two would have one name, the second one ends in " (2)".
    """
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    named: Counter[str] = Counter()
    made = {plain}
    for place, node in enumerate(_mutable(tree)):
        for number in range(len(list(changes(node)))):
            changed = copy.deepcopy(tree)
            twin = next(other for at, other in enumerate(_mutable(changed)) if at == place)
            what, change = list(changes(twin))[number]
            change()
            mutant = ast.unparse(ast.fix_missing_locations(changed))
            if mutant in made:  # two ways to the same cell, or a change that changes nothing
                continue
            made.add(mutant)
            name = f"{what} in {ast.unparse(node).splitlines()[0].strip()}"
            named[name] += 1
            again = f" ({named[name]})" if named[name] > 1 else ""
            yield f"line {getattr(node, 'lineno', 0)}: {name}{again}", mutant


def _mutable(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of what a reader writes, row by row as `ast.walk` gives them.

    Not what stands in the cell already: constants over the functions, signatures with their defaults. Nor
    annotations, which do nothing, nor what an error says, which is the learner's affair.
    """
    waiting = [tree]
    for node in waiting:
        yield node
        for field, value in ast.iter_fields(node):
            items = value if isinstance(value, list) else [value]
            if isinstance(node, ast.Raise):
                continue
            if field not in ("annotation", "returns"):
                waiting += [
                    item
                    for item in items
                    if isinstance(item, ast.AST) and not isinstance(item, ast.arguments)
                ]
        if isinstance(node, ast.Module):
            waiting[1:] = [item for item in waiting[1:] if isinstance(item, _DEFINED)]


_DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Endless(BaseException):
    """A loop went round too often; no Exception, so that no `except Exception` of a mutant's holds it."""


class Steps:
    """How often the loops of a cell may go round, all its calls together.

    Args:
        allowed: after so many, each further round raises `Endless`.
    """

    def __init__(self, allowed: int) -> None:
        self.allowed, self.taken = allowed, 0

    def step(self) -> None:
        """One round of one loop."""
        self.taken += 1
        if self.taken > self.allowed:
            raise Endless(f"more than {self.allowed:,} rounds of its loops")


def within_steps(source: str) -> str:
    """A cell that calls `__step__` in every round of its loops."""
    tree = ast.parse(source)
    call = ast.parse("__step__()").body[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            node.body.insert(0, ast.copy_location(copy.deepcopy(call), node.body[0]))
    return ast.unparse(ast.fix_missing_locations(tree))
