"""What is special about blocks in memory; the rest is in the suite."""

from __future__ import annotations

from p2plib.data.blocks.conformance import numbered_block
from p2plib.data.blocks.memory import MemoryBlocks


def test_the_hashes_come_in_the_order_in_which_the_blocks_came() -> None:
    with MemoryBlocks() as store:
        blocks = [numbered_block(number) for number in (3, 1, 2)]
        store.put([*blocks, blocks[0]])
        assert list(store.hashes()) == [block.cid.multihash for block in blocks]
        listed = store.hashes()
        store.remove(blocks[0].cid)
        assert len(list(listed)) == 3  # as it was when it was asked
