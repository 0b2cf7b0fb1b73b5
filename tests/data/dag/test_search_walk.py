"""Walking a Merkle search tree without reading all of it."""

from __future__ import annotations

import pytest

from p2plib.data.dag.block import block_of
from p2plib.data.dag.merkle_search_tree import build_tree
from p2plib.data.dag.search_walk import NodeReader, SearchWalk, Subtree
from p2plib.errors import DecodeError, NotFound, OverBudget
from tests.data.dag.search_trees import CountingBlocks, records


def test_what_is_not_expanded_is_not_read() -> None:
    store, content = CountingBlocks(), records(300)
    walk = SearchWalk(NodeReader(store, 1000), build_tree(store, content).root)
    head = walk.head()
    assert isinstance(head, Subtree)
    walk.expand()
    seen = 0
    while (token := walk.head()) is not None:
        seen += not isinstance(token, Subtree)
        walk.skip()
    assert store.count == 1
    assert 0 < seen < 50


def test_budget_missing_blocks_and_other_codecs() -> None:
    store = CountingBlocks()
    root = build_tree(store, records(300)).root
    reader = NodeReader(store, 2)
    reader.read(root)
    reader.read(root)
    with pytest.raises(OverBudget, match="more than 2 nodes"):
        reader.read(root)
    with pytest.raises(DecodeError, match="raw"):
        NodeReader(store, 2).read(block_of(b"").cid)
    store.remove(root)
    with pytest.raises(NotFound):
        NodeReader(store, 2).read(root)
