"""Where in a program something is: the line at which a task waits, or that made a timer or a socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from p2plib.sim.current import CURRENT

if TYPE_CHECKING:
    from p2plib.sim.clock.loop import SimLoop

_OURS = os.path.dirname(os.path.dirname(__file__))  # p2plib/sim, with all its rooms
_ASYNCIO = os.path.dirname(asyncio.__file__)
_PASSED_OVER = (_OURS, _ASYNCIO, contextlib.__file__)  # a program's own line is further out
SPINNING_AT_MOST = 1000  # callbacks looked at
TOLD_AT_MOST = 8  # tasks named in one error; more are counted


def line_of(code: CodeType, line: int | None = None) -> str:
    """Return "function (file:line)" of a piece of code; the file by its own name, without folders."""
    name = os.path.basename(code.co_filename)
    if name.isdigit() or "ipykernel" in code.co_filename:
        name = "a cell"  # a notebook's files have names of the day
        return f"{code.co_qualname} in {name}, line {line or code.co_firstlineno}"
    return f"{code.co_qualname} ({name}:{line or code.co_firstlineno})"


def caller() -> str:
    """Return the place of the nearest caller that is neither asyncio nor this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PASSED_OVER):
            return line_of(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return "an unknown place"


def callback_place(callback: Callable[..., Any]) -> str:
    """Return the place of a callback: where its function begins, or its name if it has no code."""
    inner = getattr(callback, "__func__", callback)
    inner = getattr(inner, "func", inner)  # functools.partial
    code = getattr(inner, "__code__", None)
    return line_of(code) if code is not None else getattr(inner, "__qualname__", type(inner).__name__)


def raised_at(error: BaseException) -> str:
    """Return " in " and the program's line at which an error was raised, or "" where nothing raised it."""
    here = error.__traceback__
    place, is_programs = "", False
    while here is not None:
        code = here.tb_frame.f_code
        programs = not code.co_filename.startswith((_OURS, _ASYNCIO))
        if programs or not is_programs:
            place, is_programs = f" in {line_of(code, here.tb_lineno)}", programs
        here = here.tb_next
    return place


def is_asyncios(callback: Callable[..., Any]) -> bool:
    """Whether a callback is asyncio's own, such as the end of a sleep: a task waits for it."""
    inner = getattr(callback, "__func__", callback)
    code = getattr(inner, "__code__", None)
    return code is not None and code.co_filename.startswith(_ASYNCIO)


def waiting_at(task: asyncio.Task[Any]) -> str:
    """Return the innermost line of the program at which a task waits, asyncio's own lines left out."""
    coroutine: Any = task.get_coro()
    place = getattr(coroutine, "__qualname__", "a task")
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_PASSED_OVER):
            place = line_of(frame.f_code, frame.f_lineno)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return str(place)


def describe_spinning(loop: SimLoop) -> str:
    """Describe what is about to run, by host, when the clock has stood still for long."""
    spinning: dict[str, None] = {}
    for handle in list(loop.ready())[:SPINNING_AT_MOST]:
        task = getattr(handle._callback, "__self__", None)
        incarnation = handle._context.get(CURRENT)
        who = "the main program" if incarnation is None else incarnation.host.name
        at = waiting_at(task) if isinstance(task, asyncio.Task) else callback_place(handle._callback)
        spinning[f"{who} runs again and again at {at}"] = None
    return "; ".join(list(spinning)[:TOLD_AT_MOST]) or "packets go to and fro, and take no time"


def describe_waiting(loop: SimLoop, main: asyncio.Task[Any] | None = None) -> str:
    """Describe in one sentence what waits where, by host."""
    lines = []
    for task, incarnation in list(loop.tasks.items()):
        if not task.done() and (incarnation is None or incarnation.alive):
            by_main = "the main program" if task is main else "the main program's task"
            who = by_main if task is main or incarnation is None else incarnation.host.name
            lines.append(f"{who} waits at {waiting_at(task)}")
    more = f"; and {len(lines) - TOLD_AT_MOST} more" if len(lines) > TOLD_AT_MOST else ""
    return "nothing can wake anybody: " * (main is not None) + "; ".join(lines[:TOLD_AT_MOST]) + more
