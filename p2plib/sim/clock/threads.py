"""Threads beside a run: they are not part of it, and a program that waits for one gets an error.

When a thread runs is up to the machine, so no run with threads would repeat. Work for `asyncio.to_thread` and
`run_in_executor` is done at once by the loop itself; a thread that a program starts on its own can neither be
waited for nor wake anything in the run, and the real network is closed to it, also after the run. Where
Python has no threads, as in Pyodide, starting one raises Python's own RuntimeError, and work for
`asyncio.to_thread` is done as usual.
"""

from __future__ import annotations

import threading
from typing import NoReturn
from weakref import WeakSet

from p2plib.errors import Unsupported
from p2plib.sim.clock.places import caller

INSTEAD = (
    "when a thread runs is up to the machine, so no run would repeat; use asyncio.to_thread or "
    "loop.run_in_executor, whose work is done at once, or an asynchronous library"
)

_of_runs: WeakSet[threading.Thread] = WeakSet()


def belongs_to_a_run(thread: threading.Thread) -> None:
    """Note that a thread is about to be started by code in a run, or by another such thread."""
    _of_runs.add(thread)


def is_of_a_run() -> bool:
    """Whether the calling thread was started by code in a run."""
    # `threading.current_thread` would make an object for a thread that Python does not know.
    thread = threading._active.get(threading.get_ident())  # type: ignore[attr-defined]
    return thread is not None and thread in _of_runs


class Threads:
    """What a loop knows of threads."""

    def __init__(self) -> None:
        self._own: int | None = None
        self._before: WeakSet[threading.Thread] = WeakSet()
        self._refused = ""

    def begin(self) -> None:
        """Note that a run begins, in this thread."""
        self._own, self._before, self._refused = threading.get_ident(), WeakSet(threading.enumerate()), ""

    def is_foreign(self) -> bool:
        """Whether the calling thread is not that of the run."""
        return self._own is not None and threading.get_ident() != self._own

    def refuse(self, call: str) -> NoReturn:
        """Refuse a thread's call of the loop: the thread gets the error here, and the run in `tell`.

        Raises:
            Unsupported: always.
        """
        thread = threading.current_thread().name
        self._refused = (
            f"the thread {thread!r} called {call} in {caller()}, and threads are not part of the simulated "
            f"internet: {INSTEAD}"
        )
        raise Unsupported(self._refused)

    def tell(self) -> None:
        """Raise the error in the run, too, if a thread was refused.

        Raises:
            Unsupported: one was.
        """
        if self._refused:
            raise Unsupported(self._refused)

    def may_be_waited_for(self) -> str:
        """Name the threads that began during the run and may be waited for, to end a message; or ""."""
        names = [repr(thread.name) for thread in threading.enumerate() if thread not in self._before]
        return f"; or it waits for a thread ({', '.join(names)}): {INSTEAD}" if names else ""
