"""What all block stores have in common: they know whether they are open, and never store identity blocks.

A store of blocks inherits `CheckedBlocks` and fills in a few methods, which are called only while the store
is open, and only with identifiers that have a real hash. A wrapper around another store (a quota, pins,
counters) inherits `BlocksAround`, which passes everything on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag import hashes
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block, checked
from p2plib.data.stores.closable import Closable
from p2plib.errors import NotFound, StoreCorrupt, StoreError, WrongContent
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


def holds_itself(cid: Cid) -> bool:
    """Whether an identifier holds its bytes itself, so that no store has to keep them."""
    return cid.multihash.code == multicodec.IDENTITY


def raw_cid(multihash: Multihash) -> Cid:
    """The identifier under which any block can be asked for by its hash alone."""
    return Cid(1, multicodec.RAW, multihash)


def demand_whole(cid: Cid, data: bytes, where: str) -> bytes:
    """The bytes read from a disk, if they hash to the identifier.

    Args:
        cid: what was asked for.
        data: what the disk returned.
        where: the file, or the store, for the message.

    Raises:
        StoreCorrupt: they hash to something else.
        StoreError: this cannot be checked, because the hash function is not in `p2plib.data.dag.hashes`.
    """
    if cid.multihash.code not in hashes.FUNCTIONS:
        raise StoreError(f"{where}: a block under {cid.multihash.name} cannot be checked here")
    try:
        return checked(cid, data).data
    except WrongContent as error:
        raise StoreCorrupt(f"the disk has changed a block: {error}", where) from error


def demand_possible_size(cid: Cid, size_bytes: int, where: str) -> int:
    """The size of a block on a disk, if it can be that.

    A crash often leaves the name of a file that another program did not sync, and none of its bytes.

    Args:
        cid: what was asked for.
        size_bytes: how many bytes the disk has of it.
        where: the file, for the message.

    Raises:
        StoreCorrupt: it is more than a block may have; or it is 0, and this is not the hash of nothing.
    """
    if size_bytes > MAX_BLOCK_BYTES:
        raise StoreCorrupt(f"{size_bytes} bytes, where {MAX_BLOCK_BYTES} is the most", where)
    if not size_bytes and cid.multihash.code in hashes.FUNCTIONS and not hashes.is_of(cid.multihash, b""):
        raise StoreCorrupt(f"there are no bytes of the block {cids.to_text(cid)}", where)
    return size_bytes


def missing(cid: Cid) -> NotFound:
    """The error that a store raises for a block it does not have."""
    return NotFound(f"there is no block {cids.to_text(cid)} here")


def in_groups(blocks: Iterable[Block], max_blocks: int, max_bytes: int) -> Iterator[dict[Multihash, bytes]]:
    """Blocks in groups that fit into memory, each block once in its group.

    Args:
        blocks: any number of them.
        max_blocks: the most blocks in a group.
        max_bytes: the size at which a group ends; it may exceed this by less than one block.
    """
    group: dict[Multihash, bytes] = {}
    size_bytes = 0
    for block in blocks:
        if block.cid.multihash in group:
            continue
        group[block.cid.multihash] = block.data
        size_bytes += len(block.data)
        if len(group) >= max_blocks or size_bytes >= max_bytes:
            yield group
            group, size_bytes = {}, 0
    if group:
        yield group


def _kept(block: Block) -> Block:
    """The block with bytes of its own: a caller may change a bytearray later."""
    return block if type(block.data) is bytes else Block(block.cid, bytes(block.data))


class CheckedBlocks(Closable, ABC):
    """A `BlockStore` except for a few methods, which its subclasses fill in."""

    kind = "block store"

    @abstractmethod
    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        """Keep these blocks; a damaged copy that is already there is replaced."""

    @abstractmethod
    def _get(self, cid: Cid) -> bytes:
        """The bytes of a block, checked; or `NotFound`."""

    @abstractmethod
    def _size(self, cid: Cid) -> int:
        """How many bytes a block has; or `NotFound`."""

    @abstractmethod
    def _remove(self, multihash: Multihash) -> None:
        """Remove a block, if it is there."""

    @abstractmethod
    def _hashes(self) -> Iterator[Multihash]:
        """The hashes of the blocks that are there now."""

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`. A damaged copy that is already there is replaced."""
        self._demand_open()
        self._put((_kept(block) for block in blocks if not holds_itself(block.cid)), durable)

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block; see `BlockStore`."""
        self._demand_open()
        return cid.multihash.digest if holds_itself(cid) else self._get(cid)

    def size(self, cid: Cid) -> int:
        """How many bytes a block has; see `BlockStore`."""
        self._demand_open()
        return len(cid.multihash.digest) if holds_itself(cid) else self._size(cid)

    def has(self, cid: Cid) -> bool:
        """Whether a block is there; see `BlockStore`."""
        try:
            self.size(cid)
        except (NotFound, StoreCorrupt):
            return False
        return True

    def remove(self, cid: Cid) -> None:
        """Remove a block from the store, if it is there."""
        self._demand_open()
        if not holds_itself(cid):
            self._remove(cid.multihash)

    def hashes(self) -> Iterator[Multihash]:
        """The hashes of the blocks in the store; see `BlockStore`."""
        self._demand_open()
        return self._listed(self._hashes())

    def _listed(self, found: Iterator[Multihash]) -> Iterator[Multihash]:
        """Without identity hashes, which another program may have stored; raises once the store is closed."""
        for multihash in found:
            self._demand_open()
            if multihash.code != multicodec.IDENTITY:
                yield multihash


class BlocksAround(Closable):
    """A `BlockStore` around another, to which it passes everything on. Closing it closes the inner store.

    Args:
        store: the inner store; nobody else may write to it.
    """

    kind = "block store"

    def __init__(self, store: BlockStore) -> None:
        super().__init__()
        self._store = store

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`."""
        self._demand_open()
        self._store.put(blocks, durable=durable)

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block; see `BlockStore`."""
        self._demand_open()
        return self._store.get(cid)

    def size(self, cid: Cid) -> int:
        """How many bytes a block has; see `BlockStore`."""
        self._demand_open()
        return self._store.size(cid)

    def has(self, cid: Cid) -> bool:
        """Whether a block is there; see `BlockStore`."""
        self._demand_open()
        return self._store.has(cid)

    def remove(self, cid: Cid) -> None:
        """Remove a block from the store, if it is there."""
        self._demand_open()
        self._store.remove(cid)

    def hashes(self) -> Iterator[Multihash]:
        """The hashes of the blocks in the store; see `BlockStore`."""
        self._demand_open()
        return self._store.hashes()

    def _let_go(self) -> None:
        self._store.close()


def size_here(store: BlockStore, multihash: Multihash) -> int:
    """How many bytes a block has in a store; 0 if it is there but damaged.

    Raises:
        NotFound: it is not there.
    """
    try:
        return store.size(raw_cid(multihash))
    except StoreCorrupt:
        return 0


def damaged(store: BlockStore) -> Iterator[Multihash]:
    """The hashes of blocks that the disk has changed; every block is read and hashed.

    Args:
        store: any. A block that is removed meanwhile is not listed, nor one under an unknown hash function.
    """
    for multihash in store.hashes():
        if multihash.code not in hashes.FUNCTIONS:
            continue
        try:
            store.get(raw_cid(multihash))
        except StoreCorrupt:
            yield multihash
        except NotFound:
            continue
