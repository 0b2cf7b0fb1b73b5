"""Keys, links and stores for the tests of Merkle search trees."""

from __future__ import annotations

from hypothesis import strategies as st

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import block_of
from p2plib.wire.cid import Cid

LINKS = [block_of(b"%d" % number).cid for number in range(4)]
KEYS = st.binary(min_size=1, max_size=2) | st.integers(0, 60).map(lambda number: b"key/%d" % number)
CONTENT = st.dictionaries(KEYS, st.sampled_from(LINKS), max_size=40)


def records(count: int) -> dict[bytes, Cid]:
    """As a repository has them: names of one kind, a number in each."""
    return {
        b"com.example.record/%013d" % (number * 7919 % 10**9): LINKS[number % 4] for number in range(count)
    }


class CountingBlocks(MemoryBlocks):
    """Counts the blocks that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def get(self, cid: Cid) -> bytes:
        self.count += 1
        return super().get(cid)
