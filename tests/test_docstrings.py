"""Docstrings as the reference renders them: one argument, attribute or exception a line, and real ones."""

from __future__ import annotations

import ast
import builtins
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path

import docutils.core
import pytest

from tests.conftest import ROOT

LIBRARY = sorted((ROOT / "p2plib").rglob("*.py"))
SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):")
ENTRY = re.compile(r"    ((?:\*{0,2}\w+, )*\*{0,2}[\w.]+): \S")
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def exceptions() -> set[str]:
    """The names of Python's exceptions and of the library's."""
    found = {name for name, value in vars(builtins).items() if isinstance(value, type)}
    trees = [ast.parse(path.read_text("utf8")) for path in LIBRARY]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in range(5):  # errors inherit from errors
        found |= {c.name for c in classes if {b.id for b in c.bases if isinstance(b, ast.Name)} & found}
    return found


EXCEPTIONS = exceptions()


def own_names(node: Documented) -> set[str]:
    """The parameters of a function; or those of a class, with its fields, properties and attributes."""
    if not isinstance(node, ast.ClassDef):
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        return {argument.arg for argument in every if argument}
    names = set[str]()
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
                names |= own_names(part) if name in ("__init__", "__new__") else set()
    return names


def entries(doc: str) -> Iterator[tuple[str, str]]:
    """Every entry of a docstring's sections, as (section, text); what is deeper goes on with the entry."""
    section, text = "", ""
    for line in [*doc.split("\n"), "end"]:
        heading = SECTION.fullmatch(line)
        if text and not line.startswith("     "):
            yield section, text
            text = ""
        if heading or (line and not line.startswith(" ")):
            section = heading[1] if heading else ""
        elif section and line.startswith("    "):
            text = f"{text} {line.strip()}" if text else line
    assert not text


def faults(node: Documented) -> Iterator[str]:
    """What is wrong with the docstring of one class or function."""
    own = own_names(node)
    for section, text in entries(ast.get_docstring(node) or ""):
        if section in ("Returns", "Yields"):
            continue
        entry = ENTRY.match(text)
        known = EXCEPTIONS if section == "Raises" else own
        if entry is None:
            yield f"{section}: no entry begins with {text.strip()[:40]!r}; indent what continues one"
            continue
        names = [name.strip("* ") for name in entry[1].split(",")]
        if section == "Raises" and len(names) > 1:
            yield f"{section}: {entry[1]} are {len(names)} entries"
        if unknown := [name for name in names if name not in known and "." not in name]:
            yield f"{section}: {', '.join(unknown)}: there is no such name"
        for name in re.findall(r"(?<=[.;?]) (\w+)(?:, \w+)*: ", text[entry.end() :]):
            if name in known:
                yield f"{section}: {name} is an entry of its own"


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT / "p2plib")))
def test_each_entry_has_a_line_of_its_own_and_names_what_is_there(path: Path) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {fault}"
        for node in ast.walk(ast.parse(path.read_text("utf8")))
        if isinstance(node, Documented)
        for fault in faults(node)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("doc", "fault"),
    [
        ("Args:\n    a: one.\n    b: two.", ""),
        ("Args:\n    a, b: both.", ""),
        ("Args:\n    a: one, and more\n        of it.\n    b: two.", ""),
        ("Args:\n    a: one. b: two.", "b is an entry of its own"),
        ("Args:\n    a: one,\n    and more of it.", "no entry begins with 'and more"),
        ("Args:\n    c: three.", "c: there is no such name"),
        ("Raises:\n    ValueError: a. KeyError: b.", "KeyError is an entry of its own"),
        ("Raises:\n    ValueError, KeyError: both.", "are 2 entries"),
        ("Raises:\n    Whatever it raises.", "no entry begins with 'Whatever"),
        ("Returns:\n    a: not an entry. b: neither.", ""),
    ],
)
def test_what_counts_as_an_entry(doc: str, fault: str) -> None:
    body = "\n".join(f"    {line}" for line in doc.split("\n"))
    function = ast.parse(f'def f(a, b):\n    """What.\n\n{body}\n    """').body[0]
    assert isinstance(function, ast.FunctionDef)
    found = list(faults(function))
    assert (fault in found[0] and len(found) == 1) if fault else not found


LAYOUT = re.compile(r"indent|blank line|Inline .* start-string", re.IGNORECASE)


def broken_layout(doc: str) -> list[str]:
    """What docutils says about the layout of a text; it does not know Sphinx's roles, so all else is left."""
    said = io.StringIO()
    overrides = {"report_level": 2, "halt_level": 5, "warning_stream": said}
    docutils.core.publish_doctree(inspect.cleandoc(doc), settings_overrides=overrides)
    return [line for line in said.getvalue().splitlines() if LAYOUT.search(line)]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_head_of_a_module_is_laid_out_as_the_reference_reads_it(path: Path) -> None:
    assert not broken_layout(ast.get_docstring(ast.parse(path.read_text("utf8"))) or "")


def test_broken_layout_is_noticed() -> None:
    assert broken_layout("Title. A driver.\n\n    one\n        two\n    three\n")
    assert broken_layout("Kinds\n    one    two\n           three\nfour\n")
    assert not broken_layout("Title. A driver.\n\n::\n\n    one\n        two\n    three\n")
