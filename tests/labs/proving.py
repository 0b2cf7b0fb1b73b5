"""What the tests of each lab do: references as if a reader had written them, a solved notebook that keeps."""

from __future__ import annotations

import symtable
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from p2plib.labs import Lab
from tests.conftest import ROOT


def disguised(implementation: Any) -> Any:
    """The library's own function or class as if a reader had written it: the engine goes by the module."""
    if isinstance(implementation, type):
        return type(implementation.__name__, (implementation,), {"__module__": "notebook"})

    def yours(*arguments: Any) -> Any:
        return implementation(*arguments)

    return yours


def learner(prelude: str) -> Callable[[str, str], Any]:
    """Learners of one lab: from the name and the source of what one wrote in a cell to the function or class.

    Args:
        prelude: what the notebook has defined by then.
    """

    def written(name: str, source: str) -> Any:
        module = types.ModuleType("learner")
        exec(compile(prelude, "prelude", "exec"), module.__dict__)
        exec(compile(source, "cell", "exec"), module.__dict__)
        return module.__dict__[name]

    return written


def solved(notebook: str) -> Any:
    """The solved notebook of that name (without the ending), as it is committed.

    `make test` runs it, too, and compares what every cell says with what is written there.
    """
    nbformat = pytest.importorskip("nbformat")
    path = ROOT / "labs" / "solutions" / f"{notebook}.ipynb"
    if not path.is_file():
        pytest.skip("the solved notebook was not made yet: python tools/notebooks.py")
    return nbformat.read(path, 4)


def printed_in(notebook: str) -> str:
    """What the cells of the solved notebook print."""
    cells = [cell for cell in solved(notebook).cells if cell.cell_type == "code"]
    return "".join(output.text for cell in cells for output in cell.outputs if output.output_type == "stream")


def _names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell binds, and those that it uses, those of its functions' bodies included."""
    cell = symtable.symtable(source, "cell", "exec")
    binds = {one.get_name() for one in cell.get_symbols() if one.is_assigned() or one.is_imported()}
    uses = {one.get_name() for one in cell.get_symbols() if one.is_referenced()}
    inside = list(cell.get_children())
    while inside:
        scope = inside.pop()
        uses |= {one.get_name() for one in scope.get_symbols() if one.is_global() and one.is_referenced()}
        inside += scope.get_children()
    return binds, uses


def behind(sources: Sequence[str], last: str) -> list[str]:
    """The cells that a cell stands on: it, and each before it that binds a name which these use."""
    wanted: set[str] = set()
    found: list[str] = []
    for source in reversed(sources):
        binds, uses = _names(source)
        if source == last or (found and binds & wanted):
            found.append(source)
            wanted |= uses
    return found[::-1]


def kept_and_taken_up(
    lab: Lab,
    notebook: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Runs what a solved notebook keeps, as a notebook runs it; then a later lab asks for it.

    The answers, their checks and what they need are run; the experiments between them are not.

    Args:
        lab: the lab.
        notebook: its notebook's name, without the ending.
    """
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    monkeypatch.setenv("P2PLIB_LABS_HOME", str(tmp_path / "my_peer"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    sources = [cell.source for cell in solved(notebook).cells if cell.cell_type == "code"]
    keeping = next(source for source in reversed(sources) if source.startswith("keep("))
    running = shell()
    for source in behind(sources, keeping):
        running.run_cell(source, store_history=False).raise_error()
    printed = capsys.readouterr().out
    first = next(iter(lab.tasks))
    assert f"kept {first}, " in printed
    assert "library" not in printed.split(f"kept {first}")[1]
    for name, task in lab.tasks.items():
        assert f"[v] {name}: {len(task.cases)} of {len(task.cases)} cases" in printed
        lab.mine(name)
    assert capsys.readouterr().out.split("\n")[:-1] == [
        f"{name}: yours, from my_peer/{lab.room}.py" for name in lab.tasks
    ]
