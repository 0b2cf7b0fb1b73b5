"""A class, from a lab's text to marks: right, empty, wrong and memorised get full, zero, zero, zero."""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.labs.engine import tiny

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[classroom]')")
pytest.importorskip("jupytext", reason="jupytext is not installed (pip install -e '.[classroom]')")

import classroom

STUB = "raise NotImplementedError"
MEMORISED = {
    "double": "return {2: 4, 5: 10, 10**30: 2 * 10**30}[number]",
    "join": "return {2: b'abcd', 0: b''}[len(parts)]",
}
WRONG = {"double": "return number * number", "join": "return whole"}
RIGHT = {"double": "return number * 2", "join": "return whole.join(parts)"}

ROOT = Path(__file__).resolve().parents[2]


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def filled(notebook: dict[str, Any], answers: dict[str, str]) -> dict[str, Any]:
    """A student's copy: stubs replaced by answers, by task."""
    copied = copy.deepcopy(notebook)
    for cell in copied["cells"]:
        task = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if cell["cell_type"] == "code" and task in answers:
            assert STUB in source(cell)
            cell["source"] = source(cell).replace(STUB, answers[task])
    return copied


def marks(course: Path) -> dict[str, dict[str, float]]:
    """What nbgrader's gradebook says: marks by student and check."""
    query = """
        SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score
        FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN base_cell ON grade.cell_id = base_cell.id
    """
    found: dict[str, dict[str, float]] = {}
    with sqlite3.connect(course / "gradebook.db") as book:
        for student, name, score in book.execute(query):
            found.setdefault(student, {})[name] = score or 0.0
    return found


def graded(course: Path, name: str, submissions: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Hand in notebooks and have nbgrader mark them."""
    released = next((course / "release" / name).glob("*.ipynb"))
    for student, notebook in submissions.items():
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        (folder / released.name).write_text(json.dumps(notebook), "utf-8")
    done = classroom.nbgrader(course, "autograde", name, "--create")
    assert done.returncode == 0, done.stderr[-3000:]
    return marks(course)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released course of the tiny lab."""
    root = tmp_path_factory.mktemp("handbook")
    tiny.plant(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        assert classroom.main(["--root", str(root), "--course", str(root / "class")]) == 0
    return root / "class"


def test_the_release_holds_no_solution_and_no_hidden_test(course: Path) -> None:
    text = (course / "release" / "09-arithmetic" / "lab09_arithmetic.ipynb").read_text("utf-8")
    for gone in ("BEGIN", "return number", "whole +=", "judge", "They differ"):
        assert gone not in text
    for stays in ("Twice *number*.", STUB, "Your answer here.", "hb-card"):
        assert stays in text


def test_the_source_keeps_both(course: Path) -> None:
    text = (course / "source" / "09-arithmetic" / "lab09_arithmetic.ipynb").read_text("utf-8")
    for stays in ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "return number + number", "judge", "They differ"):
        assert stays in text


def test_right_is_full_marks_and_empty_wrong_and_memorised_are_none(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(course.parent))
    release = read(course / "release" / "09-arithmetic" / "lab09_arithmetic.ipynb")
    submissions = {
        "right": filled(release, RIGHT),
        "empty": release,
        "wrong": filled(release, WRONG),
        "memorised": filled(release, MEMORISED),
    }
    found = graded(course, "09-arithmetic", submissions)
    # The reflection waits for a teacher.
    assert found.pop("right") == {"check-double": 2, "check-join": 3, "check-join-more": 1, "reflection": 0}
    assert found.keys() == submissions.keys() - {"right"}
    for student, scores in found.items():
        assert set(scores.values()) == {0}, student


def test_a_second_run_leaves_marks_alone(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(course.parent))
    before = marks(course)
    assert before, "the submissions above were marked"
    assert classroom.main(["--root", str(course.parent), "--course", str(course)]) == 0
    assert marks(course) == before


LABS = sorted((ROOT / "labs" / "src").glob("lab*.md"))


@pytest.mark.parametrize("text", LABS, ids=lambda path: path.stem)
def test_marks_of_each_lab(text: Path, tmp_path: Path) -> None:
    """Solved gets every automatic point; the released form, and one that always answers None, get none."""
    from handbook import labs as products

    root = tmp_path / "handbook"
    for other in sorted((ROOT / "book" / "src").rglob("*.md")):  # what `needs:` names must be there
        copied = root / other.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(other, copied)
    (root / "labs" / "src").mkdir(parents=True)
    for other in LABS:
        if other <= text:
            shutil.copy(other, root / "labs" / "src" / other.name)
    course = root / "class"
    name = classroom.assignment_name(text)
    names = classroom.write_sources(root, course)
    assert name in names
    done = classroom.nbgrader(course, "generate_assignment", name, "--create", "--force")
    assert done.returncode == 0, done.stderr[-3000:]
    release = read(course / "release" / name / f"{text.stem}.ipynb")
    solved = _answered(release, read(course / "source" / name / f"{text.stem}.ipynb"), products.MARK.sub)
    nothing = copy.deepcopy(release)
    for cell in nothing["cells"]:
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = source(cell).replace(STUB, "return None")
    found = graded(course, name, {"right": solved, "empty": release, "wrong": nothing})
    points = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["nbgrader"]["points"]
        for cell in release["cells"]
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("grade")
    }
    assert points
    assert {check: mark for check, mark in found["right"].items() if check in points} == points
    assert set(found["empty"].values()) == {0}
    assert set(found["wrong"].values()) == {0}


def _answered(
    release: dict[str, Any], teacher: dict[str, Any], strip: Callable[[str, str], str]
) -> dict[str, Any]:
    """The released notebook with the teacher's answers in its answer cells."""
    answers = {
        cell["metadata"]["nbgrader"]["grade_id"]: strip("", source(cell))
        for cell in teacher["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
    copied = copy.deepcopy(release)
    for cell in copied["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("solution"):
            cell["source"] = answers[about["grade_id"]]
    return copied
