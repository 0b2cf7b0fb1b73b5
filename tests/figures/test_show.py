"""show() prints what really runs."""

from __future__ import annotations

import ast
import functools
import inspect

import pytest

from p2plib import figures
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field, table


class Sample:
    """A class.

    With two paragraphs.
    """

    @property
    def half(self) -> int:
        """A property."""
        return 1

    @functools.cached_property
    def once(self) -> int:
        return 2

    @classmethod
    def made(cls) -> Sample:
        """Make one."""

        def inner() -> None:
            """Inside."""

        inner()
        return cls()

    def bare(self) -> None:
        """Only words."""


def test_a_function_as_it_stands() -> None:
    shown = figures.show(table)
    assert shown.text == f"# table, in p2plib/wire/fields.py\n{inspect.getsource(table).rstrip()}"
    assert shown._repr_mimebundle_() == {
        "text/markdown": f"```python\n{shown.text}\n```",
        "text/plain": shown.text,
    }
    assert repr(shown) == shown.text


def test_methods_are_dedented_and_qualified() -> None:
    text = figures.show(DecodeError.__init__).text
    assert text.splitlines()[:2] == [
        "# DecodeError.__init__, in p2plib/errors.py",
        "def __init__(self, rule: str, offset: int | None = None) -> None:",
    ]


def test_properties_class_methods_and_classes() -> None:
    text = figures.show(Field.size_bytes, Sample.half, Sample.__dict__["once"], Sample.made, Field).text
    assert "# Field.size_bytes, in p2plib/wire/fields.py\n@property" in text
    assert "return 2" in text
    assert "@classmethod" in text
    assert "class Field:" in text
    assert text.count("\n\n\n# ") >= 4


@pytest.mark.parametrize("obj", [Sample, Sample.made, Sample.bare, table, Field])
def test_without_docstrings_the_code_is_the_same(obj: object) -> None:
    def bare(source: str) -> str:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Expr(ast.Constant(...))]
        return ast.dump(tree)

    assert '"""' not in figures.show(obj, docstring=False).text
    assert bare(figures.show(obj).text) == bare(figures.show(obj, docstring=False).text)


def test_fences_inside_the_source_do_not_end_it() -> None:
    def fenced() -> str:
        return "```"

    assert figures.show(fenced)._repr_mimebundle_()["text/markdown"].startswith("````python\n")


@pytest.mark.parametrize("obj", [3, "text", b"raw", Field("a", b""), figures, len, int, None])
def test_what_has_no_source_is_refused_in_words(obj: object) -> None:
    with pytest.raises(UsageError, match=r"show\(\)|no Python source"):
        figures.show(obj)
