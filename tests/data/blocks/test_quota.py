"""The quota: what counts, and that nothing is counted twice or forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.files import FLATFS, FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import BLOCKS_PREFIX, OrderedBlocks
from p2plib.data.blocks.quota import QuotaBlocks
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import StoreFull, UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.stores.blobs.pretend import PretendFolder


def sum_of(store: BlockStore) -> int:
    return sum(store.size(Cid(1, multicodec.RAW, multihash)) for multihash in store.hashes())


@pytest.mark.fault("F118")
def test_the_last_byte_fits_and_the_next_does_not() -> None:
    with QuotaBlocks(MemoryBlocks(), 10) as store:
        store.put([block_of(b"12345"), block_of(b"54321")])
        assert store.used_bytes == 10
        with pytest.raises(StoreFull, match="a block of 1 bytes, where the quota of 10 has 0 left"):
            store.put([block_of(b"1")])
        store.put([block_of(b""), block_of(b"12345")])  # nothing more
        store.remove(block_of(b"54321").cid)
        store.remove(block_of(b"54321").cid)
        assert store.used_bytes == 5
        store.put([block_of(b"67890")])
        assert store.used_bytes == 10


def test_what_is_before_the_block_that_does_not_fit_counts_if_it_is_there() -> None:
    with QuotaBlocks(MemoryBlocks(), 10) as store:
        with pytest.raises(StoreFull):
            store.put([block_of(b"12345"), block_of(b"67"), block_of(b"8901"), block_of(b"!")])
        assert store.used_bytes == sum_of(store) == 7


def test_the_same_block_counts_once_and_one_that_holds_itself_never() -> None:
    with QuotaBlocks(MemoryBlocks(), 10) as store:
        for _ in range(5):
            store.put([block_of(b"12345"), block_of(b"12345")])
        store.put([block_of(bytes(100), function=multicodec.IDENTITY)])
        assert store.used_bytes == 5


def test_what_was_there_before_counts() -> None:
    within = MemoryBlocks()
    within.put([block_of(bytes(70))])
    with QuotaBlocks(within, 50) as store:
        assert store.used_bytes == 70
        with pytest.raises(StoreFull, match="50 has 0 left"):
            store.put([block_of(b"1")])
        store.put([block_of(bytes(70))])
        store.remove(block_of(bytes(70)).cid)
        store.put([block_of(b"1")])
        assert store.used_bytes == 1
    with pytest.raises(UsageError):
        QuotaBlocks(MemoryBlocks(), -1)


def test_a_damaged_block_that_is_put_again_counts_with_its_right_size() -> None:
    records, block = MemoryStore(), block_of(bytes(20))
    OrderedBlocks(records).put([block])
    records.write([Put(BLOCKS_PREFIX + block.cid.multihash.encode(), b"short")])
    with QuotaBlocks(OrderedBlocks(records), 20) as store:
        assert store.used_bytes == 5
        store.put([block])
        assert store.used_bytes == 20
        with pytest.raises(StoreFull):
            store.put([block_of(b"1")])


@pytest.mark.fault("F121")
def test_the_count_is_right_after_a_disk_that_refused_at_any_step() -> None:
    def run(store: QuotaBlocks) -> None:
        store.put([block_of(bytes(100)), block_of(bytes(20))])
        store.put([block_of(bytes(100)), block_of(bytes(30))])

    refused, step = 0, 8
    while True:
        folder = PretendFolder()
        store = QuotaBlocks(FileBlocks(folder), 1000)
        folder.fail_at = {step: OSError(28, "no room")}
        try:
            run(store)
        except StoreFull:
            refused += 1
        assert store.used_bytes == sum_of(store), step
        store.close()
        if len(folder.steps) <= step:
            break
        step += 1
    assert refused > 10


@pytest.mark.fault("F118")
@pytest.mark.parametrize("what", ["fails", "removes"])
def test_what_another_put_has_drawn_stays_reserved(what: str) -> None:
    """A put that fails, or a removal, in the middle of another that has drawn the same block."""
    with QuotaBlocks(FileBlocks(PretendFolder()), 10) as store:  # which writes after it has drawn a group
        same = block_of(b"12345678")

        def failing() -> Iterator[Block]:
            yield same
            raise KeyError

        def source() -> Iterator[Block]:
            yield same
            if what == "removes":
                store.remove(same.cid)
            else:
                with pytest.raises(KeyError):
                    store.put(failing())
            yield block_of(b"abc")

        with pytest.raises(StoreFull):
            store.put(source())
        assert store.used_bytes == sum_of(store) == 0
        store.put([same, same])
        assert store.used_bytes == sum_of(store) == 8


def test_a_crash_and_a_new_opening_count_what_is_there(tmp_path: Path) -> None:
    """Not the unfinished files of the crash, nor what other programs keep in the folder."""
    with QuotaBlocks(FileBlocks(DiskFolder(tmp_path)), 100) as store:
        store.put([block_of(bytes(40)), block_of(bytes(30))])
    (tmp_path / ".p2plib" / "new-7").write_bytes(bytes(40))
    (tmp_path / "diskUsage.cache").write_bytes(bytes(40))
    (tmp_path / "AA").mkdir()
    path = tmp_path / FLATFS.path_of(block_of(bytes(40)).cid.multihash)
    (tmp_path / "AA" / path.name).write_bytes(bytes(40))  # a copy in a wrong folder
    (path.parent / path.name.lower()).write_bytes(bytes(40))
    with QuotaBlocks(FileBlocks(DiskFolder(tmp_path)), 100) as store:
        assert store.used_bytes == 70
        store.put([block_of(bytes(40)), block_of(bytes(30))])
        assert store.used_bytes == 70


@given(
    st.lists(
        st.tuples(st.lists(st.binary(max_size=3), max_size=4), st.sampled_from(("put", "fails", "remove")))
    )
)
def test_whatever_happens_the_count_is_the_sum(steps: list[tuple[list[bytes], str]]) -> None:
    def failing(blocks: list[Block]):  # type: ignore[no-untyped-def]
        yield from blocks
        raise KeyError

    with QuotaBlocks(MemoryBlocks(), 12) as store:
        for parts, what in steps:
            blocks = [block_of(part) for part in parts]
            try:
                if what == "remove":
                    for block in blocks:
                        store.remove(block.cid)
                else:
                    store.put(blocks if what == "put" else failing(blocks))
            except (StoreFull, KeyError):
                pass
            assert store.used_bytes == sum_of(store) <= 12
