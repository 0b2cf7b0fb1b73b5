"""Proofs: made and verified, against 518 published probes and the RFC's own way of verifying."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import proofs
from p2plib.data.merkle.tree import EMPTY_ROOT, MAX_SIZE, AppendOnlyTree, is_subtree, leaf_hash, node_hash
from p2plib.errors import InvalidProof, UsageError
from tests.data.merkle.published import LEAVES, ROOTS, SIX_TO_EIGHT, TWO_TO_FIVE

TREE = AppendOnlyTree(b"%d" % number for number in range(40))

# Probes that say "accept" where a root is the 12 bytes "don't care 2". We do not: a hash has 32.
STRICTER = {
    "consistency": {"additional/sizes-are-equal-one-and-proof-is-empty"},
    "subtreeconsistency": {
        "additional/sizes-are-equal-one-and-proof-is-empty",
        "additional/subtree-is-empty-sizes-are-equal-one-subtree-root-valid-tree-root-random-proof-is-empty",
        "additional/subtree-is-empty-sizes-are-equal-zero-subtree-root-valid-tree-root-random-proof-is-empty",
    },
}


def raw(text: str) -> bytes:
    return base64.b64decode(text)


def inclusion_probe(probe: dict[str, Any], path: list[bytes]) -> None:
    proofs.verify_leaf_hash(
        raw(probe["root"]), probe["treeSize"], probe["leafIdx"], raw(probe["leafHash"]), path
    )


def consistency_probe(probe: dict[str, Any], path: list[bytes]) -> None:
    proofs.verify_consistency(raw(probe["root1"]), probe["size1"], raw(probe["root2"]), probe["size2"], path)


def subtree_consistency_probe(probe: dict[str, Any], path: list[bytes]) -> None:
    old, whole = raw(probe["root1"]), raw(probe["root2"])
    proofs.verify_subtree(old, probe["start"], probe["end"], whole, probe["size"], path)


def subtree_inclusion_probe(probe: dict[str, Any], path: list[bytes]) -> None:
    start, end = probe["start"], probe["end"]
    if not is_subtree(start, end):
        raise InvalidProof("no node")
    index = probe["leafIdx"] - start
    proofs.verify_leaf_hash(raw(probe["root"]), end - start, index, raw(probe["leafHash"]), path)


@pytest.mark.fault("F116")
@pytest.mark.parametrize(
    ("kind", "check", "count", "good"),
    [
        ("inclusion", inclusion_probe, 98, 6),
        ("consistency", consistency_probe, 98, 6),
        ("subtreeinclusion", subtree_inclusion_probe, 204, 12),
        ("subtreeconsistency", subtree_consistency_probe, 118, 12),
    ],
)
def test_the_probes_of_transparency_dev(
    shared_vectors: Path, kind: str, check: Callable[..., None], count: int, good: int
) -> None:
    folder = shared_vectors / "merkle-rfc6962" / "testdata" / kind
    accepted, wanted = set(), set()
    files = sorted(folder.rglob("*.json"))
    for file in files:
        probe = json.loads(file.read_text())
        name = str(file.relative_to(folder).with_suffix(""))
        if not probe["wantErr"]:
            wanted.add(name)
        try:
            check(probe, [raw(text) for text in probe["proof"] or []])
            accepted.add(name)
        except InvalidProof:
            pass
    assert (len(files), len(wanted)) == (count, good)
    assert accepted == wanted - STRICTER.get(kind, set())


def test_published_proofs_of_consistency() -> None:
    tree = AppendOnlyTree(LEAVES)
    assert proofs.prove_consistency(tree, 6, 8) == SIX_TO_EIGHT
    assert proofs.prove_consistency(tree, 2, 5) == TWO_TO_FIVE
    proofs.verify_consistency(ROOTS[5], 6, ROOTS[7], 8, SIX_TO_EIGHT)
    proofs.verify_consistency(ROOTS[1], 2, ROOTS[4], 5, TWO_TO_FIVE)
    assert proofs.prove_inclusion(tree, 2, 3) == [ROOTS[1]]


def test_every_leaf_of_every_size_is_proved() -> None:
    for size in range(1, 41):
        for index in range(size):
            path = proofs.prove_inclusion(TREE, index, size)
            proofs.verify_inclusion(TREE.root(size), size, index, b"%d" % index, path)
            assert len(path) <= (size - 1).bit_length()


def test_every_size_is_the_beginning_of_every_larger_one() -> None:
    for size in range(1, 41):
        for old in range(1, size + 1):
            path = proofs.prove_consistency(TREE, old, size)
            proofs.verify_consistency(TREE.root(old), old, TREE.root(size), size, path)
            assert len(path) <= (size - 1).bit_length() + 1


def test_every_subtree_is_proved() -> None:
    asked = 0
    for start in range(20):
        for end in range(start + 1, 21):
            if is_subtree(start, end):
                path = proofs.prove_subtree(TREE, start, end, 20)
                proofs.verify_subtree(TREE.subtree(start, end), start, end, TREE.root(20), 20, path)
                asked += 1
    assert asked == 60


def rfc_9162_inclusion(root: bytes, size: int, index: int, leaf: bytes, path: list[bytes]) -> bool:
    """RFC 9162, section 2.1.3.2, step by step: another way to the same verdict, but for lengths."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def rfc_9162_consistency(
    first_root: bytes, first: int, second_root: bytes, second: int, path: list[bytes]
) -> bool:
    """RFC 9162, section 2.1.4.2, for first < second."""
    if not path:
        return False
    if first.bit_count() == 1:
        path = [first_root, *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_root and sr == second_root and sn == 0


def test_the_rfcs_own_steps_are_wrong_about_one_probe(shared_vectors: Path) -> None:
    """Which is why lengths are checked first: the page on Merkle trees tells this story."""
    folder = shared_vectors / "merkle-rfc6962" / "testdata" / "inclusion"
    wrong = []
    for file in folder.rglob("*.json"):
        probe = json.loads(file.read_text())
        said = (raw(probe["root"]), probe["treeSize"], probe["leafIdx"], raw(probe["leafHash"]))
        if rfc_9162_inclusion(*said, [raw(text) for text in probe["proof"] or []]) == probe["wantErr"]:
            wrong.append(str(file.relative_to(folder)))
    assert wrong == ["single-entry/empty-root-and-leaf.json"]


def accepts(verify: Callable[..., None], *arguments: object) -> bool:
    try:
        verify(*arguments)
    except InvalidProof:
        return False
    return True


numbers = st.integers(1, 40)


@given(numbers, numbers, numbers, numbers, st.data())
def test_the_rfcs_own_steps_come_to_the_same_verdict(
    size: int, index: int, said_size: int, said_index: int, data: st.DataObject
) -> None:
    index, said_index = index % size, said_index % 41
    path = proofs.prove_inclusion(TREE, index, size)
    path = path + data.draw(st.sampled_from([[], [bytes(32)], path[-1:]]))
    leaf, root = leaf_hash(b"%d" % index), TREE.root(data.draw(st.sampled_from([size, said_size])))
    said = (root, said_size, said_index, leaf, path)
    assert accepts(proofs.verify_leaf_hash, *said) == rfc_9162_inclusion(*said)


@given(numbers, numbers, numbers, numbers)
def test_the_rfcs_own_steps_about_consistency(old: int, size: int, said_old: int, said_size: int) -> None:
    old, size = sorted((old, size))
    said_old, said_size = sorted((said_old, said_size))
    path = proofs.prove_consistency(TREE, old, size)
    for numbers_said in ((old, size), (old, said_size), (said_old, size), (said_old, said_size)):
        if numbers_said[0] >= numbers_said[1]:
            continue
        said = (TREE.root(old), numbers_said[0], TREE.root(size), numbers_said[1], path)
        assert accepts(proofs.verify_consistency, *said) == rfc_9162_consistency(*said)


@pytest.mark.fault("F116")
@given(st.integers(2, 40), st.data())
def test_a_changed_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, root, entry = proofs.prove_inclusion(TREE, index, size), TREE.root(size), b"%d" % index
    at = data.draw(st.integers(0, len(path) - 1))
    flipped = bytes([path[at][0] ^ 1]) + path[at][1:]
    wrong: list[tuple[bytes, int, int, bytes, list[bytes]]] = [
        (root, size, index, entry, [*path[:at], flipped, *path[at + 1 :]]),
        (root, size, index, entry, path[:at] + path[at + 1 :]),
        (root, size, index, entry, [*path[:at], bytes(32), *path[at:]]),
        (root, size, index, entry, [*path[:at], b"", *path[at + 1 :]]),
        (root, size, index, entry, [*path, root]),
        (root, size, index, entry + b"!", path),
        (root, size, -1, entry, path),
        (root, size, size, entry, path),
        (b"", size, index, entry, path),
        (TREE.root(size - 1), size, index, entry, path),
        *((root, size, other, entry, path) for other in range(size) if other != index),
    ]
    if path != path[::-1]:
        wrong.append((root, size, index, entry, path[::-1]))
    for case in wrong:
        with pytest.raises(InvalidProof):
            proofs.verify_inclusion(*case)


def test_a_larger_size_can_have_the_same_proof_and_the_root_tells() -> None:
    """The numbers are trusted with the root: it is signed together with its size, or it means nothing."""
    path = proofs.prove_inclusion(TREE, 0, 5)
    assert len(path) == len(proofs.prove_inclusion(TREE, 0, 8))
    proofs.verify_inclusion(TREE.root(5), 8, 0, b"0", path)  # a verifier that was told the wrong size


@pytest.mark.fault("F116")
@given(st.integers(2, 40), st.data())
def test_a_changed_consistency_proof_is_refused(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    path, old_root, root = proofs.prove_consistency(TREE, old, size), TREE.root(old), TREE.root(size)
    at = data.draw(st.integers(0, len(path) - 1))
    flipped = path[at][:-1] + bytes([path[at][-1] ^ 128])
    wrong: list[tuple[bytes, int, bytes, int, list[bytes]]] = [
        (old_root, old, root, size, [*path[:at], flipped, *path[at + 1 :]]),
        (old_root, old, root, size, path[:at] + path[at + 1 :]),
        (old_root, old, root, size, [*path[:at], bytes(32), *path[at:]]),
        (old_root, old, root, size, [*path, root]),
        (old_root, old, root, size, [old_root, *path]),
        (old_root, old, root, size, [*path[:at], path[at] + b"!", *path[at + 1 :]]),
        (root, old, old_root, size, path),
        (old_root, size, root, old, path),
        (EMPTY_ROOT, 0, root, size, []),
        (EMPTY_ROOT, 0, root, size, path),
        (old_root, old, root, old, []),
        (b"", old, root, size, path),
        (old_root, old, b"", size, path),
    ]
    for case in wrong:
        with pytest.raises(InvalidProof):
            proofs.verify_consistency(*case)


@pytest.mark.fault("F116")
def test_a_node_is_not_taken_for_a_leaf() -> None:
    node = TREE.leaf(0) + TREE.leaf(1)  # as data, its hash would be a leaf's
    path = proofs.prove_inclusion(TREE, 0, 4)[1:]
    with pytest.raises(InvalidProof, match="do not lead"):
        proofs.verify_inclusion(TREE.root(4), 2, 0, node, path)
    # who lets the sender choose the hash is fooled, if it does not know the size either
    proofs.verify_leaf_hash(TREE.root(4), 2, 0, TREE.subtree(0, 2), path)


@pytest.mark.fault("F116")
def test_an_empty_hash_under_an_empty_root_is_refused() -> None:
    assert rfc_9162_inclusion(b"", 1, 0, b"", [])  # the RFC's steps alone, in a language of byte strings
    with pytest.raises(InvalidProof, match="root: a hash of 0 bytes, where it has 32"):
        proofs.verify_leaf_hash(b"", 1, 0, b"", [])


@pytest.mark.parametrize(
    ("sentence", "root", "size", "index", "path"),
    [
        ("root: a hash of 31 bytes", bytes(31), 4, 0, [bytes(32)] * 2),
        ("proof: a hash of 33 bytes", bytes(32), 4, 0, [bytes(32), bytes(33)]),
        ("no leaf 4 in a tree of 4", bytes(32), 4, 4, [bytes(32)] * 2),
        ("no leaf 0 in a tree of 0", EMPTY_ROOT, 0, 0, []),
        ("3 hashes, where it takes 2", bytes(32), 4, 0, [bytes(32)] * 3),
        ("do not lead to the root", bytes(32), 4, 0, [bytes(32)] * 2),
        ("sizes and indexes are from 0", bytes(32), MAX_SIZE + 1, 0, [bytes(32)] * 64),
    ],
)
def test_each_mistake_has_its_sentence(
    sentence: str, root: bytes, size: int, index: int, path: list[bytes]
) -> None:
    with pytest.raises(InvalidProof, match=sentence):
        proofs.verify_inclusion(root, size, index, b"0", path)


def test_no_leaves_have_one_hash() -> None:
    proofs.verify_subtree(EMPTY_ROOT, 3, 3, TREE.root(5), 5, [])
    for inner, start, path in ((TREE.root(5), 3, []), (EMPTY_ROOT, 3, [EMPTY_ROOT]), (EMPTY_ROOT, 6, [])):
        with pytest.raises(InvalidProof):
            proofs.verify_subtree(inner, start, start, TREE.root(5), 5, path)


def test_the_largest_size_takes_64_hashes() -> None:
    with pytest.raises(InvalidProof, match="0 hashes, where it takes 64"):
        proofs.verify_inclusion(bytes(32), MAX_SIZE, 0, b"", [])


def test_absurd_sizes_cost_nothing() -> None:
    for size in (MAX_SIZE, 1 << 100_000):
        with pytest.raises(InvalidProof):
            proofs.verify_inclusion(bytes(32), size, size - 1, b"", [])
        with pytest.raises(InvalidProof):
            proofs.verify_consistency(bytes(32), size - 1, bytes(32), size, [])
        with pytest.raises(InvalidProof):
            proofs.verify_many(bytes(32), size, {0: b""}, [])


def test_provers_say_what_cannot_be_proved() -> None:
    for index, size in ((3, 3), (-1, 3), (0, 41), (0, 0)):
        with pytest.raises(UsageError):
            proofs.prove_inclusion(TREE, index, size)
    for start, end, size in ((0, 0, 3), (0, 4, 3), (0, 3, 41), (3, 5, 8)):
        with pytest.raises(UsageError):
            proofs.prove_subtree(TREE, start, end, size)
    for indexes in ([], [1, 1], [40], [-1]):
        with pytest.raises(UsageError):
            proofs.prove_many(TREE, indexes)


@given(st.integers(1, 40), st.data())
def test_many_leaves_take_one_proof(size: int, data: st.DataObject) -> None:
    indexes = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=12, unique=True))
    path, root = proofs.prove_many(TREE, indexes, size), TREE.root(size)
    leaves = {index: b"%d" % index for index in indexes}
    proofs.verify_many(root, size, leaves, path)
    assert len(path) <= sum(len(proofs.prove_inclusion(TREE, index, size)) for index in indexes)
    if len(indexes) == size:
        assert not path
    wrong = [
        ({**leaves, indexes[0]: b"other"}, path),
        ({**leaves, size: b"0"}, path),
        ({}, path),
        (leaves, [*path, bytes(32)]),
        (leaves, [*path[:-1], b""] if path else [b""]),
    ]
    for said, some_path in wrong:
        with pytest.raises(InvalidProof):
            proofs.verify_many(root, size, said, some_path)


def test_one_proof_for_ten_neighbours_is_shorter_than_ten() -> None:
    tree = AppendOnlyTree(b"%d" % number for number in range(1000))
    together = proofs.prove_many(tree, range(500, 510))
    single = sum(len(proofs.prove_inclusion(tree, index)) for index in range(500, 510))
    assert (len(together), single) == (8, 100)


def test_the_older_root_is_shown_by_the_proof() -> None:
    for size in range(1, 41):
        for old in range(1, size + 1):
            path, root = proofs.prove_consistency(TREE, old, size), TREE.root(size)
            claims = [TREE.root(old)] if old.bit_count() == 1 or old == size else [TREE.root(old), bytes(32)]
            for claimed in claims:
                assert proofs.older_root(claimed, old, root, size, path) == TREE.root(old)


@pytest.mark.fault("F116")
def test_what_shows_no_older_root() -> None:
    path, old, root = proofs.prove_consistency(TREE, 6, 8), TREE.root(6), TREE.root(8)
    wrong: list[tuple[str, bytes, int, bytes, int, list[bytes]]] = [
        ("root of all 8 leaves", old, 6, TREE.root(7), 8, path),
        ("root of all 8 leaves", old, 6, root, 8, [path[0], path[2], path[1]]),
        ("root of all 8 leaves", bytes(32), 4, root, 8, [TREE.subtree(4, 8)]),
        ("root of all 8 leaves", bytes(32), 8, root, 8, []),
        ("2 hashes, where it takes 3", old, 6, root, 8, path[:2]),
        ("no other root when it had 0", old, 0, root, 8, path),
        ("no other root when it had 9", old, 9, root, 8, path),
        ("sizes and indexes", old, -1, root, 8, path),
        ("sizes and indexes", old, 6, root, MAX_SIZE + 1, path),
        ("a hash of 31 bytes", old[:31], 6, root, 8, path),
        ("a hash of 33 bytes", old, 6, root + b"!", 8, path),
        ("a hash of 0 bytes", old, 6, root, 8, [*path[:2], b""]),
    ]
    for sentence, *said in wrong:
        with pytest.raises(InvalidProof, match=sentence):
            proofs.older_root(*said)
    assert type(proofs.older_root(bytearray(root), 8, root, 8, [])) is bytes
