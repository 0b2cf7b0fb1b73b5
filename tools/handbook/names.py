"""What code calls things that it imported: `figures.roles` stands for `p2plib.figures.roles`.

Names are taken as they stand: one that is imported in a function counts everywhere in its file. That can only
find too much, never too little.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cached_property

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DOTTED = re.compile(r"\b[a-z]\w*(?:\.\w+)+")
WHOLE = "*"  # after a dot: all that a module gives, for code that uses it as a value


class Names:
    """What the names in some code stand for.

    Args:
        trees: the code: a module, or the cells of a notebook.
        package: the package that relative imports begin at; "" in a notebook.
    """

    def __init__(self, trees: Iterable[ast.AST], package: str = "") -> None:
        # By def or class in a cell, and by nothing else: `owner`, and `Ring.join` in a class.
        self.defined: set[str] = set()
        self.strings: set[str] = set()
        self._calls: list[ast.Call] = []
        self.attributes: list[ast.Attribute] = []
        self._names: list[ast.Name] = []
        self._bound: dict[str, set[str]] = {"help": {"help"}}  # a built-in function that shows docstrings
        self._imported: set[str] = set()
        assigned: set[str] = set()
        assigned_with_dot: set[str] = set()
        methods: dict[str, set[str]] = {}  # of each class; of one that two cells define, what both have
        for tree in trees:
            for one in _definitions(tree):
                self.defined.add(one.name)
                found = _methods(one) if isinstance(one, ast.ClassDef) else set()
                methods[one.name] = methods.get(one.name, found) & found
            for node in ast.walk(tree):
                match node:
                    case ast.Name():
                        self._names.append(node)
                        if isinstance(node.ctx, ast.Store):
                            assigned.add(node.id)
                    case ast.Attribute():
                        self.attributes.append(node)
                        if isinstance(node.ctx, ast.Store):
                            assigned_with_dot.add(node.attr)
                    case ast.Call():
                        self._calls.append(node)
                    case ast.Constant(value=str(text)):
                        self.strings.add(text)
                    case ast.Import():
                        self._import(node)
                    case ast.ImportFrom():
                        self._import_from(_absolute(node, package), node.names)
        self.defined -= assigned | self._bound.keys()
        for name in tuple(self.defined):
            self.defined |= {f"{name}.{method}" for method in methods[name] - assigned_with_dot}

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported.add(alias.name)
            top = alias.name.partition(".")[0]
            self._bind(alias.asname or top, alias.name if alias.asname else top)

    def _import_from(self, base: str, names: list[ast.alias]) -> None:
        self._imported.add(base)
        for alias in names:
            # `from p2plib import figures` imports a module, `from p2plib.errors import DecodeError` a name in
            # one; who follows the dots finds out which.
            self._imported.add(f"{base}.{alias.name}")
            if alias.name != WHOLE:
                self._bind(alias.asname or alias.name, f"{base}.{alias.name}")

    def _bind(self, name: str, dotted: str) -> None:
        self._bound.setdefault(name, set()).add(dotted)

    def of(self, expression: ast.expr) -> set[str]:
        """What a name, or attributes of one, may stand for, with dots; empty if it was not imported."""
        attributes = ""
        while isinstance(expression, ast.Attribute):
            attributes = f".{expression.attr}{attributes}"
            expression = expression.value
        found = self._bound.get(expression.id, ()) if isinstance(expression, ast.Name) else ()
        return {dotted + attributes for dotted in found}

    @cached_property
    def calls(self) -> list[tuple[ast.Call, set[str]]]:
        """Calls of what was imported, each with what is called."""
        return [(call, called) for call in self._calls if (called := self.of(call.func))]

    @cached_property
    def spelled(self) -> set[str]:
        """The names with dots that stand in strings."""
        return {dotted for text in self.strings for dotted in DOTTED.findall(text)}

    @cached_property
    def passed_on(self) -> set[str]:
        """What was imported and is used as a value, not called: it may be called under any name."""
        called = {id(call.func) for call in self._calls}
        inner = {id(node.value) for node in self.attributes}
        nodes = [node for node in (*self._names, *self.attributes) if id(node) not in called | inner]
        return {dotted for node in nodes for dotted in self.of(node)}

    @cached_property
    def used(self) -> set[str]:
        """All that the code imports, with dots, and what it takes out of that."""
        found = set(self._imported)
        inner = {id(node.value) for node in self.attributes}
        for name in self._names:
            if name.id in self._bound and id(name) not in inner:
                found |= {f"{dotted}.{WHOLE}" for dotted in self._bound[name.id]}
        for attribute in self.attributes:
            if id(attribute) not in inner:
                found |= self.of(attribute)
        return found


def _definitions(tree: ast.AST) -> list[Definition]:
    """What the outermost statements of some code define."""
    return [one for one in getattr(tree, "body", []) if isinstance(one, Definition)]


def _methods(one: ast.ClassDef) -> set[str]:
    """What a class defines, and by nothing but def or class."""
    inner = [
        node
        for statement in one.body
        if not isinstance(statement, Definition)
        for node in ast.walk(statement)
    ]
    assigned = {node.id for node in inner if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {node.asname or node.name for node in inner if isinstance(node, ast.alias)}
    return {below.name for below in _definitions(one)} - assigned - imported


def _absolute(node: ast.ImportFrom, package: str) -> str:
    base = [node.module] if node.module else []
    if node.level:
        parts = package.split(".")
        base = [*parts[: len(parts) - node.level + 1], *base]
    return ".".join(base)
