"""The shapes of trees: drawn as nested lists, one leaf a number."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.unixfs import reading
from p2plib.data.dag.unixfs.importing import UnixFsBuilder, add_file
from p2plib.data.dag.unixfs.layouts import REPEAT, leaf_tree
from p2plib.data.dag.unixfs.profiles import FileLayout, SplitRule, UnixFsProfile
from p2plib.wire import cid as cids

Shape = Any  # a leaf's number, or a list of shapes

SMALL = UnixFsProfile("small", 4, 3, 1, True, SplitRule.BLOCK_BYTES, layout=FileLayout.TRICKLE)


def shape(layout: FileLayout, width: int, leaves: int) -> list[Shape]:
    tree = leaf_tree(layout, width, list[Shape])
    for number in range(leaves):
        tree.add(number)
    return tree.finish()


def test_balanced() -> None:
    assert shape(FileLayout.BALANCED, 2, 2) == [0, 1]
    assert shape(FileLayout.BALANCED, 2, 5) == [[[0, 1], [2, 3]], [[4]]]


def test_trickle() -> None:
    """Two leaves on the root, four nodes of two leaves, then nodes that have four such nodes below them."""
    assert shape(FileLayout.TRICKLE, 2, 2) == [0, 1]
    first = [0, 1, [2, 3], [4, 5], [6, 7], [8, 9]]
    assert shape(FileLayout.TRICKLE, 2, 10) == first
    second = [10, 11, [12, 13], [14, 15], [16, 17], [18, 19]]
    assert shape(FileLayout.TRICKLE, 2, 21) == [*first, second, [20]]


def by_the_definition(width: int, leaves: int) -> list[Shape]:
    numbers = count()

    def node(level: float) -> list[Shape]:
        made: list[Shape] = []
        while (at := next(numbers)) < leaves:
            made.append(at)
            if len(made) == width:
                break
        below = 0
        while below < REPEAT * level and (inside := node(below // REPEAT)):
            made.append(inside)
            below += 1
        return made

    return node(float("inf"))


@pytest.mark.parametrize("width", [1, 2, 3, 7])
def test_trickle_trees_are_what_their_definition_says(width: int) -> None:
    for leaves in (*range(1, 120), 1_999):
        assert shape(FileLayout.TRICKLE, width, leaves) == by_the_definition(width, leaves)


def test_a_file_comes_back() -> None:
    for size in range(0, 256, 15):
        content = bytes(range(size))
        store = MemoryBlocks()
        root = add_file(store, [content], SMALL)
        assert b"".join(reading.read(store, root.cid)) == content
        assert root.file_bytes == size
        start, end = size // 3, size // 2
        assert b"".join(reading.read(store, root.cid, start, end)) == content[start:end]


def test_a_trickle_file_of_npms_importer() -> None:
    """ipfs-unixfs-importer 17.1.1 with trickle({ maxChildrenPerNode: 3 }) and chunks of four bytes."""
    root = add_file(MemoryBlocks(), [bytes(range(200))], SMALL)
    assert cids.to_text(root.cid) == "bafybeiayriz2i4jw3e2hlk4stnpybh64ugzeryizwul64yr2xqtftbwgnq"


@pytest.mark.parametrize("layout", FileLayout)
def test_what_is_held_does_not_grow_with_the_file(layout: FileLayout) -> None:
    """Parts that no node has yet: a node is made as soon as nothing can be added to it."""
    held, most = 0, 0

    def join(parts: list[int]) -> int:
        nonlocal held
        held -= len(parts) - 1
        return 1

    tree = leaf_tree(layout, 3, join)
    for _ in range(20_000):
        tree.add(1)
        held += 1
        most = max(most, held)
    assert most < 100
    assert UnixFsBuilder(SMALL).finish()[1].file_bytes == 0
