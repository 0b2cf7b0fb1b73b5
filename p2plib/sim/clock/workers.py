"""Work that a program gives to a thread and awaits: in a run it is done at once, in no virtual time.

The loop does so for asyncio's own `to_thread` and `run_in_executor`. anyio has worker threads of its own,
which FastAPI and Starlette use for each handler that is an ordinary function; while an internet runs, their
work is done at once, too.

The loop stands still in the meantime. If such work waited for a coroutine that it has given to the loop, it
would wait forever, so that is refused.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from p2plib.sim.clock.loop import in_a_run
from p2plib.sim.clock.stand_ins import StandIns
from p2plib.sim.sockets.refused import refuse

ANYIO = "anyio._backends._asyncio"
WAITS = (
    "the work of asyncio.to_thread and the like is done at once, while the loop stands still, so the "
    "coroutine would never run; do not wait for it, or await it in a coroutine"
)


class LoopsFuture(concurrent.futures.Future[Any]):
    """The result of a coroutine that was given to a simulated loop; no thread can wait for it."""

    def result(self, timeout: float | None = None) -> Any:
        """Return the result, if the coroutine has ended.

        Raises:
            Unsupported: it has not, and the loop itself would have to wait.
        """
        self._look()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the coroutine has raised, if it has ended.

        Raises:
            Unsupported: it has not, and the loop itself would have to wait.
        """
        self._look()
        return super().exception(timeout)

    def _look(self) -> None:
        if not self.done() and in_a_run():
            refuse("waiting for a coroutine given to asyncio.run_coroutine_threadsafe", WAITS)


_real_threadsafe = asyncio.run_coroutine_threadsafe


def _run_coroutine_threadsafe(coro: Any, loop: Any) -> concurrent.futures.Future[Any]:
    future = _real_threadsafe(coro, loop)
    if in_a_run():
        future.__class__ = LoopsFuture
    return future


def _anyio_at_once(real: Any) -> Any:
    """Return a stand-in for the method by which anyio gives work to a thread."""

    async def run_sync_in_worker_thread(
        cls: Any,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Any:
        if not in_a_run():
            return await real.__func__(cls, func, args, abandon_on_cancel, limiter)
        await cls.checkpoint()
        async with limiter or cls.current_default_thread_limiter():
            return contextvars.copy_context().run(func, *args)

    return classmethod(run_sync_in_worker_thread)


def _put_in(stand_ins: StandIns) -> None:
    for module in (asyncio, asyncio.tasks):
        stand_ins.put_in(module, "run_coroutine_threadsafe", _run_coroutine_threadsafe)
    _put_in_anyios(stand_ins)


def _put_in_anyios(stand_ins: StandIns) -> None:
    if "anyio" in sys.modules:
        backend, name = import_module(ANYIO).AsyncIOBackend, "run_sync_in_worker_thread"
        there = vars(backend)[name]
        if there.__func__.__module__ != __name__:
            stand_ins.put_in(backend, name, _anyio_at_once(there))


_stand_ins = StandIns(_put_in)


def find_anyio() -> None:
    """Put in the stand-in for anyio, if a run is on and anyio is imported; a script may import it late."""
    if _stand_ins.are_in:
        _put_in_anyios(_stand_ins)


def work_done_at_once() -> AbstractContextManager[None]:
    """Do the work of anyio's threads at once in a simulated loop, for as long as the block lasts."""
    return _stand_ins.in_place()
