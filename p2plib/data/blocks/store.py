"""What every block store can do: a protocol.

Rules
    1. A block is there whole or not at all, crash or no crash; a durable `put` that returned has happened.
    2. What `get` gives hashes to its identifier. Where the disk has changed it, `get` raises `StoreCorrupt`,
       and the block can be put again.
    3. Blocks are kept by their multihash: two identifiers with the same hash name the same bytes, whatever
       their version and codec say of how to read them.
    4. An identity identifier holds its bytes itself: it is always there, is never stored and never listed.
    5. Missing, full, damaged and closed are the errors of `p2plib.data.stores.interfaces`. A closed store
       stops a listing that is under way, too.
    6. Several threads may use a store at once, but not one over an ordered store, which allows one thread at
       a time. While pins or counters draw the blocks of a `put`, other writers wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from p2plib.data.dag.block import Block
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class BlockStore(Protocol):
    """Blocks under what they hash to. `p2plib.data.blocks.conformance` is its test."""

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; those that are there already stay so.

        Args:
            blocks: made with `block_of` or `checked`: they are not hashed again.
            durable: whether to wait until all of them would survive a power failure.

        Raises:
            StoreFull: there is no room; blocks before the one that did not fit may be there.
            StoreError: something that is no block lies in the place of one.
            Closed: the store is closed.
        """
        ...

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block.

        Raises:
            NotFound: it is not there.
            StoreCorrupt: it was, and the disk has changed it.
            StoreError: another program put it there, under a hash that nobody here can compute.
            Closed: the store is closed.
        """
        ...

    def size(self, cid: Cid) -> int:
        """How many bytes a block has, without reading them; raises NotFound if it is not there."""
        ...

    def has(self, cid: Cid) -> bool:
        """Whether a block is there; it may still turn out to be damaged."""
        ...

    def remove(self, cid: Cid) -> None:
        """Take a block out of the store; one that is not there stays so."""
        ...

    def hashes(self) -> Iterator[Multihash]:
        """What the blocks here hash to, in any order; some that come or go meanwhile may be missed."""
        ...

    def close(self) -> None:
        """Let go of files and locks. Repeating it does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
