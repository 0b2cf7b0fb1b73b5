"""Blocks in any ordered store, under a prefix, so that one store on disk can hold other things too.

    prefix ‖ multihash → the bytes of the block      "block" 00 12 20 2cf2...9824 → "hello"

Rules
    1. A block is hashed whenever it is read, whatever the ordered store checks by itself.
    2. A block that is already there is compared with the one that is put: equal bytes are not written again,
       damaged ones are replaced.
    3. Blocks are written in batches of some megabytes. A batch is there whole or not at all; a `put` of
       several batches that fails may leave the first ones.

An ordered store cannot tell the size of a value without reading it, so `size` and `has` read the block.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.data.blocks.base import (
    CheckedBlocks,
    demand_possible_size,
    demand_whole,
    in_groups,
    missing,
    raw_cid,
)
from p2plib.data.dag.block import Block
from p2plib.data.stores.interfaces import Delete, OrderedStore, Put
from p2plib.errors import DecodeError, NotFound, StoreCorrupt, UsageError
from p2plib.wire import multihash as multihashes
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

BLOCKS_PREFIX = b"block\0"
BATCH_BLOCKS = 4096
BATCH_BYTES = 8 * 1024 * 1024  # a whole batch is held in memory, and again in the store's log
WHERE = "the ordered store of blocks"


def end_of(prefix: bytes) -> bytes:
    """The first key after all those that begin with a prefix.

    Raises:
        UsageError: the prefix is empty, or ends with ff.
    """
    if not prefix or prefix[-1] == 0xFF:
        raise UsageError("a prefix of records has at least one byte, and the last is not ff")
    return prefix[:-1] + bytes([prefix[-1] + 1])


class OrderedBlocks(CheckedBlocks):
    """Blocks in an ordered store, a `BlockStore`.

    Args:
        store: where they are. It stays open when this is closed, as it may hold other things too.
        prefix: what their keys in it begin with.

    Raises:
        UsageError: the prefix is empty, or ends with ff.
    """

    def __init__(self, store: OrderedStore, prefix: bytes = BLOCKS_PREFIX) -> None:
        super().__init__()
        self._store = store
        self._prefix = prefix
        self._end = end_of(prefix)

    def _key(self, multihash: Multihash) -> bytes:
        return self._prefix + multihash.encode()

    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        for group in in_groups(blocks, BATCH_BLOCKS, BATCH_BYTES):
            batch = [
                Put(self._key(multihash), data)
                for multihash, data in group.items()
                if not self._is_whole(multihash, data)
            ]
            # Even an empty batch: what is there already may have been written without durability.
            self._store.write(batch, durable=durable)

    def _is_whole(self, multihash: Multihash, data: bytes) -> bool:
        try:
            return self._store.get(self._key(multihash)) == data
        except (NotFound, StoreCorrupt):
            return False

    def _get(self, cid: Cid) -> bytes:
        return demand_whole(cid, self._value(cid), WHERE)

    def _value(self, cid: Cid) -> bytes:
        try:
            return self._store.get(self._key(cid.multihash))
        except NotFound:
            raise missing(cid) from None

    def _size(self, cid: Cid) -> int:
        return demand_possible_size(cid, len(self._value(cid)), WHERE)

    def _remove(self, multihash: Multihash) -> None:
        self._store.write([Delete(self._key(multihash))], durable=False)

    def _hashes(self) -> Iterator[Multihash]:
        for key, _ in self._store.scan(self._prefix, self._end):
            self._demand_open()
            yield self._parsed(key)

    def _parsed(self, key: bytes) -> Multihash:
        try:
            return raw_cid(multihashes.decode(key[len(self._prefix) :])).multihash
        except DecodeError as error:
            raise StoreCorrupt(f"{key[:60]!r} is not the key of a block: {error}", WHERE) from None

    def _let_go(self) -> None:
        """The ordered store belongs to whoever opened it."""
