"""Mutants of every solved task: refused by the visible check, or the same as the solution, with a reason.

Here a part of them, always the same one, and what `equivalents` excuses. `python -m tests.labs.mutants` runs
every one, in two or three minutes.
"""

from __future__ import annotations

import functools

import pytest

from p2plib.labs import Lab, Task
from p2plib.labs.engine import feedback
from tests.labs.equivalents import SAME, TUNED
from tests.labs.mutants import CASE_S, LABS, Solved, main
from tests.labs.mutating import Endless, Steps, mutants, within_steps

EVERY = 8  # one mutant in so many

solved = functools.cache(Solved)
TASKS = [pytest.param(room, task, id=f"{room}: {task}") for room in LABS for task in solved(room).answers]
EXCUSED = [
    pytest.param(room, task, what, id=f"{room}: {task}: {what}")
    for room, tasks in SAME.items()
    for task, known in tasks.items()
    if task not in TUNED.get(room, ())  # whole programs take seconds each, and are left to the tool
    for what in known
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endless loops are stopped by their rounds, so nothing here depends on the time that a case may take."""
    monkeypatch.setattr(feedback, "CASE_S", CASE_S)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some mutants forget to await
@pytest.mark.parametrize(("room", "task"), TASKS)
def test_the_check_refuses_a_part_of_all_mutants(room: str, task: str) -> None:
    known = SAME.get(room, {}).get(task, {})
    for what, source in solved(room).mutants(task)[::EVERY]:
        told = solved(room).tell(task, what, source)
        assert told.verdict.state == "[x]" or told.name in known, what
        assert not told.hidden, f"{what}: [v], and then {told.hidden}"


@pytest.mark.slow
@pytest.mark.parametrize(("room", "task", "what"), EXCUSED)
def test_what_is_excused_is_still_there_and_right(room: str, task: str, what: str) -> None:
    found = [(name, source) for name, source in solved(room).mutants(task) if name.partition(": ")[2] == what]
    assert len(found) == 1, "no mutant has that name any more: leave it out of tests/labs/equivalents.py"
    told = solved(room).tell(task, *found[0])
    assert (told.verdict.state, told.hidden) == ("[v]", "")


def test_what_is_excused_belongs_to_tasks() -> None:
    for table in (SAME, TUNED):
        for room, tasks in table.items():
            assert set(tasks) <= set(solved(room).answers), room


def test_every_task_of_every_lab_is_solved_in_its_text() -> None:
    for room in LABS:
        assert list(solved(room).answers) == list(solved(room).lab.tasks)


# What the machine changes

CELL = '''
def first(numbers: list[int]) -> int:
    """The first that is even."""
    for number in numbers:
        if number % 2 == 0:
            return number
    return -1
'''


def test_mutants_change_one_thing_each_and_have_names_of_their_own() -> None:
    names = [what.partition(": ")[2] for what, _ in mutants(CELL)]
    assert len(set(names)) == len(names)
    assert "returns in the loop 'for number in numbers:' in def first(numbers: list[int]) -> int:" in names
    assert "!= for == in number % 2 == 0" in names
    assert "leaves out 'return number' in if number % 2 == 0:" in names
    assert not any("The first that is even" in what for what in names)


def test_a_list_in_the_class_is_a_mutant() -> None:
    cell = (
        "class Bag:\n    def __init__(self, k):\n        self.k, self.held = k, 0\n        self.things = []\n"
    )
    shared = dict(mutants(cell))["line 1: things in the class in class Bag:"]
    space: dict[str, object] = {}
    exec(shared, space)
    bag = space["Bag"]
    assert bag(1).things is bag(2).things  # type: ignore[operator]


STUBBORN = """
def forever():
    while True:
        try:
            pass
        except Exception:
            pass
"""


def test_an_endless_loop_is_stopped_by_its_rounds() -> None:
    space: dict[str, object] = {"__step__": Steps(1000).step}
    exec(within_steps(STUBBORN), space)
    with pytest.raises(Endless, match="1,000"):
        space["forever"]()  # type: ignore[operator]


def test_the_tool_names_what_passes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check with a case too few lets mutants pass; the tool says which, and what a class would say."""
    loose = Solved("lab05_ring")
    task = loose.lab.tasks["owns"]
    fewer = Task(task.name, task.reference, task.cases[:1], task.mistakes, task.hint)
    monkeypatch.setattr("tests.labs.mutants.Solved", lambda room: loose)
    monkeypatch.setattr(loose, "lab", Lab("ring", fewer))
    assert main(["lab05_ring.owns"]) > 0
    printed = capsys.readouterr().out
    assert "HIDDEN line 7: always True in if before < own:" in printed
    assert "to look at" in printed
    monkeypatch.undo()
    assert main(["lab05_ring.owns"]) == 0
    assert "owns: 18 mutants, 18 refused, 0 passed" in capsys.readouterr().out
