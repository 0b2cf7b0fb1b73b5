"""The hashes of hypercore's tree, its signed heads, and proofs that a block is in it. Pure functions.

As hypercore 9 computes them, with BLAKE2b of 32 bytes. `‖` joins, numbers are 8 bytes, big-endian::

    leaf      BLAKE2b(00 ‖ size ‖ block)
    parent    BLAKE2b(01 ‖ size of both together ‖ left hash ‖ right hash)
    root      BLAKE2b(02 ‖ for each full root: hash ‖ index ‖ size)
    signed    Ed25519 over root ‖ number of blocks
    discovery key   BLAKE2b("hypercore"), keyed with the public key: names a feed to those who know it

The first byte keeps the three kinds apart: no block can pass for a parent, no parent for a root.

How a proof works. A reader that has the author's key computes the leaf of the block and joins it with the
siblings that the proof brings, upwards, until it reaches

    1. a node that was proven before, and must be the same; or
    2. a full root. Then the proof brings the other full roots, and the author's signature over all of them.

Rules
    1. Every node that a proof brings is used, in its place; one too many, one missing, or one elsewhere is
       refused. So what is not proven is never kept.
    2. A node that is known already must be the same, hash and size. If it is not, and the proof still ends
       at a signed head or at another node that is known, the author has signed two feeds, and whoever sent
       the proof is honest.
    3. Sizes count: a parent's hash holds the size of both children together, so a proof whose leaf was
       computed from the block itself leaves no freedom for any size above it.
    4. A head is signed for one number of blocks; npm's also takes a signature over the root hash alone, as
       its old versions made it, and we do not. Another signed head over other hashes is a fork of the
       author's: `Forked`, and not the fault of the peer that passed it on.

Rule 3 is why there is no `verify` without a block here, though hypercore can send the hash alone: then the
sizes of the leaf and its sibling could be shifted against each other, and nobody would notice until the block
comes.

Vocabulary::

    index     a node's number in the flat tree
    size      how many bytes the blocks below a node have together
    length    how many blocks a feed, or a signed head of it, has
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2plib.data.hypercore import flat_tree
from p2plib.errors import Forked, InvalidEntry, SignatureError, UsageError
from p2plib.identity.keys import SIGNATURE_BYTES, PublicKey, SecretKey

HASH_BYTES = 32
NUMBER_BYTES = 8
MAX_LENGTH = 2**28  # blocks: whoever follows a feed keeps a bit for each, whatever length its author signs
MAX_SIZE = 2**53 - 1  # bytes: JavaScript counts no further

_LEAF, _PARENT, _ROOT = b"\x00", b"\x01", b"\x02"


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A node of the tree.

    Args:
        index: its number in the flat tree.
        hash: 32 bytes.
        size: how many bytes the blocks below it have together.
    """

    index: int
    hash: bytes
    size: int


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What the author signed: the whole feed, as it was at one length.

    Args:
        length: how many blocks, 1 and up.
        roots: its full roots, from left to right.
        signature: 64 bytes, over `signable(roots, length)`.
    """

    length: int
    roots: tuple[TreeNode, ...]
    signature: bytes

    @property
    def byte_length(self) -> int:
        """How many bytes the blocks have together."""
        return sum(root.size for root in self.roots)

    def encode(self) -> bytes:
        """The head as bytes, for evidence: length ‖ (hash ‖ size) of each root ‖ signature."""
        roots = b"".join(root.hash + _number(root.size) for root in self.roots)
        return _number(self.length) + roots + self.signature


@dataclass(frozen=True, slots=True)
class BlockProof:
    """What comes with a block, so that a stranger who has only the author's key believes it.

    Args:
        block: its number, counted from 0.
        nodes: the siblings on the way up, then the full roots that are not on it, from left to right. Nodes
            that the one who asked has already may be left out.
        signature: of the head that the roots belong to, 64 bytes; empty when the way up ends at a node that
            the one who asked has.
    """

    block: int
    nodes: tuple[TreeNode, ...] = ()
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof taught: everything in it is certain.

    Args:
        nodes: the nodes on the way and beside it that were not known before.
        head: the signed head that the proof brought; None if it ended at a node that was known.
    """

    nodes: tuple[TreeNode, ...]
    head: SignedHead | None


def _number(value: int) -> bytes:
    return value.to_bytes(NUMBER_BYTES, "big")


def _hash(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=HASH_BYTES).digest()


def leaf(block: int, content: bytes) -> TreeNode:
    """The node of a block.

    Args:
        block: its number, counted from 0.
        content: its bytes.
    """
    hashed = _hash(_LEAF, _number(len(content)), content)
    return TreeNode(flat_tree.of_block(block), hashed, len(content))


def join(one: TreeNode, other: TreeNode) -> TreeNode:
    """The node above two siblings, given in any order.

    Raises:
        UsageError: they are not siblings.
    """
    if flat_tree.sibling(one.index) != other.index:
        raise UsageError(f"nodes {one.index} and {other.index} have no common parent")
    left, right = (one, other) if one.index < other.index else (other, one)
    size = left.size + right.size
    hashed = _hash(_PARENT, _number(size), left.hash, right.hash)
    return TreeNode(flat_tree.parent(left.index), hashed, size)


def root_hash(roots: Iterable[TreeNode]) -> bytes:
    """The hash over all full roots: 32 bytes that stand for a whole feed."""
    return _hash(_ROOT, *(root.hash + _number(root.index) + _number(root.size) for root in roots))


def signable(roots: Sequence[TreeNode], length: int) -> bytes:
    """What the author signs, 40 bytes.

    Raises:
        UsageError: these are not the full roots of so many blocks.
    """
    if tuple(root.index for root in roots) != flat_tree.full_roots(length):
        raise UsageError(f"these are not the full roots of {length} blocks")
    return root_hash(roots) + _number(length)


def sign(secret: SecretKey, roots: Sequence[TreeNode], length: int) -> SignedHead:
    """The head of a feed of this length, signed by its author."""
    return SignedHead(length, tuple(roots), secret.sign_raw(signable(roots, length)))


def verify_head(key: PublicKey, head: SignedHead) -> None:
    """Returns if the author signed this head.

    Raises:
        SignatureError: the author did not.
        UsageError: the roots are not those of its length.
    """
    key.verify_raw(signable(head.roots, head.length), head.signature)


def discovery_key(key: PublicKey) -> bytes:
    """The name under which a feed is looked for, 32 bytes: it does not betray the key that reads the feed."""
    return hashlib.blake2b(b"hypercore", digest_size=HASH_BYTES, key=key.raw).digest()


def grow(roots: Sequence[TreeNode], contents: Iterable[bytes]) -> tuple[list[TreeNode], list[TreeNode]]:
    """Appends blocks to a tree of which only the full roots are needed.

    Args:
        roots: its full roots, from left to right; none for an empty tree.
        contents: the new blocks.

    Returns:
        The full roots afterwards, and all nodes that are new, in the order in which they were made.
    """
    tops, made = list(roots), list[TreeNode]()
    block = sum(len(flat_tree.blocks_below(root.index)) for root in roots)
    for content in contents:
        tops.append(leaf(block, content))
        made.append(tops[-1])
        while len(tops) > 1 and flat_tree.sibling(tops[-1].index) == tops[-2].index:
            right, left = tops.pop(), tops.pop()
            tops.append(join(left, right))
            made.append(tops[-1])
        block += 1
    return tops, made


def verify(
    key: PublicKey,
    content: bytes,
    proof: BlockProof,
    known: Mapping[int, TreeNode] | None = None,
    head: SignedHead | None = None,
) -> Proven:
    """Returns if the proof shows that the author's feed has this block.

    Args:
        key: the author's.
        content: the block.
        proof: what came with it.
        known: nodes that were proven before, by index; none for a stranger.
        head: the longest signed head that is known, for the evidence if the author has forked.

    Returns:
        What is certain now.

    Raises:
        InvalidEntry: the block, or a node, is not what the author hashed, or not where it belongs.
        SignatureError: the author has not signed these roots.
        Forked: the author has signed them, and other ones before that we know.
    """
    climb = _Climb(leaf(proof.block, content), proof, known or {})
    climb.run()
    proven = None
    if climb.rest or not climb.is_trusted:
        proven = climb.reach_roots()
        if proven != head:
            try:
                verify_head(key, proven)
            except SignatureError:
                proven = _shorter_fork(key, climb)
    if climb.conflict is not None:
        evidence = b"".join(each.encode() for each in (head, proven) if each is not None)
        raise Forked(
            f"the author of {key!r} has signed two feeds, which differ at node {climb.conflict}", evidence
        )
    return Proven(tuple(climb.new), None if proven == head else proven)


def _shorter_fork(key: PublicKey, climb: _Climb) -> SignedHead:
    """The head that was signed after all, if the way up went past its root with nodes that only we knew.

    Raises:
        SignatureError: none was.
    """
    for top in climb.ends:
        length = flat_tree.right_span(top.index) // 2 + 1
        if flat_tree.full_roots(length) == (top.index,):
            head = SignedHead(length, (top,), climb.signature)
            try:
                verify_head(key, head)
            except SignatureError:
                continue
            return head
    raise SignatureError("the author has not signed these roots: a block or a node was forged")


class _Climb:
    """The way up from a block. What is computed and what the proof brings is compared with what is known."""

    def __init__(self, bottom: TreeNode, proof: BlockProof, known: Mapping[int, TreeNode]) -> None:
        self.top = bottom
        self.rest = list(proof.nodes)
        self.new = list[TreeNode]()
        self.ends = list[TreeNode]()  # where the proof may have ended, while we went on with what we know
        self.is_trusted = False  # whether the node that was reached is known
        self.conflict: int | None = None
        self.signature = proof.signature
        self._known = known
        self._check_shape(bottom.index)
        self._meet(bottom)

    def _check_shape(self, bottom: int) -> None:
        for node in self.rest:
            if len(node.hash) != HASH_BYTES or not 0 <= node.size <= MAX_SIZE:
                raise InvalidEntry(
                    f"node {node.index} has a hash that is not {HASH_BYTES} bytes, or an impossible size"
                )
        if any(not 0 <= index < 2 * MAX_LENGTH for index in (bottom, *(node.index for node in self.rest))):
            raise InvalidEntry(f"a feed has at most {MAX_LENGTH} blocks")

    def _meet(self, node: TreeNode, is_computed: bool = True) -> None:
        """A node that we computed, or that the proof brought: known, new, or another than the known one."""
        known = self._known.get(node.index)
        if known is None:
            self.new.append(node)
            return
        if known != node:
            self.conflict = node.index if self.conflict is None else self.conflict
        elif is_computed:
            self.is_trusted = True

    def run(self) -> None:
        """Climbs as far as the siblings last: to a node that is known, or to a full root."""
        while self.rest or not self.is_trusted:
            beside = flat_tree.sibling(self.top.index)
            if self.rest and self.rest[0].index == beside:
                other = self.rest.pop(0)
                self._meet(other, is_computed=False)
            elif beside in self._known and not self._is_root_of_rest():
                if not self.rest:  # all that the proof brought is below
                    self.ends.append(self.top)
                other = self._known[beside]
            else:
                return
            self.top = join(self.top, other)
            self.is_trusted = False
            self._meet(self.top)

    def _is_root_of_rest(self) -> bool:
        """Whether the next node of the proof can only be a full root beside the one that was reached."""
        if not self.rest:
            return False
        return self.top.index in flat_tree.full_roots(self._length())

    def _length(self) -> int:
        """How many blocks the head has that the rest of the proof speaks of."""
        last = max([self.top.index, *(node.index for node in self.rest)], key=flat_tree.right_span)
        return flat_tree.right_span(last) // 2 + 1

    def reach_roots(self) -> SignedHead:
        """The head that the proof claims, once the way up has ended at one of its full roots."""
        if self.conflict is not None and not self.signature:
            raise InvalidEntry(f"node {self.conflict} is not the one that was proven before")
        if len(self.signature) != SIGNATURE_BYTES:
            raise InvalidEntry(
                f"the way up ends at node {self.top.index}, which is not known, and nothing is signed"
            )
        length, roots = self._length(), list[TreeNode]()
        for index in flat_tree.full_roots(length):
            if index == self.top.index:
                roots.append(self.top)
            elif self.rest and self.rest[0].index == index:
                roots.append(self.rest.pop(0))
                self._meet(roots[-1], is_computed=False)
            elif index in self._known:
                roots.append(self._known[index])
            else:
                raise InvalidEntry(f"the full root {index} of {length} blocks is missing from the proof")
        if self.rest:
            raise InvalidEntry(f"node {self.rest[0].index} has no place in the proof")
        if self.top not in roots:
            raise InvalidEntry(f"node {self.top.index} is not a full root of {length} blocks")
        return SignedHead(length, tuple(roots), self.signature)
