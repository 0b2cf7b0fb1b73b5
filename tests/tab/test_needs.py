"""Which cells of a notebook need what a browser lacks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tab.loading import loaded

module = loaded("needs")
Code, needs, sentence = module.Code, module.needs, module.sentence


def found(*cells: str) -> list[list[str]]:
    """What some cells need; the first word of a cell is its tag if it ends with a colon."""
    notebook: list[dict[str, Any]] = [{"cell_type": "markdown", "source": "x = 1"}]
    for number, cell in enumerate(cells):
        tag, colon, source = cell.partition(": ")
        tags = [f"needs-{tag}"] if colon and tag.isalpha() else []
        source = source if tags else cell
        metadata = {"tags": ["hide-input", *tags]} if tags else {}
        notebook.append(
            {"cell_type": "code", "id": f"c{number}", "source": source.split("§"), "metadata": metadata}
        )
    return list(needs(notebook).values())


def test_a_cell_needs_what_its_tag_says_and_no_more() -> None:
    assert found("x = 1", "numpy: import numpy as np", "print(x)") == [[], ["numpy"], []]


def test_a_name_of_such_a_cell_is_inherited_and_by_its_heirs() -> None:
    assert found("numpy: import numpy as np", "a = np.ones(3)", "print(a)", "b = 1") == [
        ["numpy"],
        ["numpy"],
        ["numpy"],
        [],
    ]


def test_needs_add_up_in_order() -> None:
    assert found("sockets: a = 1", "numpy: b = a", "b")[1:] == [["numpy", "sockets"], ["numpy", "sockets"]]


def test_a_function_needs_what_its_body_uses_when_it_is_called() -> None:
    cells = found("numpy: import numpy as np", "def mean(x):\n    return np.mean(x)", "print(1)", "mean([1])")
    assert cells == [["numpy"], [], [], ["numpy"]]


def test_a_function_that_is_called_where_it_is_defined() -> None:
    assert found("numpy: n = 1", "def f():\n    return n\nf()") == [["numpy"], ["numpy"]]


def test_a_class_needs_at_once_what_its_body_looks_up_and_later_what_its_methods_do() -> None:
    assert found("numpy: n = 1", "class A:\n    m = n") == [["numpy"], ["numpy"]]
    assert found("numpy: n = 1", "class A:\n    def f(self): return n", "A()") == [["numpy"], [], ["numpy"]]


def test_a_default_is_looked_up_at_once() -> None:
    assert found("numpy: n = 1", "def f(x=n): return x") == [["numpy"], ["numpy"]]


@pytest.mark.parametrize(
    "again", ["n = 2", "import n", "for n in [1]: pass", "def n(): pass", "with f() as n: pass"]
)
def test_a_name_that_is_bound_again_is_needy_no_more(again: str) -> None:
    assert found("numpy: n = 1", f"f = open\n{again}", "print(n)") == [["numpy"], [], []]


@pytest.mark.parametrize(
    "use", ["n = n + 1", "n += 1", "for n in n: pass", "n[0] = 1", "n.a = 1", "[n for _ in 'ab']"]
)
def test_a_name_that_is_used_before_it_is_bound_again(use: str) -> None:
    assert found("numpy: n = 1", use) == [["numpy"], ["numpy"]]


def test_a_name_of_a_comprehension_or_of_an_argument_is_another_one() -> None:
    assert found("numpy: n = 1", "[n for n in 'ab']", "(lambda n: n)(1)", "def f(n): return n", "f(1)")[
        1:
    ] == [
        [],
        [],
        [],
        [],
    ]


@pytest.mark.parametrize(
    "change", ["seen.append(1)", "seen[0] = 1", "seen.first = 1", "seen += [1]", "await seen.go()"]
)
def test_what_a_cell_would_have_changed_is_needy(change: str) -> None:
    assert found("seen = []", f"numpy: {change}", "print(seen)", "print(1)") == [[], ["numpy"], ["numpy"], []]


def test_a_module_is_not_changed_by_calling_its_functions() -> None:
    assert found("import random", "numpy: import random\nrandom.seed(1)", "print(random)")[2] == ["numpy"]
    assert (
        found("from p2plib import figures", "matplotlib: fig = 1\nfigures.plot(fig)", "figures.table()")[2]
        == []
    )


def test_what_is_no_python_says_nothing() -> None:
    assert found("%pip install x", "numpy: !ls") == [[], ["numpy"]]


def test_sources_in_lines() -> None:
    assert found("numpy: a = 1§\nb = 2", "b") == [["numpy"], ["numpy"]]


def test_order_within_a_cell() -> None:
    code = Code("a, b = f(a)\nprint(b, c)")
    assert (list(code.uses), list(code.binds)) == (["f", "a", "print", "c"], ["a", "b"])


def test_sentences() -> None:
    assert sentence(["sockets"], by_itself=True) == (
        "This cell needs real sockets and programs, which a browser does not have, so it shows its stored "
        "output."
    )
    assert "needs the package numpy and the package matplotlib, which" in sentence(
        ["numpy", "matplotlib"], by_itself=False
    )
