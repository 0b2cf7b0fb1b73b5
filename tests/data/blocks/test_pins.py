"""Pins and sweeps of graphs: what stays, what goes, and what stops a sweep. More in `test_sweeps`."""

from __future__ import annotations

import contextlib
import errno
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks import pins
from p2plib.data.blocks.base import raw_cid
from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import BLOCKS_PREFIX, OrderedBlocks
from p2plib.data.blocks.pin_records import PINS_PREFIX, BlockPin
from p2plib.data.blocks.pins import PinnedBlocks, SweptBlocks
from p2plib.data.dag import codecs, dag_pb
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import Closed, DecodeError, NotFound, StoreCorrupt, StoreError, StoreFull, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.blocks.stores import (
    GARBAGE,
    GRAPH,
    GRAPH_BLOCKS,
    LEAF,
    MIDDLE,
    OTHER_LEAF,
    ROOT,
    node,
    pinned,
    there,
)
from tests.data.stores.blobs.pretend import PretendFolder


def test_a_sweep_removes_what_nobody_wants() -> None:
    with pinned() as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album")
        assert store.pinned() == (ROOT.cid,)
        assert store.collect() == SweptBlocks(1, len(GARBAGE.data))
        assert there(store, *GRAPH_BLOCKS) == [True] * 4
        store.pin(MIDDLE.cid, "part")
        store.unpin(ROOT.cid, "album")
        store.unpin(ROOT.cid, "nobody's")
        assert store.has(ROOT.cid)
        assert store.collect() == SweptBlocks(1, len(ROOT.data))
        store.unpin(MIDDLE.cid, "part")
        assert store.collect().blocks == 3
        assert list(store.hashes()) == []


def test_a_direct_pin_keeps_the_block_alone() -> None:
    with pinned() as store:
        store.put(GRAPH_BLOCKS)
        store.pin(ROOT.cid, "one", is_recursive=False)
        assert store.collect().blocks == 3
        assert there(store, *GRAPH_BLOCKS) == [False, False, False, True]
        assert store.gaps() == ()
        store.pin(ROOT.cid, "two", is_recursive=False)
        assert store.pins(ROOT.cid) == (BlockPin("one", False), BlockPin("two", False))
        with pytest.raises(NotFound):
            store.pin(ROOT.cid, "all of it")
        assert len(store.pins(ROOT.cid)) == 2


def test_the_last_pin_of_a_label_counts() -> None:
    with pinned() as store:
        store.put(GRAPH_BLOCKS)
        store.pin(ROOT.cid, "a", is_recursive=False)
        store.pin(ROOT.cid, "a")
        assert store.pins(ROOT.cid) == (BlockPin("a", True),)
        assert store.collect().blocks == 0
        store.pin(ROOT.cid, "a", is_recursive=False)
        assert store.collect().blocks == 3


def test_a_pin_promises_that_all_of_it_is_there() -> None:
    for lacks in GRAPH_BLOCKS:
        with pinned() as store:
            store.put(block for block in GRAPH_BLOCKS if block is not lacks)
            with pytest.raises(NotFound):
                store.pin(ROOT.cid, "album")
            assert store.pins(ROOT.cid) == ()
            store.put([lacks])
            store.pin(ROOT.cid, "album")


@pytest.mark.fault("F121")
@pytest.mark.parametrize("is_killed", [False, True])
def test_what_is_pinned_survives_a_power_cut_however_it_was_put(is_killed: bool) -> None:
    folder, records = PretendFolder(), MemoryStore()
    store = pinned(FileBlocks(folder), records)
    store.put([*GRAPH_BLOCKS, GARBAGE], durable=False)
    if is_killed:
        folder.is_locked = False
        store = pinned(FileBlocks(folder), records)
    store.pin(ROOT.cid, "album")
    with pinned(FileBlocks(folder.after_power_cut(None)), records) as again:
        assert there(again, *GRAPH_BLOCKS) == [True] * 4
        assert again.gaps() == ()


@pytest.mark.fault("F121")
@pytest.mark.parametrize("is_recursive", [True, False])
def test_a_damaged_raw_block_is_not_pinned(is_recursive: bool) -> None:
    records = MemoryStore()
    with pinned(OrderedBlocks(records)) as store:
        store.put(GRAPH_BLOCKS)
        records.write([Put(BLOCKS_PREFIX + LEAF.cid.multihash.encode(), b"changed")])
        with pytest.raises(StoreCorrupt):
            store.pin(ROOT.cid if is_recursive else LEAF.cid, "a", is_recursive=is_recursive)
        assert store.pinned() == ()


def test_a_pin_when_the_disk_cannot_be_trusted_is_refused() -> None:
    folder = PretendFolder()
    with pinned(FileBlocks(folder)) as store:
        store.put([LEAF], durable=False)
        folder.fail_at = {len(folder.steps): OSError(errno.EIO, "no")}
        for _ in range(2):
            with pytest.raises(StoreFull):
                store.pin(LEAF.cid, "a")
        assert store.pinned() == ()


def test_what_cannot_be_pinned() -> None:
    unknown, broken = block_of(b"x", multicodec.DAG_PB), block_of(b"broken", GRAPH)
    with pinned() as store:
        store.put([unknown, broken, ROOT])
        with pytest.raises(UsageError, match="dag-pb are not known"):
            store.pin(unknown.cid, "a")
        with pytest.raises(DecodeError):
            store.pin(broken.cid, "a")
        store.pin(broken.cid, "a", is_recursive=False)
        for label in ("", "x" * 256, "é" * 128, "\ud800"):
            with pytest.raises(UsageError, match="label"):
                store.pin(ROOT.cid, label, is_recursive=False)
            with pytest.raises(UsageError, match="label"):
                store.unpin(ROOT.cid, label)
        store.pin(ROOT.cid, "\0" + "x" * 254, is_recursive=False)
        same = Cid(1, multicodec.RAW, ROOT.cid.multihash)
        with pytest.raises(UsageError, match="is pinned for"):
            store.remove(same)
        store.unpin(ROOT.cid, "\0" + "x" * 254)
        store.remove(same)
        assert not store.has(ROOT.cid)
    for doing in (store.pinned, store.gaps, store.sweep, store.collect):
        with pytest.raises(Closed):
            doing()
    for label_doing in (store.pin, store.unpin):
        with pytest.raises(Closed):
            label_doing(ROOT.cid, "a")
    with pytest.raises(Closed):
        store.pins(ROOT.cid)
    for entering in (store.adding(), store.held(ROOT.cid)):
        with pytest.raises(Closed), entering:
            pass


def test_pins_outlive_the_object_and_share_their_store(tmp_path: Path) -> None:
    records = MemoryStore()
    records.write([Put(b"another's", b"thing"), Put(b"block pin\x01", b"x")])
    with pinned(FileBlocks(DiskFolder(tmp_path)), records) as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album 7")
        store.pin(GARBAGE.cid, "not after all", is_recursive=False)
    raw = cids.encode_bytes(ROOT.cid)
    assert records.get(PINS_PREFIX + b"\x24" + raw + b"album 7") == b"recursive"
    with pinned(FileBlocks(DiskFolder(tmp_path)), records) as store:
        assert store.pins(ROOT.cid) == (BlockPin("album 7", True),)
        assert store.pins(GARBAGE.cid) == (BlockPin("not after all", False),)
        store.unpin(GARBAGE.cid, "not after all")
        assert store.collect().blocks == 1
    with pinned(FileBlocks(DiskFolder(tmp_path)), records) as store:
        assert store.pinned() == (ROOT.cid,)
    for prefix in (b"", b"pin\xff"):
        with pytest.raises(UsageError):
            PinnedBlocks(MemoryBlocks(), MemoryStore(), prefix=prefix)
    records.write([Put(PINS_PREFIX + b"\x24", b"recursive")])
    with pytest.raises(StoreCorrupt, match="not the record of a pin"):
        pinned(records=records)


def test_links_of_the_usual_codecs_are_followed() -> None:
    """A folder of UnixFS names its files in dag-pb, a node of dag-cbor anywhere inside it."""
    folder = block_of(
        dag_pb.encode(dag_pb.PBNode((dag_pb.PBLink(LEAF.cid, "a", 4),), b"\x08\x01")), multicodec.DAG_PB
    )
    root = block_of(codecs.encode(GRAPH, {"deep": [{"er": folder.cid}], "x": OTHER_LEAF.cid}), GRAPH)
    with PinnedBlocks(MemoryBlocks(), MemoryStore()) as store:
        store.put([LEAF, OTHER_LEAF, folder, root, GARBAGE])
        store.pin(root.cid, "album")
        assert store.collect().blocks == 1
        assert there(store, LEAF, OTHER_LEAF, folder, root) == [True] * 4


# Gaps


@pytest.mark.fault("F123")
@pytest.mark.parametrize("hurt", [MIDDLE, ROOT])
@pytest.mark.parametrize("is_missing", [True, False])
def test_nothing_is_removed_while_there_is_a_gap(hurt: Block, is_missing: bool) -> None:
    """What is under the gap is garbage to whoever cannot see the link to it: it must stay."""
    records = MemoryStore()
    within = OrderedBlocks(records)
    with pinned(within) as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album")
        if is_missing:
            within.remove(hurt.cid)
        else:
            records.write([Put(BLOCKS_PREFIX + hurt.cid.multihash.encode(), b"changed")])
        [gap] = store.gaps()
        assert gap.cid == hurt.cid
        before = set(store.hashes())
        with pytest.raises(StoreError, match=f"nothing is removed.*{cids.to_text(hurt.cid)}"):
            store.collect()
        assert set(store.hashes()) == before
        store.put([hurt])
        assert store.gaps() == ()
        assert store.collect() == SweptBlocks(1, len(GARBAGE.data))


def test_a_raw_block_that_is_missing_hides_nothing() -> None:
    within = MemoryBlocks()
    with pinned(within) as store:
        store.put([*GRAPH_BLOCKS, GARBAGE])
        store.pin(ROOT.cid, "album")
        within.remove(LEAF.cid)
        assert store.gaps() == ()
        assert store.collect().blocks == 1
        assert there(store, OTHER_LEAF, MIDDLE, ROOT) == [True] * 3


def test_links_that_cannot_be_read_are_a_gap() -> None:
    """The hash is right, so the block is not damaged; still nobody knows what its author meant."""
    for odd in (block_of(b"x", multicodec.DAG_PB), block_of(b"broken", GRAPH)):
        with pinned() as store:
            store.put([odd, GARBAGE])
            with store.held(odd.cid):
                [gap] = store.gaps()
                assert gap.cid == odd.cid
                with pytest.raises(StoreError, match="nothing is removed"):
                    store.collect()
            assert store.collect().blocks == 2


def test_the_list_of_gaps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MAX_GAPS", 7)
    wide = node("wide", *(node(str(number)) for number in range(50)))
    with pinned() as store:
        store.put([wide])
        with store.held(wide.cid):
            assert len(store.gaps()) == 7


# Bombs


@pytest.mark.fault("F119")
def test_a_deep_graph_is_walked_without_recursion() -> None:
    depth, blocks = 5_000, [node("end")]
    for number in range(depth):
        blocks.append(node(str(number), blocks[-1]))
    with pinned() as store:
        store.put([*blocks, GARBAGE])
        store.pin(blocks[-1].cid, "deep")
        assert store.collect().blocks == 1
        assert sum(1 for _ in store.hashes()) == depth + 1


@pytest.mark.fault("F119")
def test_a_graph_whose_links_meet_again_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty levels, each of which links the one below it twice: 2**60 ways, 61 blocks."""
    blocks = [node("end")]
    for number in range(60):
        blocks.append(node(str(number), blocks[-1], blocks[-1], blocks[-1].cid))
    with pinned() as store:
        store.put(blocks)
        assert sum(1 for _ in store.walk(blocks[-1].cid)) == 61
        store.pin(blocks[-1].cid, "wide")
        assert store.collect().blocks == 0


def test_a_block_under_two_codecs_is_looked_at_under_both() -> None:
    """Whoever links the bytes as raw does not hide their links from whoever links them as a graph."""
    raw = Cid(1, multicodec.RAW, MIDDLE.cid.multihash)
    for order in ((raw, MIDDLE.cid), (MIDDLE.cid, raw)):
        both = node("both", *order)
        with pinned() as store:
            store.put([*GRAPH_BLOCKS, both, GARBAGE])
            store.pin(both.cid, "both")
            store.pin(raw, "raw")
            store.collect()
            assert there(store, LEAF, OTHER_LEAF, MIDDLE, both) == [True] * 4
            store.unpin(both.cid, "both")
            store.collect()
            assert there(store, LEAF, OTHER_LEAF, MIDDLE, both) == [False, False, True, False]


def test_version_0_and_1_of_a_block_are_pinned_each_by_itself() -> None:
    """And whichever of them is pinned, the block stays, under every codec."""
    data = dag_pb.encode(dag_pb.PBNode((dag_pb.PBLink(LEAF.cid, "a", 4),)))
    old, new = block_of(data, multicodec.DAG_PB, version=0), block_of(data, multicodec.DAG_PB)
    with PinnedBlocks(MemoryBlocks(), MemoryStore()) as store:
        store.put([LEAF, old])
        store.pin(old.cid, "album")
        store.pin(new.cid, "album", is_recursive=False)
        assert set(store.pinned()) == {old.cid, new.cid}
        store.unpin(new.cid, "album")
        store.unpin(new.cid, "album")
        assert store.collect().blocks == 0
        for cid in (old.cid, new.cid, raw_cid(new.cid.multihash)):
            with pytest.raises(UsageError, match="is pinned for 'album'"):
                store.remove(cid)
        store.pin(new.cid, "album", is_recursive=False)
        store.unpin(old.cid, "album")
        assert [swept.multihash for swept in store.sweep()] == [LEAF.cid.multihash]
        with pytest.raises(UsageError):
            store.remove(old.cid)
        store.unpin(new.cid, "album")
        store.remove(old.cid)
        assert list(store.hashes()) == []


def test_an_identity_block_is_pinned_with_what_it_links() -> None:
    inside = block_of(f"\n{cids.to_text(LEAF.cid)}".encode(), GRAPH, function=multicodec.IDENTITY)
    empty = block_of(b"", function=multicodec.IDENTITY)
    records, within = MemoryStore(), MemoryBlocks()
    store = pinned(within, records)
    with pytest.raises(NotFound):
        store.pin(inside.cid, "a")
    store.put([LEAF, GARBAGE])
    store.pin(inside.cid, "a")
    store.pin(empty.cid, "a")
    assert set(pinned(within, records).pinned()) == {inside.cid, empty.cid}
    assert store.collect().blocks == 1
    with store.held(inside.cid):
        store.unpin(inside.cid, "a")
        assert store.collect().blocks == 0
    assert store.collect().blocks == 1


@pytest.mark.fault("F119")
def test_removing_and_holding_beside_many_pins_costs_no_walk_through_them() -> None:
    """Counted, not timed: what is compared while one block is removed and held among 20 or 2,000 pins."""
    compared: list[int] = []
    for many in (20, 2000):
        with pinned() as store:
            blocks = [block_of(b"%d" % number) for number in range(many)]
            store.put([*blocks, GARBAGE])
            with contextlib.ExitStack() as holds:
                for block in blocks:
                    store.pin(block.cid, "a", is_recursive=False)
                    holds.enter_context(store.held(block.cid))
                steps = 0

                def count(*_: object) -> None:
                    nonlocal steps
                    steps += 1

                sys.setprofile(count)
                try:
                    with store.held(LEAF.cid):
                        store.remove(GARBAGE.cid)
                finally:
                    sys.setprofile(None)
                compared.append(steps)
    assert compared[1] < compared[0] + 20


def test_identity_blocks_are_walked_and_not_kept() -> None:
    text = f"\n{cids.to_text(LEAF.cid)}".encode()
    inside = block_of(text, GRAPH, function=multicodec.IDENTITY)
    root = node("root", inside)
    with pinned() as store:
        store.put([LEAF, inside, root, GARBAGE])
        store.pin(root.cid, "album")
        assert store.collect().blocks == 1
        assert there(store, LEAF, root) == [True, True]


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=15),
    st.sets(st.integers(0, 14)),
    st.sets(st.integers(0, 14)),
)
def test_a_sweep_leaves_exactly_what_the_pins_reach(
    links: list[list[int]], recursive: set[int], direct: set[int]
) -> None:
    """Over random graphs, against the definition: the least set that holds the roots and their links."""
    blocks: list[Block] = []
    below: list[set[int]] = []
    for number, targets in enumerate(links):
        lower = {target % number for target in targets} if number else set()
        blocks.append(node(str(number), *(blocks[target] for target in sorted(lower))))
        below.append({number}.union(*(below[target] for target in lower)))
    recursive = {number for number in recursive if number < len(blocks)}
    direct = {number for number in direct if number < len(blocks)}
    with pinned() as store:
        store.put(blocks)
        for number in direct:
            store.pin(blocks[number].cid, "direct", is_recursive=False)
        for number in recursive:
            store.pin(blocks[number].cid, "recursive")
        store.collect()
        wanted = direct.union(*(below[number] for number in recursive))
        assert set(store.hashes()) == {blocks[number].cid.multihash for number in wanted}


def test_a_damaged_block_that_nobody_wants_is_removed() -> None:
    records = MemoryStore()
    with pinned(OrderedBlocks(records)) as store:
        store.put([GARBAGE, LEAF])
        store.pin(LEAF.cid, "a")
        records.write([Put(BLOCKS_PREFIX + GARBAGE.cid.multihash.encode(), b"x")])
        assert [swept.multihash for swept in store.sweep()] == [GARBAGE.cid.multihash]
        assert not store.has(raw_cid(GARBAGE.cid.multihash))
