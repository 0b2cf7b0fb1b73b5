"""What all block stores do alike: know whether they are open, and leave identity identifiers out.

A store of blocks inherits `CheckedBlocks` and fills in a few methods, which then see an open store and
identifiers with a real hash alone. What goes around another store (a quota, pins, counters) inherits
`BlocksAround`, which passes everything on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block, checked
from p2plib.errors import Closed, NotFound, StoreCorrupt, WrongContent
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
    """Bytes that a disk gave, if they are those of the identifier.

    Args:
        cid: what was asked for.
        data: what the disk gave.
        where: the file, or the store, for the message.

    Raises:
        StoreCorrupt: they are others.
    """
    try:
        return checked(cid, data).data
    except WrongContent as error:
        raise StoreCorrupt(f"the disk has changed a block: {error}", where) from error


def missing(cid: Cid) -> NotFound:
    """The error that a store raises for a block that it does not have."""
    return NotFound(f"there is no block {cids.to_text(cid)} here")


def in_groups(blocks: Iterable[Block], max_blocks: int, max_bytes: int) -> Iterator[dict[Multihash, bytes]]:
    """Blocks in groups that fit into memory, each block once in its group.

    Args:
        blocks: any number of them.
        max_blocks: of a group.
        max_bytes: where a group ends; it goes past this by less than one block.
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


class _Closable(ABC):
    """A store of blocks that can be closed once."""

    def __init__(self) -> None:
        self._is_closed = False

    def _demand_open(self) -> None:
        if self._is_closed:
            raise Closed("this block store was closed")

    @abstractmethod
    def _let_go(self) -> None:
        """Lets go of files and locks; called once."""

    def close(self) -> None:
        """Let go of files and locks. Repeating it does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CheckedBlocks(_Closable):
    """A `BlockStore` but for a few methods, which its subclasses fill in."""

    @abstractmethod
    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        """Keep these blocks; what is there and damaged is replaced."""

    @abstractmethod
    def _get(self, cid: Cid) -> bytes:
        """The bytes of a block, checked; or `NotFound`."""

    @abstractmethod
    def _size(self, cid: Cid) -> int:
        """How many bytes a block has; or `NotFound`."""

    @abstractmethod
    def _remove(self, multihash: Multihash) -> None:
        """Take a block out, if it is there."""

    @abstractmethod
    def _hashes(self) -> Iterator[Multihash]:
        """What is there now."""

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`. One that is there and damaged is replaced."""
        self._demand_open()
        self._put((block for block in blocks if not holds_itself(block.cid)), durable)

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block; see `BlockStore`."""
        self._demand_open()
        return cid.multihash.digest if holds_itself(cid) else self._get(cid)

    def size(self, cid: Cid) -> int:
        """How many bytes a block has; see `BlockStore`."""
        self._demand_open()
        return len(cid.multihash.digest) if holds_itself(cid) else self._size(cid)

    def has(self, cid: Cid) -> bool:
        """Whether a block is there; it may still turn out to be damaged."""
        try:
            self.size(cid)
        except NotFound:
            return False
        return True

    def remove(self, cid: Cid) -> None:
        """Take a block out of the store; one that is not there stays so."""
        self._demand_open()
        if not holds_itself(cid):
            self._remove(cid.multihash)

    def hashes(self) -> Iterator[Multihash]:
        """What the blocks in the store hash to; see `BlockStore`."""
        self._demand_open()
        return self._hashes()


class BlocksAround(_Closable):
    """A `BlockStore` around another, to which it passes everything on. Closing it closes the one within.

    Args:
        store: the one within; nobody else may write into it.
    """

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
        """Whether a block is there; it may still turn out to be damaged."""
        self._demand_open()
        return self._store.has(cid)

    def remove(self, cid: Cid) -> None:
        """Take a block out of the store; one that is not there stays so."""
        self._demand_open()
        self._store.remove(cid)

    def hashes(self) -> Iterator[Multihash]:
        """What the blocks in the store hash to; see `BlockStore`."""
        self._demand_open()
        return self._store.hashes()

    def _let_go(self) -> None:
        self._store.close()


def size_here(store: BlockStore, multihash: Multihash) -> int:
    """How many bytes a block has in a store; 0 if it is there and the disk cannot say.

    Raises:
        NotFound: it is not there.
    """
    try:
        return store.size(raw_cid(multihash))
    except StoreCorrupt:
        return 0


def damaged(store: BlockStore) -> Iterator[Multihash]:
    """What the blocks hash to that the disk has changed: reads and hashes every block.

    Args:
        store: any; a block that is removed meanwhile does not count.
    """
    for multihash in store.hashes():
        try:
            store.get(raw_cid(multihash))
        except StoreCorrupt:
            yield multihash
        except NotFound:
            continue
