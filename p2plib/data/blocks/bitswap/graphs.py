"""Which blocks are fetched: those of a row, or those that a walk over linked blocks wants. Machines, for
`BlockExchange.fetch_plan`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from p2plib.data.dag.block import Block
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class FetchPlan(Protocol):
    """Which blocks are to be fetched, as it becomes known. `p2plib.data.dag.walk.DagWalk` is one."""

    def wanted(self, most: int = 1) -> tuple[Cid, ...]:
        """The next ones, the most urgent first, at most so many; the same again until they came."""
        ...

    def receive(self, block: Block) -> object:
        """One of them came: more may be wanted then."""
        ...


class BlockRow:
    """A plan that is known in advance.

    Args:
        blocks: their CIDs, the most urgent first.
    """

    def __init__(self, blocks: Iterable[Cid]) -> None:
        self._blocks = iter(blocks)
        self._wanted: dict[Multihash, Cid] = {}
        self._came: set[Multihash] = set()

    def wanted(self, most: int = 1) -> tuple[Cid, ...]:
        """The next of the row, at most so many."""
        while len(self._wanted) < most and (cid := next(self._blocks, None)) is not None:
            if cid.multihash not in self._came:
                self._wanted.setdefault(cid.multihash, cid)
        return tuple(islice(self._wanted.values(), most))

    def receive(self, block: Block) -> None:
        """One of the row came."""
        if self._wanted.pop(block.cid.multihash, None) is not None:
            self._came.add(block.cid.multihash)
