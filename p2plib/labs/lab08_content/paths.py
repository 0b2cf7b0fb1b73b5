"""Lab 8, task 8: the proof for one chunk, and the wrong ways to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p2plib.labs.engine.tasks import Mistake, Task
from p2plib.labs.lab08_content.trees import (
    CUT,
    halves,
    leaf_hash,
    merkle_root,
    node_hash,
    numbered,
    prove,
    split,
)

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
        Mistake(_beside(cut=halves), CUT),
        Mistake(_no_shift, "in the right half the chunk has another place: index - half"),
    ],
    hint="cut the chunks as the root does; the proof in the chunk's half, then the root of the other half",
)
