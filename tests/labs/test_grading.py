"""A class of ten in which six hand in something broken: nobody pays for another student."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.labs.engine import tiny

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[classroom]')")
pytest.importorskip("jupytext", reason="jupytext is not installed (pip install -e '.[classroom]')")

import classroom
import grade

from tests.labs.test_classroom import RIGHT, filled, read

pytestmark = pytest.mark.slow  # every submission starts a kernel

LAB = "09-arithmetic"
SECONDS = "20"
LOOP = "while True:\n        pass"


def number_of(notebook: dict[str, Any], name: str) -> int:
    cells = enumerate(notebook["cells"])
    return next(i for i, one in cells if one["metadata"].get("nbgrader", {}).get("grade_id") == name)


def hand_in(folder: Path, release: dict[str, Any]) -> None:
    """Ten students, each a file or a folder, as they come out of a mailbox."""
    right = filled(release, RIGHT)
    copied, deleted, quits = copy.deepcopy(right), copy.deepcopy(right), copy.deepcopy(right)
    at = number_of(right, "double")
    copied["cells"].insert(at + 1, copy.deepcopy(right["cells"][at]) | {"id": "copied"})
    del deleted["cells"][number_of(right, "check-double")]
    quits["cells"][at]["source"] = "import os\nos._exit(1)"
    notebooks: dict[str, Any] = {
        "ana": right,
        "ben": right,
        "cleo": filled(release, {"double": RIGHT["double"]}),
        "dia": filled(release, {"join": RIGHT["join"]}),
        "copied": copied,
        "deleted": deleted,
        "loops": filled(release, {"double": LOOP, "join": RIGHT["join"]}),
        "syntax": filled(release, {"double": "return (", "join": RIGHT["join"]}),
        "quits": quits,
    }
    folder.mkdir()
    for student, notebook in notebooks.items():
        (folder / f"{student}.ipynb").write_text(json.dumps(notebook), "utf-8")
    (folder / "picture").mkdir()
    (folder / "picture" / "lab09_arithmetic.ipynb").write_bytes(b"\x89PNG")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The table of marks, by student."""
    root = tmp_path_factory.mktemp("handbook")
    tiny.plant(root)
    course = root / "class"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        assert classroom.main(["--root", str(root), "--course", str(course)]) == 0
        hand_in(root / "mail", read(course / "release" / LAB / "lab09_arithmetic.ipynb"))
        words = [LAB, "--course", str(course), "--seconds", SECONDS]
        assert grade.main([*words, "--from", str(root / "mail")]) == 1, "two could not be graded"
        before = (course / "marks" / f"{LAB}.csv").read_bytes()
        assert grade.main([*words, "--only-table"]) == 0
        assert (course / "marks" / f"{LAB}.csv").read_bytes() == before
    with (course / "marks" / f"{LAB}.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("ana", "ana"), ("=1+1", "'=1+1"), ("-x", "'-x")])
def test_no_word_of_a_student_is_a_formula(text: str, shown: str) -> None:
    assert grade._harmless(text) == shown


def test_everybody_gets_the_marks_that_they_earned(table: dict[str, dict[str, str]]) -> None:
    found = {student: (row["marks"], row["outcome"]) for student, row in table.items()}
    assert found == {
        "ana": ("6", grade.GRADED),
        "ben": ("6", grade.GRADED),
        "cleo": ("2", grade.GRADED),
        "dia": ("4", grade.GRADED),
        "copied": ("6", grade.REPAIRED),
        "deleted": ("6", grade.REPAIRED),
        "loops": ("4", grade.GRADED),
        "syntax": ("4", grade.GRADED),
        "quits": ("", grade.FAILED),
        "picture": ("", grade.FAILED),
    }


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ("copied", "double: there were 2 cells"),
        ("deleted", "check-double: had been deleted"),
        ("syntax", "double: is not Python"),
        ("quits", "ended the kernel"),
        ("picture", "not a notebook"),
    ],
)
def test_the_table_says_what_was_wrong(table: dict[str, dict[str, str]], student: str, words: str) -> None:
    assert words in table[student]["notes"]
