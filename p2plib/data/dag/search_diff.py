"""Comparing Merkle search trees (Auvolat and Taiani, 2019), with work in proportion to their differences.

Both trees are walked in order, side by side. Where the next thing is the same subtree in both, neither is
read. Otherwise the one with more layers is read, or both, until they meet again or two keys show what
differs. So for each difference the nodes on the path to it are read in both trees, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.dag.merkle_search_tree import SearchTree
from p2plib.data.dag.search_node import SearchBounds
from p2plib.data.dag.search_walk import SearchWalk, Subtree
from p2plib.wire.cid import Cid


@dataclass(frozen=True, slots=True)
class TreeChange:
    """How the value of one key differs.

    Args:
        key: the key.
        before: its value in the first tree; None where it is not there.
        after: its value in the second tree; None where it is not there.
    """

    key: bytes
    before: Cid | None
    after: Cid | None


def diff(before: SearchTree, after: SearchTree) -> Iterator[TreeChange]:
    """What has to be done to the first tree to make it the second, in the order of keys.

    A subtree that both have is passed over, whichever store it is in: where `before` is known to be a valid
    tree, what is read shows that `after` is one too.

    Args:
        before: the first tree.
        after: the second tree. Each tree's nodes come from its own store and count towards its own budget.

    Yields:
        one change for each key that is in one tree only, or has different values.

    Raises:
        NotFound: a node that is needed is not in its store.
        DecodeError: a node is invalid.
        OverBudget: there are too many differences for a tree's budget.
    """
    one, other = SearchWalk(before.reader(), before.root), SearchWalk(after.reader(), after.root)
    while True:
        left, right = one.head(), other.head()
        if isinstance(left, Subtree) and isinstance(right, Subtree):
            _step(one, left, other, right)
        elif isinstance(left, Subtree):
            one.expand()
        elif isinstance(right, Subtree):
            other.expand()
        elif left is None and right is None:
            return
        elif right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            one.skip()
            yield TreeChange(left[0], left[1], None)
        elif left is None or right[0] < left[0]:
            other.skip()
            yield TreeChange(right[0], None, right[1])
        else:
            one.skip()
            other.skip()
            if left[1] != right[1]:
                yield TreeChange(left[0], left[1], right[1])


def _step(one: SearchWalk, left: Subtree, other: SearchWalk, right: Subtree) -> None:
    """Pass over what both have; otherwise go down in the one with more layers below, or in both."""
    if left.cid == right.cid and _fits(left.bounds, right.bounds):
        one.skip()
        other.skip()
        return
    left_layer, right_layer = left.bounds.layer, right.bounds.layer
    # Only the roots have no layer yet, and both are read at once.
    if left_layer is None or right_layer is None or left_layer >= right_layer:
        one.expand()
    if left_layer is None or right_layer is None or right_layer >= left_layer:
        other.expand()


def _fits(known: SearchBounds, wanted: SearchBounds) -> bool:
    """Whether every node that fits the first bounds also fits the second."""
    if known.layer != wanted.layer or wanted.low > known.low:
        return False
    return wanted.high is None or (known.high is not None and known.high <= wanted.high)
