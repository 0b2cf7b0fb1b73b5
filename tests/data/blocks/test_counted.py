"""What was put and what was new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.counted import BlockCounts, CountedBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.quota import QuotaBlocks
from p2plib.data.dag.block import block_of
from p2plib.errors import StoreFull
from p2plib.wire import multicodec


def test_two_versions_of_a_file_share_their_blocks() -> None:
    with CountedBlocks(MemoryBlocks()) as store:
        store.put([block_of(part) for part in (b"one", b"two", b"one")])
        assert store.stats() == BlockCounts(3, 9, 2, 6)
        store.put([block_of(part) for part in (b"one", b"three")], durable=False)
        assert store.stats() == BlockCounts(5, 17, 3, 11)
        assert store.stats().saved_bytes == 6
        store.put([block_of(b"inside", function=multicodec.IDENTITY)])
        assert store.stats().put_blocks == 5


def test_what_was_there_before_is_not_new() -> None:
    within = MemoryBlocks()
    within.put([block_of(b"old")])
    with CountedBlocks(within) as store:
        store.put([block_of(b"old"), block_of(b"new!")])
        assert store.stats() == BlockCounts(2, 7, 1, 4)


def test_of_a_put_that_failed_nothing_counts() -> None:
    with CountedBlocks(QuotaBlocks(MemoryBlocks(), 5)) as store:
        with pytest.raises(StoreFull):
            store.put([block_of(b"abc"), block_of(b"def")])
        assert store.stats() == BlockCounts(0, 0, 0, 0)


@given(st.lists(st.lists(st.binary(max_size=2), max_size=6), max_size=6))
def test_what_is_new_is_what_the_store_holds(puts: list[list[bytes]]) -> None:
    within = MemoryBlocks()
    with CountedBlocks(within) as store:
        for parts in puts:
            store.put(map(block_of, parts))
        stats = store.stats()
        assert stats.put_bytes == sum(len(part) for parts in puts for part in parts)
        held = {part for parts in puts for part in parts}
        assert (stats.new_blocks, stats.new_bytes) == (len(held), sum(map(len, held)))
        assert stats.saved_bytes == stats.put_bytes - stats.new_bytes >= 0
