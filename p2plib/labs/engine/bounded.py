"""Run code that may do anything, for a bounded time, on a thread of its own.

A thread, because a notebook's own thread already runs an event loop (async answers need another), because
it works on every system, and because waiting for a thread ends in time even when the code sits in a
blocking call. A thread that is late is told to stop by an exception raised inside it, which ends any loop
written in Python; one that sits in a call of the operating system is left behind, asleep, and ends with the
process.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import inspect
import io
import threading
from collections.abc import Callable
from typing import Any

GRACE_S = 0.2  # how long a late thread may take to stop before it is left behind


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
    """Raised inside a late thread; no Exception, so that `except Exception` in a loop does not hold it."""


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
    worker = _Worker(lambda: context.run(call), seconds)
    silence = _Silence()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
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
