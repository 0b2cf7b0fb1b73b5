"""How a blob store ends, and what it has open then."""

from __future__ import annotations

import gc

import pytest

from p2plib.data.stores.blobs.lifetime import ClosableBlobs
from p2plib.data.stores.blobs.memory import MemoryBlobs
from p2plib.errors import Closed


def test_a_closed_store_says_so_and_lets_go_once() -> None:
    class Counting(ClosableBlobs):
        count = 0

        def _let_go(self) -> None:
            self.count += 1

    with Counting() as store:
        store.close()
    assert store.count == 1
    memory = MemoryBlobs()
    writer = memory.write("a")
    memory.close()
    with pytest.raises(Closed, match="was discarded when its store was closed"):
        writer.write(b"x")
    with pytest.raises(Closed, match="this blob store was closed"):
        memory.write()


def test_a_dropped_reader_is_not_held() -> None:
    with MemoryBlobs() as store:
        with store.write("a") as writer:
            writer.finish()
        for _ in range(10):
            store.read("a")
        gc.collect()
        assert not store._open_readers
