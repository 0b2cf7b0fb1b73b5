"""Lab 8, tasks 7 and 8: the root of a Merkle tree, and the proof for one chunk. The wrong ways, too.

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


def _halves(count: int) -> int:
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
_CUT = "cut at split(n), the largest power of two below n, not in the middle"
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
        Mistake(_tree(cut=_halves), _CUT),
        Mistake(_tree(cut=_larger_half), _CUT),
        Mistake(lambda chunks: merkle_root(chunks).hex(), "the root is 32 bytes, not their hex"),
    ],
    hint="one chunk: its leaf_hash; more: the node_hash of the roots of the first split(n) and of the rest",
)

# Wrong ways to a proof

_places = [(count, index) for count in (1, 2, 3, 4, 5, 6, 7, 8) for index in range(count)]


def _top_down(chunks: list[bytes], index: int) -> Any:
    return prove(chunks, index)[::-1]


def _with_itself(chunks: list[bytes], index: int) -> Any:
    return [leaf_hash(chunks[index]), *prove(chunks, index)]


def _with_the_root(chunks: list[bytes], index: int) -> Any:
    return [*prove(chunks, index), merkle_root(chunks)]


def _beside(
    root: Callable[[list[bytes], list[bytes]], bytes] = lambda inside, beside: merkle_root(beside),
    cut: Callable[[int], int] = split,
) -> Callable[[list[bytes], int], Any]:
    """A proof with another cut, or with something else in the place of a root.

    Args:
        root: what goes into the proof, given the chunks of the chunk's own half and those of the other half.
        cut: how many of some chunks are in the left half.
    """

    def wrong(chunks: list[bytes], index: int) -> Any:
        if not 0 <= index < len(chunks):
            raise IndexError
        if len(chunks) == 1:
            return []
        half = cut(len(chunks))
        left, right = chunks[:half], chunks[half:]
        if index < half:
            return [*wrong(left, index), root(left, right)]
        return [*wrong(right, index - half), root(right, left)]

    return wrong


def _chunk_or_root(inside: list[bytes], beside: list[bytes]) -> bytes:
    return beside[0] if len(beside) == 1 else merkle_root(beside)


def _no_shift(chunks: list[bytes], index: int) -> Any:
    if len(chunks) == 1:
        return []
    half = split(len(chunks))
    if index < half:
        return [*_no_shift(chunks[:half], index), merkle_root(chunks[half:])]
    return [*_no_shift(chunks[half:], min(index, len(chunks) - half - 1)), merkle_root(chunks[:half])]


def _only_the_top(chunks: list[bytes], index: int) -> Any:
    return prove(chunks, index)[-1:]


def _all_leaves(chunks: list[bytes], index: int) -> Any:
    return [leaf_hash(chunk) for at, chunk in enumerate(chunks) if at != index]


def _with_sides(chunks: list[bytes], index: int) -> Any:
    sides: list[bool] = []
    count = len(chunks)
    while count > 1:
        sides.append(index >= split(count))
        index, count = (index - split(count), count - split(count)) if sides[-1] else (index, split(count))
    return list(zip(prove(chunks, index), sides[::-1], strict=False))


def _counts_from_the_end(chunks: list[bytes], index: int) -> Any:
    return prove(chunks, index % len(chunks))


def _nothing_there(chunks: list[bytes], index: int) -> Any:
    return prove(chunks, index) if 0 <= index < len(chunks) else []


def _value_error(chunks: list[bytes], index: int) -> Any:
    if not 0 <= index < len(chunks):
        raise ValueError
    return prove(chunks, index)


def _any_place(chunks: list[bytes], index: int) -> Any:
    """Never asks whether there is such a chunk."""
    if len(chunks) < 2:
        return []
    half = split(len(chunks))
    if index < half:
        return [*_any_place(chunks[:half], index), merkle_root(chunks[half:])]
    return [*_any_place(chunks[half:], index - half), merkle_root(chunks[:half])]


def _counts_from_one(chunks: list[bytes], index: int) -> Any:
    if index == 0:
        raise IndexError
    return prove(chunks, index - 1)


def _keeps_the_place(chunks: list[bytes], index: int) -> Any:
    """Looks in the right half for the place in the whole; of two chunks, the right half has no place 1."""
    if len(chunks) == 2 and index == 1:
        raise IndexError
    return prove(chunks, index)


def _needs_a_neighbour(chunks: list[bytes], index: int) -> Any:
    """Row by row; the last of an odd row has no neighbour."""
    row = [leaf_hash(chunk) for chunk in chunks]
    proof = []
    while len(row) > 1:
        proof.append(row[index ^ 1])
        over = row[len(row) & ~1 :]
        row = [node_hash(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)] + over
        index //= 2
    return proof


def _doubled_neighbour(chunks: list[bytes], index: int) -> Any:
    """Row by row; the last of an odd row is its own neighbour."""
    if not 0 <= index < len(chunks):
        raise IndexError
    row, proof = [leaf_hash(chunk) for chunk in chunks], []
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        proof.append(row[index ^ 1])
        row, index = [node_hash(*row[at : at + 2]) for at in range(0, len(row), 2)], index // 2
    return proof


def _nested(chunks: list[bytes], index: int) -> Any:
    proof: list[Any] = []
    for one in prove(chunks, index):
        proof = [proof, one]
    return proof


PROVE = Task(
    "prove",
    prove,
    cases=[
        ([b"one", b"two"], 0),
        ([b"one", b"two"], 1),
        ([b"one"], 0),
        ([b"a", b"b", b"c", b"d"], 2),
        ([b"a", b"b", b"c"], 2),
        *((numbered(count), index) for count, index in _places if count > 4),
        (numbered(33), 32),
        ([b"same", b"same", b"same"], 1),
        ([b"one", b"two"], 2),
        ([b"one", b"two", b"three"], -1),
        ([], 0),
    ],
    mistakes=[
        Mistake(
            _any_place, "see first whether there is such a chunk: 0 <= index < len(chunks), or IndexError"
        ),
        Mistake(_counts_from_one, "the first chunk has place 0"),
        Mistake(
            _keeps_the_place, "index < half is in the left half; in the right half its place is index - half"
        ),
        Mistake(
            _needs_a_neighbour, "the last of an odd row has no neighbour: it goes up alone, and adds no hash"
        ),
        Mistake(
            _doubled_neighbour,
            "the last of an odd row is not its own neighbour: it goes up, and adds no hash",
        ),
        Mistake(_nested, "a flat list of hashes: [*prove(...), root], with the star"),
        Mistake(lambda chunks, index: tuple(prove(chunks, index)), "return a list, not a tuple"),
        Mistake(lambda chunks, index: b"".join(prove(chunks, index)), "return a list of hashes, not joined"),
        Mistake(
            _beside(_chunk_or_root), "a chunk beside the path is hashed too: merkle_root of the other half"
        ),
        Mistake(
            _beside(lambda inside, beside: leaf_hash(b"".join(beside))),
            "the other half is not one long chunk: merkle_root(the other half)",
        ),
        Mistake(_counts_from_the_end, "a place is from 0 to n - 1: Python's -1 is no place, so IndexError"),
        Mistake(_nothing_there, "a place that is not there is an IndexError, not an empty proof"),
        Mistake(_value_error, "a place that is not there is an IndexError"),
        Mistake(_with_itself, "the chunk's own hash is no part: whoever checks has the chunk"),
        Mistake(_with_the_root, "the root is no part: whoever checks has it"),
        Mistake(
            _beside(lambda inside, beside: merkle_root(inside)),
            "not the hashes on the path, but those beside it: the root of the other half",
        ),
        Mistake(_top_down, "the lowest first: what stands beside the chunk, and last what is under the root"),
        Mistake(_only_the_top, "one hash for each step, all the way down to the chunk"),
        Mistake(_all_leaves, "not all leaves: of a half that you do not enter, its root alone"),
        Mistake(_with_sides, "only the hashes: the sides follow from the place and the number of chunks"),
        Mistake(_beside(cut=_halves), _CUT),
        Mistake(_no_shift, "in the right half the chunk has another place: index - half"),
    ],
    hint="cut the chunks as the root does; the proof in the chunk's half, then the root of the other half",
)
