"""Comparing Merkle search trees: as dicts compare, and in as much work as they differ."""

from __future__ import annotations

import random

import pytest
from hypothesis import given

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import block_of
from p2plib.data.dag.merkle_search_tree import SearchTree, build_tree
from p2plib.data.dag.search_diff import TreeChange, diff
from p2plib.errors import DecodeError, NotFound, OverBudget
from p2plib.wire.cid import Cid
from p2plib.wire.multicodec import DAG_CBOR
from tests.data.dag.search_trees import CONTENT, LINKS, CountingBlocks, records
from tests.data.dag.test_merkle_search_tree import key_of, node


def changes(before: dict[bytes, Cid], after: dict[bytes, Cid]) -> list[TreeChange]:
    return [
        TreeChange(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


@given(CONTENT, CONTENT)
def test_as_dicts_compare(before: dict[bytes, Cid], after: dict[bytes, Cid]) -> None:
    store = MemoryBlocks()
    for other in (after, before | after, {**before, b"key/7": LINKS[1]}):
        one, two = build_tree(store, before), build_tree(store, other)
        assert list(diff(one, two)) == changes(before, other)
        assert list(diff(two, one)) == changes(other, before)


@pytest.mark.parametrize("count", [0, 1, 3, 10, 100])
def test_the_work_is_that_of_the_differences(count: int) -> None:
    store, content = CountingBlocks(), records(10_000)
    draw = random.Random(count)
    changed = dict(content)
    for number, key in enumerate(draw.sample(sorted(content), count)):
        if number % 3 == 0:
            del changed[key]
        elif number % 3 == 1:
            changed[key + b"x"] = LINKS[0]
        else:
            changed[key] = next(link for link in LINKS if link != content[key])
    before, after = build_tree(store, content), build_tree(store, changed)
    store.count = 0
    found = list(diff(before, after))
    assert found == changes(content, changed)
    assert len(found) == count
    # Ten layers at most, in both trees; 3,000 nodes each in all.
    assert store.count <= 25 * count
    if count == 0:
        assert store.count == 0


def test_with_nothing_everything_is_a_difference() -> None:
    store, content = CountingBlocks(), records(500)
    tree, empty = build_tree(store, content), build_tree(store, {})
    assert list(diff(empty, tree)) == changes({}, content)
    assert list(diff(tree, empty)) == changes(content, {})
    assert list(diff(empty, empty)) == []


@pytest.mark.fault("F119")
def test_a_known_subtree_in_the_wrong_place_is_noticed() -> None:
    """Without a look at the bounds, it would be passed over, and be believed to be a tree."""
    low, other = key_of(0, b"b"), key_of(0, b"d")
    leaf, more = node(None, (low, None)), node(None, (other, None))
    good = node(leaf.cid, (key_of(1, b"c"), more.cid))
    for bad in (
        node(leaf.cid, (key_of(1, b"a"), more.cid)),  # keys of it stand after the one that follows it
        node(leaf.cid, (key_of(2, b"c"), None)),  # it is a layer too low
    ):
        store = MemoryBlocks()
        store.put([leaf, more, good, bad])
        with pytest.raises(DecodeError):
            list(diff(SearchTree(store, good.cid), SearchTree(store, bad.cid)))


@pytest.mark.fault("F119")
@pytest.mark.parametrize("budget", [1, 7, 30])
def test_a_tree_that_differs_everywhere_costs_no_more_than_its_budget(budget: int) -> None:
    """What it has given until then is right; the other tree has a budget of its own."""
    ours, theirs, content = CountingBlocks(), CountingBlocks(), records(2000)
    strange = {key + b"x": link for key, link in content.items()}
    tree, hostile = build_tree(ours, content), build_tree(theirs, strange)
    hostile = SearchTree(theirs, hostile.root, max_nodes=budget)
    for before, after in ((tree, hostile), (hostile, tree)):
        ours.count = theirs.count = 0
        found: list[TreeChange] = []
        with pytest.raises(OverBudget, match=f"more than {budget} nodes"):
            found.extend(diff(before, after))  # what came before the error stays in it
        assert theirs.count == budget
        assert ours.count < 4 * budget + 20
        wanted = changes(content, strange) if before is tree else changes(strange, content)
        assert found == wanted[: len(found)]


def test_copies_in_part_and_budgets() -> None:
    """A copy needs only the nodes that differ."""
    full, part, content = MemoryBlocks(), MemoryBlocks(), records(1000)
    old = build_tree(full, content)
    known = set(full.hashes())
    new = old.add(b"com.example.record/new", LINKS[0])
    fresh = set(full.hashes()) - known
    assert len(fresh) <= 8
    part.put(block_of(full.get(Cid(1, DAG_CBOR, name)), DAG_CBOR) for name in fresh)
    assert list(diff(old, SearchTree(part, new.root))) == [
        TreeChange(b"com.example.record/new", None, LINKS[0])
    ]
    with pytest.raises(NotFound):
        list(SearchTree(part, new.root).items())
    with pytest.raises(OverBudget):
        list(diff(SearchTree(full, old.root, max_nodes=3), build_tree(full, records(20))))
