"""Hashes with known answers, and proofs: true ones hold, all others are refused."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hypercore import flat_tree, tree
from p2plib.data.hypercore.tree import BlockProof, SignedHead, TreeNode
from p2plib.errors import Forked, InvalidEntry, RemoteError, SignatureError, UsageError
from tests.data.hypercore.feeds import AUTHOR, STRANGER, content, feed

KEY = AUTHOR.public

# Computed by npm hypercore-crypto 2.3.2, with the author's key of the seed 07 07 ... 07.
LEAF = "ccfa4259ee7c41e411e5770973a49c5ceffb5272d6a37f2c6f2dac2190f7e2b7"  # of "hello world"
PARENT = "c2fcba7d8f2612dd478b38f5f6188f3534454da9b82d6566ef2ab79d244e78fe"  # of "moss" and "fern!"
ROOT = "c4ef0ad42cb6a26310d5f15f264ad73e752bff4269a334fd8641e398c9d76efc"  # with an empty third block
SIGNATURE = (
    "b6574dbb858cb12677e10453bc5773f7778935967ccb2b482b6a18679a69967f"
    "f9fcbbe16bc8ac354bb9391ba732d637461bbfbb9750c113f2bb9e0329e0c60e"
)
DISCOVERY_KEY = "e3ac68a2145739cf48b8c0c43ad54595216b4bcbd5914c35dab942fb8c0c571b"


def known_nodes(blocks: int) -> dict[int, TreeNode]:
    _, made = tree.grow((), [content(block) for block in range(blocks)])
    return {node.index: node for node in made}


def test_the_hashes_are_what_the_specification_writes() -> None:
    def blake2b(raw: bytes) -> bytes:
        return hashlib.blake2b(raw, digest_size=32).digest()

    left, right = tree.leaf(0, b"moss"), tree.leaf(1, b"fern!")
    assert left == TreeNode(0, blake2b(b"\x00" + bytes([0, 0, 0, 0, 0, 0, 0, 4]) + b"moss"), 4)
    above = blake2b(b"\x01" + bytes([0, 0, 0, 0, 0, 0, 0, 9]) + left.hash + right.hash)
    assert tree.join(left, right) == tree.join(right, left) == TreeNode(1, above, 9)
    third = tree.leaf(2, b"")
    rooted = blake2b(
        b"\x02" + above + bytes(7) + b"\x01" + bytes(7) + b"\x09" + third.hash + bytes(7) + b"\x04" + bytes(8)
    )
    roots = [tree.join(left, right), third]
    assert tree.root_hash(roots) == rooted
    assert tree.signable(roots, 3) == rooted + bytes(7) + b"\x03"


def test_known_answers() -> None:
    assert tree.leaf(0, b"hello world").hash.hex() == LEAF
    roots, _ = tree.grow((), [b"moss", b"fern!", b""])
    assert [root.hash.hex() for root in roots] == [PARENT, tree.leaf(2, b"").hash.hex()]
    assert tree.root_hash(roots).hex() == ROOT
    assert tree.sign(AUTHOR, roots, 3).signature.hex() == SIGNATURE
    assert tree.discovery_key(KEY).hex() == DISCOVERY_KEY


def test_the_discovery_key_is_keyed_with_the_public_key() -> None:
    found = hashlib.blake2b(b"hypercore", digest_size=32, key=KEY.raw).digest()
    assert tree.discovery_key(KEY) == found != tree.discovery_key(STRANGER.public)


def test_only_siblings_are_joined_and_only_full_roots_are_signed() -> None:
    nodes = known_nodes(4)
    with pytest.raises(UsageError):
        tree.join(nodes[2], nodes[4])
    with pytest.raises(UsageError):
        tree.signable([nodes[1]], 3)


@given(st.lists(st.binary(max_size=20), max_size=40), st.data())
def test_growing_at_once_and_bit_by_bit_make_the_same_tree(blocks: list[bytes], data: st.DataObject) -> None:
    at_once, made = tree.grow((), blocks)
    assert [root.index for root in at_once] == list(flat_tree.full_roots(len(blocks)))
    assert sum(root.size for root in at_once) == sum(map(len, blocks))
    roots, slowly, rest = list[TreeNode](), list[TreeNode](), blocks
    while rest:
        some = data.draw(st.integers(1, len(rest)))
        roots, new = tree.grow(roots, rest[:some])
        slowly += new
        rest = rest[some:]
    assert roots == at_once
    assert slowly == made


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13, 16, 33])
def test_a_stranger_believes_every_block(length: int) -> None:
    core = feed(length)
    for block in range(length):
        proven = tree.verify(KEY, content(block), core.prove(block))
        assert proven.head == core.head
        assert {node.index for node in proven.nodes} >= set(flat_tree.full_roots(length))
        assert all(core.storage.node(node.index) == node for node in proven.nodes)


def test_what_is_known_need_not_be_sent() -> None:
    core = feed(13)
    known = known_nodes(13)
    proven = tree.verify(KEY, content(5), BlockProof(5), known)
    assert proven == tree.Proven((), None)
    only = {index: known[index] for index in (3, 11)}
    assert tree.verify(KEY, content(5), BlockProof(5, (known[8], known[13])), only).head is None
    with pytest.raises(InvalidEntry):
        tree.verify(KEY, content(5), BlockProof(5, (known[8],)), only)
    assert tree.verify(KEY, content(5), core.prove(5), only).head == core.head


def mutations(block: int, proof: BlockProof) -> Iterator[tuple[str, bytes, BlockProof]]:
    """Every way in which one thing of a proof is wrong."""
    true = content(block)
    yield "another block", true + b"!", proof
    yield "an empty block", b"" if true else b"x", proof
    yield "another signature", true, dataclasses.replace(proof, signature=bytes(64))
    yield "no signature", true, dataclasses.replace(proof, signature=b"")
    yield "a short signature", true, dataclasses.replace(proof, signature=proof.signature[:63])
    yield "the next block's place", true, dataclasses.replace(proof, block=block + 1)
    for at, node in enumerate(proof.nodes):
        rest = proof.nodes[:at], proof.nodes[at + 1 :]

        def with_(*nodes: TreeNode, rest: tuple[tuple[TreeNode, ...], ...] = rest) -> BlockProof:
            return dataclasses.replace(proof, nodes=(*rest[0], *nodes, *rest[1]))

        flipped = bytes([node.hash[0] ^ 1]) + node.hash[1:]
        yield f"node {at} flipped", true, with_(dataclasses.replace(node, hash=flipped))
        yield f"node {at} empty", true, with_(dataclasses.replace(node, hash=b""))
        yield f"node {at} larger", true, with_(dataclasses.replace(node, size=node.size + 1))
        yield f"node {at} smaller", true, with_(dataclasses.replace(node, size=node.size - 1))
        yield f"node {at} missing", true, with_()
        yield f"node {at} twice", true, with_(node, node)
        yield f"node {at} elsewhere", true, with_(dataclasses.replace(node, index=node.index + 2))
        yield (
            f"node {at} at its parent",
            true,
            with_(dataclasses.replace(node, index=flat_tree.parent(node.index))),
        )
        yield f"node {at} far away", true, with_(dataclasses.replace(node, index=2**60))
    yield (
        "one more node",
        true,
        dataclasses.replace(proof, nodes=(*proof.nodes, TreeNode(2 * 10**6, bytes(32), 1))),
    )
    if len(proof.nodes) > 1:
        yield "turned around", true, dataclasses.replace(proof, nodes=proof.nodes[::-1])


@pytest.mark.fault("F116")
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13])
def test_every_other_proof_is_refused(length: int) -> None:
    core = feed(length)
    count = 0
    for block in range(length):
        for what, said, proof in mutations(block, core.prove(block)):
            refused = False
            try:
                tree.verify(KEY, said, proof)
            except RemoteError:
                refused = True
            assert refused, f"block {block} of {length}: {what}"
            count += 1
    assert count >= 6 * length


@pytest.mark.fault("F116")
def test_a_leaf_does_not_pass_for_a_node_nor_a_node_for_a_leaf() -> None:
    nodes = known_nodes(4)
    inside = nodes[1].size.to_bytes(8, "big") + nodes[0].hash + nodes[2].hash
    forged = BlockProof(0, (dataclasses.replace(nodes[5], index=2),), feed(4).prove(0).signature)
    with pytest.raises(SignatureError):
        tree.verify(KEY, inside, forged)


@pytest.mark.fault("F116")
def test_sizes_shifted_between_siblings_are_refused() -> None:
    """The parent's hash holds their sum alone; the block itself says which is which."""
    core = feed(5)
    proof = core.prove(0)
    larger = dataclasses.replace(proof.nodes[0], size=proof.nodes[0].size + 1)
    for said in (content(0)[:-1], content(0) + b"!", content(0)):
        with pytest.raises(SignatureError):
            tree.verify(KEY, said, dataclasses.replace(proof, nodes=(larger, *proof.nodes[1:])))


@pytest.mark.fault("F116")
def test_what_was_proven_before_is_not_proven_otherwise() -> None:
    known = known_nodes(5)
    with pytest.raises(InvalidEntry, match="not the one that was proven"):
        tree.verify(KEY, b"forged", BlockProof(1), known)
    with pytest.raises(SignatureError):
        tree.verify(KEY, b"forged", feed(5).prove(1), known)
    wrong = dataclasses.replace(known[8], size=known[8].size + 1)
    with pytest.raises(InvalidEntry):
        tree.verify(KEY, content(5), BlockProof(5, (wrong,)), known_nodes(6))


@pytest.mark.fault("F116")
def test_nodes_above_one_that_is_known_are_believed_only_when_they_end_at_another() -> None:
    """Or a peer could have us keep nodes of its own beside a block that we have."""
    known, junk = known_nodes(5), TreeNode(2, b"j" * 32, 7)
    for proof in (
        BlockProof(0, (junk,)),
        BlockProof(0, (junk, known[5])),
        BlockProof(0, (junk, known[5], known[8])),
    ):
        with pytest.raises(InvalidEntry):
            tree.verify(KEY, content(0), proof, {0: known[0]})
        with pytest.raises(InvalidEntry):
            tree.verify(KEY, content(0), proof, {0: known[0], 3: known[3]})
    proven = tree.verify(KEY, content(0), BlockProof(0, (known[2], known[5])), {0: known[0], 3: known[3]})
    assert {node.index for node in proven.nodes} == {2, 1, 5}


def forked(blocks: int, after: int) -> SignedHead:
    """A second feed of the author's, which differs from block `after` on."""
    contents = [content(block) if block < after else b"other" for block in range(blocks)]
    return tree.sign(AUTHOR, tree.grow((), contents)[0], blocks)


@pytest.mark.fault("F110")
@pytest.mark.fault("F117")
@pytest.mark.parametrize(("ours", "theirs"), [(5, 5), (8, 4), (4, 8), (5, 9), (9, 5)])
def test_a_second_feed_of_the_author_is_a_fork(ours: int, theirs: int) -> None:
    core = feed(ours)
    other = type(core).create(AUTHOR)
    other.append([b"other", *(content(block) for block in range(1, theirs))])
    known = known_nodes(ours)
    with pytest.raises(Forked) as fork:
        tree.verify(KEY, b"other", other.prove(0), known, core.head)
    assert core.head is not None
    assert other.head is not None
    assert fork.value.proof == core.head.encode() + other.head.encode()


@pytest.mark.fault("F117")
def test_a_fork_is_seen_at_a_sibling_too() -> None:
    other = type(feed(1)).create(AUTHOR)
    other.append([content(0), b"other", content(2)])
    known = known_nodes(3)
    with pytest.raises(Forked):
        tree.verify(KEY, content(0), other.prove(0), known, feed(3).head)


def test_an_older_head_is_no_fork() -> None:
    old, new = feed(5), feed(9)
    proven = tree.verify(KEY, content(4), old.prove(4), known_nodes(9), new.head)
    assert proven.head in (None, old.head)


def test_the_evidence_of_a_head_is_its_numbers_hashes_and_signature() -> None:
    head = forked(3, 1)
    raw = head.encode()
    assert raw[:8] == bytes([0, 0, 0, 0, 0, 0, 0, 3])
    assert raw[8:40] == head.roots[0].hash
    assert raw[-64:] == head.signature
    assert len(raw) == 8 + 2 * 40 + 64
    tree.verify_head(KEY, head)
    with pytest.raises(SignatureError):
        tree.verify_head(STRANGER.public, head)


@pytest.mark.fault("F117")
def test_a_forged_node_beside_a_true_head_is_no_fork() -> None:
    """Four blocks are signed. The liar adds a node beside their root, where the reader knows another."""
    short, long = feed(4), feed(8)
    proof = short.prove(3)
    forged = BlockProof(3, (*proof.nodes, TreeNode(11, bytes(32), 9)), proof.signature)
    for blocks in (8, 10):
        with pytest.raises((SignatureError, InvalidEntry)):
            tree.verify(KEY, content(3), forged, known_nodes(blocks), feed(blocks).head)
    known = known_nodes(8)
    del known[5], known[6]  # so that the way up is not known
    with pytest.raises((SignatureError, InvalidEntry)):
        tree.verify(KEY, content(3), forged, known, long.head)
