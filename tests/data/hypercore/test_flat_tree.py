"""The flat tree: its table, its edges, and what holds for every node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hypercore import flat_tree
from p2plib.errors import UsageError

# The drawing in the module's head, from left to right: depth, offset, parent, sibling, span.
TABLE = {
    0: (0, 0, 1, 2, (0, 0)),
    1: (1, 0, 3, 5, (0, 2)),
    2: (0, 1, 1, 0, (2, 2)),
    3: (2, 0, 7, 11, (0, 6)),
    4: (0, 2, 5, 6, (4, 4)),
    5: (1, 1, 3, 1, (4, 6)),
    6: (0, 3, 5, 4, (6, 6)),
    7: (3, 0, 15, 23, (0, 14)),
    8: (0, 4, 9, 10, (8, 8)),
    9: (1, 2, 11, 13, (8, 10)),
    10: (0, 5, 9, 8, (10, 10)),
    11: (2, 1, 7, 3, (8, 14)),
    12: (0, 6, 13, 14, (12, 12)),
    13: (1, 3, 11, 9, (12, 14)),
    14: (0, 7, 13, 12, (14, 14)),
}
ROOTS = {
    0: (),
    1: (0,),
    2: (1,),
    3: (1, 4),
    4: (3,),
    5: (3, 8),
    6: (3, 9),
    7: (3, 9, 12),
    8: (7,),
    11: (7, 17, 20),
    16: (15,),
}
NODES = st.integers(0, 2**53 - 1)


def test_the_table() -> None:
    for index, (depth, offset, parent, sibling, span) in TABLE.items():
        assert flat_tree.depth(index) == depth
        assert flat_tree.offset(index) == offset
        assert flat_tree.index(depth, offset) == index
        assert flat_tree.parent(index) == parent
        assert flat_tree.sibling(index) == sibling
        assert (flat_tree.left_span(index), flat_tree.right_span(index)) == span


def test_the_children_of_the_table() -> None:
    assert [flat_tree.children(index) for index in (1, 3, 5, 7, 11, 13)] == [
        (0, 2), (1, 5), (4, 6), (3, 11), (9, 13), (12, 14),
    ]  # fmt: skip
    with pytest.raises(UsageError):
        flat_tree.children(4)


def test_the_full_roots() -> None:
    for blocks, roots in ROOTS.items():
        assert flat_tree.full_roots(blocks) == roots


def test_the_blocks_below() -> None:
    assert list(flat_tree.blocks_below(11)) == [4, 5, 6, 7]
    assert list(flat_tree.blocks_below(12)) == [6]
    assert flat_tree.of_block(6) == 12


def test_the_uncles() -> None:
    assert flat_tree.uncles(4, 7) == (6, 1, 11)
    assert flat_tree.uncles(7, 7) == ()
    with pytest.raises(UsageError):
        flat_tree.uncles(4, 11)


def test_there_is_nothing_below_zero() -> None:
    for function in (flat_tree.depth, flat_tree.parent, flat_tree.full_roots, flat_tree.of_block):
        with pytest.raises(UsageError):
            function(-1)
    for depth, offset in ((-1, 0), (0, -1)):
        with pytest.raises(UsageError):
            flat_tree.index(depth, offset)


@given(NODES)
def test_a_node_and_its_sibling_are_the_children_of_its_parent(index: int) -> None:
    beside = flat_tree.sibling(index)
    assert flat_tree.sibling(beside) == index
    assert flat_tree.children(flat_tree.parent(index)) == tuple(sorted((index, beside)))
    assert flat_tree.index(flat_tree.depth(index), flat_tree.offset(index)) == index


@given(st.integers(0, 2**52))
def test_full_roots_cover_every_block_once(blocks: int) -> None:
    end = 0
    for root in flat_tree.full_roots(blocks):
        assert flat_tree.left_span(root) == 2 * end
        end = flat_tree.blocks_below(root).stop
    assert end == blocks
    assert len(flat_tree.full_roots(blocks)) == blocks.bit_count()


@given(st.integers(1, 2**40), st.data())
def test_a_block_and_its_uncles_cover_their_root(blocks: int, data: st.DataObject) -> None:
    block = data.draw(st.integers(0, blocks - 1))
    top = next(root for root in flat_tree.full_roots(blocks) if block in flat_tree.blocks_below(root))
    uncles = flat_tree.uncles(flat_tree.of_block(block), top)
    covered = sum(len(flat_tree.blocks_below(index)) for index in uncles)
    assert covered + 1 == len(flat_tree.blocks_below(top))
