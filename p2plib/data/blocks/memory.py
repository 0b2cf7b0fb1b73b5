"""Blocks in memory: for tests, for temporary data, and to show in a few lines what a block store is."""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.data.blocks.base import CheckedBlocks, missing
from p2plib.data.dag.block import Block
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class MemoryBlocks(CheckedBlocks):
    """Blocks in memory, a `BlockStore`. Memory is trusted: what is read is not hashed again."""

    def __init__(self) -> None:
        super().__init__()
        self._data: dict[Multihash, bytes] = {}

    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        for block in blocks:
            self._data[block.cid.multihash] = block.data

    def _get(self, cid: Cid) -> bytes:
        try:
            return self._data[cid.multihash]
        except KeyError:
            raise missing(cid) from None

    def _size(self, cid: Cid) -> int:
        return len(self._get(cid))

    def _remove(self, multihash: Multihash) -> None:
        self._data.pop(multihash, None)

    def _hashes(self) -> Iterator[Multihash]:
        return iter(tuple(self._data))

    def _let_go(self) -> None:
        self._data.clear()
