"""Which cells of a notebook need what a browser lacks: by a tag, or because they use what such a cell makes.

A cell that cannot run by itself carries a tag, `needs-sockets` or `needs-NAME` for a package. A later cell
that uses a name of such a cell needs the same, without a tag: `needs(cells)` works that out from the code.

Rules:

* What a cell uses is what it looks up before it has bound it itself.
* A function's body looks nothing up until it is called. So a cell that only defines a function does not need
  what the body uses; whoever uses the function does.
* A cell that is not run binds nothing, and changes nothing: a value that it would have changed by an item, an
  attribute or a method called for its own sake (`seen.append(x)`) is as needy as what it would have bound.
* A name that is bound again by a cell that runs is needy no more.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

TAG = "needs-"
PACKAGES = {"sockets": "real sockets and programs"}  # what a need is called in a sentence, if not by its name

Needs = dict[str, None]  # in order, each once


def needs(cells: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What each code cell lacks in a browser.

    Args:
        cells: of a notebook, as nbformat stores them.

    Returns:
        By the id of each code cell, what it needs in the order in which it was found: ["sockets"].
    """
    needy: dict[str, Needs] = {}
    imported: set[str] = set()  # to call a module's function does not change the module
    found = {}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        tags = cell.get("metadata", {}).get("tags", [])
        own: Needs = {tag.removeprefix(TAG): None for tag in tags if tag.startswith(TAG)}
        code = Code("".join(cell["source"]))
        for name in code.uses:
            own |= needy.get(name, {})
        imported = imported - set(code.binds) | code.imports
        _bind(needy, code, own, imported)
        found[cell["id"]] = list(own)
    return found


def _bind(needy: dict[str, Needs], code: Code, own: Needs, imported: set[str]) -> None:
    """Note which names are needy after a cell."""
    lent = {name: _all(needy.get(used, {}) for used in within) for name, within in code.bodies.items()}
    for name in code.binds:
        needy.pop(name, None)
        if lacks := {**own, **lent.get(name, {})}:
            needy[name] = lacks
    if own:
        for name in code.changes.keys() - imported:
            needy[name] = {**needy.get(name, {}), **own}


def _all(several: Iterable[Needs]) -> Needs:
    return {need: None for needs in several for need in needs}


def sentence(lacks: Iterable[str], *, by_itself: bool) -> str:
    """What is said in place of running a cell.

    Args:
        lacks: what the cell needs.
        by_itself: whether it carries the tags itself.
    """
    things = [PACKAGES.get(need, f"the package {need}") for need in lacks]
    listed = " and ".join([", ".join(things[:-1]), things[-1]] if things[1:] else things)
    if by_itself:
        return f"This cell needs {listed}, which a browser does not have, so it shows its stored output."
    return (
        f"This cell uses a cell above that needs {listed}, which a browser does not have, so it shows its "
        "stored output."
    )


class Code(ast.NodeVisitor):
    """What a cell's code does with names of the notebook.

    Args:
        source: the cell's text; if it is not Python, there is nothing to say of it.

    Attributes:
        uses: looked up when the cell runs, before the cell has bound them.
        binds: bound by the cell.
        changes: whose value the cell may change.
        imports: bound by an import.
        bodies: for each function or class of the cell, what its body looks up when it is called.
    """

    def __init__(self, source: str) -> None:
        self.uses: dict[str, None] = {}
        self.binds: dict[str, None] = {}
        self.changes: dict[str, None] = {}
        self.bodies: dict[str, set[str]] = {}
        self.imports: set[str] = set()
        try:
            tree = ast.parse(source)
        except SyntaxError:
            return
        self.visit(tree)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id not in self.binds:
                self.uses[node.id] = None
            else:
                self.uses |= dict.fromkeys(self.bodies.get(node.id, ()))
        else:
            self.binds[node.id] = None

    def visit_Assign(self, node: ast.Assign) -> None:
        self._in_order(node.value, *node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._in_order(node.value, node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.Name(node.target.id, ast.Load()))
            self.changes[node.target.id] = None
        self._in_order(node.value, node.target)

    def visit_For(self, node: ast.For) -> None:
        self._in_order(node.iter, node.target, *node.body, *node.orelse)

    visit_AsyncFor = visit_For  # type: ignore[assignment]

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.binds[name] = None
            self.imports.add(name)

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.binds[node.name] = None
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and (name := _root(node)):
            self.changes[name] = None
        self.generic_visit(node)

    visit_Subscript = visit_Attribute

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and (name := _root(value.func))
        ):
            self.changes[name] = None
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._in_order(*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults))
        self.binds[node.name] = None
        self.bodies[node.name] = _free(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._in_order(*node.decorator_list, *node.bases, *node.keywords)
        inside = Code("")
        for statement in node.body:
            inside.visit(statement)
        for name in inside.uses:
            self.visit_Name(ast.Name(name, ast.Load()))
        self.binds[node.name] = None
        self.bodies[node.name] = _free(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._load(_free(node))

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self._load(_free(node))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _load(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self.visit_Name(ast.Name(name, ast.Load()))

    def _in_order(self, *nodes: ast.AST) -> None:
        for node in nodes:
            self.visit(node)


def _root(node: ast.expr) -> str:
    """The name that attributes and items are taken of; empty if it is none."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _free(node: ast.AST) -> set[str]:
    """The names that an inner scope looks up outside itself, more or less: one name has one meaning in it."""
    used, bound = set(), set()
    for inner in ast.walk(node):
        match inner:
            case ast.Name(ctx=ast.Load()):
                used.add(inner.id)
            case ast.Name():
                bound.add(inner.id)
            case ast.arg():
                bound.add(inner.arg)
            case ast.Import() | ast.ImportFrom():
                bound |= {alias.asname or alias.name.partition(".")[0] for alias in inner.names}
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if inner is not node:
                bound.add(inner.name)
            case ast.Global():
                bound -= set(inner.names)
    return used - bound
