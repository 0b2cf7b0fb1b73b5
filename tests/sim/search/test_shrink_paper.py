"""Shrinking, step by step as the paper has it: the same subsets, asked in the same order.

Zeller and Hildebrandt 2002, "minimizing delta debugging": its three cases and "otherwise", written here as
they stand there, by recursion. The library asks for the empty set first, which the paper takes to pass.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from p2plib.sim.search.shrink import shrink

Fails = Callable[[list[int]], bool]


def ddmin(items: list[int], n: int, fails: Fails) -> list[int]:
    """The paper's ddmin2, for a configuration that fails and n parts."""
    parts = [items[len(items) * i // n : len(items) * (i + 1) // n] for i in range(n)]
    for part in parts:  # reduce to subset
        if fails(part):
            return ddmin(part, 2, fails) if len(part) > 1 else part
    for part in parts:  # reduce to complement
        rest = [item for item in items if item not in part]
        if fails(rest):
            return ddmin(rest, max(n - 1, 2), fails) if len(rest) > 1 else rest
    if n < len(items):  # increase granularity
        return ddmin(items, min(len(items), 2 * n), fails)
    return items  # done


def once(asked: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(asked))


def both_ask_the_same(size: int, fails: Fails) -> None:
    by_paper: list[tuple[int, ...]] = [()]
    by_library: list[tuple[int, ...]] = []

    def noted(where: list[tuple[int, ...]]) -> Fails:
        return lambda some: (where.append(tuple(some)), fails(some))[1]  # type: ignore[func-returns-value]

    items = list(range(size))
    expected = ddmin(items, 2, noted(by_paper))
    assert shrink(items, noted(by_library), budget=10**6) == expected
    assert by_library == [some for some in once(by_paper) if len(some) < size]


@given(
    st.integers(2, 32).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1)))
)
@example((16, {0, 5, 9, 15}))
def test_where_more_never_helps(case: tuple[int, set[int]]) -> None:
    size, needed = case
    both_ask_the_same(size, lambda some: needed <= set(some))


@given(st.integers(2, 14), st.integers(0, 2**32), st.integers(2, 6))
def test_where_anything_goes(size: int, key: int, one_in: int) -> None:
    both_ask_the_same(
        size, lambda some: some != [] and (len(some) == size or hash((key, *some)) % one_in == 0)
    )
