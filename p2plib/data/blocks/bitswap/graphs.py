"""Which blocks are fetched, one after the other, as they become known: a row, or all that hang together.
Machines for `BlockExchange.fetch_plan`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from p2plib.data.dag.block import Block
from p2plib.wire.cid import Cid


class FetchPlan(Protocol):
    """Which blocks are to be fetched; one after the other, as they become known."""

    def next_cid(self) -> Cid | None:
        """The next one; None if there is none now: there may be, when more was shown."""
        ...

    def show(self, block: Block) -> None:
        """One of them is there. Blocks are shown in any order; those that we had already, at once."""
        ...


class Row:
    """A plan that is known in advance.

    Args:
        blocks: their CIDs, in the order in which they are wanted.
    """

    def __init__(self, blocks: Iterable[Cid]) -> None:
        self._blocks = iter(blocks)

    def next_cid(self) -> Cid | None:
        """The next of the row; None at its end."""
        return next(self._blocks, None)

    def show(self, block: Block) -> None:
        """Nothing follows from a block of a row."""
