"""A limit on what a store of blocks may hold. Wraps any store.

The bytes of blocks count, not the space that a file system takes for them. A block counts once, however often
it is put: content addressing saves the rest.

The sizes of all blocks are read once, when the wrapper is made, and are kept in memory after that. So nobody
else may write to the store.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator

from p2plib.data.blocks.base import BlocksAround, holds_itself, size_here
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.errors import NotFound, StoreFull, UsageError
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class QuotaBlocks(BlocksAround):
    """A `BlockStore` that holds no more than its quota. Closing it closes the inner store.

    Args:
        store: where the blocks are.
        max_bytes: the most bytes that they may have in all.

    Raises:
        UsageError: the limit is below 0.
    """

    def __init__(self, store: BlockStore, max_bytes: int) -> None:
        if max_bytes < 0:
            raise UsageError("a quota is at least 0 bytes")
        super().__init__(store)
        self.max_bytes = max_bytes
        self._lock = threading.RLock()
        self._reserved_by: Counter[Multihash] = Counter()  # how many puts under way have reached a block
        self._sizes = {multihash: size_here(store, multihash) for multihash in store.hashes()}
        self._used_bytes = sum(self._sizes.values())

    @property
    def used_bytes(self) -> int:
        """The total size of the blocks, in bytes."""
        return self._used_bytes

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`. Those before the one that did not fit may be there."""
        self._demand_open()
        touched: set[Multihash] = set()
        try:
            self._store.put(self._that_fit(blocks, touched), durable=durable)
        finally:  # after an error too: those that did arrive count
            for multihash in touched:
                with self._lock:
                    self._settle(multihash)

    def _that_fit(self, blocks: Iterable[Block], touched: set[Multihash]) -> Iterator[Block]:
        for block in blocks:
            if not holds_itself(block.cid):
                with self._lock:
                    self._reserve(block, touched)
            yield block

    def _reserve(self, block: Block, touched: set[Multihash]) -> None:
        multihash, size_bytes = block.cid.multihash, len(block.data)
        more = max(0, size_bytes - self._sizes.get(multihash, 0))
        if more and self._used_bytes + more > self.max_bytes:
            left = max(0, self.max_bytes - self._used_bytes)
            raise StoreFull(
                f"a block of {size_bytes} bytes, where the quota of {self.max_bytes} has {left} left"
            )
        if multihash not in touched:
            touched.add(multihash)
            self._reserved_by[multihash] += 1
        self._set(multihash, self._sizes.get(multihash, 0) + more)

    def _settle(self, multihash: Multihash) -> None:
        """Replaces a block's reservation by its size, unless another put may still write it."""
        self._reserved_by[multihash] -= 1
        if self._reserved_by[multihash]:
            return
        del self._reserved_by[multihash]
        try:
            self._set(multihash, size_here(self._store, multihash))
        except NotFound:
            self._set(multihash, 0)
            del self._sizes[multihash]

    def _set(self, multihash: Multihash, size_bytes: int) -> None:
        self._used_bytes += size_bytes - self._sizes.get(multihash, 0)
        self._sizes[multihash] = size_bytes

    def remove(self, cid: Cid) -> None:
        """Remove a block from the store, if it is there."""
        self._demand_open()
        with self._lock:
            self._store.remove(cid)
            if cid.multihash not in self._reserved_by:
                self._used_bytes -= self._sizes.pop(cid.multihash, 0)
