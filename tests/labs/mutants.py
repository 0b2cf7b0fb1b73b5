"""Run every mutant of every solved task against the lab's check, and say which ones it lets pass.

    python -m tests.labs.mutants                       all labs, some minutes
    python -m tests.labs.mutants lab01_identity        one lab
    python -m tests.labs.mutants lab01_identity.follow one task; -v tells what every mutant is told

For each lab and task it prints how many mutants there are, how many the visible check refuses, and each
survivor with what was changed. A survivor is `same` if `tests/labs/equivalents.py` says why it is right,
`PASSED` if not, and `HIDDEN` if the hidden tests of a class would refuse what the visible check lets pass:
neither may ever be.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import collections
import contextlib
import functools
import importlib
import inspect
import io
import re
import sys
import types
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.labs import Lab, Verdict
from p2plib.labs.engine import feedback
from tests.conftest import ROOT
from tests.labs.equivalents import SAME, TUNED
from tests.labs.mutating import MARKS, Endless, Steps, answers, mutants, within_steps
from tests.labs.proving import behind

LABS = tuple(sorted(path.stem for path in (ROOT / "labs" / "src").glob("lab[0-9][0-9]_*.md")))
CODE = re.compile(r"```\{code-cell\} ipython3\n(.*?)```", re.DOTALL)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS\n", re.DOTALL)
CASE_S = (
    60.0  # what waits for ever is refused then, on a busy machine, too; loops are bounded by their rounds
)
GENEROUS, FREE_ROUNDS = (
    20,
    20_000,
)  # a mutant may go round so many times as often as the solution, and so many more


@dataclass(frozen=True)
class Told:
    """What a check said to one mutant.

    Args:
        what: the mutant's name, with the number of the line.
        verdict: of the visible check.
        hidden: the line of the hidden test that refuses it, "" where none does (or was asked).
    """

    what: str
    verdict: Verdict
    hidden: str = ""

    @property
    def name(self) -> str:
        """The mutant's name in `equivalents`."""
        return self.what.partition(": ")[2]


class Solved:
    """The solved tasks of one lab.

    Args:
        room: the lab's folder, such as "lab01_identity".
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.lab: Lab = importlib.import_module(f"p2plib.labs.{room}").LAB
        self.prelude: str = importlib.import_module(f"tests.labs.{room}.learners").PRELUDE
        self.answers = answers(room)

    def written(self, task: str, source: str, steps: Steps | None = None) -> Any:
        """What a cell defines under a task's name, after the notebook's first cells."""
        module = types.ModuleType("learner")
        exec(compile(self.prelude, "prelude", "exec"), module.__dict__)
        module.__dict__["__step__"] = steps.step if steps else lambda: None
        exec(compile(within_steps(source) if steps else source, "cell", "exec"), module.__dict__)
        return module.__dict__[task]

    @functools.cache  # noqa: B019  a handful of objects, as long as the run
    def rounds(self, task: str) -> int:
        """How often the loops of a task's solution go round in the whole check."""
        steps = Steps(sys.maxsize)
        assert self.lab.verdict(task, self.written(task, self.answers[task], steps)).is_right, task
        return steps.taken

    def mutants(self, task: str) -> list[tuple[str, str]]:
        """The mutants that have to be refused: what was changed, and the cell."""
        found = list(mutants(self.answers[task]))
        is_tuned = task in TUNED.get(self.room, ())
        return [one for one in found if "leaves out" in one[0]] if is_tuned else found

    def tell(self, task: str, what: str, source: str) -> Told:
        """What the visible check says to one mutant, and the hidden tests if it passes."""
        steps = Steps(GENEROUS * self.rounds(task) + FREE_ROUNDS)
        try:
            verdict = self.lab.verdict(task, self.written(task, source, steps))
        except Exception as error:  # the cell itself does not run: the reader sees that without a check
            return Told(what, Verdict("[x]", f"the cell raised {type(error).__name__}: {error}"))
        return Told(what, verdict, self.hidden(task, source) if verdict.is_right else "")

    def hidden(self, task: str, source: str) -> str:
        """What the hidden tests say to a cell: the line of the one that refuses it, or ""."""
        steps = Steps(10 * GENEROUS * (self.rounds(task) + FREE_ROUNDS))
        for space, test in self._hidden_tests(task):
            space = {"judge": self.lab.judge, **space, "__step__": steps.step}
            exec(compile(within_steps(source), "cell", "exec"), space)
            try:
                exec(compile(test, "hidden", "exec"), space)
            except (AssertionError, Endless) as refused:
                return str(refused) or "refused"
        return ""

    @functools.cache  # noqa: B019
    def _hidden_tests(self, task: str) -> list[tuple[dict[str, Any], str]]:
        """For each cell with hidden tests of a task: what the notebook has defined by then, and the tests."""
        text = (ROOT / "labs" / "src" / f"{self.room}.md").read_text("utf-8")
        sources: list[str] = []
        found = []
        for cell in CODE.findall(text):
            options = [line for line in cell.splitlines() if line.startswith(":")]
            plain = MARKS.sub(
                "", "".join(line + "\n" for line in cell.splitlines() if not line.startswith(":"))
            )
            checks = [line.split()[1] for line in options if line.startswith(":check:")]
            tests = "".join(HIDDEN.findall(plain))
            if tests and any(name.split("-")[0] == task for name in checks):
                found.append((_run(behind([*sources, tests], tests)[:-1], self.prelude), tests))
            if not checks:
                sources.append(plain)
        return found


def _run(cells: Sequence[str], prelude: str) -> dict[str, Any]:
    """What some cells of a notebook define, one after the other; what they print is dropped."""
    space: dict[str, Any] = {"__name__": "learner"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in [prelude, *cells]:
            waits = eval(compile(cell, "notebook", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), space)
            if inspect.isawaitable(waits):
                asyncio.run(_awaited(waits))
        exec(compile(prelude, "prelude", "exec"), space)
    return space


async def _awaited(waits: Awaitable[None]) -> None:
    await waits


def survivors(solved: Solved, task: str, chosen: Sequence[tuple[str, str]]) -> Iterator[Told]:
    """Those of some mutants that the visible check lets pass, or finds not written."""
    for what, source in chosen:
        told = solved.tell(task, what, source)
        if told.verdict.state != "[x]":
            yield told


def _report(solved: Solved, task: str, say: Callable[[str], None], is_wordy: bool) -> int:
    chosen = solved.mutants(task)
    known = SAME.get(solved.room, {}).get(task, {})
    passed = []
    for what, source in chosen:
        told = solved.tell(task, what, source)
        if is_wordy:
            say(f"      {what}\n          {told.verdict.line}")
        if told.verdict.state != "[x]":
            passed.append(told)
    kinds = collections.Counter(_kind(told, known) for told in passed)
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    counts = f"{len(chosen)} mutants, {len(chosen) - len(passed)} refused, {len(passed)} passed"
    say(f"   {task}: {counts}{f' ({said})' if said else ''}")
    for told in passed:
        kind = _kind(told, known)
        why = known.get(told.name, "") if kind == "same" else told.hidden
        say(f"      {kind:6} {told.what}" + (f"\n             {why}" if why else ""))
    gone = sorted(set(known) - {told.name for told in passed})
    for name in gone:
        say(f"      GONE   {name}")
    return len(gone) + sum(count for kind, count in kinds.items() if kind != "same")


def _kind(told: Told, known: dict[str, str]) -> str:
    if told.hidden:
        return "HIDDEN"
    return "same" if told.name in known else "PASSED"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives how many mutants passed that should not have."""
    parser = argparse.ArgumentParser(prog="tests.labs.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "labs", nargs="*", default=list(LABS), help="a lab, or a lab and a task: lab01_identity.follow"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what every mutant is told")
    options = parser.parse_args(arguments)
    feedback.CASE_S = CASE_S
    wrong = 0
    for asked in options.labs:
        room, _, only = asked.partition(".")
        solved = Solved(room)
        print(room, flush=True)
        for task in solved.answers:
            if only in ("", task):
                wrong += _report(solved, task, functools.partial(print, flush=True), options.verbose)
    print(f"{wrong} to look at" if wrong else "all refused, but for those that do the same")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(), 1))
