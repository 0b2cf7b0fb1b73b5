"""Grade what a class handed in, student by student: nobody's broken notebook costs anybody else a mark.

    python tools/grade.py 01-identity                   everything in _build/class/submitted
    python tools/grade.py 01-identity --from FOLDER     first take in a folder that has a notebook, or a
                                                        folder, for each student
    python tools/grade.py 01-identity --student ana     only this one, again
    python tools/grade.py 01-identity --seconds 300     time for one submission (by default 300)
    python tools/grade.py 01-identity --only-table      grade nothing: write the marks as they stand, with
                                                        those that were given by hand

    _build/class/submitted/<student>/01-identity/...    what came back; never changed
    _build/class/repaired/<student>/01-identity/...     the copy that is graded
    _build/class/autograded/<student>/01-identity/...   what nbgrader made of it, with the outputs
    _build/class/marks/01-identity.csv                  the table: a line for each student

First make the course: python tools/classroom.py. Before nbgrader sees a submission, cells that were copied,
split, deleted or edited are put right, and the report says which. Then it is run in a process of its own. A
cell that does not end is interrupted, and there is one time limit for the whole submission; what was reached
before that is marked. A submission that has been graded and has not changed since is left alone, and so are
marks given by hand. The exit status is 1 if somebody could not be graded.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry  # type: ignore[import-untyped]
from nbgrader.apps import NbGraderAPI  # type: ignore[import-untyped]
from traitlets.config.loader import PyFileConfigLoader

sys.path.insert(0, str(Path(__file__).resolve().parent))

from handbook import submissions
from handbook.submissions import Unreadable

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 300
START_S = 60  # for Python, nbgrader and a kernel to start, and to end
REASON = re.compile(r"^ *([\w.]+(?:Error|Exception|Entry): .+)", re.MULTILINE)
GRADED, REPAIRED, FAILED = "graded", "graded after repairs", "NOT GRADED"


@dataclass
class Student:
    """One line of the table."""

    name: str
    outcome: str = GRADED
    notes: list[str] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    by_hand: list[str] = field(default_factory=list)


class Course:
    """The folder that tools/classroom.py made, seen for one assignment."""

    def __init__(self, folder: Path, assignment: str) -> None:
        self.folder, self.assignment = folder, assignment
        found = sorted((folder / "release" / assignment).glob("*.ipynb"))
        if not found:
            known = ", ".join(sorted(path.name for path in (folder / "release").glob("*"))) or "none"
            raise SystemExit(
                f"There is no assignment {assignment} in {folder / 'release'} (there: {known}). "
                "Make the course with python tools/classroom.py"
            )
        self.notebook_name = found[0].name
        self.released = submissions.read(found[0])
        self.points: dict[str, float] = {
            cell["metadata"]["nbgrader"]["grade_id"]: float(cell["metadata"]["nbgrader"]["points"])
            for cell in self.released["cells"]
            if cell["metadata"].get("nbgrader", {}).get("grade")
        }

    def path(self, kind: str, student: str) -> Path:
        """Where one kind of thing of a student lies: submitted, repaired, autograded."""
        return self.folder / kind / student / self.assignment

    def take_in(self, folder: Path) -> list[str]:
        """Copy a folder of notebooks, or of folders, to where submissions belong; the students' names."""
        things = {
            path.stem if path.is_file() else path.name: path
            for path in sorted(folder.iterdir())
            if not path.name.startswith(".") and (path.is_dir() or path.suffix == ".ipynb")
        }
        names = submissions.student_names(list(things))
        for thing, path in things.items():
            place = self.path("submitted", names[thing])
            shutil.rmtree(place, ignore_errors=True)
            if path.is_dir():
                _copy(path, place)
            else:
                place.mkdir(parents=True)
                shutil.copy(path, place / self.notebook_name)
        return sorted(names.values())

    def students(self) -> list[str]:
        """Everybody who has a folder among the submissions."""
        place = self.folder / "submitted"
        return sorted(path.name for path in place.glob("*") if path.is_dir() and path.name[0] not in "._")

    def repair(self, student: Student) -> bool:
        """Write the copy that is graded; whether it differs from the one that was graded last.

        Raises:
            Unreadable: nothing can be graded.
        """
        handed_in, place = self.path("submitted", student.name), self.path("repaired", student.name)
        if not handed_in.is_dir():
            raise Unreadable("nothing was handed in for this assignment")
        path, odd = submissions.submission_in(handed_in, self.notebook_name)
        made = submissions.mended(submissions.read(path), self.released)
        student.notes += odd + made.repairs
        student.outcome = REPAIRED if student.notes else GRADED
        text = json.dumps(made.notebook, indent=1, ensure_ascii=False) + "\n"
        target = place / self.notebook_name
        if target.is_file() and target.read_text("utf-8") == text and self._is_graded(student.name):
            return False
        for old in (place, self.path("autograded", student.name)):
            shutil.rmtree(old, ignore_errors=True)
        _copy(path.parent, place, leave_out="*.ipynb")
        target.write_text(text, "utf-8", newline="\n")
        return True

    def _is_graded(self, student: str) -> bool:
        return (self.path("autograded", student) / self.notebook_name).is_file()

    def grade(self, student: Student, seconds: int) -> None:
        """Have nbgrader run and mark one student's copy.

        Raises:
            Unreadable: nbgrader gave up, or did not end.
        """
        limit = (
            2 * seconds + START_S
        )  # nbgrader keeps to the seconds, unless a loop resists being interrupted
        said = run_bounded(_nbgrade, (self.folder, self.assignment, student.name, seconds), limit)
        if said is None:
            raise Unreadable(f"a loop in it cannot be interrupted (it was ended after {limit} s)")
        if not self._is_graded(student.name):
            if "DeadKernelError" in said or "Kernel died" in said:
                raise Unreadable("its code ended the kernel (exit, quit or too much memory)")
            reasons = [one for one in REASON.findall(said) if "NbGraderException" not in one]
            reasons = reasons or ["it gave no reason"]
            raise Unreadable(f"nbgrader gave up: {reasons[-1].strip()[:200]}")

    def remarks(self, student: str) -> Iterator[str]:
        """What a teacher should know of a run: cells that did not end, answers that are not Python."""
        path = self.path("autograded", student) / self.notebook_name
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            errors = {out.get("ename") for out in cell.get("outputs", []) if out["output_type"] == "error"}
            about = cell["metadata"].get("nbgrader", {})
            first = "".join(cell["source"]).strip().split("\n", 1)[0][:40]
            where = about.get("grade_id") or f"the cell `{first}`"
            if errors & {"CellTimeoutError", "KeyboardInterrupt"}:
                yield f"{where}: did not end in time"
            elif errors & {"SyntaxError", "IndentationError", "TabError"}:
                yield f"{where}: is not Python ({', '.join(sorted(map(str, errors)))})"


def _copy(source: Path, place: Path, leave_out: str = "") -> None:
    """Copy a folder without what no grader needs; links are not followed, for they may lead anywhere."""

    def skipped(folder: str, names: list[str]) -> set[str]:
        links = {name for name in names if (Path(folder) / name).is_symlink()}
        patterns = [".ipynb_checkpoints", "__pycache__", *([leave_out] if leave_out else [])]
        return links | set(shutil.ignore_patterns(*patterns)(folder, names))

    shutil.copytree(source, place, ignore=skipped, dirs_exist_ok=True)


def _nbgrade(course: Path, assignment: str, student: str, seconds: int, answer: Connection) -> None:
    """In a process of its own: have nbgrader run and mark one submission, and send what it said."""
    if os.name == "posix":
        os.setsid()
    programs = str(Path(sys.executable).parent)  # nbgrader and Jupyter call programs by name
    os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", "")])
    os.environ["HANDBOOK_SUBMISSION_S"] = str(seconds)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    config.CourseDirectory.submitted_directory = "repaired"
    done = NbGraderAPI(config=config).autograde(assignment, student, force=True, create=True)
    answer.send("\n".join(str(done.get(part) or "") for part in ("log", "error")))


def run_bounded(work: Any, arguments: tuple[Any, ...], seconds: float) -> str | None:
    """Do some work in another process; what it sent, or None if it had to be ended.

    A process that ends without a word (its code ended it) counts as one that said nothing.
    """
    ways: Any = multiprocessing.get_context(
        "fork" if os.name == "posix" else "spawn"
    )  # a fork has all imports
    ours, theirs = ways.Pipe(duplex=False)
    process = ways.Process(target=work, args=(*arguments, theirs))
    process.start()
    theirs.close()
    try:
        return str(ours.recv()) if ours.poll(seconds) else None
    except EOFError:
        return ""
    finally:
        process.join(5)
        if process.is_alive():  # the kernel is a process of its own, which ends when this one is gone
            process.kill()
            process.join()


def read_marks(course: Course, students: list[Student]) -> None:
    """Enter what the gradebook holds: marks by hand count before those of the machine."""
    with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}") as book:
        for student in students:
            try:
                submission = book.find_submission(course.assignment, student.name)
            except MissingEntry:
                continue
            for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
                student.marks[grade.name] = float(grade.score or 0)
                if grade.needs_manual_grade:
                    student.by_hand.append(grade.name)


def write_table(course: Course, students: list[Student]) -> Path:
    """Write the table of marks."""
    path = course.folder / "marks" / f"{course.assignment}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["student", *course.points, "marks", "of", "outcome", "to mark by hand", "notes"])
        for student in students:
            failed = student.outcome == FAILED
            marks: list[Any] = ["" if failed else f"{student.marks.get(name, 0):g}" for name in course.points]
            total = "" if failed else f"{sum(student.marks.values()):g}"
            table.writerow(
                [
                    _harmless(student.name),
                    *marks,
                    total,
                    f"{sum(course.points.values()):g}",
                    student.outcome,
                    " ".join(student.by_hand),
                    _harmless("; ".join(student.notes)),
                ]
            )
    return path


def _harmless(text: str) -> str:
    """A student's words as a spreadsheet shows them: nothing in them is a formula."""
    return f"'{text}" if text.startswith(tuple("=+-@\t\r")) else text


def grade_all(course: Course, names: list[str], seconds: int) -> list[Student]:
    """Grade one student after the other, and say how each went."""
    students = [Student(name) for name in names]
    for number, student in enumerate(students, 1):
        try:
            if course.repair(student):
                course.grade(student, seconds)
            student.notes += course.remarks(student.name)
        except Unreadable as error:
            student.outcome, student.notes = FAILED, [*student.notes, str(error)]
        except OSError as error:  # a folder that cannot be read, a table that was never made
            student.outcome, student.notes = FAILED, [*student.notes, error.strerror or str(error)]
        print(f"{number:3} of {len(students)}  {student.outcome:22}{student.name}", flush=True)
        for note in student.notes:
            print(f"{'':12}{note}")
    read_marks(course, [student for student in students if student.outcome != FAILED])
    return students


def main(arguments: list[str] | None = None) -> int:
    """The command; see the head of this file."""
    parser = argparse.ArgumentParser(description="Grade what a class handed in, student by student.")
    parser.add_argument("assignment", help="for example 01-identity")
    parser.add_argument(
        "--course", type=Path, default=ROOT / "_build" / "class", help="by default _build/class"
    )
    parser.add_argument("--from", dest="folder", type=Path, help="take in this folder of submissions first")
    parser.add_argument("--student", action="append", help="only this one (may be given several times)")
    parser.add_argument(
        "--seconds", type=int, default=SECONDS, help=f"for one submission (by default {SECONDS})"
    )
    parser.add_argument("--only-table", action="store_true", help="grade nothing, write the table again")
    given = parser.parse_args(arguments)
    course = Course(given.course.resolve(), given.assignment)
    if given.only_table:
        print(f"the marks are in {write_table(course, already(course, set()))}")
        return 0
    if given.folder is not None:
        print(f"taken in: {len(course.take_in(given.folder))} submissions")
    names = course.students()
    if given.student:
        unknown = sorted(set(given.student) - set(names))
        if unknown:
            parser.error(f"nothing was handed in by {', '.join(unknown)}")
        for name in given.student:  # again, even if nothing has changed
            shutil.rmtree(course.path("repaired", name), ignore_errors=True)
        names = sorted(set(given.student))
    if not names:
        parser.error(f"there are no submissions in {course.folder / 'submitted'}")
    students = grade_all(course, names, given.seconds)
    everybody = [*students, *already(course, {student.name for student in students})]
    table = write_table(course, sorted(everybody, key=lambda student: student.name))
    failed = sum(student.outcome == FAILED for student in students)
    print(f"graded {len(students) - failed} of {len(students)}; the marks are in {table}")
    return 1 if failed else 0


def already(course: Course, graded_now: set[str]) -> list[Student]:
    """The others of the table, as they were: `--student` grades one and keeps the rest."""
    path = course.folder / "marks" / f"{course.assignment}.csv"
    kept = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["student"] not in graded_now]
    others = [Student(row["student"], row["outcome"], [row["notes"]] if row["notes"] else []) for row in kept]
    read_marks(course, [student for student in others if student.outcome != FAILED])
    return others


if __name__ == "__main__":
    sys.exit(main())
