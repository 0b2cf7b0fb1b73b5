"""One text of a lab, three products.

    learner's notebook    solutions become `raise NotImplementedError`, hidden tests are gone
    solved notebook       the marks are gone, and the hidden tests
    class's assignment    marks and hidden tests stay for nbgrader, which removes them; with its metadata

An author writes two options and nothing else about any of this:

    ```{code-cell} ipython3
    :task: sign                    the cell that the reader completes
    def sign(...):
        '''...'''
        ### BEGIN SOLUTION
        ...
        ### END SOLUTION
    ```

    ```{code-cell} ipython3
    :check: sign                   the cell that checks it
    :points: 2                     what it is worth in a class
    sign = check("sign", sign)
    ### BEGIN HIDDEN TESTS
    judge("sign", sign, ...)
    ### END HIDDEN TESTS
    ```

and for a written answer, which a teacher marks by hand, a text cell:

    +++ {"task": "reflection", "points": 1}
    <!-- BEGIN SOLUTION -->
    ...
    <!-- END SOLUTION -->
    +++
"""

from __future__ import annotations

import ast
import copy
import re
from typing import Any

from . import TextError

CODE_STUB = "raise NotImplementedError"
TEXT_STUB = "*Your answer here.*"
OPTIONS = ("task", "check", "points")

MARK = re.compile(r"^[ \t]*(?:###|<!--) *(BEGIN|END) (SOLUTION|HIDDEN TESTS)(?: *-->)?[ \t]*$", re.MULTILINE)
SOLUTION = re.compile(
    r"^([ \t]*)(?:###|<!--) *BEGIN SOLUTION.*?^[ \t]*(?:###|<!--) *END SOLUTION[^\n]*$",
    re.DOTALL | re.MULTILINE,
)
HIDDEN = re.compile(
    r"^[ \t]*### *BEGIN HIDDEN TESTS.*?^[ \t]*### *END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE
)
ANY_MARK = re.compile(r"^.*(?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS).*$", re.MULTILINE)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def check_text(where: str, cells: list[Any]) -> None:
    """See that a lab's cells keep the rules above.

    Raises:
        TextError: with the file, the cell's line and the rule.
    """
    tasks: set[str] = set()
    names: set[str] = set()
    for cell in cells:
        at = f"{where}:{cell.metadata.get('line', 1)}"
        _check_marks(at, cell)
        task, check = cell.metadata.get("task"), cell.metadata.get("check")
        if task is not None and check is not None:
            raise TextError(f"{at}: a cell is either a task or a check")
        name = check if task is None else task
        if name is None:
            if "points" in cell.metadata:
                raise TextError(f"{at}: points without 'check:'")
            continue
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise TextError(f"{at}: {name!r} cannot name a task")
        identity = _grade_id(cell)
        if identity in names:
            raise TextError(f"{at}: a second cell with {'check' if task is None else 'task'}: {name}")
        names.add(identity)
        if task is not None:
            tasks.add(task)
        elif check not in tasks and "BEGIN HIDDEN TESTS" not in cell.source:
            raise TextError(f"{at}: check: {check}, but no task of that name comes before it")
        graded = task is None or cell.cell_type == "markdown"
        points = cell.metadata.get("points")
        if graded and (type(points) is not int or points < 1):
            raise TextError(f"{at}: points must be a whole number from 1, not {points!r}")
        if not graded and points is not None:
            raise TextError(f"{at}: points belong to the check, not to the task")


def _check_marks(at: str, cell: Any) -> None:
    """Marks come in pairs, on lines of their own, in the cells where they mean something."""
    opened = None
    found = set()
    if len(MARK.findall(cell.source)) != len(ANY_MARK.findall(cell.source)):
        raise TextError(f"{at}: a BEGIN or END mark is misspelled or shares its line with something else")
    for edge, what in MARK.findall(cell.source):
        if (edge == "BEGIN") != (opened is None) or (edge == "END" and what != opened):
            raise TextError(f"{at}: BEGIN and END of {what} do not pair")
        opened = what if edge == "BEGIN" else None
        found.add(what)
    if opened:
        raise TextError(f"{at}: BEGIN {opened} without its END")
    if ("SOLUTION" in found) != ("task" in cell.metadata):
        raise TextError(f"{at}: a solution and 'task:' go together")
    if "HIDDEN TESTS" in found and "check" not in cell.metadata:
        raise TextError(f"{at}: hidden tests belong to a cell with 'check:'")
    if cell.cell_type == "code" and "SOLUTION" in found:
        if any(indent == "" for indent in SOLUTION.findall(cell.source)):
            raise TextError(
                f"{at}: a solution must stand inside a function, or the learner's notebook would stop there"
            )
        _check_python(at, learners_source(cell), "the learner's form of this cell")


def _check_python(at: str, source: str, what: str) -> None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise TextError(f"{at}: {what} is not Python: {error.msg} (its line {error.lineno})") from None


def learners_source(cell: Any) -> str:
    """A cell's source as the learner gets it."""
    source = HIDDEN.sub("", cell.source)
    stub = CODE_STUB if cell.cell_type == "code" else TEXT_STUB
    return SOLUTION.sub(lambda match: match[1] + stub, source).strip("\n").rstrip()


def solved_source(cell: Any) -> str:
    """A cell's source with the solution and without any mark."""
    return (
        re.sub(MARK.pattern + r"\n?", "", HIDDEN.sub("", cell.source), flags=re.MULTILINE)
        .strip("\n")
        .rstrip()
    )


def learner(cells: list[Any]) -> list[Any]:
    """The cells of the learner's notebook."""
    return _rewritten(cells, learners_source)


def solved(cells: list[Any]) -> list[Any]:
    """The cells of the solved notebook."""
    return _rewritten(cells, solved_source)


def _rewritten(cells: list[Any], source_of: Any) -> list[Any]:
    made = []
    for cell in copy.deepcopy(cells):
        cell.source = source_of(cell)
        for option in OPTIONS:
            cell.metadata.pop(option, None)
        if cell.source.strip():  # a cell of hidden tests alone leaves nothing
            made.append(cell)
    return made


def assignment(cells: list[Any]) -> list[Any]:
    """The cells of the class's assignment, with nbgrader's metadata (its schema, version 3)."""
    made = copy.deepcopy(cells)
    for cell in made:
        if "task" in cell.metadata or "check" in cell.metadata:
            written = cell.cell_type == "markdown"
            is_check = "check" in cell.metadata
            cell.metadata["nbgrader"] = {
                "grade": is_check or written,
                "grade_id": _grade_id(cell),
                "locked": is_check,
                "schema_version": 3,
                "solution": not is_check,
                "task": False,
                **({"points": cell.metadata["points"]} if is_check or written else {}),
            }
        for option in OPTIONS:
            cell.metadata.pop(option, None)
    return made


def _grade_id(cell: Any) -> str:
    check = cell.metadata.get("check")
    return f"check-{check}" if check is not None else str(cell.metadata["task"])
