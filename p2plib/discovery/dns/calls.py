"""Calls: what is under way for the owner of a thing, and ends when its block does. A part of drivers.

Rules
    1. A call runs in a task of its own, which its caller awaits: a caller that is cancelled cancels it.
    2. When the thing is closed, calls that are under way are ended, and raise `Closed` where they are
       awaited.
    3. Before the block and after it every call raises `Closed`, and nothing is begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from p2plib.errors import Closed

T = TypeVar("T")


class Calls:
    """The calls of one thing.

    Args:
        what: the thing, in words, for the sentences of errors: "this resolver".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_open = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self) -> None:
        """From now on calls may be made."""
        self._is_open = True

    def check_open(self) -> None:
        """Raises `Closed` outside the block."""
        if not self._is_open:
            raise Closed(f"{self._what} is closed")

    async def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Runs a call.

        Raises:
            Closed: rules 2 and 3. Otherwise what the call raises.
        """
        if not self._is_open:
            call.close()
            raise Closed(f"{self._what} is closed")
        task = asyncio.get_running_loop().create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await task
        except asyncio.CancelledError:
            if self._was_cancelled():
                raise
            raise Closed(f"{self._what} was closed") from None

    def _was_cancelled(self) -> bool:
        """Whether the caller was cancelled, and not the call by `close`."""
        caller = asyncio.current_task()
        return self._is_open or (caller is not None and caller.cancelling() > 0)

    async def close(self) -> None:
        """Ends all calls, and waits until they have ended."""
        self._is_open = False
        own = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
