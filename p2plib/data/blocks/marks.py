"""How far a walk over graphs of blocks has come: what it has reached, and what it has still to look at.

A walk does not recurse, and visits each block once, so a deep graph, or one with shared blocks, costs no more
than its blocks. A raw block has no links, and is not read.

A **gap** is a block whose links cannot be followed: it is missing or damaged, or its links cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.errors import DecodeError, NotFound, StoreError, UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

LinksOf = Callable[[Block], Iterable[Cid]]


@dataclass(frozen=True, slots=True)
class BlockGap:
    """A block whose links a walk could not follow.

    Args:
        cid: its identifier.
        reason: why not, as a sentence.
    """

    cid: Cid
    reason: str


class BlockMarks:
    """What was reached so far. A block may be reached under two codecs, and have links under one of them.

    Args:
        store: where the blocks are.
        links: returns the links of a block; raises DecodeError or UsageError where it cannot read them.

    Attributes:
        reached: the hashes of all blocks that are roots, or were found under them.
    """

    def __init__(self, store: BlockStore, links: LinksOf) -> None:
        self._store = store
        self._links = links
        self.reached: set[Multihash] = set()
        self._seen: set[tuple[int, Multihash]] = set()
        self._waiting: list[Cid] = []

    def want(self, cid: Cid) -> None:
        """Reach a block, and later what is under it."""
        self.reached.add(cid.multihash)
        if (cid.codec, cid.multihash) not in self._seen:
            self._seen.add((cid.codec, cid.multihash))
            self._waiting.append(cid)

    def waiting(self) -> Iterator[Cid]:
        """The blocks that were reached and not looked at, each once; more may be reached meanwhile."""
        while self._waiting:
            yield self._waiting.pop()

    def follow(self, cid: Cid) -> None:
        """Read a block, and want what it links."""
        if cid.codec != multicodec.RAW:
            self.want_links(Block(cid, self._store.get(cid)))

    def want_links(self, block: Block) -> None:
        """Want what a block links."""
        for link in self._links(block):
            self.want(link)

    def gaps(self) -> Iterator[BlockGap]:
        """Follow all links that wait, and yield the blocks whose links could not be followed."""
        for cid in self.waiting():
            try:
                self.follow(cid)
            except (NotFound, StoreError, DecodeError, UsageError) as error:
                yield BlockGap(cid, str(error))
