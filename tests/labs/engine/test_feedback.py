"""The line under a task: three states, the hint for a mistake, and nothing gets past it."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.labs import Lab, Mistake, Task, Wrong
from p2plib.labs.engine import bounded, feedback
from p2plib.labs.engine.words import LINE_LIMIT
from tests.labs.engine import tiny

GOES_ON = "; the lab goes on with the library's"


@pytest.fixture
def arithmetic(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The tiny lab's module; not graded, whatever runs these tests."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return tiny.load()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience with an endless loop, for the tests' sake."""
    monkeypatch.setattr(feedback, "CASE_S", 0.3)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late thread gets all the time that it needs to stop, on the busiest machine."""
    monkeypatch.setattr(bounded, "GRACE_S", 60.0)


def line(lab: types.ModuleType, name: str, yours: Any) -> str:
    """What the reader sees, without the end that all such lines share."""
    return lab.LAB.verdict(name, yours).line


# What a reader sees, state by state


def test_not_written_yet(arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def double(number: int) -> int:
        raise NotImplementedError

    assert arithmetic.check("double", double) is arithmetic.double
    assert capsys.readouterr().out == f"[ ] double: not written yet{GOES_ON}\n"


def test_right(arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def double(number: int) -> int:
        return number * 2

    assert arithmetic.check("double", double) is double
    assert capsys.readouterr().out == "[v] double: 3 of 3 cases; the lab goes on with yours\n"


def test_wrong_with_the_hint_of_that_mistake(
    arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert arithmetic.check("double", lambda number: number**2) is arithmetic.double
    expected = "[x] double, case 2 of 3: double(5) gave 25, expected 10; that is the number times itself"
    assert capsys.readouterr().out == f"{expected}{GOES_ON}\n"


def test_wrong_without_a_hint_of_its_own(arithmetic: types.ModuleType) -> None:
    said = "[x] join, case 1 of 2: join([b'ab', b'cd']) gave b'ab', expected b'abcd'; use join"
    assert line(arithmetic, "join", lambda parts: parts[0]) == said


def test_a_mistake_that_gives_a_whole_number_is_not_that_of_a_fraction() -> None:
    """1.0 is not 1, whichever of the two the reader gave."""
    task = Task("one", int, [("1",)], [Mistake(int, "this is right"), Mistake(float, "a whole number")])
    assert feedback.verdict(task, lambda text: float(text)).line.endswith("; a whole number")


def test_a_probe_speaks_for_itself(arithmetic: types.ModuleType) -> None:
    said = "[x] double, case 3 of 3: it lost digits of a large number; stay with whole numbers"
    assert line(arithmetic, "double", lambda number: int(number * 2.0)) == said


def test_a_probe_without_a_hint_takes_the_mistakes() -> None:
    def odd(yours: Callable[[], int]) -> None:
        if yours() % 2 == 0:
            raise Wrong(f"it gave {yours()}")

    lab = Lab(
        "room", Task("f", lambda: 1, [odd], [Mistake(lambda: 4, "four"), Mistake(lambda: 2, "two")], "other")
    )
    assert lab.verdict("f", lambda: 2).line == "[x] f, case 1 of 1: it gave 2; two"
    assert lab.verdict("f", lambda: 6).line == "[x] f, case 1 of 1: it gave 6; other"


def test_partly_written(arithmetic: types.ModuleType) -> None:
    def join(parts: list[bytes]) -> bytes:
        if not parts:
            raise NotImplementedError
        return b"".join(parts)

    assert line(arithmetic, "join", join) == "[ ] join: case 2 of 2 is not written yet"


def test_running_the_check_twice_does_not_praise_the_library(arithmetic: types.ModuleType) -> None:
    assert line(arithmetic, "double", arithmetic.double).startswith("[ ] double: this is the library's")


def test_a_missing_return(arithmetic: types.ModuleType) -> None:
    assert line(arithmetic, "double", lambda number: None).endswith(
        "gave None, expected 4; is a return missing?"
    )


# What a reader's code may do


def boom(number: int) -> int:
    raise KeyError("line one\nline two \u202e \x1b[31m")


def endless(number: int) -> int:
    return endless(number) + 1


def leaves(number: int) -> int:
    sys.exit(3)


def interrupts(number: int) -> int:
    raise KeyboardInterrupt


class Hostile:
    """Nothing can be asked of it."""

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def unspeakable(number: int) -> int:
    raise Unspeakable


@pytest.mark.parametrize(
    ("yours", "said"),
    [
        (boom, r"raised KeyError: 'line one\nline two \u202e \x1b[31m' (line "),
        (endless, "called itself without end, RecursionError"),
        (leaves, "raised SystemExit: 3"),
        (interrupts, "raised KeyboardInterrupt"),
        (unspeakable, "raised Unspeakable"),
        (lambda number: Hostile(), "gave a Hostile, expected 4"),
        (lambda: 3, "raised TypeError"),
        (lambda number: object(), "gave <object object>, expected 4"),
        (lambda number: "4", "gave '4', expected 4"),
        (lambda number: number == 2, "gave True, expected 4"),
        (lambda number: "x" * 10**6, "expected 4"),
        (7, "[x] double: this is 7, not a function"),
    ],
)
def test_one_bounded_line_whatever_happens(
    arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str], yours: Any, said: str
) -> None:
    assert arithmetic.check("double", yours) is arithmetic.double
    out = capsys.readouterr().out
    assert said in out
    assert out.count("\n") == 1
    assert len(out) <= LINE_LIMIT + len(GOES_ON) + 1
    assert out.rstrip("\n").isprintable()
    assert " at 0x" not in out


def test_prints_of_the_answer_are_hidden(
    arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def double(number: int) -> int:
        print("debugging", number)
        print("loudly", file=sys.stderr)
        return number * 2

    arithmetic.check("double", double)
    shown = capsys.readouterr()
    assert shown.out == "[v] double: 3 of 3 cases; the lab goes on with yours\n"
    assert shown.err == ""
    print("and heard again")
    assert capsys.readouterr().out == "and heard again\n"


@pytest.mark.usefixtures("stopped")
def test_an_endless_loop_ends(arithmetic: types.ModuleType, quick: None) -> None:
    def double(number: int) -> int:
        while True:
            number += 1

    said = line(arithmetic, "double", double)
    assert said.endswith("was still running after 0.3 seconds; does a loop or a wait never end?")
    assert not [thread for thread in threading.enumerate() if thread.name == "lab-answer"]


@pytest.mark.usefixtures("stopped")
def test_an_endless_loop_that_catches_exceptions_ends(arithmetic: types.ModuleType, quick: None) -> None:
    def double(number: int) -> int:
        while True:
            try:
                while True:
                    number += 1
            except Exception:
                number = 0

    assert "still running" in line(arithmetic, "double", double)
    assert not [thread for thread in threading.enumerate() if thread.name == "lab-answer"]


def test_a_blocking_call_is_left_behind(arithmetic: types.ModuleType, quick: None) -> None:
    release = threading.Event()
    try:
        before = time.monotonic()
        assert "still running" in line(arithmetic, "double", lambda number: release.wait())
        assert time.monotonic() - before < 60  # it would wait for ever
    finally:
        release.set()


def test_an_endless_wait_ends(arithmetic: types.ModuleType, quick: None) -> None:
    async def double(number: int) -> int:
        await asyncio.Event().wait()
        return number

    assert "still running" in line(arithmetic, "double", double)


def test_an_answers_own_timeout_is_its_own(arithmetic: types.ModuleType) -> None:
    async def double(number: int) -> int:
        raise TimeoutError("mine")

    assert "raised TimeoutError: mine" in line(arithmetic, "double", double)


def test_async_answers_are_awaited_also_where_a_loop_runs(arithmetic: types.ModuleType) -> None:
    async def join(parts: list[bytes]) -> bytes:
        await asyncio.sleep(0)
        return b"".join(parts)

    async def notebook() -> Any:
        return arithmetic.LAB.verdict("join", join)

    assert asyncio.run(notebook()).is_right


def test_the_callers_context_is_seen() -> None:
    host = contextvars.ContextVar("host", default="nowhere")
    host.set("ana")
    lab = Lab("room", Task("where", lambda: "ana", cases=[()]))
    assert lab.verdict("where", lambda: host.get()).is_right


def test_changed_arguments_are_noticed_and_do_not_spoil_the_next_run(arithmetic: types.ModuleType) -> None:
    def join(parts: list[bytes]) -> bytes:
        whole = b"".join(parts)
        parts.clear()
        return whole

    said = "[x] join, case 1 of 2: join([b'ab', b'cd']) changed its argument 1; work on a copy of it"
    assert line(arithmetic, "join", join) == said
    assert line(arithmetic, "join", join) == said
    assert line(arithmetic, "join", lambda parts: b"".join(parts)).startswith("[v]")


def test_a_task_may_ask_for_a_change() -> None:
    lab = Lab("room", Task("sort", lambda items: items.sort(), cases=[([2, 1],)]))
    assert lab.verdict("sort", lambda items: items.sort()).is_right
    assert lab.verdict("sort", lambda items: None).line.startswith(
        "[x] sort, case 1 of 1: sort([2, 1]) changed"
    )


def test_what_refuses_to_be_copied_is_handed_over() -> None:
    class Secret:
        def __deepcopy__(self, memo: object) -> None:
            raise TypeError("never copied")

    secret = Secret()
    lab = Lab("room", Task("same", lambda given: given is secret, cases=[(secret,)]))
    assert lab.verdict("same", lambda given: given is secret).is_right


# Expected errors


def refuse(data: bytes) -> bytes:
    raise DecodeError("too long", 3)


def raising(error: BaseException) -> Callable[[bytes], bytes]:
    def answer(data: bytes) -> bytes:
        raise error

    return answer


@pytest.mark.parametrize("error", [DecodeError("other words"), ValueError("no")])
def test_an_error_of_the_expected_kind_is_right(error: BaseException) -> None:
    assert Lab("room", Task("refuse", refuse, cases=[(b"",)])).verdict("refuse", raising(error)).is_right


@pytest.mark.parametrize(
    ("yours", "said"),
    [
        (raising(Exception("any")), "raised Exception: any"),
        (raising(KeyError("k")), "raised KeyError"),
        (lambda data: data, "gave b''"),
    ],
)
def test_an_error_of_another_kind_is_not(yours: Callable[[bytes], bytes], said: str) -> None:
    verdict = Lab("room", Task("refuse", refuse, cases=[(b"",)])).verdict("refuse", yours)
    assert verdict.state == "[x]"
    assert said in verdict.line
    assert "expected DecodeError" in verdict.line


# Under a grader


@pytest.mark.parametrize("yours", [boom, lambda number: number**2, 3])
def test_a_grader_gets_no_fall_back(
    arithmetic: types.ModuleType, monkeypatch: pytest.MonkeyPatch, yours: Any
) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match=r"^\[x\] double"):
        arithmetic.check("double", yours)


def test_a_grader_gets_no_library(arithmetic: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="this is the library's"):
        arithmetic.check("double", arithmetic.double)
    assert arithmetic.check("double", abs_twice) is abs_twice


def abs_twice(number: int) -> int:
    return abs(number) * 2


def test_judge_tries_more(arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    arithmetic.judge("double", abs_twice, (3,), (0,))
    with pytest.raises(AssertionError, match=r"case 2 of 2: double\(-1\) gave 2, expected -2"):
        arithmetic.judge("double", abs_twice, (3,), (-1,))
    assert capsys.readouterr().out == ""


# What a lab's author may get wrong


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Task("no name", abs, [(1,)]),
        lambda: Task("f", abs, []),
        lambda: Task("f", abs, [3]),  # type: ignore[list-item]
        lambda: Lab("a room"),
        lambda: Lab("room", Task("f", abs, [(1,)]), Task("f", abs, [(1,)])),
        lambda: Lab("room", Task("f", abs, [(1,)])).check("g", abs),
    ],
)
def test_a_lab_that_cannot_work_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        wrong()


@given(st.integers() | st.text() | st.binary() | st.lists(st.binary() | st.text()) | st.floats())
def test_any_answer_gives_one_line(answer: object) -> None:
    lab = tiny.load().LAB
    said = lab.verdict("double", lambda number: answer).line
    assert said.isprintable()
    assert len(said) <= LINE_LIMIT
    assert said == lab.verdict("double", lambda number: answer).line
