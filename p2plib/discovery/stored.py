"""Stored: the peers of a peerstore as a source among others, asked first and by nobody seen. A driver."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Self

from p2plib.discovery.peerstore import Peerstore
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.errors import Closed, RequestRefused


class StoredSource:
    """Gives the peers that a store knows, those that we spoke with first.

    It tells nobody anything, so `announce` is always refused.

    Args:
        store: the peerstore.
        name: as in `Found`.
        clock: Unix time in seconds; by default the wall clock of this host.
    """

    def __init__(
        self, store: Peerstore, name: str = "stored", clock: Callable[[], float] | None = None
    ) -> None:
        self.name, self.store = name, store
        self.ignored: Counter[str] = store.ignored
        self._clock, self._is_open = clock or _wall_clock, False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed("the source was closed")

    async def announce(self, topic: bytes, port: int) -> None:
        """See `Source`.

        Raises:
            RequestRefused: always.
        """
        checked_topic(topic)
        checked_port(port)
        self._check_open()
        raise RequestRefused("a peerstore tells nobody: announce through another source")

    async def withdraw(self, topic: bytes) -> None:
        """See `Source`; nothing was announced."""
        checked_topic(topic)
        self._check_open()

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `Source`."""
        topic = checked_topic(topic)
        self._check_open()
        for address, entry in self.store.addresses(topic, self._clock())[:MAX_FOUND]:
            yield Found(address, self.name, entry.teller)


def _wall_clock() -> float:
    return time.time()  # looked up at each call, because a simulated host has a clock of its own
