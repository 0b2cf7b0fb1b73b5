"""Awaited: who waits for which outcome of a machine, by key. A part of drivers.

A machine returns a number when something begins, and later tells an event with that number. A driver turns
the two into one call that can be awaited::

    number = machine.find(key, now)
    done = await awaited.wait(number, peer.flush)       # in the call
    awaited.resolve(done.number, done)                  # where the event is told
    awaited.close(Closed("this peer was closed"))       # when the driver ends

Rules
    1. An outcome goes to whoever waits for its key now; if nobody does any more, it is dropped.
    2. A call that is cancelled stops waiting; what it began goes on.
    3. When the driver closes, everybody who still waits is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any


class Awaited:
    """The calls that wait, by key: a number that the machine gave, or a name where there can be only one."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, asyncio.Future[Any]] = {}

    def __len__(self) -> int:
        return len(self._futures)

    def __contains__(self, key: Hashable) -> bool:
        """Whether somebody waits for this key."""
        future = self._futures.get(key)
        return future is not None and not future.done()

    async def wait(self, key: Hashable, begin: Callable[[], object]) -> Any:
        """Waits for what comes with a key.

        Args:
            key: for which outcome; nobody else waits for it.
            begin: called at once; the outcome may come while it runs.

        Returns:
            What `resolve` was given.

        Raises:
            Exception: what `fail` or `close` was given, or what `begin` raises.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._futures[key] = future
        try:
            begin()
            return await future
        finally:
            if self._futures.get(key) is future:
                del self._futures[key]

    def resolve(self, key: Hashable, outcome: object) -> bool:
        """Gives whoever waits for a key its outcome; returns whether somebody did."""
        if key not in self:
            return False
        self._futures[key].set_result(outcome)
        return True

    def fail(self, key: Hashable, error: Exception) -> bool:
        """Raises an error where a key is waited for; returns whether somebody did."""
        if key not in self:
            return False
        self._futures[key].set_exception(error)
        return True

    def close(self, error: Exception) -> None:
        """Raises an error wherever somebody waits."""
        for future in self._futures.values():
            if not future.done():
                future.set_exception(error)
