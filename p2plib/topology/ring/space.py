"""Ring space: ids on a circle, and what shape a ring really has. Pure functions.

Ids are whole numbers, and after the largest comes 0 again. "Between" goes clockwise, towards larger ids.

    >>> between(5, 7, 9), between(9, 1, 5), between(5, 5, 9)
    (True, True, False)

A ring is right when following successors from any peer visits every peer, once, in the order of ids. It can
be wrong in four ways, and `shape` says which (names as in Zave, "Reasoning about Identifier Spaces", 2017,
and Liben-Nowell et al., "Observations on the Dynamic Evolution of Peer-to-Peer Networks", 2002)::

    RIGHT       one cycle, in order
    APPENDAGES  one cycle in order, and peers that lead into it but to which no peer leads: joining does that
    LOOPY       one cycle that goes round the circle more than once: all neighbours agree, and
                lookups are wrong
    SPLIT       more than one cycle
    BROKEN      no cycle, or a successor that is not there
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Shape(Enum):
    """The shape that following successors gives."""

    RIGHT = "right"
    APPENDAGES = "appendages"
    LOOPY = "loopy"
    SPLIT = "split"
    BROKEN = "broken"


def between(a: int, x: int, b: int) -> bool:
    """Whether x lies on the way from a to b, not counting the ends; from a to a is the whole circle."""
    if a < b:
        return a < x < b
    return x > a or x < b


def shape(successor: Mapping[int, int]) -> Shape:
    """The shape of a ring.

    Args:
        successor: for every living peer's id, the id that it takes for the next.
    """
    if not set(successor.values()) <= set(successor):
        return Shape.BROKEN
    cycles = _cycles(successor)
    if len(cycles) != 1:
        return Shape.SPLIT if cycles else Shape.BROKEN
    cycle = cycles[0]
    rounds = sum(successor[ident] <= ident for ident in cycle)  # how many times it passes 0
    if rounds != 1:
        return Shape.LOOPY
    return Shape.RIGHT if len(cycle) == len(successor) else Shape.APPENDAGES


def _cycles(successor: Mapping[int, int]) -> list[list[int]]:
    seen: dict[int, int] = {}  # id: on which walk it was first visited
    cycles = []
    for walk, start in enumerate(successor):
        ident, way = start, []
        while ident not in seen:
            seen[ident] = walk
            way.append(ident)
            ident = successor[ident]
        if seen[ident] == walk:
            cycles.append(way[way.index(ident) :])
    return cycles
