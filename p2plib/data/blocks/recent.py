"""What was put a short while ago: a sweep leaves it alone, and a pin need not read it again.

Sweeps and addings are numbered in the order in which they begin, and a block that is put gets the number of
the last one. It is **recent** for a sweep if its number is at least that of the sweep, or of the oldest
adding under way: it came since one of them began. What came before all that is under way is forgotten.

A recent block is known to be **durable** if the last `put` of it was to be, has returned, and nobody has
removed the block since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from p2plib.data.blocks.base import holds_itself
from p2plib.data.dag.block import Block
from p2plib.wire.multihash import Multihash


@dataclass(slots=True, eq=False)
class PutCall:
    """One call of `put`.

    Args:
        is_durable: whether its blocks would survive a power failure: it was to wait for that, and returned.
    """

    is_durable: bool = False


class RecentPuts:
    """The blocks that were put during the sweeps and addings under way."""

    def __init__(self) -> None:
        self._now = 0  # the number of the last sweep or adding
        self._sweeps: list[int] = []  # those under way, the oldest first
        self._addings: list[int] = []
        self._puts: OrderedDict[Multihash, tuple[int, PutCall]] = OrderedDict()  # by number

    def __len__(self) -> int:
        return len(self._puts)

    def begin_sweep(self) -> int:
        """Returns the number of a sweep that begins now."""
        return self._begin(self._sweeps)

    def begin_adding(self) -> int:
        """Returns the number of an adding that begins now."""
        return self._begin(self._addings)

    def _begin(self, under_way: list[int]) -> int:
        self._now += 1
        under_way.append(self._now)
        return self._now

    def end(self, number: int) -> None:
        """A sweep or an adding is over; forget what matters to no other."""
        (self._sweeps if number in self._sweeps else self._addings).remove(number)
        since = min([*self._addings[:1], *self._sweeps[:1]], default=self._now + 1)
        while self._puts and next(iter(self._puts.values()))[0] < since:
            self._puts.popitem(last=False)

    def noted(self, blocks: Iterable[Block], call: PutCall) -> Iterator[Block]:
        """The same blocks; each is recent as soon as it is drawn.

        Args:
            blocks: what is put.
            call: the put that draws them; when it has returned, it may say that they are durable.
        """
        for block in blocks:
            if (self._sweeps or self._addings) and not holds_itself(block.cid):
                self._puts[block.cid.multihash] = self._now, call
                self._puts.move_to_end(block.cid.multihash)
            yield block

    def forget_durable(self, multihash: Multihash) -> None:
        """A block was removed. A put under way may still write it, so it stays recent."""
        if multihash in self._puts:
            self._puts[multihash] = self._puts[multihash][0], PutCall()

    def is_recent(self, multihash: Multihash, sweep: int) -> bool:
        """Whether a sweep, given by its number, must leave a block alone."""
        return multihash in self._puts and self._puts[multihash][0] >= min([sweep, *self._addings[:1]])

    def is_durable(self, multihash: Multihash) -> bool:
        """Whether a block is known to be there and durable."""
        return multihash in self._puts and self._puts[multihash][1].is_durable
