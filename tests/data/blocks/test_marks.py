"""How a walk goes over a graph; what sweeps and pins make of it is in their own tests."""

from __future__ import annotations

from p2plib.data.blocks.marks import BlockGap, BlockMarks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.blocks.stores import GRAPH_BLOCKS, LEAF, MIDDLE, OTHER_LEAF, ROOT, links_of


class Reads(MemoryBlocks):
    """Remembers which blocks were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Cid] = []

    def _get(self, cid: Cid) -> bytes:
        self.read.append(cid)
        return super()._get(cid)


def walk(store: MemoryBlocks, *roots: Block) -> BlockMarks:
    marks = BlockMarks(store, links_of)
    for root in roots:
        marks.want(root.cid)
    return marks


def test_each_block_is_visited_once_and_no_raw_block_is_read() -> None:
    with Reads() as store:
        store.put(GRAPH_BLOCKS)
        marks = walk(store, ROOT, LEAF, ROOT)
        visited = []
        for cid in marks.waiting():
            visited.append(cid)
            marks.follow(cid)
        assert sorted(map(repr, visited)) == sorted(repr(block.cid) for block in GRAPH_BLOCKS)
        assert store.read == [ROOT.cid, MIDDLE.cid]
        assert marks.reached == {block.cid.multihash for block in GRAPH_BLOCKS}
        assert list(marks.waiting()) == []


def test_bytes_are_visited_under_each_of_their_codecs() -> None:
    with MemoryBlocks() as store:
        store.put(GRAPH_BLOCKS)
        marks = walk(store, MIDDLE)
        marks.want(raw := Cid(1, multicodec.RAW, MIDDLE.cid.multihash))
        assert list(marks.waiting()) == [raw, MIDDLE.cid]
        assert len(marks.reached) == 1


def test_a_gap_is_told_and_the_walk_goes_on() -> None:
    with MemoryBlocks() as store:
        store.put([OTHER_LEAF, ROOT])
        [gap] = walk(store, MIDDLE, ROOT).gaps()
        assert isinstance(gap, BlockGap)
        assert gap.cid == MIDDLE.cid
        assert "there is no block" in gap.reason
        assert list(walk(store, LEAF).gaps()) == []
