"""Run code that may do anything, for a bounded time: on a thread of its own or, in a browser, in place.

A thread, because a notebook's own thread already runs an event loop (async answers need another), because
it works on every system, and because waiting for a thread ends in time even when the code sits in a
blocking call. A thread that is late is told to stop by an exception raised inside it, which ends any loop
written in Python; one that sits in a call of the operating system is left behind, asleep, and ends with the
process.

A browser's Python has no threads. There the code runs in place, and its steps are counted: a step is a call,
or a jump such as the one that closes a loop. After more steps than any answer needs, an exception is raised
in it at every further one, though not inside of Python or of the simulated internet, which have to tidy up.
So a loop written in Python ends there, too; a call that never returns does not, and to stop it is for the
page to do. An async answer has the clock of a simulated internet without hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import inspect
import io
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from p2plib import sim
from p2plib.errors import Deadlock, TimeLimit
from p2plib.sim import Internet

GRACE_S = 0.2  # how long a late thread may take to stop before it is left behind
MOST_STEPS = 5_000_000  # the longest case of a lab takes a tenth of that
TOOL_ID = 4  # of sys.monitoring's; none of those that have names, such as debuggers
_TIDY = (str(Path(sim.__file__).parent), str(Path(os.__file__).parent))  # whose code is not stopped halfway


class TooSlow(Exception):
    """The code was still running at the end of its time."""


class Raised(Exception):
    """The code raised.

    Args:
        error: what it raised; a BaseException, since code may call sys.exit().
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(error)


class _Stop(BaseException):
    """Raised in code that is late; no Exception, so that `except Exception` in a loop does not hold it."""


class _Silence(io.TextIOBase):
    """Where prints go while code is being checked."""

    def write(self, text: str) -> int:
        return len(text)


class _Worker(threading.Thread):
    """Makes one call and remembers how it ended."""

    def __init__(self, call: Callable[[], Any], seconds: float) -> None:
        super().__init__(daemon=True, name="lab-answer")
        self.call, self.seconds = call, seconds
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.call()
            if inspect.iscoroutine(self.value):
                self.value = asyncio.run(self._awaited(self.value))
        except BaseException as error:
            self.error = error

    async def _awaited(self, coroutine: Any) -> Any:
        try:
            async with asyncio.timeout(self.seconds) as limit:
                return await coroutine
        except TimeoutError:
            if limit.expired():
                raise TooSlow from None
            raise


def bounded(call: Callable[[], Any], seconds: float) -> Any:
    """Call something; what it returns is returned, and a coroutine is awaited first.

    Args:
        call: takes nothing. It sees the context variables of its caller, and what it prints is dropped.
        seconds: of wall-clock time.

    Raises:
        TooSlow: it did not end in time.
        Raised: it raised; nothing else comes through, so an exception of another kind is the caller's own (an
            interrupt).
    """
    context = contextvars.copy_context()
    silence = _Silence()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        if sys.platform == "emscripten":
            return _in_place(lambda: context.run(call), seconds)
        worker = _Worker(lambda: context.run(call), seconds)
        worker.start()
        try:
            worker.join(seconds)
        finally:
            is_late = worker.is_alive()
            if is_late:
                _stop(worker)
    if is_late or isinstance(worker.error, (_Stop, TooSlow)):
        raise TooSlow
    if worker.error is not None:
        raise Raised(worker.error)
    return worker.value


def _stop(worker: threading.Thread) -> None:
    """Raise _Stop inside a thread; once more if its code caught the first one."""
    for _ in range(3):
        # CPython's way to raise in another thread; it takes effect at the thread's next bytecode.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident or 0), ctypes.py_object(_Stop))
        worker.join(GRACE_S)
        if not worker.is_alive():
            return


def _in_place(call: Callable[[], Any], seconds: float) -> Any:
    """What `bounded` does, without a thread."""
    try:
        with _counted_steps():
            value = call()
            if inspect.iscoroutine(value):
                value = Internet(seed=0, strict=False).run(lambda net: value, time_limit_s=seconds)
            return value
    except (_Stop, Deadlock, TimeLimit):
        raise TooSlow from None
    except BaseException as error:
        raise Raised(error) from None


@contextlib.contextmanager
def _counted_steps() -> Iterator[None]:
    """Raise _Stop in the code of the block, again and again, once it has taken MOST_STEPS."""
    monitoring: Any = getattr(sys, "monitoring", None)
    # Python 3.11 has none, but is no browser's. In an answer that is judged within another, that one counts.
    if monitoring is None or monitoring.get_tool(TOOL_ID) is not None:
        yield
        return
    left = MOST_STEPS

    def step(code: types.CodeType, *_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0 and not code.co_filename.startswith(_TIDY):
            raise _Stop

    counted = (monitoring.events.PY_START, monitoring.events.PY_RESUME, monitoring.events.JUMP)
    monitoring.use_tool_id(TOOL_ID, "lab")
    for event in counted:
        monitoring.register_callback(TOOL_ID, event, step)
    monitoring.set_events(TOOL_ID, sum(counted))
    try:
        yield
    finally:
        left = MOST_STEPS  # what is still to be done here is not the answer's
        monitoring.set_events(TOOL_ID, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(TOOL_ID)
