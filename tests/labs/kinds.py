"""What a machine changes in a solution: the slips of a tired learner, one at a time.

A comparison turned round, a number off by one, a condition always true, a line left out, a loop that ends
after its first round, arguments in another order, an exception of another kind, a list that stands in the
class. `changes` gives them for one node of a cell's tree.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Change = tuple[str, Callable[[], None]]  # what is changed, in words, and what changes it in its tree

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.Sub,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Pow: ast.Mult,
}  # fmt: skip
_NAMED = {"min": "max", "max": "min", "sorted": "list", "any": "all", "all": "any"}
_CALLED = {"popleft": "pop", "append": "extend", "values": "keys", "discard": "add", "startswith": "endswith"}
_SYMMETRIC = ("min", "max", "uniform")  # whose arguments may stand in any order
_SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip


def changes(node: ast.AST) -> Iterator[Change]:
    """All ways to change one node; each is a function that changes it where it stands."""
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in _COMPARED.get(type(op), ()):
                    yield f"{_SIGNS[other]} for {_SIGNS[type(op)]}", partial(ops.__setitem__, at, other())
        case ast.BinOp(op=operator) if type(operator) in _COUNTED:
            yield "counts otherwise", _set(node, "op", _COUNTED[type(operator)]())
        case ast.BoolOp(op=joint, values=values):
            yield "and for or", _set(node, "op", ast.Or() if isinstance(joint, ast.And) else ast.And())
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield f"without part {at + 1}", _set(node, "values", rest)
        case ast.UnaryOp(op=ast.Not()):
            yield "not left out", _set(node, "op", ast.UAdd())
        case ast.Constant():
            yield from _constants(node)
        case ast.Name(id=name) if name in _NAMED:
            yield f"{_NAMED[name]} for {name}", _set(node, "id", _NAMED[name])
        case ast.Call():
            yield from _calls(node)
        case ast.If() | ast.IfExp() | ast.While():
            yield "always True", _set(node, "test", ast.Constant(True))
            yield "always False", _set(node, "test", ast.Constant(False))
        case ast.comprehension(ifs=ifs) if ifs:
            yield "an if left out", _set(node, "ifs", ifs[1:])
        case ast.Slice():
            for end in ("lower", "upper"):
                if getattr(node, end):
                    yield f"no {end} end", _set(node, end, None)
        case ast.Return(value=ast.Tuple(elts=[first, second]) as pair):
            yield "the two exchanged", _set(pair, "elts", [second, first])
        case ast.ExceptHandler():
            yield "another exception", _set(node, "type", ast.Name("ZeroDivisionError", ast.Load()))
        case ast.Raise(exc=ast.Call() as raised):
            yield "another exception", _set(raised, "func", ast.Name("RuntimeError", ast.Load()))
        case ast.Await(value=value):
            yield "no await", partial(_become, node, value)
        case ast.AugAssign(op=operator):
            if type(operator) in _COUNTED:
                yield "counts otherwise", _set(node, "op", _COUNTED[type(operator)]())
            yield "assigned, not added", partial(_become_assignment, node)
        case ast.ClassDef():
            yield from _class_level(node)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _early(node)
    for block in ("body", "orelse", "finalbody"):
        lines = getattr(node, block, None)
        if isinstance(lines, list) and not isinstance(node, ast.Module):
            yield from _shorter(node, block, lines)


def _set(node: ast.AST, name: str, value: Any) -> Callable[[], None]:
    return partial(setattr, node, name, value)


def _become(node: ast.Await, value: ast.expr) -> None:
    """Let `await x` be x, in its own place: `x if True else x`, which is simplest to say in a tree."""
    node.__class__ = ast.IfExp  # type: ignore[assignment]
    node.__dict__.update(test=ast.Constant(True), body=value, orelse=ast.Constant(None))
    del node.__dict__["value"]


def _become_assignment(node: ast.AugAssign) -> None:
    target, value = node.target, node.value
    node.__class__ = ast.Assign  # type: ignore[assignment]
    node.__dict__.update(targets=[target], value=value)
    for name in ("target", "op"):
        del node.__dict__[name]


def _constants(node: ast.Constant) -> Iterator[Change]:
    match node.value:
        case bool():
            yield "turned round", _set(node, "value", not node.value)
        case int() | float() as number:
            yield "+1 for a number", _set(node, "value", number + 1)
            yield "-1 for a number", _set(node, "value", number - 1)
        case bytes() as raw if raw:
            yield "no bytes", _set(node, "value", b"")


def _calls(node: ast.Call) -> Iterator[Change]:
    """A call with two arguments exchanged, without its last one, or of a method that does something near."""
    arguments = node.args
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in _SYMMETRIC:
        return
    starred = any(isinstance(one, ast.Starred) for one in arguments)
    for at in range(0 if starred else len(arguments) - 1):
        order = [*arguments[:at], arguments[at + 1], arguments[at], *arguments[at + 2 :]]
        yield f"arguments {at + 1} and {at + 2} exchanged", _set(node, "args", order)
    match node.func:
        case ast.Attribute(attr=name) as method if name in _CALLED:
            yield f"{_CALLED[name]} for {name}", _set(method, "attr", _CALLED[name])


_MUTABLE = ("list", "dict", "set", "deque", "defaultdict", "Counter", "OrderedDict")


def _class_level(node: ast.ClassDef) -> Iterator[Change]:
    """A list, set or dict that `__init__` makes stands in the class instead, and all objects share it."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for line in method.body:
                if name := _makes(line):
                    yield f"{name} in the class", partial(_move, node, method, line, name)


def _makes(line: ast.stmt) -> str:
    """The attribute for which a line makes an empty container; "" where it does not."""
    match line:
        case (
            ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value)
            | ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), value=value)
        ) if value is not None:
            is_call = isinstance(value, ast.Call) and getattr(value.func, "id", "") in _MUTABLE
            if is_call or isinstance(value, ast.List | ast.Dict | ast.Set):
                return name
    return ""


def _move(node: ast.ClassDef, method: ast.FunctionDef, line: ast.stmt, name: str) -> None:
    assert isinstance(line, ast.Assign | ast.AnnAssign)
    assert line.value is not None
    method.body[method.body.index(line)] = ast.copy_location(ast.Pass(), line)
    shared = ast.Assign([ast.Name(name, ast.Store())], line.value)
    node.body.insert(node.body.index(method), ast.copy_location(shared, method))


def _early(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Change]:
    """The last line, a return, indented by one step too many: it ends the loop in its first round."""
    loops = [line for line in node.body if isinstance(line, ast.For | ast.AsyncFor | ast.While)]
    last = node.body[-1]
    if loops and isinstance(last, ast.Return) and not _leaves(loops[-1].body[-1]):
        yield (
            f"returns in the loop {ast.unparse(loops[-1]).splitlines()[0]!r}",
            partial(loops[-1].body.append, last),
        )


def _leaves(line: ast.stmt) -> bool:
    """Whether nothing behind this line is ever reached."""
    return isinstance(line, ast.Break | ast.Continue | ast.Return | ast.Raise)


_KEPT = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass


def _shorter(node: ast.AST, block: str, lines: list[ast.stmt]) -> Iterator[Change]:
    """A block of lines without one of them, for each of them; and a loop that ends after its first round."""
    for at, line in enumerate(lines):
        is_docstring = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        if not isinstance(line, _KEPT) and not is_docstring:
            without = [*lines[:at], ast.copy_location(ast.Pass(), line), *lines[at + 1 :]]
            yield f"leaves out {ast.unparse(line).splitlines()[0]!r}", _set(node, block, without)
    if block == "body" and isinstance(node, ast.For | ast.AsyncFor | ast.While) and not _leaves(lines[-1]):
        yield "one round and no more", partial(lines.append, ast.copy_location(ast.Break(), lines[-1]))
