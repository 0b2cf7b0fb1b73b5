"""Lab 8, task 7: the root of a Merkle tree, and the wrong ways to it. Its proofs are here, too; see `paths`.

The tree is that of RFC 6962, section 2.1: a leaf is hashed behind a zero byte and an inner node behind a one,
and a tree of n leaves is cut at the largest power of two below n. Its proofs (section 2.1.1) are lists of
hashes, from the bottom to the top.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from p2plib.labs.engine.tasks import Mistake, Task

LEAF, NODE = b"\0", b"\1"


def leaf_hash(chunk: bytes) -> bytes:
    """The hash of a leaf: 32 bytes."""
    return hashlib.sha256(LEAF + chunk).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, from those of its two children: 32 bytes."""
    return hashlib.sha256(NODE + left + right).digest()


def split(count: int) -> int:
    """How many of two or more leaves are in the left half: the largest power of two below their number."""
    return 1 << (count - 1).bit_length() - 1


def merkle_root(chunks: list[bytes]) -> bytes:
    """The root of the tree over some chunks: 32 bytes. That of no chunks is the SHA-256 of nothing."""
    if not chunks:
        return hashlib.sha256(b"").digest()
    if len(chunks) == 1:
        return leaf_hash(chunks[0])
    half = split(len(chunks))
    return node_hash(merkle_root(chunks[:half]), merkle_root(chunks[half:]))


def prove(chunks: list[bytes], index: int) -> list[bytes]:
    """The hashes beside the path from one chunk up to the root, the lowest first.

    Raises:
        IndexError: there is no such chunk; a place counts from 0.
    """
    if not 0 <= index < len(chunks):
        raise IndexError(f"there is no chunk {index} of {len(chunks)}")
    if len(chunks) == 1:
        return []
    half = split(len(chunks))
    if index < half:
        return [*prove(chunks[:half], index), merkle_root(chunks[half:])]
    return [*prove(chunks[half:], index - half), merkle_root(chunks[:half])]


def numbered(count: int, word: str = "chunk") -> list[bytes]:
    """Some chunks, all different."""
    return [f"{word} {number}".encode() for number in range(count)]


# Wrong ways to the root

Root = Callable[[list[bytes]], Any]


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _tree(
    leaf: Callable[[bytes], bytes] = leaf_hash,
    node: Callable[[bytes, bytes], bytes] = node_hash,
    cut: Callable[[int], int] = split,
    nothing: bytes = _sha(b""),
) -> Root:
    """The root with another leaf hash, node hash, cut, or root of no chunks."""

    def wrong(chunks: list[bytes]) -> bytes:
        if not chunks:
            return nothing
        if len(chunks) == 1:
            return leaf(chunks[0])
        half = cut(len(chunks))
        return node(wrong(chunks[:half]), wrong(chunks[half:]))

    return wrong


def _doubles_the_last(chunks: list[bytes]) -> bytes:
    row = [leaf_hash(chunk) for chunk in chunks] or [_sha(b"")]
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        row = [node_hash(*row[at : at + 2]) for at in range(0, len(row), 2)]
    return row[0]


def _all_in_one(chunks: list[bytes]) -> bytes:
    return _sha(NODE + b"".join(map(leaf_hash, chunks))) if len(chunks) > 1 else merkle_root(chunks)


def _chain(chunks: list[bytes]) -> bytes:
    value = leaf_hash(chunks[0]) if chunks else _sha(b"")
    for chunk in chunks[1:]:
        value = node_hash(value, leaf_hash(chunk))
    return value


def halves(count: int) -> int:
    return count // 2


def _larger_half(count: int) -> int:
    return (count + 1) // 2


def _without_end(chunks: list[bytes]) -> bytes:
    raise RecursionError


def _needs_a_first(chunks: list[bytes]) -> bytes:
    return _tree(nothing=chunks[0])(chunks) if chunks else chunks[0]


def _by_rows(odd: Callable[[bytes], list[bytes]], pad: Callable[[list[bytes]], list[bytes]] = list) -> Root:
    """The root computed row by row, with a wrong way of treating the odd one at the end of a row.

    Args:
        odd: returns what takes its place in the next row.
        pad: lengthens the lowest row.
    """

    def wrong(chunks: list[bytes]) -> bytes:
        row = pad([leaf_hash(chunk) for chunk in chunks] or [_sha(b"")])
        while len(row) > 1:
            over = row[len(row) & ~1 :]
            row = [node_hash(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)]
            row += [one for left in over for one in odd(left)]
        return row[0]

    return wrong


def _padded(with_what: bytes) -> Callable[[list[bytes]], list[bytes]]:
    """A function that pads a row to a power of two."""
    return lambda row: row + [with_what] * ((1 << (len(row) - 1).bit_length()) - len(row))


def _needs_a_pair(left: bytes) -> list[bytes]:
    raise IndexError("the last one has no neighbour on its right")


def _joins_the_halves(chunks: list[bytes]) -> bytes:
    if len(chunks) < 2:
        return merkle_root(chunks)
    half = split(len(chunks))
    return node_hash(leaf_hash(b"".join(chunks[:half])), leaf_hash(b"".join(chunks[half:])))


def _forgets_one(chunks: list[bytes]) -> bytes:
    """The right half begins one chunk too late."""
    if len(chunks) < 3:
        return merkle_root(chunks)
    half = split(len(chunks))
    return node_hash(_forgets_one(chunks[:half]), _forgets_one(chunks[half + 1 :]))


def _hashes_lists(chunks: list[bytes]) -> Any:
    if len(chunks) < 2:
        return merkle_root(chunks)
    half: Any = split(len(chunks))
    return NODE + chunks[:half]  # type: ignore[operator]


_LAST_TWICE = "an odd chunk is not doubled: cut at split(n), and the right part may be smaller"
_PADDED = "nothing is added to make the number even: cut at split(n), and the right part may be smaller"
_LEFT_OVER = (
    "what is left over at the end of a row goes up to the next row as it is, neither hashed nor dropped"
)
CUT = "cut at split(n), the largest power of two below n, not in the middle"
_BOTH = "hash the leaf with leaf_hash and a pair with node_hash: the byte before tells the two apart"

MERKLE_ROOT = Task(
    "merkle_root",
    merkle_root,
    cases=[
        ([b"one"],),
        ([b"two", b"one"],),
        ([b"a", b"b", b"c", b"d"],),
        ([b"a", b"b", b"c"],),
        (numbered(5),),
        (numbered(6),),
        (numbered(7),),
        (numbered(33),),
        ([b"", b""],),
        ([],),
        ([leaf_hash(b"one") + leaf_hash(b"two")],),
    ],
    mistakes=[
        Mistake(_without_end, "one chunk alone is cut no further: its root is its leaf_hash"),
        Mistake(
            _by_rows(_needs_a_pair),
            "a row may have an odd number: the last one then goes up as it is, unpaired",
        ),
        Mistake(
            _hashes_lists,
            "node_hash takes two roots of 32 bytes: call merkle_root for each of the two halves",
        ),
        Mistake(_needs_a_first, "there may be no chunks: the root of nothing is the SHA-256 of nothing"),
        Mistake(_tree(nothing=bytes(32)), "the root of no chunks is the SHA-256 of no bytes, not 32 zeros"),
        Mistake(_tree(nothing=b""), "the root of no chunks is the SHA-256 of no bytes: hashlib.sha256(b'')"),
        Mistake(_tree(nothing=leaf_hash(b"")), "no chunks are not one empty chunk: hashlib.sha256(b'')"),
        Mistake(_tree(leaf=_sha), _BOTH),
        Mistake(_tree(node=lambda left, right: _sha(left + right)), _BOTH),
        Mistake(_tree(leaf=_sha, node=lambda left, right: _sha(left + right)), _BOTH),
        Mistake(
            _tree(leaf=lambda chunk: chunk), "a chunk is hashed too, with leaf_hash, before it is paired"
        ),
        Mistake(_tree(leaf=lambda chunk: leaf_hash(_sha(chunk))), "leaf_hash takes the chunk itself"),
        Mistake(_tree(node=lambda left, right: leaf_hash(left + right)), "a pair goes through node_hash"),
        Mistake(_tree(node=lambda left, right: node_hash(right, left)), "the left half comes first"),
        Mistake(
            _tree(node=lambda one, two: node_hash(*sorted((one, two)))), "nothing is sorted: left, right"
        ),
        Mistake(
            _tree(node=lambda left, right: leaf_hash(node_hash(left, right))),
            "leaf_hash is for chunks alone: what node_hash gives is a root already",
        ),
        Mistake(
            _joins_the_halves, "a half is not one long chunk: call merkle_root for it, until one is left"
        ),
        Mistake(
            _forgets_one, "the halves are chunks[:half] and chunks[half:]: together they have all the chunks"
        ),
        Mistake(_doubles_the_last, _LAST_TWICE),
        Mistake(_by_rows(lambda left: [leaf_hash(left)]), _LEFT_OVER),
        Mistake(_by_rows(lambda left: []), _LEFT_OVER),
        Mistake(_by_rows(lambda left: [node_hash(left, b"")]), _PADDED),
        Mistake(_by_rows(lambda left: [left], _padded(leaf_hash(b""))), _PADDED),
        Mistake(_by_rows(lambda left: [left], _padded(bytes(32))), _PADDED),
        Mistake(_chain, "a tree, not a chain: the right half has a root of its own"),
        Mistake(_all_in_one, "pair by pair: the root is the node_hash of the roots of the two halves"),
        Mistake(_tree(cut=halves), CUT),
        Mistake(_tree(cut=_larger_half), CUT),
        Mistake(lambda chunks: merkle_root(chunks).hex(), "the root is 32 bytes, not their hex"),
    ],
    hint="one chunk: its leaf_hash; more: the node_hash of the roots of the first split(n) and of the rest",
)
