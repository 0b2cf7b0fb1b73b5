"""Blocks in memory: for tests, for what is needed once, and to say in a few lines what a block store is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from p2plib.data.dag.block import Block
from p2plib.errors import Closed, NotFound
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class MemoryBlocks:
    """Blocks in memory, a `BlockStore`. Memory is trusted: what is read is not hashed again."""

    def __init__(self) -> None:
        self._data: dict[Multihash, bytes] = {}
        self._is_closed = False

    def _demand_open(self) -> None:
        if self._is_closed:
            raise Closed("this block store was closed")

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`."""
        self._demand_open()
        for block in blocks:
            if block.cid.multihash.code != multicodec.IDENTITY:
                self._data[block.cid.multihash] = block.data

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block; see `BlockStore`."""
        self._demand_open()
        if cid.multihash.code == multicodec.IDENTITY:
            return cid.multihash.digest
        try:
            return self._data[cid.multihash]
        except KeyError:
            raise NotFound(f"there is no block {cids.to_text(cid)} here") from None

    def size(self, cid: Cid) -> int:
        """How many bytes a block has; see `BlockStore`."""
        return len(self.get(cid))

    def has(self, cid: Cid) -> bool:
        """Whether a block is there."""
        self._demand_open()
        return cid.multihash.code == multicodec.IDENTITY or cid.multihash in self._data

    def remove(self, cid: Cid) -> None:
        """Take a block out of the store; one that is not there stays so."""
        self._demand_open()
        self._data.pop(cid.multihash, None)

    def hashes(self) -> Iterator[Multihash]:
        """What the blocks in the store hash to, in the order in which they came."""
        self._demand_open()
        return iter(tuple(self._data))

    def close(self) -> None:
        """Forget the blocks. Repeating it does nothing."""
        self._is_closed = True
        self._data.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
