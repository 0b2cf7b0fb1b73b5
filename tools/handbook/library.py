"""What in the library stands behind a notebook's cells: which modules, and whose source a page shows.

A module counts by what it does (syntax.py), unless a page shows some of its source: then this piece counts
letter by letter. A *facade* is a module that looks names up in other modules when they are asked for; it
says where in a table, `_WHERE = {"p2plib.figures.roles": ("roles",), ...}`. Code that takes one name from a
facade stands on that name's module, not on all of them.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from . import syntax
from .lock import Notes
from .names import WHOLE, Definition, Names

TOP = "p2plib"
TABLE = "_WHERE"
# Who takes the source of what it is given: our own function, and what a page could use besides.
SHOW = f"{TOP}.figures.show.show"
SHOWS = ("inspect.getsource", "inspect.getsourcelines", "inspect.getdoc", "help")


class Module:
    """One file of the library.

    Args:
        name: with dots.
        path: the file.
        text: its source.
    """

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text
        self.is_package = path.name == "__init__.py"

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax of what it does."""
        return syntax.parse(self.text)

    @cached_property
    def written(self) -> ast.Module:
        """The syntax of all that stands in it."""
        return ast.parse(self.text)

    @cached_property
    def names(self) -> Names:
        """What its names stand for."""
        return Names([self.tree], self.name if self.is_package else self.name.rpartition(".")[0])

    @property
    def uses(self) -> set[str]:
        """What it takes from the library, with dots."""
        return {dotted for dotted in self.names.used if dotted.partition(".")[0] == TOP}

    @cached_property
    def facade(self) -> dict[str, str]:
        """The module of each name that it looks up elsewhere; empty if it is no facade."""
        if self.is_package and TABLE in self.text:
            for statement in self.tree.body:
                if isinstance(statement, ast.Assign | ast.AnnAssign) and syntax.assigned(statement) == TABLE:
                    table = ast.literal_eval(statement.value or ast.Dict([], []))
                    return {name: module for module, names in table.items() for name in names}
        return {}

    @property
    def digest(self) -> str:
        """What it does; a facade without its table, which counts by the names that are used."""
        return syntax.digest(self.tree, without=(TABLE, "__all__") if self.facade else ())


class Library:
    """The library below a root, as it stands now; make a new one when files have changed.

    Args:
        root: the handbook's folder.
        notes: what an earlier run found out about modules that are the same now.
    """

    def __init__(self, root: Path, notes: Notes | None = None) -> None:
        self.root = root
        self._notes = notes
        self._modules: dict[str, Module | None] = {}
        self._digests: dict[str, str] = {}
        self._imports: dict[str, frozenset[str]] = {}
        self._roads: dict[str, list[str]] = {}

    def edited(self, name: str, text: str) -> Library:
        """The same library with another text for one module, to see what that would change."""
        module = self.module(name)
        assert module is not None, name
        other = Library(self.root)
        after = Module(name, module.path, text)
        other._modules = {**self._modules, name: after}
        if not module.facade and not after.facade:
            other._roads = self._roads
        other._digests = {known: digest for known, digest in self._digests.items() if known != name}
        other._imports = {known: found for known, found in self._imports.items() if known != name}
        return other

    def module(self, name: str) -> Module | None:
        """A module by its name with dots; None if there is no such module."""
        if name not in self._modules:
            base = self.root.joinpath(*name.split("."))
            paths = [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()]
            # A folder without __init__.py is a package too (a namespace), but it has no code of its own.
            self._modules[name] = None
            if paths and name.partition(".")[0] == TOP:
                text = paths[0].read_bytes().decode("utf-8").replace("\r\n", "\n")
                self._modules[name] = Module(name, paths[0], text)
        return self._modules[name]

    def all_modules(self, below: str = TOP) -> list[str]:
        """The names of a package and of all modules in it."""
        files = self.root.joinpath(*below.split(".")).rglob("*.py")
        names = (".".join(path.relative_to(self.root).with_suffix("").parts) for path in files)
        return sorted(name.removesuffix(".__init__") for name in names)

    def behind(self, code: Names) -> dict[str, str]:
        """All that some code stands on, by name, each with its digest: modules, and pieces that are shown.

        Args:
            code: what `names_in` made of a notebook's cells.
        """
        # A module's name in a string counts too: whoever has it can import it (importlib, another process).
        todo = {name for dotted in code.used | code.spelled for name in self._modules_of(dotted)}
        seen: set[str] = set()
        while todo:
            name = todo.pop()
            seen.add(name)
            todo |= self._imports_of(name) - seen
        made = {name: self._digests[name] for name in seen if self.module(name)}
        for shown, docstrings in self._shown(code):
            made |= self._pieces(code, shown, docstrings, seen)
        return dict(sorted(made.items()))

    def _imports_of(self, name: str) -> frozenset[str]:
        """The modules that one imports, and on the way its digest; both from the notes if they know it."""
        module = self.module(name)
        if name not in self._imports and module is not None:
            key = hashlib.sha256(module.text.encode("utf-8")).hexdigest()
            known = self._notes.get("modules", name) if self._notes else None
            if known is None or known[0] != key:
                known = [key, module.digest, sorted(module.uses)]
                if self._notes:
                    self._notes.put("modules", name, known)
            self._digests[name] = known[1]
            self._imports[name] = frozenset(one for dotted in known[2] for one in self._modules_of(dotted))
        return self._imports.get(name, frozenset())

    def _follow(self, dotted: str) -> tuple[list[str], list[str]]:
        """The modules on the way along a dotted name, and the names left over, within the last of them."""
        parts = dotted.split(".")
        passed: list[str] = []
        for number, part in enumerate(parts):
            here = self.module(passed[-1]) if passed else None
            below = ".".join([*passed[-1:], part])
            home = here.facade.get(part) if here else None
            # A module and what it gives may share their name: `figures.show` is the function, and
            # `figures.show.show`, from an import statement, has the module first.
            if home == below and parts[number + 1 :] not in ([], [WHOLE]):
                home = None
            if home:
                passed += [name for name in _with_packages(home) if name not in passed]
                return passed, parts[number:]
            if not self._is_there(below):
                return passed, parts[number:]
            passed.append(below)
        return passed, []

    def _is_there(self, name: str) -> bool:
        is_ours = name.partition(".")[0] == TOP
        return is_ours and (self.module(name) is not None or self.root.joinpath(*name.split(".")).is_dir())

    def _modules_of(self, dotted: str) -> list[str]:
        """The modules that must be there for a dotted name."""
        if dotted not in self._roads:
            self._roads[dotted] = self._along(dotted)
        return self._roads[dotted]

    def _along(self, dotted: str) -> list[str]:
        passed, left = self._follow(dotted)
        last = self.module(passed[-1]) if passed else None
        if last is None or not left:
            return passed
        if left[0] in ("__file__", "__path__") and last.is_package:  # code that reads the library's files
            return self.all_modules(last.name)
        if left[0] == WHOLE:
            passed += [name for module in last.facade.values() for name in _with_packages(module)]
        return passed

    def _shown(self, names: Names) -> Iterator[tuple[ast.expr, bool]]:
        """What some code shows the source of, each with whether docstrings are shown, too."""
        for attribute in names.attributes:
            if attribute.attr == "__doc__":
                yield attribute.value, True
        for call, called in names.calls:
            if any(self._shows(dotted) for dotted in called):
                said = {word.arg: getattr(word.value, "value", True) for word in call.keywords}
                named = [word.value for word in call.keywords if word.arg != "docstring"]
                for argument in (*call.args, *named):
                    yield argument, said.get("docstring") is not False
        if any(self._shows(dotted) for dotted in names.passed_on):
            yield ast.Constant(None), True  # it may be given anything

    def _shows(self, function: str) -> bool:
        """Whether a function is one of those that show source."""
        if function.rpartition(".")[2] != SHOW.rpartition(".")[2]:
            return function in SHOWS
        there = self._definition(function)
        return there is not None and f"{there[0].name}.{there[1]}" == SHOW

    def _pieces(self, names: Names, shown: ast.expr, docstrings: bool, seen: set[str]) -> dict[str, str]:
        """The digests of a piece of source; of all the source that it could be, if that cannot be told."""
        if ast.unparse(shown) in names.defined:
            return {}  # the page's own text
        made = {}
        for dotted in names.of(shown) or {""}:
            found = self._definition(dotted)
            if found is None:
                return {
                    f"{name}:{WHOLE}": syntax.text_digest(module.text)
                    for name in seen
                    if (module := self.module(name))
                }
            module, name, definitions = found
            source = "\n".join(_source(module.text, one, docstrings) for one in definitions)
            made[f"{module.name}:{name}{'' if docstrings else ' (code)'}"] = syntax.text_digest(source)
        return made

    def _definition(self, dotted: str) -> tuple[Module, str, list[Definition]] | None:
        """Where something is defined with def or class: module, name in it, and the statements."""
        passed, left = self._follow(dotted)
        module = self.module(passed[-1]) if passed else None
        if module is None or not left:
            return None
        found = _defined(module.written.body, left[0])
        if not found:  # it came there by an import
            roads = [".".join([road, *left[1:]]) for road in module.names.of(ast.Name(left[0]))]
        for number, attribute in enumerate(left[1:], 1):
            if not found:
                break
            outer, found = found[-1], _defined(found[-1].body, attribute)
            if not found:  # it is inherited
                bases = getattr(outer, "bases", [])
                homes = [home for base in bases for home in _homes(module, base)]
                roads = [".".join([home, *left[number:]]) for home in homes]
        if found:
            return module, ".".join(left), found
        return next((there for road in roads if road != dotted and (there := self._definition(road))), None)


def _with_packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: number + 1]) for number in range(len(parts))]


def _homes(module: Module, base: ast.expr) -> set[str]:
    """What a base class may be: imported, or of the same module."""
    return module.names.of(base) or ({f"{module.name}.{base.id}"} if isinstance(base, ast.Name) else set())


def _defined(body: list[ast.stmt], name: str) -> list[Definition]:
    return [one for one in body if isinstance(one, Definition) and one.name == name]


def _source(text: str, definition: Definition, docstrings: bool) -> str:
    """The lines of a definition, decorators and the comments at its end included."""
    lines = text.split("\n")
    start = min(one.lineno for one in (*definition.decorator_list, definition))
    end = definition.end_lineno or definition.lineno
    while end < len(lines) and (
        not lines[end].strip() or lines[end].startswith(" " * (definition.col_offset + 1))
    ):
        end += 1
    wanted = set(range(start - 1, end))
    for node in () if docstrings else ast.walk(definition):
        if isinstance(node, Definition) and ast.get_docstring(node) is not None:
            first = node.body[0]
            last = first.end_lineno or first.lineno
            while last < end and not lines[last].strip():
                last += 1
            wanted -= set(range(first.lineno - 1, last))
    return "\n".join(lines[number] for number in sorted(wanted)).rstrip()


def names_in(cells: list[dict[str, Any]]) -> Names:
    """What the names in a notebook's code stand for."""
    return Names(_parse_cell("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")


def _parse_cell(text: str) -> ast.Module:
    """A cell's syntax; lines that only IPython understands are left out, and those that are meant to fail."""
    lines = text.split("\n")
    for _ in range(len(lines)):
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            number = min(error.lineno or 1, len(lines)) - 1
            indent = len(lines[number]) - len(lines[number].lstrip())
            lines[number] = " " * indent + "pass"
    return ast.Module(body=[], type_ignores=[])
