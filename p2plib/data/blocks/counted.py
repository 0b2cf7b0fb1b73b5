"""How much content addressing saves: counts what is put into a store, and what was new. Wraps any store.

Two files that share a part, cut at the same places, share its blocks; a file that is added twice is stored
once. `stats` says how much that saved::

    with CountedBlocks(MemoryBlocks()) as blocks:
        blocks.put(cut(monday))
        blocks.put(cut(tuesday))
        blocks.stats().saved_bytes
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from p2plib.data.blocks.base import BlocksAround, holds_itself
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.wire.multihash import Multihash


@dataclass(frozen=True, slots=True)
class BlockCounts:
    """How much was put into a store of blocks, and how much of it was new.

    Args:
        put_blocks: how many blocks were put; one that is put twice counts twice.
        put_bytes: the sum of their sizes.
        new_blocks: how many of them were not there before.
        new_bytes: the sum of the sizes of the new ones.
    """

    put_blocks: int
    put_bytes: int
    new_blocks: int
    new_bytes: int

    @property
    def saved_bytes(self) -> int:
        """How many bytes did not have to be stored."""
        return self.put_bytes - self.new_bytes


class CountedBlocks(BlocksAround):
    """A `BlockStore` that counts what is put into it. Closing it closes the inner store.

    Args:
        store: where the blocks are.
    """

    def __init__(self, store: BlockStore) -> None:
        super().__init__(store)
        self._counts = BlockCounts(0, 0, 0, 0)
        self._lock = threading.RLock()

    def stats(self) -> BlockCounts:
        """What was put since this object was made; a `put` that failed counts for nothing."""
        return self._counts

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`."""
        self._demand_open()
        found: list[int] = []
        fresh: dict[Multihash, int] = {}
        with self._lock:
            self._store.put(self._counted(blocks, found, fresh), durable=durable)
            was = self._counts
            self._counts = BlockCounts(
                was.put_blocks + len(found),
                was.put_bytes + sum(found),
                was.new_blocks + len(fresh),
                was.new_bytes + sum(fresh.values()),
            )

    def _counted(
        self, blocks: Iterable[Block], found: list[int], fresh: dict[Multihash, int]
    ) -> Iterator[Block]:
        for block in blocks:
            if not holds_itself(block.cid):
                found.append(len(block.data))
                if not self._store.has(block.cid):
                    fresh[block.cid.multihash] = len(block.data)
            yield block
