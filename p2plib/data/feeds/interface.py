"""What feeds have in common, whatever they are made of: one protocol.

A feed is a growing list of contents. A peer that has it hands its entries on as *parcels*, bytes that another
replica checks by itself before it keeps anything: it needs to trust nobody but the writer. Everything else is
different, and `p2plib.data.feeds.comparing` measures how.

Vocabulary::

    content   what a writer says, any bytes
    number    which entry it is in this replica, from 1
    parcel    the bytes by which one entry travels
    head      a short text that names everything that is here: equal heads, equal feeds
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class ReplicatedFeed(Protocol):
    """One replica of a feed, its writer's or a reader's."""

    @property
    def head(self) -> str:
        """What names the state of this replica; "" if it is empty."""
        ...

    def __len__(self) -> int: ...

    def append(self, content: bytes) -> int:
        """Adds an entry of our own, and returns its number.

        Raises:
            UsageError: we may not write here, or nobody would take such a content.
        """
        ...

    def contents(self, start: int = 1) -> Iterator[bytes]:
        """What the entries say, from a number on, in an order in which `receive` would take them."""
        ...

    def parcel(self, number: int) -> bytes:
        """The bytes by which an entry goes to a replica that has all entries before it.

        Raises:
            NotFound: it is not here.
        """
        ...

    def receive(self, parcel: bytes) -> bool:
        """Checks an entry that came from elsewhere, and keeps it.

        Returns:
            Whether it was new.

        Raises:
            RemoteError: it is not what its writer wrote; which class says what is wrong with it.
        """
        ...
