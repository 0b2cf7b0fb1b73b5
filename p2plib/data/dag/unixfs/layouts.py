"""Layouts: which nodes lead to the leaves of a file. A machine.

A layout is given the leaves in order and makes a node, with the function that it was given, as soon as
nothing can be added to it. It holds no more parts than the width of a node times the depth of the tree.

balanced   all leaves are at the same depth, and each node is full before the next one begins. Any byte is
           equally near, so this is the layout of both profiles of IPIP-499
trickle    the first leaves hang on the root itself and later ones ever deeper: what is needed first is found
           first, and a file can be appended to. Kubo's `--trickle`, and a layout of npm's importer

A trickle node of level n has up to `width` leaves, and after them `REPEAT` nodes of each level from 0 to
n - 1. The root has a level without end. The tree is filled in the order in which it is read: a node, then all
that is below it. The rule is that of go-ipfs, written down at https://github.com/ipfs/specs/pull/57.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from p2plib.data.dag.unixfs.profiles import FileLayout

REPEAT = 4  # nodes of each level below a trickle node

PartT = TypeVar("PartT")
Join = Callable[[list[PartT]], PartT]


class LeafTree(Protocol[PartT]):
    """A tree that grows with each leaf."""

    def add(self, leaf: PartT) -> None:
        """Put the next leaf into the tree, and make the nodes that this completes."""
        ...

    def finish(self) -> list[PartT]:
        """Make all nodes that are left but the root, whose parts are returned."""
        ...


class BalancedTree(Generic[PartT]):
    """All leaves at the same depth, a `LeafTree`.

    Args:
        width: the most parts that a node has, 2 or more.
        join: makes a node of its parts.
    """

    def __init__(self, width: int, join: Join[PartT]) -> None:
        self._width, self._join = width, join
        self._levels: list[list[PartT]] = [[]]

    def add(self, leaf: PartT) -> None:
        """Put the next leaf into the lowest level; a full level first becomes a node of the next."""
        self._push(0, leaf)

    def _push(self, level: int, part: PartT) -> None:
        while True:
            if level == len(self._levels):
                self._levels.append([])
            parts = self._levels[level]
            if len(parts) < self._width:
                parts.append(part)
                return
            node = self._join(parts)
            self._levels[level] = [part]
            level, part = level + 1, node

    def finish(self) -> list[PartT]:
        """Make all nodes that are left but the root."""
        level = 0
        while level < len(self._levels) - 1:
            self._push(level + 1, self._join(self._levels[level]))
            level += 1
        return self._levels[-1]


@dataclass(slots=True)
class _TrickleNode(Generic[PartT]):
    most_below: int | None
    """How many nodes it can have below it; None for the root, which is never full."""
    parts: list[PartT]


class TrickleTree(Generic[PartT]):
    """The first leaves near the root, a `LeafTree`.

    Args:
        width: the most leaves that a node has, 1 or more.
        join: makes a node of its parts.
    """

    def __init__(self, width: int, join: Join[PartT]) -> None:
        self._width, self._join = width, join
        self._open: list[_TrickleNode[PartT]] = [_TrickleNode(None, [])]  # from the root to the deepest

    def add(self, leaf: PartT) -> None:
        """Put the next leaf into the deepest open node; where that is full, open or close nodes first."""
        while len((node := self._open[-1]).parts) >= self._width:
            below = len(node.parts) - self._width
            if node.most_below is None or below < node.most_below:
                self._open.append(_TrickleNode(below // REPEAT * REPEAT, []))
            else:
                self._close()
        node.parts.append(leaf)

    def _close(self) -> None:
        done = self._open.pop()
        self._open[-1].parts.append(self._join(done.parts))

    def finish(self) -> list[PartT]:
        """Make all nodes that are left but the root."""
        while len(self._open) > 1:
            self._close()
        return self._open[0].parts


def leaf_tree(layout: FileLayout, width: int, join: Join[PartT]) -> LeafTree[PartT]:
    """An empty tree.

    Args:
        layout: of which shape.
        width: the most parts that a balanced node has, and the most leaves that a trickle node has.
        join: makes a node of its parts.
    """
    if layout is FileLayout.TRICKLE:
        return TrickleTree(width, join)
    return BalancedTree(width, join)
