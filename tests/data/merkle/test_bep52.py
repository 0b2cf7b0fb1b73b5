"""BEP 52's trees: roots by hand, proofs of every range, and all that must not be believed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import bep52
from p2plib.data.merkle.bep52 import BLOCK_BYTES, Bep52Tree, HashRange, padding, verify
from p2plib.errors import InvalidProof, UsageError


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tree_of(blocks: int) -> Bep52Tree:
    """A tree whose file we do not need: its leaves are hashes of their numbers."""
    return Bep52Tree(blocks * BLOCK_BYTES, [sha(bytes([n % 256, n // 256])) for n in range(blocks)])


def ranges(tree: Bep52Tree) -> list[HashRange]:
    """Every range of a tree that may be asked for, with every number of proof layers."""
    return [
        HashRange(tree.root, base, index, length, layers)
        for base in range(tree.height)
        for length in [2**n for n in range(1, tree.height - base + 1)]
        for index in range(0, 1 << tree.height - base, length)
        for layers in range(tree.height - base)
    ]


def to_the_root(tree: Bep52Tree, base: int, index: int, length: int) -> HashRange:
    return HashRange(tree.root, base, index, length, tree.height - base - 1)


def test_roots_by_hand() -> None:
    a, b, c = bytes(BLOCK_BYTES), b"\1" * BLOCK_BYTES, b"tail"
    zeros = bytes(32)
    assert Bep52Tree.of(c).root == sha(c)
    assert Bep52Tree.of(a).root == sha(a)
    assert Bep52Tree.of(a + c).root == sha(sha(a), sha(c))
    assert Bep52Tree.of(a + b + c).root == sha(sha(sha(a), sha(b)), sha(sha(c), zeros))
    five = sha(sha(sha(sha(a), sha(b)), sha(sha(a), sha(b))), sha(sha(sha(c), zeros), sha(zeros, zeros)))
    assert Bep52Tree.of(a + b + a + b + c).root == five


def test_padding_above_the_leaves_is_hashes_of_padding() -> None:
    assert padding(0) == bytes(32)
    assert padding(1) == sha(bytes(64))
    assert padding(2) == sha(sha(bytes(64)), sha(bytes(64)))
    assert tree_of(5).node(1, 3) == padding(1)
    assert tree_of(5).node(2, 1) == sha(tree_of(5).node(1, 2), padding(1))


@given(st.binary(min_size=1, max_size=70_000), st.lists(st.integers(1, 30_000), max_size=5))
def test_pieces_of_any_size_are_the_whole(content: bytes, cuts: list[int]) -> None:
    content += bytes(random.Random(len(content)).randrange(60_000))
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieces = (content[a:b] for a, b in pairwise(places))
    assert Bep52Tree.of(pieces).root == Bep52Tree.of(content).root


@pytest.mark.parametrize("blocks", [2, 3, 4, 5, 8, 9, 11])
def test_every_range_proves_itself(blocks: int) -> None:
    tree = tree_of(blocks)
    for asked in ranges(tree):
        answer = tree.prove(asked)
        known = {
            (layer, n): tree.node(layer, n)
            for layer in range(tree.height)
            for n in range(1 << tree.height - layer)
        }
        believed = verify(asked, tree.size_bytes, answer, known)
        assert believed == tuple(tree.node(asked.base_layer, asked.index + n) for n in range(asked.length))


def test_how_many_uncles_a_proof_has() -> None:
    """A piece layer of 184 leaves has 8 layers; half of it needs no uncle but one."""
    tree = tree_of(184)
    assert tree.height == 8
    assert len(tree.prove(to_the_root(tree, 0, 0, 2))) == 2 + 7
    assert len(tree.prove(to_the_root(tree, 0, 128, 128))) == 128 + 1
    assert len(tree.prove(to_the_root(tree, 0, 0, 256))) == 256
    assert len(tree.prove(HashRange(tree.root, 1, 0, 2, 6))) == 2 + 6
    with pytest.raises(UsageError, match="no 7 layers above it and below the root"):
        tree.prove(HashRange(tree.root, 1, 0, 2, 7))


@pytest.mark.fault("F116")
@pytest.mark.parametrize("blocks", [2, 3, 5, 8])
def test_nothing_changed_is_believed(blocks: int) -> None:
    tree = tree_of(blocks)
    for asked in [to_the_root(tree, r.base_layer, r.index, r.length) for r in ranges(tree)]:
        answer = tree.prove(asked)
        for place in range(len(answer)):
            for wrong in (sha(answer[place]), bytes(31), b"", answer[place] + b"\0"):
                changed = (*answer[:place], wrong, *answer[place + 1 :])
                with pytest.raises(InvalidProof):
                    verify(asked, tree.size_bytes, changed)
            with pytest.raises(InvalidProof, match="hashes and"):
                verify(asked, tree.size_bytes, answer[:place] + answer[place + 1 :])
        with pytest.raises(InvalidProof, match="hashes and"):
            verify(asked, tree.size_bytes, (*answer, bytes(32)))
        with pytest.raises(InvalidProof):
            verify(replace(asked, root=bytes(32)), tree.size_bytes, answer)


@pytest.mark.fault("F116")
def test_a_proof_for_one_place_is_none_for_another() -> None:
    tree = tree_of(8)
    answer = tree.prove(to_the_root(tree, 0, 2, 2))
    for index in (0, 4, 6):
        with pytest.raises(InvalidProof, match="does not lead to"):
            verify(to_the_root(tree, 0, index, 2), tree.size_bytes, answer)


@pytest.mark.fault("F116")
def test_a_root_alone_does_not_say_how_long_a_file_is() -> None:
    """The two hashes below a root are a file of 64 bytes with that root; the size keeps them apart."""
    tree = Bep52Tree.of(random.Random(1).randbytes(4 * BLOCK_BYTES))
    short = tree.node(1, 0) + tree.node(1, 1)
    assert Bep52Tree.of(short).root == tree.root
    asked = HashRange(tree.root, 0, 0, 2, 0)
    inner = (tree.node(1, 0), tree.node(1, 1))
    assert verify(asked, 2 * BLOCK_BYTES, inner) == inner  # a size that lies, and inner nodes pass for leaves
    with pytest.raises(InvalidProof, match="node 0 of layer 1, which is not known"):
        verify(asked, 4 * BLOCK_BYTES, inner)


def test_an_answer_that_ends_below_the_root_needs_a_node_that_is_known() -> None:
    tree = tree_of(8)
    asked = HashRange(tree.root, 0, 4, 2, 1)
    answer = tree.prove(asked)
    assert len(answer) == 3
    with pytest.raises(InvalidProof, match="ends at node 1 of layer 2, which is not known"):
        verify(asked, tree.size_bytes, answer)
    assert verify(asked, tree.size_bytes, answer, {(2, 1): tree.node(2, 1)}) == answer[:2]
    with pytest.raises(InvalidProof, match="does not lead to node 1 of layer 2"):
        verify(asked, tree.size_bytes, answer, {(2, 1): tree.node(2, 0)})


def test_beyond_the_end_there_is_padding_and_nothing_else() -> None:
    """A tree whose padding is a leaf of somebody's has another root, and is refused under it."""
    leaves = [sha(b"a"), sha(b"b"), sha(b"c")]
    forged = Bep52Tree(4 * BLOCK_BYTES, [*leaves, sha(b"hidden")])
    asked = to_the_root(forged, 0, 2, 2)
    with pytest.raises(InvalidProof, match="hash 3 of layer 0 is beyond the end, but not padding"):
        verify(asked, 3 * BLOCK_BYTES, forged.prove(asked))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"length": 1}, "2 to 512, not 1"),
        ({"length": 3}, "2 to 512, not 3"),
        ({"length": 1024}, "2 to 512, not 1024"),
        ({"index": 1}, "a multiple of its length, not 1"),
        ({"index": -2}, "a multiple of its length, not -2"),
        ({"index": 8}, "no 2 hashes from 8 on"),
        ({"length": 16}, "no 16 hashes from 0 on"),
        ({"base_layer": 3}, "has no base layer 3"),
        ({"base_layer": -1}, "has no base layer -1"),
        ({"proof_layers": 3}, "no 3 layers above"),
        ({"proof_layers": -1}, "no -1 layers above"),
    ],
)
def test_what_nobody_may_ask_for(change: dict[str, int], words: str) -> None:
    tree = tree_of(5)
    asked = replace(HashRange(tree.root, 0, 0, 2, 2), **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=words):
        tree.prove(asked)
    with pytest.raises(UsageError, match=words):
        verify(asked, tree.size_bytes, ())


def test_files_that_have_no_tree() -> None:
    with pytest.raises(UsageError, match="bytes, not 0"):
        Bep52Tree.of(b"")
    with pytest.raises(UsageError, match="does not have 2 blocks"):
        Bep52Tree(BLOCK_BYTES, [bytes(32)] * 2)
    with pytest.raises(UsageError, match="the tree of another file"):
        tree_of(2).prove(HashRange(bytes(32), 0, 0, 2, 0))
    with pytest.raises(UsageError, match="a block has 1 to 16384 bytes, not 16385"):
        bep52.leaf(bytes(BLOCK_BYTES + 1))
    with pytest.raises(UsageError, match="a block has 1 to 16384 bytes, not 0"):
        bep52.leaf(b"")
    with pytest.raises(UsageError, match="bytes, not 1152921504606846976"):
        bep52.height_of(2**60)


@pytest.mark.parametrize("blocks", [3, 4, 5, 9, 16, 33])
@pytest.mark.parametrize("piece", [BLOCK_BYTES, 2 * BLOCK_BYTES])
def test_piece_layers(blocks: int, piece: int) -> None:
    tree = tree_of(blocks)
    layer = tree.piece_layer(piece)
    pieces = bep52.verify_piece_layer(tree.root, tree.size_bytes, piece, layer)
    assert b"".join(pieces) == layer
    assert len(pieces) == -(-tree.size_bytes // piece)
    for offset in range(0, len(layer), 32):
        changed = layer[:offset] + bytes([layer[offset] ^ 1]) + layer[offset + 1 :]
        with pytest.raises(InvalidProof, match="does not lead to the pieces root"):
            bep52.verify_piece_layer(tree.root, tree.size_bytes, piece, changed)
    with pytest.raises(InvalidProof, match="pieces has"):
        bep52.verify_piece_layer(tree.root, tree.size_bytes, piece, layer[:-32])


def test_piece_layers_that_are_not_there() -> None:
    tree = tree_of(4)
    for piece in (BLOCK_BYTES - 1, BLOCK_BYTES // 2, 3 * BLOCK_BYTES):
        with pytest.raises(UsageError, match="a power of two"):
            tree.piece_layer(piece)
        with pytest.raises(UsageError, match="no layer of pieces"):
            bep52.verify_piece_layer(tree.root, tree.size_bytes, piece, b"")
    with pytest.raises(UsageError, match="not longer than one piece"):
        tree.piece_layer(4 * BLOCK_BYTES)
    with pytest.raises(UsageError, match="no layer of pieces"):
        bep52.verify_piece_layer(tree.root, tree.size_bytes, 4 * BLOCK_BYTES, b"")


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes(kind: Callable[[bytes], bytes]) -> None:
    content = random.Random(2).randbytes(100_000)
    tree = Bep52Tree.of(content)
    assert Bep52Tree.of(kind(content)).root == tree.root
    layer, asked = tree.piece_layer(BLOCK_BYTES), to_the_root(tree, 0, 2, 2)
    pieces = bep52.verify_piece_layer(kind(tree.root), tree.size_bytes, BLOCK_BYTES, kind(layer))
    assert b"".join(pieces) == layer
    believed = verify(replace(asked, root=kind(tree.root)), 100_000, [kind(h) for h in tree.prove(asked)])
    assert believed == tree.prove(asked)[:2]
    assert {type(one) for one in (*pieces, *believed)} == {bytes}  # nobody can change them afterwards


@pytest.mark.parametrize(("layer", "index"), [(-1, 0), (4, 0), (0, -1), (0, 8), (3, 1)])
def test_a_tree_has_no_such_node(layer: int, index: int) -> None:
    with pytest.raises(UsageError, match=f"no node {index} in layer {layer}"):
        tree_of(5).node(layer, index)


def test_what_is_no_row_of_hashes() -> None:
    for layer in (-1, 37, 5_000):
        with pytest.raises(UsageError, match=f"0 to 36, not {layer}"):
            padding(layer)
    for count in (0, 3, 6):
        with pytest.raises(UsageError, match=f"a power of two, not {count}"):
            bep52.subtree_root([bytes(32)] * count)
    with pytest.raises(UsageError, match="32 bytes"):
        Bep52Tree(2 * BLOCK_BYTES, [bytes(32), bytes(31)])


def test_a_root_of_another_size_is_our_mistake_and_not_the_peer_s() -> None:
    tree = tree_of(5)
    asked = to_the_root(tree, 0, 0, 2)
    with pytest.raises(UsageError, match="a pieces root has 32 bytes, not 31"):
        verify(replace(asked, root=tree.root[:31]), tree.size_bytes, tree.prove(asked))
    with pytest.raises(UsageError, match="a pieces root has 32 bytes, not 33"):
        bep52.verify_piece_layer(
            tree.root + b"\0", tree.size_bytes, BLOCK_BYTES, tree.piece_layer(BLOCK_BYTES)
        )


def test_the_largest_file_and_the_longest_range() -> None:
    for size, height in ((1, 0), (BLOCK_BYTES, 0), (BLOCK_BYTES + 1, 1), (4 * BLOCK_BYTES, 2), (2**50, 36)):
        assert bep52.height_of(size) == height
    with pytest.raises(UsageError, match=f"bytes, not {2**50 + 1}"):
        bep52.height_of(2**50 + 1)
    assert padding(36) == sha(padding(35), padding(35))
    HashRange(bytes(32), 0, 0, 512, 35).check(2**50)
    for length in (513, 514, 1023, 1024):
        with pytest.raises(UsageError, match=f"2 to 512, not {length}"):
            HashRange(bytes(32), 0, 0, length, 35).check(2**50)


def test_a_file_of_one_block_is_its_own_proof() -> None:
    for size in (1, BLOCK_BYTES):
        tree = Bep52Tree.of(bytes(size))
        assert (tree.height, tree.root, tree.node(0, 0)) == (0, sha(bytes(size)), tree.root)
        with pytest.raises(UsageError, match="no base layer 0"):
            tree.prove(HashRange(tree.root, 0, 0, 2, 0))
        with pytest.raises(UsageError, match="no base layer 0"):
            verify(HashRange(tree.root, 0, 0, 2, 0), size, (bytes(32), bytes(32)))
        with pytest.raises(UsageError, match="no layer of pieces"):
            bep52.verify_piece_layer(tree.root, size, BLOCK_BYTES, tree.root)


@pytest.mark.fault("F116")
def test_a_piece_layer_has_no_padding_of_its_own() -> None:
    """It leads to the root with its padding, too: a second spelling of one torrent, and more memory."""
    tree = tree_of(5)
    layer = tree.piece_layer(BLOCK_BYTES)
    for more in (padding(0), padding(0) * 3, layer, b"\0"):
        with pytest.raises(InvalidProof, match=f"5 pieces has 160 bytes, not {len(layer + more)}"):
            bep52.verify_piece_layer(tree.root, tree.size_bytes, BLOCK_BYTES, layer + more)
    for size, pieces in ((4 * BLOCK_BYTES, 4), (5 * BLOCK_BYTES + 1, 6)):
        with pytest.raises(InvalidProof, match=f"of {pieces} pieces"):
            bep52.verify_piece_layer(tree.root, size, BLOCK_BYTES, layer)
    with pytest.raises(InvalidProof, match="does not lead"):
        bep52.verify_piece_layer(sha(b"another"), tree.size_bytes, BLOCK_BYTES, layer)


def test_leaves_that_change_later_are_not_in_the_tree() -> None:
    buffers = [bytearray(sha(b"a")), bytearray(sha(b"b"))]
    tree = Bep52Tree(2 * BLOCK_BYTES, buffers)  # type: ignore[arg-type]
    buffers[0][:] = bytes(32)
    assert tree.prove(HashRange(tree.root, 0, 0, 2, 0)) == (sha(b"a"), sha(b"b"))
