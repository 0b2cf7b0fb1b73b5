"""Make the class's course for nbgrader: every lab as a source assignment, and what students are given.

    python tools/classroom.py                 all labs, into _build/class
    python tools/classroom.py --course DIR    into another folder
    python tools/classroom.py --source-only   without nbgrader: only the source assignments

    _build/class/nbgrader_config.py
    _build/class/source/01-identity/lab01_identity.ipynb      with solutions and hidden tests: the teacher's
    _build/class/release/01-identity/lab01_identity.ipynb     without: hand this out
    _build/class/submitted/<student>/01-identity/...          put here what comes back

Then grade with tools/grade.py, which looks at every submission before nbgrader does and marks one student
after the other: one that is broken costs the others nothing. For pages with feedback, in _build/class:
nbgrader generate_feedback 01-identity. Students need p2plib installed, as for the labs. While nbgrader runs
a notebook, p2plib.labs does not fall back to the library. Needs `pip install -e '.[classroom]'`. Running it
again replaces source and release and leaves submissions and marks alone.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from handbook import TextError, build, labs, source

ROOT = Path(__file__).resolve().parents[1]
SECONDS_PER_COMMAND = 180
LAB = re.compile(r"lab(\d\d)_(\w+)")

CONFIG = f"""\
# Made by tools/classroom.py: the same words as in the labs' other notebooks, and limits of time.
import os
import time

SUBMISSION_S = int(os.environ.get("HANDBOOK_SUBMISSION_S", "300"))  # tools/grade.py sets it
CELL_S = max(1, SUBMISSION_S // 5)
LATER_S = max(1, SUBMISSION_S // 20)  # once a cell has not ended: what calls the same loop will not, either


times = {{}}  # and plain functions: nbgrader copies what it is given, an object with its fields, too


def start(assignment, student, notebooks):
    # One limit for a submission; when it is used up, each further cell has a second.
    times.update(ends=time.monotonic() + SUBMISSION_S, limit=CELL_S, interrupts=float("inf"))


def left(cell):
    now = time.monotonic()
    if now >= times["interrupts"]:
        times["limit"] = LATER_S
    seconds = max(1, min(times["limit"], int(times["ends"] - now)))
    times["interrupts"] = now + seconds
    return seconds


c = get_config()  # noqa: F821  (nbgrader defines it)
c.CourseDirectory.course_id = "p2p"
c.CourseDirectory.db_url = "sqlite:///gradebook.db"
c.ClearSolutions.code_stub = {{"python": "{labs.CODE_STUB}"}}
c.ClearSolutions.text_stub = "{labs.TEXT_STUB}"
c.OverwriteCells.add_missing_cells = True
c.Autograde.pre_convert_hook = start
c.Execute.timeout_func = left
c.Execute.iopub_timeout = 20  # s; on a busy machine a cell's last output may be late
c.Execute.raise_on_iopub_timeout = False  # a cell that cannot be interrupted ends itself, not the marking
"""


def assignment_name(text: Path) -> str:
    """ "01-identity" for lab01_identity.md.

    Raises:
        TextError: the file is not named labNN_room.md.
    """
    match = LAB.fullmatch(text.stem)
    if match is None:
        raise TextError(
            f"{text.name}: a lab is named labNN_room.md, so that its assignment can be called NN-room"
        )
    return f"{match[1]}-{match[2].replace('_', '-')}"


def write_sources(root: Path, course: Path) -> list[str]:
    """Write the course's configuration and source assignments; their names, in order."""
    course.mkdir(parents=True, exist_ok=True)
    (course / "nbgrader_config.py").write_text(CONFIG, "utf-8")
    names = []
    for product in source.products(root):
        if product.kind == "lab":
            name = assignment_name(product.text)
            made, _ = build.notebook(product, labs.assignment)
            build.write(made, course / "source" / name / product.target.name)
            names.append(name)
    return names


def nbgrader(course: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an nbgrader command in the course's folder.

    nbgrader calls alembic, and Jupyter its kernels, by name: this interpreter's programs must come first.
    """
    programs = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", "")])}
    command = [sys.executable, "-m", "nbgrader", *words]
    return subprocess.run(
        command, cwd=course, env=environment, capture_output=True, text=True, timeout=SECONDS_PER_COMMAND
    )


def main(arguments: list[str] | None = None) -> int:
    """The command; see the head of this file."""
    parser = argparse.ArgumentParser(description="Make the class's course for nbgrader.")
    parser.add_argument(
        "--course", type=Path, default=ROOT / "_build" / "class", help="by default _build/class"
    )
    parser.add_argument("--source-only", action="store_true", help="do not run nbgrader")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the handbook's folder (by default, this tool's)"
    )
    given = parser.parse_args(arguments)
    course = given.course.resolve()
    try:
        names = write_sources(given.root.resolve(), course)
    except TextError as error:
        print(error, file=sys.stderr)
        return 1
    for name in names:
        print(f"source   {name}")
        if given.source_only:
            continue
        done = nbgrader(course, "generate_assignment", name, "--create", "--force")
        if done.returncode:
            print(done.stderr[-4000:], file=sys.stderr)
            return 1
        print(f"release  {name}")
    if not names:
        print("there are no labs yet", file=sys.stderr)
        return 1
    print(f"the course is in {course}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
