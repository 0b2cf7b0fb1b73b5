"""p2plib.figures looks its names up when they are asked for: nothing is loaded that a page does not use."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from types import ModuleType

import pytest

from p2plib import figures


def loaded_after(program: str) -> set[str]:
    """The modules of figures that a program loads."""
    tell = "import sys; print(*(name for name in sys.modules if name.startswith('p2plib.figures')))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{tell}"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return {name.removeprefix("p2plib.figures").removeprefix(".") for name in done.stdout.split()} - {""}


@pytest.mark.parametrize(
    ("program", "modules"),
    [
        ("from p2plib import figures", set()),
        ("from p2plib import figures; figures.BAD", {"palette"}),
        ("from p2plib.figures import roles; roles.__call__", {"palette", "role_table", "roles", "svg"}),
        ("from p2plib import figures; figures.Source", {"show"}),
    ],
)
def test_only_what_is_used_is_loaded(program: str, modules: set[str]) -> None:
    assert loaded_after(program) == modules


def test_a_loaded_module_does_not_take_the_place_of_its_function() -> None:
    """Importing p2plib.figures.sequence by hand binds that name in the package, as Python always does."""
    loaded_after(
        "import p2plib.figures.sequence, p2plib.figures.roles\n"
        "from p2plib.figures import graph, internet\n"
        "from p2plib import figures\n"
        "import inspect\n"
        "assert inspect.isfunction(figures.sequence) and inspect.isfunction(figures.roles)\n"
        "assert inspect.isfunction(graph) and inspect.ismodule(internet)\n"
        "assert figures.sequence is figures.packet_sequence.__globals__['sequence']\n"
    )


def test_every_name_is_there_and_is_no_module() -> None:
    for name in figures.__all__:
        assert not isinstance(getattr(figures, name), ModuleType), name
        assert name in dir(figures)
    with pytest.raises(AttributeError, match=r"module 'p2plib\.figures' has no attribute 'rolls'"):
        figures.rolls  # type: ignore[attr-defined]  # noqa: B018


def test_a_star_takes_all_of_them() -> None:
    taken: dict[str, object] = {}
    exec("from p2plib.figures import *", taken)
    assert set(figures.__all__) <= set(taken)


def test_what_type_checkers_read_is_what_runs() -> None:
    block = next(one for one in ast.parse(inspect.getsource(figures)).body if isinstance(one, ast.If))
    imports = [one for one in block.body if isinstance(one, ast.ImportFrom)]
    read = {one.module: tuple(alias.name for alias in one.names) for one in imports}
    assert read == figures._WHERE
    names = [name for given in figures._WHERE.values() for name in given]
    assert sorted(names) == sorted(figures.__all__)
