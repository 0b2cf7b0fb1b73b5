"""A class, from a lab's text to marks: right, empty, wrong and memorised get full, zero, zero, zero."""

from __future__ import annotations

import copy
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.labs.engine import tiny

pytest.importorskip("nbgrader", reason="nbgrader is not installed (pip install -e '.[classroom]')")
pytest.importorskip("jupytext", reason="jupytext is not installed (pip install -e '.[classroom]')")

import classroom
from handbook import labs as products

pytestmark = pytest.mark.slow  # every test starts kernels

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


def marks(course: Path, assignment: str = "09-arithmetic") -> dict[str, dict[str, float]]:
    """What nbgrader's gradebook says of one assignment: marks by student and check."""
    query = """
        SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score
        FROM grade
        JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id
        JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
        JOIN base_cell ON grade.cell_id = base_cell.id
        JOIN assignment ON submitted_assignment.assignment_id = assignment.id
        WHERE assignment.name = ?
    """
    found: dict[str, dict[str, float]] = {}
    with sqlite3.connect(course / "gradebook.db") as book:
        for student, name, score in book.execute(query, [assignment]):
            found.setdefault(student, {})[name] = score or 0.0
    return found


def hand_in(course: Path, name: str, submissions: dict[str, dict[str, Any]]) -> None:
    """Put notebooks where nbgrader looks for what came back."""
    released = next((course / "release" / name).glob("*.ipynb"))
    for student, notebook in submissions.items():
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        (folder / released.name).write_text(json.dumps(notebook), "utf-8")


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
    hand_in(course, "09-arithmetic", submissions)
    done = classroom.nbgrader(course, "autograde", "09-arithmetic", "--create")
    assert done.returncode == 0, done.stderr[-3000:]
    found = marks(course)
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


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """nbgrader with the course of all labs, in this process: every command takes seconds to start."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    course = tmp_path_factory.mktemp("class")
    classroom.write_sources(ROOT, course)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.NotebookClient.kernel_manager_class = "kernels.AsyncOverFiles"
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    with pytest.MonkeyPatch.context() as patch:  # nbgrader and Jupyter call programs by name
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
        patch.setenv("PYTHONPATH", str(ROOT))
        yield NbGraderAPI(config=config)


@pytest.mark.filterwarnings("ignore:Object of type:sqlalchemy.exc.SAWarning")  # nbgrader's own
@pytest.mark.parametrize("text", LABS, ids=lambda path: path.stem)
def test_marks_of_each_lab(text: Path, teacher: Any) -> None:
    """Solved gets every automatic point; the released form, and one that always answers None, get none."""
    course, name = Path(teacher.coursedir.root), classroom.assignment_name(text)
    done = teacher.generate_assignment(name)
    assert done["success"], done["log"][-3000:]
    release = read(course / "release" / name / f"{text.stem}.ipynb")
    solved = _answered(release, read(course / "source" / name / f"{text.stem}.ipynb"), products.MARK.sub)
    nothing = copy.deepcopy(release)
    for cell in nothing["cells"]:
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = source(cell).replace(STUB, "return None")
    hand_in(course, name, {"right": solved, "empty": release, "wrong": nothing})
    for student in ("right", "empty", "wrong"):
        done = teacher.autograde(name, student)
        assert done["success"], done["log"][-3000:]
    found = marks(course, name)
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
