"""What every lab promises: the right answer passes, no other one does, and each mistake meets its own hint.

A lab is found by its folder here with `learners`. There, `ANSWERS` are wrong answers as learners wrote them,
each with words of the hint that helps; `PRELUDE` is what the notebook has defined by then; `LEAST` is how
many wrong answers every task has; and `HALF`, where a lab has it, holds cells of which a part is not written.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

from p2plib.labs import Lab, Mistake, Task
from p2plib.labs.engine import feedback
from tests.labs.proving import disguised, learner

ROOMS = sorted(path.parent.name for path in Path(__file__).parent.glob("*/learners"))
LABS: dict[str, Lab] = {room: importlib.import_module(f"p2plib.labs.{room}").LAB for room in ROOMS}
LEARNERS = {room: importlib.import_module(f"tests.labs.{room}.learners") for room in ROOMS}

TASKS = [
    pytest.param(lab, task, id=f"{room}: {task.name}")
    for room, lab in LABS.items()
    for task in lab.tasks.values()
]
MISTAKES = [
    pytest.param(lab, task, mistake, id=f"{room}: {task.name}: {mistake.implementation.__name__}")
    for room, lab in LABS.items()
    for task in lab.tasks.values()
    for mistake in task.mistakes
]
ANSWERS = [
    pytest.param(room, name, source, hint, id=f"{room}: {name}: {did}")
    for room, learners in LEARNERS.items()
    for name, did, source, hint in learners.ANSWERS
]
HALVES = [
    pytest.param(room, name, source, id=f"{room}: {name}")
    for room, learners in LEARNERS.items()
    for name, source in getattr(learners, "HALF", {}).items()
]


def test_there_are_labs() -> None:
    assert len(ROOMS) >= 5


@pytest.mark.parametrize(("lab", "task"), TASKS)
def test_the_reference_passes(lab: Lab, task: Task) -> None:
    line = lab.verdict(task.name, disguised(task.reference)).line
    assert line == f"[v] {task.name}: {len(task.cases)} of {len(task.cases)} cases"


@pytest.mark.parametrize(("lab", "task"), TASKS)
def test_a_stub_is_not_written_yet(lab: Lab, task: Task) -> None:
    def stub(*arguments: Any) -> Any:
        raise NotImplementedError

    async def async_stub(*arguments: Any) -> Any:
        raise NotImplementedError

    wanted = f"[ ] {task.name}: not written yet"
    assert lab.verdict(task.name, stub).line == wanted
    if inspect.iscoroutinefunction(task.reference):
        assert lab.verdict(task.name, async_stub).line == wanted


@pytest.mark.parametrize(("room", "name", "source"), HALVES)
def test_what_is_half_written_is_not_written_yet(room: str, name: str, source: str) -> None:
    half = learner(LEARNERS[room].PRELUDE)(name, source)
    assert LABS[room].verdict(name, half).line == f"[ ] {name}: not written yet"


@pytest.mark.parametrize("answer", [None, True, False, [], 0], ids=repr)
@pytest.mark.parametrize(("lab", "task"), TASKS)
def test_one_answer_to_everything_is_never_right(lab: Lab, task: Task, answer: Any) -> None:
    class Always:
        """A class all of whose methods answer so."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments, **named: answer

    async def always(*arguments: Any) -> Any:
        return answer

    wrong: list[Any] = [lambda *arguments: answer]
    if isinstance(task.reference, type):
        wrong.append(Always)
    if inspect.iscoroutinefunction(task.reference):
        wrong.append(always)
    assert [lab.verdict(task.name, yours).state for yours in wrong] == ["[x]"] * len(wrong)


@pytest.mark.parametrize(("lab", "task", "mistake"), MISTAKES)
def test_each_foreseen_mistake_meets_its_own_hint(lab: Lab, task: Task, mistake: Mistake) -> None:
    verdict = lab.verdict(task.name, disguised(mistake.implementation))
    assert verdict.state == "[x]"
    assert verdict.line.endswith(f"; {mistake.hint}")


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # some learners forget to await
@pytest.mark.parametrize(("room", "name", "source", "hint"), ANSWERS)
def test_each_learner_meets_the_hint_that_helps(
    room: str, name: str, source: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hint != "never end":  # some take seconds to be wrong, and a busy machine takes more of them
        monkeypatch.setattr(feedback, "CASE_S", 12 * feedback.CASE_S)
    verdict = LABS[room].verdict(name, learner(LEARNERS[room].PRELUDE)(name, source))
    assert verdict.state == "[x]"
    assert hint in verdict.line
    assert "0x" not in verdict.line
    assert "\n" not in verdict.line


@pytest.mark.parametrize("room", ROOMS)
def test_every_task_has_learners_who_got_it_wrong(room: str) -> None:
    names = [name for name, *_ in LEARNERS[room].ANSWERS]
    for task in LABS[room].tasks:
        assert names.count(task) >= LEARNERS[room].LEAST, task
