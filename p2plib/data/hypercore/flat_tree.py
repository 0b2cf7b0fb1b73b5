"""Flat tree: a binary tree that grows to the right, written in one line of numbers. Pure functions.

The numbering of hypercore, which comes from PPSP (RFC 7574, section 4.2, "bin numbers"): blocks stand at the
even numbers, and the parent of two nodes stands in the middle between them::

    depth 3                        7
    depth 2            3                       11
    depth 1      1           5           9           13
    depth 0   0     2     4     6     8     10    12    14
    block     0     1     2     3     4     5     6     7

Whatever is appended later, no node ever changes its number. So a file can keep node n in its slot n, and two
peers can name a node without sending its path.

Vocabulary::

    index    the number of a node, 0 and up; a block's is even, for example 4 for block 2
    depth    how far above the blocks a node is: the 1 bits at the low end of its index, for example 2 for 3
    offset   the place of a node among those of its depth, for example 1 for 11
    span     the indices below a node, itself included, for example 8 to 14 for 11
    roots    the tops of the whole trees that cover the blocks, from left to right: 7, 17 and 20 for eleven
             blocks, because 11 = 8 + 2 + 1

    >>> full_roots(11)
    (7, 17, 20)
    >>> parent(4), sibling(4), uncles(4, 7)
    (5, 6, (6, 1, 11))
"""

from __future__ import annotations

from p2plib.errors import UsageError


def _check(index: int) -> int:
    if index < 0:
        raise UsageError(f"an index of a flat tree counts from 0, not {index}")
    return index


def index(depth: int, offset: int) -> int:
    """The node at a depth and an offset, both counted from 0."""
    return (_check(offset) << _check(depth) + 1) + (1 << depth) - 1


def depth(index: int) -> int:
    """How far above the blocks a node is; 0 for a block."""
    return (_check(index) ^ index + 1).bit_length() - 1


def offset(index: int) -> int:
    """The place of a node among those of its depth, counted from 0."""
    return index >> depth(index) + 1


def of_block(block: int) -> int:
    """The node of a block, both counted from 0."""
    return 2 * _check(block)


def parent(index: int) -> int:
    """The node above."""
    return _from(depth(index) + 1, offset(index) // 2)


def sibling(index: int) -> int:
    """The other child of the node above."""
    return _from(depth(index), offset(index) ^ 1)


def children(index: int) -> tuple[int, int]:
    """The two nodes below, the left one first.

    Raises:
        UsageError: it is a block, which has none.
    """
    level = depth(index)
    if level == 0:
        raise UsageError(f"node {index} is a block, and has no children")
    return index - (1 << level - 1), index + (1 << level - 1)


def left_span(index: int) -> int:
    """The lowest index below a node: its first block."""
    return index - (1 << depth(index)) + 1


def right_span(index: int) -> int:
    """The highest index below a node: its last block."""
    return index + (1 << depth(index)) - 1


def blocks_below(index: int) -> range:
    """The blocks that a node covers."""
    return range(left_span(index) // 2, right_span(index) // 2 + 1)


def full_roots(blocks: int) -> tuple[int, ...]:
    """The tops of the whole trees over so many blocks, from left to right: one for each 1 bit of the number.

    Args:
        blocks: how many there are, 0 and up.
    """
    roots, start = list[int](), 0
    for level in reversed(range(_check(blocks).bit_length())):
        if blocks >> level & 1:
            roots.append(2 * start + (1 << level) - 1)
            start += 1 << level
    return tuple(roots)


def uncles(index: int, top: int) -> tuple[int, ...]:
    """The siblings on the way up from a node to one above it: what an inclusion proof is made of.

    Raises:
        UsageError: `top` is not above the node.
    """
    if not left_span(top) <= _check(index) <= right_span(top):
        raise UsageError(f"node {top} is not above node {index}")
    found = []
    while index != top:
        found.append(sibling(index))
        index = parent(index)
    return tuple(found)


def _from(depth: int, offset: int) -> int:
    return (offset << depth + 1) + (1 << depth) - 1
