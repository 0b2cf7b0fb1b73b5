"""Numbers, types and sizes that no honest peer sends with a proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from p2plib.data.merkle import proofs
from p2plib.data.merkle.tree import MAX_SIZE, AppendOnlyTree, leaf_hash, node_hash
from p2plib.errors import InvalidProof, UsageError

TREE = AppendOnlyTree(b"%d" % number for number in range(40))


@pytest.mark.parametrize("absurd", [10**5000, -(10**5000), MAX_SIZE + 1], ids=["huge", "low", "next"])
def test_provers_refuse_numbers_with_thousands_of_digits(absurd: int) -> None:
    """A server hands on what its clients ask for: Python itself refuses to show such a number."""
    asks: list[Callable[[], object]] = [
        lambda: proofs.prove_inclusion(TREE, absurd),
        lambda: proofs.prove_inclusion(TREE, 0, absurd),
        lambda: proofs.prove_consistency(TREE, absurd),
        lambda: proofs.prove_consistency(TREE, 1, absurd),
        lambda: proofs.prove_subtree(TREE, absurd, 4),
        lambda: proofs.prove_many(TREE, [0, absurd]),
        lambda: proofs.prove_many(TREE, [0], absurd),
        lambda: proofs.inclusion_places(0, absurd),
        lambda: proofs.consistency_places(0, 1, absurd),
    ]
    for ask in asks:
        with pytest.raises(UsageError):
            ask()


def test_places_that_there_are_not() -> None:
    for index, size in ((7, 7), (8, 7), (-1, 7), (0, 0)):
        with pytest.raises(UsageError):
            proofs.inclusion_places(index, size)
    for start, end, size in ((0, 9, 8), (3, 5, 8), (4, 4, 8), (5, 4, 8), (-1, 0, 8), (0, 1, 0)):
        with pytest.raises(UsageError):
            proofs.consistency_places(start, end, size)


@pytest.mark.fault("F116")
@pytest.mark.parametrize("wrong", ["a" * 32, [0] * 32, 32, None, memoryview(bytes(128)).cast("I")])
def test_what_is_no_hash_at_all_proves_nothing(wrong: Any) -> None:
    """Paths come out of CBOR or JSON, where a member may be of any type."""
    leaf = leaf_hash(b"0")
    with pytest.raises(InvalidProof):
        proofs.verify_inclusion(TREE.root(4), 4, 0, b"0", [TREE.leaf(1), wrong])
    with pytest.raises(InvalidProof):
        proofs.verify_leaf_hash(TREE.root(2), 2, 0, leaf, [wrong])
    with pytest.raises(InvalidProof):
        proofs.verify_leaf_hash(TREE.root(1), 1, 0, wrong, [])
    with pytest.raises(InvalidProof):
        proofs.verify_consistency(TREE.root(3), 3, TREE.root(4), 4, [wrong] * 3)
    with pytest.raises(InvalidProof):
        proofs.verify_many(TREE.root(2), 2, {0: b"0"}, [wrong])


@pytest.mark.parametrize("wrong", ["0", None, 0, [48]])
def test_what_is_no_data_is_no_leaf(wrong: Any) -> None:
    with pytest.raises(InvalidProof):
        proofs.verify_inclusion(TREE.root(2), 2, 0, wrong, [TREE.leaf(1)])
    with pytest.raises(InvalidProof):
        proofs.verify_many(TREE.root(2), 2, {0: wrong}, [TREE.leaf(1)])


@pytest.mark.parametrize("wrong", ["0", None, 0.0, 0.5, float("nan"), b"0"])
def test_what_is_no_whole_number_is_no_index(wrong: Any) -> None:
    with pytest.raises(InvalidProof):
        proofs.verify_inclusion(TREE.root(2), 2, wrong, b"0", [TREE.leaf(1)])
    with pytest.raises(InvalidProof):
        proofs.verify_inclusion(TREE.root(2), wrong, 0, b"0", [TREE.leaf(1)])
    with pytest.raises(InvalidProof):
        proofs.verify_consistency(TREE.root(1), wrong, TREE.root(2), 2, [TREE.leaf(1)])
    for numbers_said in ((wrong, 1, 2), (0, wrong, 2), (0, 1, wrong)):
        with pytest.raises(InvalidProof):
            proofs.verify_subtree(
                TREE.root(1), *numbers_said[:2], TREE.root(2), numbers_said[2], [TREE.leaf(1)]
            )
    for old, size in ((wrong, 2), (1, wrong)):
        with pytest.raises(InvalidProof):
            proofs.older_root(TREE.root(1), old, TREE.root(2), size, [TREE.leaf(1)])
    with pytest.raises(InvalidProof):
        proofs.verify_many(TREE.root(2), 2, {wrong: b"0"}, [TREE.leaf(1)])


def test_views_of_bytes_prove_as_much() -> None:
    path = [memoryview(each) for each in proofs.prove_inclusion(TREE, 4, 7)]
    proofs.verify_inclusion(bytearray(TREE.root(7)), 7, 4, memoryview(b"4"), path)
    grown = [bytearray(each) for each in proofs.prove_consistency(TREE, 6, 8)]
    proofs.verify_consistency(memoryview(TREE.root(6)), 6, bytearray(TREE.root(8)), 8, grown)
    together = [memoryview(each) for each in proofs.prove_many(TREE, [1, 4], 7)]
    proofs.verify_many(TREE.root(7), 7, {1: bytearray(b"1"), 4: b"4"}, together)


def test_ten_times_the_leaves_take_about_ten_times_the_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the largest tree that there can be, with leaves that have as little in common as they can."""
    places: list[int] = []
    for count in (100, 1000):
        indexes = frozenset(number * (MAX_SIZE // count) for number in range(count))
        places.append(sum(1 for _ in proofs._missing(indexes, 0, MAX_SIZE)))
        assert places[-1] <= 64 * count
    assert places[1] < 12 * places[0]


def test_the_largest_tree_has_its_places() -> None:
    assert len(proofs.inclusion_places(MAX_SIZE - 1, MAX_SIZE)) == 63
    assert len(proofs.inclusion_places(0, MAX_SIZE)) == 64
    assert proofs.consistency_places(0, MAX_SIZE, MAX_SIZE) == []
    assert len(proofs.consistency_places(0, 1, MAX_SIZE)) == 64
    two_below = MAX_SIZE - 2  # an odd size: its last leaf is one hash more
    assert len(proofs.consistency_places(0, two_below, MAX_SIZE)) == 65


@pytest.mark.fault("F116")
@pytest.mark.parametrize("wrong", [None, 5, iter([]), {}, "aa", set()])
def test_what_is_no_list_of_hashes_proves_nothing(wrong: Any) -> None:
    leaf, root = leaf_hash(b"0"), TREE.root(3)
    asks: list[Callable[[], object]] = [
        lambda: proofs.verify_inclusion(root, 3, 0, b"0", wrong),
        lambda: proofs.verify_leaf_hash(root, 3, 0, leaf, wrong),
        lambda: proofs.verify_consistency(TREE.root(2), 2, root, 3, wrong),
        lambda: proofs.verify_subtree(TREE.root(2), 0, 2, root, 3, wrong),
        lambda: proofs.older_root(TREE.root(2), 2, root, 3, wrong),
        lambda: proofs.verify_many(root, 3, {0: b"0"}, wrong),
    ]
    for ask in asks:
        with pytest.raises(InvalidProof):
            ask()


@pytest.mark.parametrize("size", [1 << 62, (1 << 62) + 1, (1 << 63) - 1])
def test_proofs_in_trees_that_nobody_can_build(size: int) -> None:
    """A path is all that is needed, so one can be made up from the leaf: of a size that no disk holds."""
    for index in (0, 1, size // 2, size - 1):
        root, path = leaf_hash(b"here"), [bytes([n]) * 32 for n in range(64)]
        places = proofs.inclusion_places(index, size)
        for place, sibling in zip(places, path, strict=False):
            root = node_hash(sibling, root) if place[0] < index else node_hash(root, sibling)
        path = path[: len(places)]
        proofs.verify_inclusion(root, size, index, b"here", path)
        proofs.verify_many(root, size, {index: b"here"}, in_order(places, path))
        for extra in ([*path, bytes(32)], path[:-1], [bytes(32), *path]):
            with pytest.raises(InvalidProof, match="hashes, where it takes"):
                proofs.verify_inclusion(root, size, index, b"here", extra)
        with pytest.raises(InvalidProof):
            proofs.verify_inclusion(root, size, size, b"here", path)


def in_order(places: list[proofs.Place], path: list[bytes]) -> list[bytes]:
    return [sibling for _, sibling in sorted(zip(places, path, strict=True))]
