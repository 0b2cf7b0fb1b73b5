"""Two threads in every order that differs by one switch: the second runs to its end between any two bytecodes
of the first, or as far as a lock lets it.

Nothing here is timed: the first thread waits until the second has either ended or come to the lock that the
first one holds, which is watched for that.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType, ModuleType, TracebackType
from typing import Any

Body = Callable[[], None]


class WatchedLock:
    """A reentrant lock that says when somebody has to wait for it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.somebody_waits = threading.Event()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.somebody_waits.set()
            self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def at_every_step(
    modules: tuple[ModuleType, ...], begin: Callable[[WatchedLock], tuple[Body, Body, Body]]
) -> int:
    """Run two threads in every such order, and judge each.

    Args:
        modules: between the bytecodes of these modules' functions the second thread may run.
        begin: given a lock, returns what the two threads do to something new that has this lock, and what
            judges it when both have ended.

    Returns:
        How many orders there were.
    """
    files = {module.__file__ for module in modules}
    step = 0
    while True:
        lock = WatchedLock()
        first, second, judge = begin(lock)
        was_interrupted = _played(files, step, lock, first, second)
        judge()
        if not was_interrupted:
            return step
        step += 1


def _played(files: set[str | None], step: int, lock: WatchedLock, first: Body, second: Body) -> bool:
    """Plays the order in which the second thread comes before this bytecode; False if there are fewer."""
    left = step
    errors: list[BaseException] = []

    def guarded(body: Body) -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)
        finally:
            lock.somebody_waits.set()  # or nobody will any more

    other = threading.Thread(target=guarded, args=(second,))

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if left == 0:
                other.start()
                lock.somebody_waits.wait()
            left -= 1
        return trace

    def traced() -> None:
        sys.settrace(trace)
        try:
            guarded(first)
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=traced)
    thread.start()
    thread.join()
    was_interrupted = left < 0
    if not was_interrupted:
        other.start()
    other.join()
    if errors:
        raise errors[0]
    return was_interrupted
