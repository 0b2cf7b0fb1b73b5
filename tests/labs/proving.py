"""What the tests of each lab do: references as if a reader had written them, a solved notebook that keeps."""

from __future__ import annotations

from collections.abc import Callable
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


def kept_and_taken_up(
    lab: Lab,
    notebook: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    wanted: Callable[[str], bool] = lambda source: True,
) -> str:
    """Runs the cells of a solved notebook as a notebook runs them; then a later lab asks for what it kept.

    Args:
        notebook: its name, without the ending. wanted: says by its source whether a cell is run.

    Returns:
        What the cells printed.
    """
    nbformat = pytest.importorskip("nbformat")
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    monkeypatch.setenv("P2PLIB_LABS_HOME", str(tmp_path / "my_peer"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    solved = ROOT / "labs" / "solutions" / f"{notebook}.ipynb"
    if not solved.is_file():
        pytest.skip("the solved notebook was not made yet: python tools/notebooks.py")
    running = shell()
    for cell in nbformat.read(solved, 4).cells:
        if cell.cell_type == "code" and wanted(cell.source):
            running.run_cell(cell.source, store_history=False).raise_error()
    printed = capsys.readouterr().out
    first = next(iter(lab.tasks))
    assert f"kept {first}, " in printed
    assert "library" not in printed.split(f"kept {first}")[1]
    for name in lab.tasks:
        lab.mine(name)
    assert capsys.readouterr().out.split("\n")[:-1] == [
        f"{name}: yours, from my_peer/{lab.room}.py" for name in lab.tasks
    ]
    return printed
