"""From a reader's function to one line: run the cases, stop at the first that fails, find the hint."""

from __future__ import annotations

import copy
import inspect
import os
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.labs.engine.bounded import Raised, TooSlow, bounded
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import LINE_LIMIT, describe, difference, one_line, shorten

CASE_S = 5.0  # an answer takes milliseconds; a busy machine may take a thousand times as long
TEXT_LIMIT = 160  # characters of a hint, or of what a probe says
UNFINISHED, FAILED, RIGHT = "[ ]", "[x]", "[v]"


@dataclass(frozen=True)
class Verdict:
    """What is to be said about an answer.

    Args:
        state: "[ ]" not written, "[x]" a case fails, "[v]" all cases right.
        line: one line, which begins with the state.
    """

    state: str
    line: str

    @property
    def is_right(self) -> bool:
        """Whether every case passed."""
        return self.state == RIGHT


@dataclass(frozen=True)
class Outcome:
    """What an implementation did in one case.

    Args:
        kind: "value", "error", "wrong" (a probe objected) or "slow".
        value: what it returned, the exception that it raised, or what the probe raised.
        arguments: the arguments as it left them.
    """

    kind: str
    value: Any
    arguments: tuple[Any, ...] = ()


def is_graded() -> bool:
    """Whether nbgrader runs this notebook."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def is_librarys(task: Task, yours: Any) -> bool:
    """Whether an answer is the library's own, as when the cell of a check is run a second time."""
    return yours is task.reference or str(getattr(yours, "__module__", "")).split(".")[0] == "p2plib"


def verdict(task: Task, yours: Any, cases: Sequence[Case] | None = None) -> Verdict:
    """Judge an answer. Prints nothing, raises nothing that the answer raises.

    Args:
        task: what was asked for.
        yours: the reader's function or class.
        cases: by default the task's own.
    """
    cases = task.cases if cases is None else cases
    if is_librarys(task, yours):
        return Verdict(UNFINISHED, f"[ ] {task.name}: this is the library's; run the cell with yours again")
    if not callable(yours):
        return Verdict(FAILED, f"[x] {task.name}: this is {describe(yours)}, not a function")
    before = _shared(yours)
    for number, case in enumerate(cases, 1):
        outcome = _outcome(case, yours)
        if outcome.kind == "error" and isinstance(outcome.value, NotImplementedError):
            what = "not written yet" if number == 1 else f"case {number} of {len(cases)} is not written yet"
            return Verdict(UNFINISHED, f"[ ] {task.name}: {what}")
        if complaint := _complaint(task, case, outcome, yours):
            what, hint = complaint
            if _shared(yours) != before:
                hint = _SHARED
            where = f"[x] {task.name}, case {number} of {len(cases)}: "
            said = "; ".join(filter(None, [what, shorten(one_line(hint), TEXT_LIMIT)]))
            return Verdict(FAILED, shorten(where + said, LINE_LIMIT))
    return Verdict(RIGHT, f"[v] {task.name}: {len(cases)} of {len(cases)} cases")


_SHARED = "what stands in the class belongs to all its objects: make lists, dicts and sets in __init__"


def _shared(yours: Any) -> str:
    """What the lists, dicts and sets that stand in a class hold, in words that can be compared."""
    if not isinstance(yours, type):
        return ""
    held = [(name, value) for name, value in vars(yours).items() if not name.startswith("__")]
    return str([(name, value) for name, value in held if isinstance(value, list | dict | set | deque)])


def _outcome(case: Case, implementation: Callable[..., Any]) -> Outcome:
    arguments = tuple(_copied(argument) for argument in case) if isinstance(case, tuple) else ()
    call = (lambda: implementation(*arguments)) if isinstance(case, tuple) else (lambda: case(implementation))
    try:
        return Outcome("value", bounded(call, CASE_S), arguments)
    except TooSlow:
        return Outcome("slow", None)
    except Raised as raised:
        return Outcome("wrong" if isinstance(raised.error, Wrong) else "error", raised.error, arguments)


def _copied(argument: Any) -> Any:
    try:
        return copy.deepcopy(argument)
    except Exception:  # what refuses to be copied (a secret key) is handed over as it is
        return argument


def _complaint(task: Task, case: Case, outcome: Outcome, yours: Any) -> tuple[str, str] | None:
    """What is wrong with an outcome, and the hint; None if nothing is."""
    if not isinstance(case, tuple):
        if outcome.kind == "value":
            return None
        what = outcome.value.what if outcome.kind == "wrong" else _misdeed(outcome, yours)
        own_hint = outcome.value.hint if outcome.kind == "wrong" else ""
        return shorten(one_line(what), TEXT_LIMIT), own_hint or _hint(task, case, outcome)
    expected = _outcome(case, task.reference)
    called = f"{task.name}({shorten(', '.join(describe(a) for a in case), 90)})"
    if outcome.kind == "slow":
        return f"{called} {_misdeed(outcome, yours)}", _hint(task, case, outcome)
    if expected.kind == "error":
        if outcome.kind == "error" and _same_kind(outcome.value, expected.value):
            return None
        did = f"gave {describe(outcome.value)}" if outcome.kind == "value" else _misdeed(outcome, yours)
        promised = _promised(expected.value)
        otherwise = (
            "" if outcome.kind == "value" else f"the task promises a {promised}, and callers catch that"
        )
        return f"{called} {did}, expected {promised}", _hint(task, case, outcome, otherwise)
    if outcome.kind == "error":
        return f"{called} {_misdeed(outcome, yours)}", _hint(task, case, outcome)
    return _wrong_value(task, case, called, outcome, expected)


def _wrong_value(
    task: Task, case: tuple[Any, ...], called: str, outcome: Outcome, expected: Outcome
) -> tuple[str, str] | None:
    got, want = outcome.value, expected.value
    if not _is_same(task, got, want):
        gave, wanted = describe(got), describe(want)
        if gave == wanted and type(got) is not type(want):
            gave, wanted = f"{gave} ({type(got).__name__})", f"{wanted} ({type(want).__name__})"
        hint = _hint(task, case, outcome, "is a return missing?" if got is None else "")
        return f"{called} gave {gave}, expected {wanted}{difference(got, want)}", hint
    for place, before in enumerate(case):
        # Only what is equal to its own copy can be compared at all.
        if _is_equal(before, _copied(before)) and not _is_equal(
            outcome.arguments[place], expected.arguments[place]
        ):
            return f"{called} changed its argument {place + 1}", _hint(
                task, case, outcome, "work on a copy of it"
            )
    return None


def _promised(error: object) -> str:
    """What a task's text calls this error: ValueError where the library has its own kind."""
    return "ValueError" if isinstance(error, UsageError) else type(error).__name__


def _hint(task: Task, case: Case, outcome: Outcome, otherwise: str = "") -> str:
    """The hint of the first mistake that has the same outcome; else a general one."""
    for mistake in task.mistakes:
        other = _outcome(case, mistake.implementation)
        if other.kind == outcome.kind and (
            other.kind == "slow"
            or (other.kind == "error" and type(other.value) is type(outcome.value))
            or (other.kind == "wrong" and other.value.what == outcome.value.what)
            or (other.kind == "value" and _is_same_with_arguments(task, other, outcome))
        ):
            return mistake.hint
    return otherwise or _hint_of_python(outcome) or task.hint


def _hint_of_python(outcome: Outcome) -> str:
    """What an outcome says by itself, whatever the task."""
    if outcome.kind == "slow":
        return "does a loop or a wait never end?"
    if isinstance(outcome.value, NameError):
        return "nothing has that name when this line runs: is a line missing above it, or the name misspelt?"
    return ""


def _is_same_with_arguments(task: Task, one: Outcome, other: Outcome) -> bool:
    return _is_same(task, other.value, one.value) and all(map(_is_equal, one.arguments, other.arguments))


def _is_same(task: Task, got: Any, expected: Any) -> bool:
    """The task's comparison; an answer that cannot be compared (its own __eq__ raises) is not the same."""
    try:
        return bool(bounded(lambda: task.same(got, expected), CASE_S))
    except (Raised, TooSlow):
        return False


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:
        return False


def _same_kind(got: BaseException, expected: BaseException) -> bool:
    """The expected exception, or one of its kinds (ValueError for DecodeError), if it says anything."""
    vague = (Exception, BaseException)
    return isinstance(got, type(expected)) or (isinstance(expected, type(got)) and type(got) not in vague)


def _misdeed(outcome: Outcome, yours: Any) -> str:
    if outcome.kind == "slow":
        return f"was still running after {CASE_S:g} seconds"
    error = outcome.value
    if isinstance(error, RecursionError):
        return f"called itself without end, RecursionError{_line(error, yours)}"
    try:
        said = str(error)
    except Exception:
        said = ""
    words = shorten(one_line(said), TEXT_LIMIT // 2)
    return f"raised {type(error).__name__}{': ' if words else ''}{words}{_line(error, yours)}"


def _line(error: BaseException, yours: Any) -> str:
    """Where in the reader's cell it happened."""
    frames = traceback.extract_tb(error.__traceback__, limit=-50)  # the last ones: a recursion has a thousand
    cell = _cell(yours)
    lines = [frame.lineno for frame in frames if frame.filename == cell]
    return f" (line {lines[-1]} of its cell)" if lines else ""


def _cell(yours: Any) -> str:
    """The file name of a function's code, or of a class's methods; "" where there is none."""
    things = list(vars(yours).values()) if isinstance(yours, type) else [yours]
    codes = (getattr(inspect.unwrap(thing), "__code__", None) for thing in things if callable(thing))
    return next((code.co_filename for code in codes if code is not None), "")
