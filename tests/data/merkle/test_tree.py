"""The tree against the RFC's own definition, published roots, and what it promises about its cost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import tree as trees
from p2plib.data.merkle.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_SIZE,
    AppendOnlyTree,
    Frontier,
    is_subtree,
    leaf_hash,
    node_hash,
)
from p2plib.errors import UsageError
from tests.data.merkle.published import LEAVES, ROOTS, WORDS


def root_of(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, section 2.1, word for word: no memory, no bits."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def test_the_published_roots_of_eight_sizes() -> None:
    tree, frontier = AppendOnlyTree(), Frontier()
    assert tree.root() == frontier.root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")
    for size, (data, root) in enumerate(zip(LEAVES, ROOTS, strict=True), 1):
        assert tree.append(data) == size - 1
        frontier.append(data)
        assert tree.root() == frontier.root() == root
    assert [tree.root(size) for size in range(1, 9)] == ROOTS


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_every_size_has_the_root_that_the_rfc_defines(leaves: list[bytes]) -> None:
    tree, frontier = AppendOnlyTree(leaves), Frontier()
    for data in leaves:
        frontier.append(data)
    assert len(tree) == frontier.size == len(leaves)
    assert frontier.root() == tree.root()
    assert len(frontier.hashes) == len(leaves).bit_count()
    for size in range(len(leaves) + 1):
        assert tree.root(size) == root_of(leaves[:size])


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_subtree_is_what_one_node_can_stand_for(start: int, count: int) -> None:
    nodes = set()

    def collect(left: int, right: int) -> None:
        nodes.add((left, right))
        if right - left > 1:
            split = 1
            while 2 * split < right - left:
                split *= 2
            collect(left, left + split)
            collect(left + split, right)

    collect(0, start + count)  # leaves are one node of some tree only if they are of the one that ends there
    assert is_subtree(start, start + count) == ((start, start + count) in nodes)


def test_the_largest_tree_that_there_can_be() -> None:
    assert is_subtree(0, 2**64 - 1)
    assert not is_subtree(0, 2**64)


def test_subtrees_have_the_hash_of_a_tree_of_their_own() -> None:
    leaves, tree = WORDS, AppendOnlyTree(WORDS)
    asked = 0
    for start in range(15):
        for end in range(start + 1, 16):
            if is_subtree(start, end):
                assert tree.subtree(start, end) == root_of(leaves[start:end])
                asked += 1
            else:
                with pytest.raises(UsageError, match="not one node"):
                    tree.subtree(start, end)
    assert asked == 43
    assert tree.leaf(14) == leaf_hash(b"fivten")


@pytest.mark.parametrize(("start", "end"), [(0, 0), (-1, 0), (0, 4), (2, 1), (4, 5)])
def test_what_is_not_there_has_no_hash(start: int, end: int) -> None:
    with pytest.raises(UsageError):
        AppendOnlyTree([b"a", b"b", b"c"]).subtree(start, end)


@pytest.mark.parametrize("size", [-1, 4])
def test_a_size_that_never_was(size: int) -> None:
    with pytest.raises(UsageError):
        AppendOnlyTree([b"a", b"b", b"c"]).root(size)


@pytest.mark.parametrize("hash_bytes", [0, 31, 33])
def test_the_hash_of_a_leaf_has_its_length(hash_bytes: int) -> None:
    tree = AppendOnlyTree()
    with pytest.raises(UsageError, match="32 bytes"):
        tree.append_hash(bytes(hash_bytes))
    assert len(tree) == 0


def test_a_leaf_is_no_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_appending_costs_less_than_one_node_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(left: bytes, right: bytes) -> bytes:
        made.append(1)
        return node_hash(left, right)

    monkeypatch.setattr(trees, "node_hash", counted)
    tree = AppendOnlyTree(b"%d" % number for number in range(1024))
    assert len(made) == 1023
    made.clear()
    tree.append(b"a")
    assert not made
    for size in range(1, 1026):
        made.clear()
        tree.root(size)
        assert len(made) <= 10
    assert sum(map(len, tree._levels)) <= 2 * HASH_BYTES * len(tree)


@pytest.mark.slow
def test_a_million_leaves() -> None:
    tree = AppendOnlyTree(b"%d" % number for number in range(1_000_000))
    assert tree.root().hex() == "91faf55f503a1a079b38f2464c2b8227cfe174f4e33326fbeae67590cfc3c612"
    assert sum(map(len, tree._levels)) < 64_000_000
    assert tree.root(1000) == root_of([b"%d" % number for number in range(1000)])


@pytest.mark.parametrize("absurd", [10**5000, -(10**5000), MAX_SIZE + 1], ids=["huge", "low", "next"])
def test_a_number_with_thousands_of_digits_is_refused_like_any_other(absurd: int) -> None:
    tree = AppendOnlyTree([b"a", b"b", b"c"])
    for ask in (tree.root, tree.leaf, lambda end: tree.subtree(0, end), lambda start: tree.subtree(start, 3)):
        with pytest.raises(UsageError):
            ask(absurd)


@pytest.mark.parametrize("wrong", [[0] * 32, "a" * 32, memoryview(bytes(128)).cast("I"), 32, None])
def test_what_is_no_hash_leaves_the_tree_as_it_was(wrong: Any) -> None:
    tree = AppendOnlyTree([b"a", b"b", b"c"])  # the next leaf completes two nodes
    root = tree.root()
    with pytest.raises(UsageError, match="32 bytes"):
        tree.append_hash(wrong)
    assert (len(tree), tree.root()) == (3, root)
    assert [len(level) for level in tree._levels] == [96, 32]


def test_views_of_bytes_are_bytes_and_may_change_later() -> None:
    tree, frontier, same = AppendOnlyTree(), Frontier(), AppendOnlyTree(WORDS)
    for word in WORDS:
        changing = bytearray(word)
        tree.append(memoryview(changing))
        frontier.append(changing)
        changing[:] = b"other"
    hashed = AppendOnlyTree()
    for index in range(len(WORDS)):
        changing = bytearray(same.leaf(index))
        hashed.append_hash(memoryview(changing))
        changing[:] = bytes(32)
    assert tree.root() == frontier.root() == hashed.root() == same.root()
