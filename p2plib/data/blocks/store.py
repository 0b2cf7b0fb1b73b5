"""What every block store can do, as a `typing.Protocol`.

Rules
    1. A block is there whole or not at all, crash or no crash; once a durable `put` has returned, it stays.
    2. What `get` returns hashes to its identifier. Where the disk has changed a block, `get` raises
       `StoreCorrupt`, and the block can be put again. `has` and `size` do not hash, so a damaged block may
       count as there until somebody reads it; where the damage shows without that, as in an empty file,
       `has` says no, and `size` raises `StoreCorrupt`. A damaged block is listed in either case.
    3. Blocks are kept by their multihash: two identifiers with the same hash name the same bytes, whatever
       their version and codec say about how to read them.
    4. An identity identifier holds its bytes itself: it is always there, is never stored and never listed.
    5. Missing, full, damaged and closed are the errors of `p2plib.data.stores.interfaces`. A listing that is
       under way when the store is closed raises `Closed` too.
    6. Several threads may use a store at once, but not one over an ordered store, which allows one thread at
       a time. While pins or counters iterate over the blocks of a `put`, other writers wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from p2plib.data.dag.block import Block
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


class BlockStore(Protocol):
    """Blocks by their hash. `p2plib.data.blocks.conformance` tests any implementation."""

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; for those that are already there, nothing changes.

        Args:
            blocks: made with `block_of` or `checked`: they are not hashed again.
            durable: whether to wait until all of them would survive a power failure.

        Raises:
            StoreFull: there is no room; blocks before the one that did not fit may be there.
            StoreError: something that is not a block is in the place of one.
            Closed: the store is closed.
        """
        ...

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block.

        Raises:
            NotFound: it is not there.
            StoreCorrupt: the disk has changed it.
            StoreError: another program put it there, under a hash that this library does not compute; or the
                disk does not let us read it.
            Closed: the store is closed.
        """
        ...

    def size(self, cid: Cid) -> int:
        """How many bytes a block has, without hashing them.

        Raises:
            NotFound: it is not there.
            StoreCorrupt: it can be seen to be damaged.
            StoreError: the disk does not let us look.
            Closed: the store is closed.
        """
        ...

    def has(self, cid: Cid) -> bool:
        """Whether a block is there, and not seen to be damaged; `get` may still find that it is."""
        ...

    def remove(self, cid: Cid) -> None:
        """Remove a block from the store, if it is there."""
        ...

    def hashes(self) -> Iterator[Multihash]:
        """The hashes of the blocks, in any order; blocks that come or go meanwhile may be missed."""
        ...

    def close(self) -> None:
        """Let go of files and locks. Repeating it does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
