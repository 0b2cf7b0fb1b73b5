"""Awaited: which call waits for which outcome of a machine, by key. A part of drivers.

A machine returns a number when something begins, and later reports an event with that number. A driver turns
the two into one call that can be awaited::

    number = machine.find(key, now)
    done = await awaited.wait(number, peer.flush)       # in the call
    awaited.resolve(done.number, done)                  # where the event is reported
    awaited.close("this peer was closed")               # when the driver ends

Rules
    1. An outcome goes to the call that is waiting for its key; if there is none any more, it is dropped.
    2. A call that is cancelled stops waiting; what it began goes on.
    3. When the driver closes, every call that is still waiting raises `Closed`, and so does every later one:
       no outcome can come any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

from p2plib.errors import Closed


class Awaited:
    """The calls that wait, by key: a number that the machine gave, or a name where there can be only one."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, asyncio.Future[Any]] = {}
        self._why_closed: str | None = None

    def __len__(self) -> int:
        return len(self._futures)

    def __contains__(self, key: Hashable) -> bool:
        """Whether a call is waiting for this key."""
        future = self._futures.get(key)
        return future is not None and not future.done()

    async def wait(self, key: Hashable, begin: Callable[[], object]) -> Any:
        """Waits for the outcome that belongs to a key.

        Args:
            key: which outcome; no other call may be waiting for it.
            begin: called at once; the outcome may come while it runs.

        Returns:
            What `resolve` was given.

        Raises:
            Closed: rule 3; then `begin` is not called.
            Exception: what `fail` was given, or what `begin` raises.
        """
        if self._why_closed is not None:
            raise Closed(self._why_closed)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._futures[key] = future
        try:
            begin()
            return await future
        finally:
            if self._futures.get(key) is future:
                del self._futures[key]

    def resolve(self, key: Hashable, outcome: object) -> bool:
        """Gives an outcome to the call that waits for a key; returns whether there was one."""
        if key not in self:
            return False
        self._futures[key].set_result(outcome)
        return True

    def fail(self, key: Hashable, error: Exception) -> bool:
        """Raises an error in the call that waits for a key; returns whether there was one."""
        if key not in self:
            return False
        self._futures[key].set_exception(error)
        return True

    def close(self, why: str) -> None:
        """Raises `Closed`, with a sentence that says why, in every call that is waiting and in later ones."""
        self._why_closed = why
        for future in self._futures.values():
            if not future.done():
                future.set_exception(Closed(why))
