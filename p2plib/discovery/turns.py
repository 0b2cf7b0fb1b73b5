"""Turns: calls that announce or withdraw a topic, one after the other. A part of drivers.

Two of them at once would race, and what others hear last need not be what was called last. So each
waits for those before it, in the order in which they were made: rule 2 of `p2plib.discovery.source`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


def _always_open() -> None:
    """For those that have no end."""


class Turns:
    """The turns of one source.

    Args:
        check_open: raises `Closed` when the block is over; asked before a call waits, and again after.
    """

    def __init__(self, check_open: Callable[[], object] = _always_open) -> None:
        self._check_open = check_open
        self._locks: dict[bytes, asyncio.Lock] = {}
        self._calls: Counter[bytes] = Counter()  # under way, the ones that wait included

    def __len__(self) -> int:
        """For how many topics calls are under way."""
        return len(self._locks)

    @asynccontextmanager
    async def of(self, topic: bytes) -> AsyncIterator[None]:
        """Waits for the earlier calls for a topic; inside it no other is under way.

        Raises:
            Closed: the block is over, or ended while this call waited.
        """
        self._check_open()
        self._calls[topic] += 1
        try:
            async with self._locks.setdefault(topic, asyncio.Lock()):
                self._check_open()
                yield
        finally:
            self._calls[topic] -= 1
            if not self._calls[topic]:
                del self._calls[topic], self._locks[topic]
