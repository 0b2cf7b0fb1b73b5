"""What a change reaches: which test files import, directly or through others, a file that has changed.

The imports are read from the syntax of `p2plib`, `tests` and `tools`; nothing is imported. Rules:

* A name taken from a package's `__init__.py` (a facade), as in `from p2plib.sim import Link` or as
  `figures.plot` after `from p2plib import figures`, counts as taken from the module that defines it. If that
  module cannot be found, it counts as taken from every module of the package.
* Importing `a.b.c` does not count as using `a.b/__init__.py`: a facade reaches only those that take names
  from it.
* A test file uses the `conftest.py` of its folder and of the folders above.
* A room is a folder of tests. A change in a room, or in the library's folder of that name, reaches every test
  file of the room; elsewhere a changed file reaches only the files that import it.
* Files that are read (texts, notebooks, settings) or found by their folder (labs) are in the table `READ_BY`.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

TREES = {"p2plib": "p2plib", "tests": "tests", "tools": ""}  # folder: the package its modules belong to
EVERY_CHANGE = "tests/test_house.py"  # it reads all that is committed
READ_BY = {  # a pattern of paths (* matches slashes, too): the test files that read them
    "book/*.md": ("tests/test_book.py",),
    "book/*.ipynb": ("tests/test_book.py",),
    "labs/*.md": ("tests/test_book.py",),
    "labs/*.ipynb": ("tests/test_book.py",),
    "_toc.yml": ("tests/test_book.py",),
    "examples/*": ("tests/test_examples.py",),
    "tools/*": ("tests/test_notebook_tool.py",),
    "p2plib/labs/*": ("tests/labs/test_every_lab.py",),  # which finds the labs by their folders
    "tests/labs/*": ("tests/labs/test_every_lab.py",),
}


class Imports:
    """Which module of a repository imports which.

    Attributes:
        root: the repository's folder.
        files: the file of each module, by its dotted name; a package's is its `__init__.py`.
        uses: the modules that each module uses directly, also those whose file is gone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = dict(_modules(root))
        self._trees = {name: ast.parse(path.read_text("utf8")) for name, path in self.files.items()}
        self.uses = {name: set(self._used(name)) for name in self.files}

    def name_of(self, path: Path) -> str | None:
        """The dotted name of a Python file, which may be gone; None if it is not one of ours."""
        relative = path.relative_to(self.root)
        if relative.suffix != ".py" or relative.parts[0] not in TREES:
            return None
        return _dotted(relative)

    def reached(self, changed: Iterable[str]) -> dict[str, str]:
        """Every module that uses a changed one, directly or not, with the changed module that it was found
        from.

        Args:
            changed: dotted names of modules; they are part of the result, too.
        """
        users: dict[str, set[str]] = {}
        for name, used in self.uses.items():
            for other in used:
                users.setdefault(other, set()).add(name)
        found = {name: name for name in sorted(changed)}
        todo = deque(found)
        while todo:
            name = todo.popleft()
            for user in sorted(users.get(name, ())):
                if user not in found:
                    found[user] = found[name]
                    todo.append(user)
        return found

    def _is_package(self, name: str) -> bool:
        return name in self.files and self.files[name].name == "__init__.py"

    def _used(self, name: str) -> Iterator[str]:
        """The modules that one module uses, as far as its syntax shows."""
        if name.startswith("tests."):
            parts = name.split(".")
            yield from (
                conftest
                for depth in range(1, len(parts))
                if (conftest := ".".join([*parts[:depth], "conftest"])) in self.files and conftest != name
            )
        if self._is_package(name):
            return  # a facade; see the rules
        tree = self._trees[name]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._whole(alias.name)
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(name, node)
                for alias in node.names:
                    package = f"{source}.{alias.name}"
                    wanted = (
                        _attributes(tree, alias.asname or alias.name) if self._is_package(package) else None
                    )
                    if wanted:
                        yield package
                        for attribute in wanted:
                            yield from self._taken(package, attribute)
                    else:
                        yield from self._taken(source, alias.name)

    def _absolute(self, name: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = name.split(".")
        here = parts if self._is_package(name) else parts[:-1]
        return ".".join([*here[: len(here) - node.level + 1], *filter(None, [node.module])])

    def _whole(self, name: str) -> Iterator[str]:
        """A module, or all modules of a package."""
        yield name
        if self._is_package(name):
            yield from (module for module in self.files if module.startswith(f"{name}."))

    def _taken(self, source: str, name: str, depth: int = 0) -> Iterator[str]:
        """The modules behind `from source import name`."""
        if f"{source}.{name}" in self.files:
            yield from self._whole(f"{source}.{name}")
            return
        yield source
        yield f"{source}.{name}"  # nothing, unless it is a module that is gone
        if not self._is_package(source):
            return
        for node in ast.walk(self._trees[source]):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name and depth < 10:
                        yield from self._taken(self._absolute(source, node), alias.name, depth + 1)
                        return
        yield from self._whole(source)


def _attributes(tree: ast.AST, name: str) -> set[str] | None:
    """Which attributes of a name a module uses; None if it also does something else with it."""
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    found = {node.attr for node in used if isinstance(node.value, ast.Name) and node.value.id == name}
    dotted = sum(isinstance(node.value, ast.Name) and node.value.id == name for node in used)
    every = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
    return found if dotted == every else None


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for folder in TREES:
        for path in sorted((root / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield _dotted(path.relative_to(root)), path


def _dotted(relative: Path) -> str:
    parts = [TREES[relative.parts[0]], *relative.with_suffix("").parts[1:]]
    return ".".join(part for part in parts if part and part != "__init__")


def reach(imports: Imports, paths: Iterable[str]) -> dict[str, str]:
    """The tests that a change reaches.

    Args:
        imports: of the repository.
        paths: the files that changed, relative to its folder; they may be gone.

    Returns:
        Test files, relative to the root; each with the changed file that it was found from.
    """
    root = imports.root
    found: dict[str, str] = {}
    modules = {}
    for path in sorted(paths):
        found.setdefault(EVERY_CHANGE, "every change")
        if name := imports.name_of(root / path):
            modules[name] = path
        for target in _read_by(root, path):
            found.setdefault(target, path)
    for name, origin in imports.reached(modules).items():
        file = imports.files.get(name)
        if file and name.startswith("tests.") and file.name.startswith("test_"):
            found.setdefault(file.relative_to(root).as_posix(), modules[origin])
    return {target: why for target, why in sorted(found.items()) if (root / target).is_file()}


def _read_by(root: Path, path: str) -> Iterator[str]:
    """The tests that one changed file reaches because of where it is, whatever imports it."""
    for pattern, targets in READ_BY.items():
        if fnmatch(path, pattern):
            yield from targets
    parts = Path(path).parts
    if parts[0] == "labs":  # labs/src/lab05_ring.md and both its notebooks: tests/labs/lab05_ring
        yield from _room(root, "tests", "labs", Path(path).stem)
    if parts[0] in ("tests", "p2plib") and len(parts) > 2:
        yield from _room(root, "tests", *parts[1:-1])


def _room(root: Path, *folder: str) -> Iterator[str]:
    for path in sorted(root.joinpath(*folder).glob("test_*.py")):
        yield path.relative_to(root).as_posix()
