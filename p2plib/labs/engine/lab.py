"""A lab: its tasks, and the four things that a notebook does with them (check, judge, keep, mine)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from p2plib.errors import UsageError
from p2plib.labs.engine import feedback, keeping
from p2plib.labs.engine.feedback import Verdict, is_graded, is_librarys
from p2plib.labs.engine.tasks import Case, Task
from p2plib.labs.engine.words import one_line, shorten

LINE_CHARACTERS = 96  # a page of the book shows a hundred; eleven names take more

Answer = TypeVar("Answer", bound=Callable[..., Any])


class Lab:
    """The tasks of one lab.

    Args:
        room: the name of the module that kept functions go to, such as "identity"; no two labs share one.
        tasks: in the lab's order.
        kind: what the tasks stand in, as its readers call it: a lab, or a page of the book.
    """

    def __init__(self, room: str, *tasks: Task, kind: str = "lab") -> None:
        if not room.isidentifier():
            raise UsageError(f"a room is named like a module, not {room!r}")
        self.room, self.kind = room, kind
        self.tasks = {task.name: task for task in tasks}
        if len(self.tasks) != len(tasks):
            raise UsageError("two tasks of a lab have one name")

    def verdict(self, name: str, yours: Any) -> Verdict:
        """What `check` would say, without printing it. See `p2plib.labs.engine.feedback.verdict`."""
        return feedback.verdict(self._task(name), yours)

    def check(self, name: str, yours: Answer) -> Answer:
        """Say in one line whether a function is right, and give back the one that the lab goes on with.

        Args:
            name: the task's.
            yours: the reader's function or class.

        Returns:
            `yours` if it is right; otherwise the library's.

        Raises:
            AssertionError: with the line, under nbgrader, if it is not right.
        """
        task = self._task(name)
        verdict = feedback.verdict(task, yours)
        if is_graded():
            _require(verdict)
        owner = "yours" if verdict.is_right else "the library's"
        print(f"{verdict.line}; the {self.kind} goes on with {owner}")
        return yours if verdict.is_right else task.reference  # type: ignore[return-value]

    def judge(self, name: str, yours: Any, *cases: Case) -> None:
        """Try further cases, for hidden tests. Prints nothing and never falls back.

        Args:
            name: the task's.
            yours: the reader's function or class.
            cases: tuples of arguments, and probes, as a task has them.

        Raises:
            AssertionError: with the line, if a case fails or the function is the library's.
        """
        _require(feedback.verdict(self._task(name), yours, cases))

    def keep(self, **functions: Callable[..., Any]) -> None:
        """Write the reader's own functions as a module, and say in one sentence what was kept.

        Nothing is written while being graded, and nothing if all functions are the library's: then what an
        earlier run kept stays. Otherwise the file is replaced, and the one before it stays beside it with
        the ending `.before`.

        Args:
            functions: what the lab went on with, by task.
        """
        print(self._keep(functions))

    def mine(self, name: str) -> Callable[..., Any]:
        """The reader's kept function, or the library's; one line says which.

        A kept function is checked again, because its file may have been edited since.
        """
        task = self._task(name)
        path, shown = self._path()
        if not path.is_file():
            print(f"{name}: the library's ({shown} is not written yet)")
            return task.reference
        try:
            yours = keeping.load(path.read_text("utf-8"), self.room, str(path)).get(name)
        except Exception as error:
            print(f"{name}: the library's ({shown} does not load: {_short(error)})")
            return task.reference
        if yours is None or is_librarys(task, yours):
            print(f"{name}: the library's ({shown} has none of yours)")
            return task.reference
        verdict = feedback.verdict(task, yours)
        if not verdict.is_right:
            print(f"{name}: the library's ({shown} has yours, but {verdict.line})")
            return task.reference
        print(f"{name}: yours, from {shown}")
        return yours  # type: ignore[no-any-return]

    def _keep(self, functions: dict[str, Callable[..., Any]]) -> str:
        own = {name: thing for name, thing in functions.items() if not is_librarys(self._task(name), thing)}
        rest = [name for name in functions if name not in own]
        still = f"still the library's: {', '.join(rest)}" if rest else ""
        if is_graded():
            return "nothing is kept while being graded"
        path, shown = self._path()
        if not own:
            return _in_lines(f"kept nothing; {still}" if still else "kept nothing")
        try:
            text = keeping.module_text(self._title(), own)
            self._prove(text, own, shown)
        except keeping.CannotKeep as problem:
            return f"kept nothing: {shorten(one_line(str(problem)), feedback.TEXT_LIMIT)}"
        if path.is_file() and path.read_text("utf-8") != text:
            keeping.write(path.with_name(f"{path.name}.before"), path.read_text("utf-8"))
        keeping.write(path, text)
        return _in_lines("; ".join(filter(None, [f"kept {', '.join(own)} in {shown}", still])))

    def _prove(self, text: str, own: dict[str, Callable[..., Any]], shown: str) -> None:
        """See that the module works by itself before it replaces anything."""
        try:
            namespace = keeping.load(text, self.room, f"<{shown}>")
        except Exception as error:
            raise keeping.CannotKeep(f"outside this notebook it does not load ({_short(error)})") from None
        for name in own:
            verdict = feedback.verdict(self._task(name), namespace[name])
            if not verdict.is_right:
                raise keeping.CannotKeep(verdict.line)

    def _path(self) -> tuple[Path, str]:
        """The kept module's file, and its name for people: as much of its path as all readers share."""
        folder = keeping.home()
        return folder / f"{self.room}.py", f"{folder.name}/{self.room}.py"

    def _title(self) -> str:
        return (
            f"My own {self.room.replace('_', ' ')}: written in a lab, kept for the next ones, mine to edit."
        )

    def _task(self, name: str) -> Task:
        if name not in self.tasks:
            raise UsageError(f"this lab has no task {name!r}; it has {', '.join(self.tasks)}")
        return self.tasks[name]


def _in_lines(names: str) -> str:
    """A long list of names on several lines."""
    return textwrap.fill(names, LINE_CHARACTERS, subsequent_indent="    ", break_on_hyphens=False)


def _require(verdict: Verdict) -> None:
    if not verdict.is_right:
        raise AssertionError(verdict.line)


def _short(error: Exception) -> str:
    return shorten(one_line(f"{type(error).__name__}: {error}"), 80)
