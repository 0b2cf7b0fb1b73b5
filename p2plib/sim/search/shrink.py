"""Shrinking: of many things that together make something fail, find the few that are needed.

This is delta debugging, the algorithm *ddmin* of Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input" (IEEE Transactions on Software Engineering 28(2), 2002), section 3.

Rules:

* The items are cut into n parts of about the same size, at first two. If one part alone fails, go on with
  that part, in two. If not, but all without one part fails, go on with those, in n - 1. If neither does, cut
  finer, into 2n, until every part is a single item.
* A result is *1-minimal*: it fails, and no single item can be left out. It need not be the smallest there is:
  two items may be needless only together. Finding the smallest takes trying all subsets.
* The same subset is tried once, and the order of the items is kept.

Vocabulary: a *run* is one call of `fails`; the *budget* is how many there may be. For n items ddmin needs
n * n + 3n runs at worst, and about 2 * log2(n) when a single item is to blame (the paper, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from p2plib.errors import UsageError

_T = TypeVar("_T")
Places = tuple[int, ...]


class _Spent(Exception):  # a signal between two functions here; nobody outside sees it
    """The budget does not allow another run."""


class _Runs:
    """The runs of one shrinking: what was tried, and the smallest that failed.

    Args:
        items: everything.
        fails: whether a subset fails.
        budget: how many runs there may be.
    """

    def __init__(self, items: Sequence[_T], fails: Callable[[list[_T]], bool], budget: int) -> None:
        self._items, self._fails, self._left = items, fails, budget
        self._known: dict[Places, bool] = {}

    def fail(self, places: Places) -> bool:
        """Whether the items at these places fail; the same places are run once."""
        if places not in self._known:
            if self._left <= 0:
                raise _Spent
            self._left -= 1
            self._known[places] = self._fails([self._items[place] for place in places])
        return self._known[places]


def shrink(items: Sequence[_T], fails: Callable[[list[_T]], bool], *, budget: int) -> list[_T]:
    """Return few of *items* that still fail, in their order.

    Args:
        items: all of them together fail; that is not tried again.
        fails: whether some of them fail. It must say the same each time it is asked the same.
        budget: how many times it may be asked, 0 or more.

    Returns:
        A subset that fails, 1-minimal if the budget was enough, else the smallest found within it. It is
        empty if it fails without any of them.

    Raises:
        UsageError: a budget below 0. What *fails* raises is passed on.

    Example:
        >>> shrink([1, 2, 3, 4, 5, 6, 7, 8], lambda some: {1, 7, 8} <= set(some), budget=100)
        [1, 7, 8]
    """
    if budget < 0:
        raise UsageError(f"a budget is 0 runs or more, not {budget}")
    runs, kept, parts = _Runs(items, fails, budget), tuple(range(len(items))), 2
    try:
        if kept and runs.fail(()):
            return []
        while len(kept) >= 2:
            smaller, parts = _smaller(kept, min(parts, len(kept)), runs)
            if smaller is None and parts >= len(kept):
                break
            kept, parts = (kept, parts * 2) if smaller is None else (smaller, parts)
    except _Spent:
        pass  # the smallest so far is what there is to say
    return [items[place] for place in kept]


def _smaller(kept: Places, parts: int, runs: _Runs) -> tuple[Places | None, int]:
    """Find a part, or all but a part, that fails, and say into how many parts it is to be cut."""
    slices = _cut(kept, parts)
    for part in slices:
        if runs.fail(part):
            return part, 2
    if parts > 2:  # of two parts, all but the one is the other
        for part in slices:
            left_out = set(part)
            rest = tuple(place for place in kept if place not in left_out)
            if runs.fail(rest):
                return rest, max(parts - 1, 2)
    return None, parts


def _cut(kept: Places, parts: int) -> list[Places]:
    """Cut places into so many parts, whose sizes differ by one at most."""
    ends = [len(kept) * number // parts for number in range(parts + 1)]
    return [kept[begin:end] for begin, end in pairwise(ends)]
