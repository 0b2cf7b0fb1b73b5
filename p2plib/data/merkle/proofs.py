"""Proofs for a verifier that knows only a tree's root: that a leaf is in it, and that it only grew.

Both sides are here: making proofs and verifying them. The proofs are those of RFC 6962 (sections 2.1.1 and
2.1.2) and RFC 9162: a list of hashes, 32 bytes each, and nothing else. Which hash belongs where follows from
the numbers that prover and verifier both have, so this module first works out the places, as ranges of
leaves, and both sides use them::

    inclusion of leaf 4 among 7      [5, 6)  [6, 7)  [0, 4)            from the leaf up
    consistency of 6 leaves with 8   [4, 6)  [6, 8)  [0, 4)            the first ends where the old tree does

Rules, each with its own sentence in `InvalidProof`:

    1. Every hash has 32 bytes: root, leaf and proof. This is checked first. The RFC's own steps never check
       it, and in a tree of one leaf, where the proof is empty and the leaf must be the root, an "empty" leaf
       would be accepted under an "empty" root.
    2. The numbers fit: the leaf is in the tree, the old tree is not larger than the new one.
    3. There are exactly as many hashes as places: none left over, none missing.
    4. The result is the root (for consistency: both roots).
    5. About an empty tree there is nothing to prove: no leaf is in it, and it is the beginning of every tree.

A leaf is given as its data, and hashed here as a leaf: a peer that could choose the hash could pass off a
node as a leaf. `verify_leaf_hash` is for callers that have computed the hash themselves.

A subtree is proved in the same way as an old tree; the draft on Merkle tree certificates
(draft-ietf-plants-merkle-tree-certs) does so, and its published vectors are among the tests.

Vocabulary::

    place      a range of leaves that are one node, as (start, end), such as (4, 6)
    root       32 bytes that the verifier has from somebody it trusts, for example from a signed head
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from p2plib.data.merkle.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_SIZE,
    AppendOnlyTree,
    is_subtree,
    leaf_hash,
    need_numbers,
    node_hash,
)
from p2plib.errors import InvalidProof, UsageError

Place = tuple[int, int]

_BUFFERS = (bytes, bytearray, memoryview)  # as a decoder of CBOR, for example, may return any type


def _middle(start: int, end: int) -> int:
    """Where a node of two leaves or more is split: after the largest full tree that is smaller than it."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def inclusion_places(index: int, size: int) -> list[Place]:
    """The siblings on the way from a leaf up to the root.

    >>> inclusion_places(4, 7)
    [(5, 6), (6, 7), (0, 4)]

    Args:
        index: which leaf, 0 and up.
        size: how many leaves the tree has, more than `index`.

    Raises:
        UsageError: there is no such leaf.
    """
    need_numbers(index, size)
    if not index < size:
        raise UsageError(f"no leaf {index} in a tree of {size} leaves")
    places, start, end = [], 0, size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            places.append((middle, end))
            end = middle
        else:
            places.append((start, middle))
            start = middle
    return places[::-1]


def consistency_places(start: int, end: int, size: int) -> list[Place]:
    """The nodes that lead from the hash of some leaves to the root of the whole tree.

    >>> consistency_places(0, 6, 8), consistency_places(0, 4, 8)
    ([(4, 6), (6, 8), (0, 4)], [(4, 8)])

    Args:
        start: the first of the leaves, 0 for an old tree.
        end: the leaf after the last of them: the size of the old tree.
        size: of the whole tree, `end` or more.

    Raises:
        UsageError: these leaves are not one node, or not in a tree of this size.
    """
    need_numbers(start, end, size)
    if not is_subtree(start, end) or not end <= size:
        raise UsageError(f"leaves {start} to {end} are not one node of a tree with {size} leaves")
    places, left, right = [], 0, size
    while right != end or left < start:
        middle = _middle(left, right)
        if end <= middle:
            places.append((middle, right))
            right = middle
        else:
            places.append((left, middle))
            left = middle
    if left != start:  # these leaves are several nodes of the whole tree: the last of them comes first
        places.append((left, right))
    return places[::-1]


def prove_inclusion(tree: AppendOnlyTree, index: int, size: int | None = None) -> list[bytes]:
    """The proof that a leaf is in a tree, for a verifier that has the root.

    Args:
        tree: the whole tree.
        index: which leaf.
        size: of the tree whose root the verifier has; None for the present size.

    Raises:
        UsageError: there is no such leaf, or the tree never had that size.
    """
    size = len(tree) if size is None else size
    need_numbers(index, size)
    if not index < size <= len(tree):
        raise UsageError(f"no leaf {index} in a tree of {size} leaves, with {len(tree)} here")
    return [tree.subtree(*place) for place in inclusion_places(index, size)]


def prove_consistency(tree: AppendOnlyTree, old_size: int, size: int | None = None) -> list[bytes]:
    """The proof that a tree begins with all leaves of an older one.

    Args:
        tree: the whole tree.
        old_size: of the older tree, 1 and up.
        size: of the newer tree, `old_size` or more; None for the present size.

    Raises:
        UsageError: the tree never had one of these sizes, or the old tree was empty.
    """
    return prove_subtree(tree, 0, old_size, size)


def prove_subtree(tree: AppendOnlyTree, start: int, end: int, size: int | None = None) -> list[bytes]:
    """The proof that some leaves are one node of a tree, for a verifier that has both hashes.

    Args:
        tree: the whole tree.
        start: the first of them.
        end: the leaf after the last of them.
        size: of the whole tree; None for the present size.

    Raises:
        UsageError: they are not one node, or the tree never had that size.
    """
    size = len(tree) if size is None else size
    need_numbers(start, end, size)
    if not is_subtree(start, end) or not end <= size <= len(tree):
        raise UsageError(
            f"leaves {start} to {end} of {size} are not one node of a tree, with {len(tree)} here"
        )
    return [tree.subtree(*place) for place in consistency_places(start, end, size)]


def verify_inclusion(root: bytes, size: int, index: int, data: bytes, proof: Sequence[bytes]) -> None:
    """Raises unless some data is a certain leaf of the tree with this root.

    Args:
        root: 32 bytes, trusted.
        size: of that tree, trusted like the root.
        index: which leaf.
        data: what the leaf is claimed to be.
        proof: as received.

    Raises:
        InvalidProof: it is not proved; the sentence says why.
    """
    verify_leaf_hash(root, size, index, _leaf_of(data), proof)


def verify_leaf_hash(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> None:
    """As `verify_inclusion`, for a caller that has already hashed the data as a leaf.

    Args:
        root: 32 bytes, trusted.
        size: of that tree, trusted like the root.
        index: which leaf.
        leaf: its hash, computed here: never take it from the peer that sent the proof.
        proof: as received.

    Raises:
        InvalidProof: it is not proved; the sentence says why.
    """
    _need_hashes(root=(root,), leaf=(leaf,), proof=proof)
    _need_numbers(index, size)
    if not index < size:
        raise InvalidProof(f"there is no leaf {index} in a tree of {size} leaves")
    places = inclusion_places(index, size)
    _need_count(places, proof)
    node = leaf
    for place, sibling in zip(places, proof, strict=True):
        node = node_hash(sibling, node) if place[0] < index else node_hash(node, sibling)
    if node != root:
        raise InvalidProof(f"leaf {index} and its proof do not lead to the root")


def verify_consistency(
    old_root: bytes, old_size: int, root: bytes, size: int, proof: Sequence[bytes]
) -> None:
    """Raises unless a tree begins with all leaves of an older one.

    Args:
        old_root: of the older tree, 32 bytes.
        old_size: how many leaves the older tree has.
        root: of the newer tree, 32 bytes.
        size: how many leaves the newer tree has.
        proof: as received.

    Raises:
        InvalidProof: it is not proved; the sentence says why.
    """
    _need_numbers(old_size)
    if not old_size:
        raise InvalidProof("every tree begins with the empty one, so there is nothing to prove")
    verify_subtree(old_root, 0, old_size, root, size, proof)


def older_root(claimed: bytes, old_size: int, root: bytes, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a tree had when it was smaller, as a consistency proof shows it.

    Whoever trusts the root need not trust the proof: none leads from another old root to this one.

    Args:
        claimed: the old root, 32 bytes. A proof from a power of two starts above it, so somebody has to claim
            one, and the proof shows whether that is right; for other sizes the claim does not matter.
        old_size: how many leaves the tree had, 1 and up.
        root: of the tree as it is, 32 bytes, trusted.
        size: how many leaves it has, `old_size` or more.
        proof: as received.

    Returns:
        the old root, 32 bytes.

    Raises:
        InvalidProof: the proof does not lead to the root; the sentence says why.
    """
    _need_hashes(root=(claimed, root), proof=proof)
    _need_numbers(old_size, size)
    if not 0 < old_size <= size:
        raise InvalidProof(f"a tree of {size} leaves had no other root when it had {old_size}")
    old, whole = _both_roots(claimed, 0, old_size, size, proof)
    if whole != root:
        raise InvalidProof(f"the proof does not lead to the root of all {size} leaves")
    return bytes(old)


def verify_subtree(
    inner: bytes, start: int, end: int, root: bytes, size: int, proof: Sequence[bytes]
) -> None:
    """Raises unless some leaves, as one node, are in a tree.

    Args:
        inner: the hash of that node, 32 bytes.
        start: its first leaf.
        end: the first leaf after it.
        root: of the tree, 32 bytes.
        size: of the tree.
        proof: as received.

    Raises:
        InvalidProof: it is not proved; the sentence says why.
    """
    _need_hashes(root=(inner, root), proof=proof)
    _need_numbers(start, end, size)
    if start == end <= size:  # no leaves: what they hash to is known, and nothing else
        _need_count([], proof)
        if inner != EMPTY_ROOT:
            raise InvalidProof("this is not the hash of no leaves")
        return
    if not is_subtree(start, end) or not end <= size:
        raise InvalidProof(f"leaves {start} to {end} are not one node of a tree with {size} leaves")
    implied, whole = _both_roots(inner, start, end, size, proof)
    if implied != inner:
        raise InvalidProof(f"the proof does not lead to the hash of leaves {start} to {end}")
    if whole != root:
        raise InvalidProof(f"the proof does not lead to the root of all {size} leaves")


def _both_roots(inner: bytes, start: int, end: int, size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old hash and the new root that a proof of consistency leads to.

    Up to where the old tree ends, all its full nodes are nodes of the new tree too. So a proof goes up one
    path, and computes two hashes: what is left of the path belongs to both, what is right of it is new.
    """
    places = consistency_places(start, end, size)
    split = bool(places) and places[0][1] == end  # the first hash is part of the old tree, not beside it
    _need_count(places, proof)
    hashes = iter(zip(places, proof, strict=True))
    old = new = next(hashes)[1] if split else inner
    for (left, _), sibling in hashes:
        if left >= end:
            new = node_hash(new, sibling)
            continue
        new = node_hash(sibling, new)
        if left >= start:
            old = node_hash(sibling, old)
    return old, new


def _need_hashes(**groups: Sequence[bytes]) -> None:
    for name, hashes in groups.items():
        if not isinstance(hashes, Sequence):
            raise InvalidProof(f"{name}: a list of hashes, not {type(hashes).__name__}")
        for each in hashes:
            if not isinstance(each, _BUFFERS):
                raise InvalidProof(f"{name}: a hash is bytes, not {type(each).__name__}")
            if (size := memoryview(each).nbytes) != HASH_BYTES:
                raise InvalidProof(f"{name}: a hash of {size} bytes, where it has {HASH_BYTES}")


def _need_numbers(*numbers: int) -> None:
    for number in numbers:
        if not isinstance(number, int):
            raise InvalidProof("sizes and indexes are whole numbers")
        if not 0 <= number <= MAX_SIZE:  # the number is not shown, as it may have a million digits
            raise InvalidProof(f"sizes and indexes are from 0 to {MAX_SIZE}")


def _leaf_of(data: bytes) -> bytes:
    if not isinstance(data, _BUFFERS):
        raise InvalidProof(f"the data of a leaf is bytes, not {type(data).__name__}")
    return leaf_hash(data)


def _need_count(places: Sequence[Place], proof: Sequence[bytes]) -> None:
    if len(proof) != len(places):
        raise InvalidProof(f"a proof of {len(proof)} hashes, where it takes {len(places)}")


def _missing(indexes: frozenset[int], start: int, end: int) -> Iterator[Place]:
    """The largest nodes without any of these leaves, from left to right."""
    within = frozenset(index for index in indexes if start <= index < end)
    if not within:
        yield start, end
    elif end - start > 1:
        middle = _middle(start, end)
        yield from _missing(within, start, middle)
        yield from _missing(within, middle, end)


def prove_many(tree: AppendOnlyTree, indexes: Sequence[int], size: int | None = None) -> list[bytes]:
    """One proof for several leaves, without the hashes that are shared or can be computed from other leaves.

    No RFC has such proofs; our order is from left to right.

    Args:
        tree: the whole tree.
        indexes: which leaves, at least one, each once.
        size: of the tree whose root the verifier has; None for the present size.

    Raises:
        UsageError: no leaf is named, or one is named twice or is not in the tree.
    """
    size = len(tree) if size is None else size
    wanted = frozenset(indexes)
    need_numbers(size)
    if not wanted or len(wanted) != len(indexes) or min(wanted) < 0 or not max(wanted) < size <= len(tree):
        raise UsageError(f"the indexes are of leaves among {size}, each once, with {len(tree)} here")
    return [tree.subtree(*place) for place in _missing(wanted, 0, size)]


def verify_many(root: bytes, size: int, leaves: Mapping[int, bytes], proof: Sequence[bytes]) -> None:
    """Raises unless several leaves are all in the tree with this root.

    Args:
        root: 32 bytes, trusted.
        size: of that tree, trusted like the root.
        leaves: the data of each, by its index; at least one.
        proof: as received; at most 64 hashes a leaf are looked at.

    Raises:
        InvalidProof: it is not proved; the sentence says why.
    """
    _need_hashes(root=(root,), proof=proof)
    _need_numbers(size, *leaves)
    if not leaves or not max(leaves) < size:
        raise InvalidProof(f"at least one leaf, and all indexes below {size}, the size of the tree")
    indexes = frozenset(leaves)
    places = list(_missing(indexes, 0, size))
    _need_count(places, proof)
    known = dict(zip(places, proof, strict=True))

    def hash_of(start: int, end: int) -> bytes:
        if (start, end) in known:
            return known[start, end]
        if end - start == 1:
            return _leaf_of(leaves[start])
        middle = _middle(start, end)
        return node_hash(hash_of(start, middle), hash_of(middle, end))

    if hash_of(0, size) != root:
        raise InvalidProof(f"these {len(leaves)} leaves and their proof do not lead to the root")
