"""A limit on what a store of blocks may hold, around any store.

The bytes of blocks count, not what a file system takes for a file. A block that is there already counts once,
however often it is put: that is what content addressing saves, so a quota fills up more slowly than what is
put into it.

The sizes of all blocks are read once, when the wrapper is made, and are kept in memory after that. So nobody
else may write into the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p2plib.data.blocks.base import BlocksAround, holds_itself, size_here
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.errors import NotFound, StoreFull, UsageError
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class QuotaBlocks(BlocksAround):
    """A `BlockStore` that holds no more than it may. Closing it closes the store within.

    Args:
        store: where the blocks are.
        max_bytes: how much they may have in all.

    Raises:
        UsageError: the limit is below 0.
    """

    def __init__(self, store: BlockStore, max_bytes: int) -> None:
        if max_bytes < 0:
            raise UsageError("a quota is at least 0 bytes")
        super().__init__(store)
        self.max_bytes = max_bytes
        self._sizes = {multihash: size_here(store, multihash) for multihash in store.hashes()}
        self._used_bytes = sum(self._sizes.values())

    @property
    def used_bytes(self) -> int:
        """What the blocks have together, in bytes."""
        return self._used_bytes

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`. Those before the one that did not fit may be there."""
        self._demand_open()
        touched: set[Multihash] = set()
        try:
            self._store.put(self._that_fit(blocks, touched), durable=durable)
        finally:  # after an error, too: whatever of them is there counts
            for multihash in touched:
                self._settle(multihash)

    def _that_fit(self, blocks: Iterable[Block], touched: set[Multihash]) -> Iterator[Block]:
        for block in blocks:
            multihash, size_bytes = block.cid.multihash, len(block.data)
            if not holds_itself(block.cid):
                more = max(0, size_bytes - self._sizes.get(multihash, 0))
                if more and self._used_bytes + more > self.max_bytes:
                    left = max(0, self.max_bytes - self._used_bytes)
                    raise StoreFull(
                        f"a block of {size_bytes} bytes, where the quota of {self.max_bytes} has {left} left"
                    )
                touched.add(multihash)
                self._set(multihash, self._sizes.get(multihash, 0) + more)
            yield block

    def _settle(self, multihash: Multihash) -> None:
        try:
            self._set(multihash, size_here(self._store, multihash))
        except NotFound:
            self._set(multihash, 0)
            del self._sizes[multihash]

    def _set(self, multihash: Multihash, size_bytes: int) -> None:
        self._used_bytes += size_bytes - self._sizes.get(multihash, 0)
        self._sizes[multihash] = size_bytes

    def remove(self, cid: Cid) -> None:
        """Take a block out of the store; one that is not there stays so."""
        self._demand_open()
        self._store.remove(cid)
        self._used_bytes -= self._sizes.pop(cid.multihash, 0)
