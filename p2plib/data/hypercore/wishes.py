"""Which blocks of a feed are wanted, and which of them somebody was asked for. A data structure.

One for a feed, shared by all its replications, so that no block is asked for twice at a time.

    >>> from p2plib.data.hypercore.core import Hypercore
    >>> from p2plib.identity.keys import SecretKey
    >>> wishes = Wishes(Hypercore(SecretKey.from_seed(bytes(32)).public))
    >>> wishes.add(7)
    >>> wishes.add(3)
    >>> remote = RemoteBlocks()
    >>> remote.ask(0)
    0
    >>> remote.set(0, 5)
    >>> wishes.take(remote), wishes.take(remote)
    (3, None)
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.remote import MAX_REGIONS, REGION_BLOCKS, RemoteBlocks


class Wishes:
    """The blocks that are wanted and not here.

    Args:
        core: the feed.
        everything: whether every block is wanted, those to come as well.
    """

    def __init__(self, core: Hypercore, *, everything: bool = False) -> None:
        self._core = core
        self.everything = everything
        self._blocks = dict[int, None]()  # a set that keeps the order in which the wishes were made
        self._asked = set[int]()

    def __len__(self) -> int:
        """How many single blocks are wanted and not here."""
        return len(self._blocks)

    def add(self, block: int) -> None:
        """A block is wanted, if it is not here."""
        if not self._core.has(block):
            self._blocks[block] = None

    def drop(self, block: int) -> None:
        """A block is no longer wanted."""
        self._blocks.pop(block, None)

    def release(self, block: int) -> None:
        """Whoever was asked for a block has sent it, or does not have it, or is gone."""
        self._asked.discard(block)
        if self._core.has(block):
            self._blocks.pop(block, None)

    def take(self, remote: RemoteBlocks) -> int | None:
        """The next block to ask a peer for; None if it has none that is wanted and not asked for."""
        for block in self._candidates(remote):
            if block not in self._asked and remote.has(block) and not self._core.has(block):
                self._asked.add(block)
                return block
        return None

    def leaves(self, remote: RemoteBlocks) -> bool:
        """Whether a peer has anything more that is wanted, or may be expected to."""
        missing = (block for block in self._candidates(remote) if not self._core.has(block))
        return any(block >= remote.length or remote.has(block) for block in missing)

    def _candidates(self, remote: RemoteBlocks) -> Iterator[int]:
        yield from self._blocks
        if self.everything:
            yield from remote.candidates(self._core.storage.bits)
        elif self._core.is_writable and remote.length > self._core.length:
            # Our own feed is longer elsewhere: it was restored from an old copy, and its newest block says
            # how long.
            yield remote.length - 1

    def unknown(self, remote: RemoteBlocks) -> list[int]:
        """Blocks that are wanted, in regions that a peer may have blocks of: it is to be asked about them."""
        blocks = [block for block in self._blocks if block < remote.length]
        if self.everything:
            blocks += range(0, min(remote.length, MAX_REGIONS * REGION_BLOCKS), REGION_BLOCKS)
        elif self._core.is_writable and remote.length > self._core.length:
            blocks.append(remote.length - 1)
        return sorted({block // REGION_BLOCKS * REGION_BLOCKS for block in blocks})
