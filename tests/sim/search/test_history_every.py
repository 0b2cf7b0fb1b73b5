"""The checker on every small history there is: all ways in which up to four operations can overlap.

Each is judged by trying every order. `test_history.py` has the same idea on random histories, larger and with
instants that touch; here nothing is left to chance, so what holds of four operations on two values holds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest

from p2plib.sim.search.history import Operation, check, staleness

Ops = Sequence[Operation]


# The oracle: every order of every set of operations that may have happened


def obviously_linearizable(ops: Ops) -> bool:
    """Try everything: which of the unanswered took effect, and in what order all of them did."""
    sure = [i for i, op in enumerate(ops) if op.returned_s is not None]
    maybe = [i for i, op in enumerate(ops) if op.returned_s is None]
    return any(
        respects_time(ops, order) and answers_fit(ops, order)
        for count in range(len(maybe) + 1)
        for some in itertools.combinations(maybe, count)
        for order in itertools.permutations([*sure, *some])
    )


def respects_time(ops: Ops, order: Sequence[int]) -> bool:
    return not any(over_before(ops, later, sooner) for sooner, later in itertools.combinations(order, 2))


def over_before(ops: Ops, i: int, j: int) -> bool:
    """Whether operation i was over before j began."""
    a, b = ops[i], ops[j]
    if a.returned_s is None:
        return False
    return a.returned_s < b.invoked_s


def answers_fit(ops: Ops, order: Sequence[int]) -> bool:
    now: object = 0
    for op in (ops[i] for i in order):
        told = op.returned_s is not None
        if op.kind == "read" and told and op.result != now:
            return False
        if op.kind == "write":
            now = op.argument
        if op.kind == "cas":
            expected, new = op.argument  # type: ignore[misc]
            if told and op.result != (now == expected):
                return False
            if now == expected:
                now = new
    return True


def agree(ops: Ops) -> bool:
    """Ask both, compare, look at the witness; say what they said."""
    verdict, truth = check(ops, initial=0), obviously_linearizable(ops)
    late = any(seconds > 0 for _, seconds in staleness(ops, initial=0))
    assert not (truth and late), "a right answer was called stale"
    assert verdict.linearizable is truth, f"{verdict}\n" + "\n".join(map(str, ops))
    if truth:
        places = [next(i for i, op in enumerate(ops) if op is one) for one in verdict.order]
        assert len(set(places)) == len(places), "an operation stands twice in the witness"
        assert {i for i, op in enumerate(ops) if op.returned_s is not None} <= set(places)
        assert respects_time(ops, places)
        assert answers_fit(ops, places)
    else:
        assert verdict.reason
        assert verdict.order == ()
    return truth


# Every history of up to four operations on two values


def interleavings(count: int) -> Iterator[list[tuple[float, float]]]:
    """Every way in which so many calls and returns can follow each other, numbered by their calls."""

    def go(begun: int, going: tuple[int, ...], events: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if begun == count and not going:
            yield events
        if begun < count:
            yield from go(begun + 1, (*going, begun), (*events, begun))
        for i in going:
            yield from go(begun, tuple(other for other in going if other != i), (*events, i))

    for events in go(0, (), ()):
        yield [(float(events.index(i)), float(len(events) - 1 - events[::-1].index(i))) for i in range(count)]


WHAT = [("read", None, 0), ("read", None, 1), ("read", None, 2), ("write", 1, None), ("write", 2, None)]
CAS = [("cas", (a, b), told) for a, b in ((0, 1), (1, 2), (2, 1)) for told in (True, False)]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_small_history_of_reads_and_writes(count: int) -> None:
    shapes = list(interleavings(count))
    assert len(shapes) == math.prod(range(1, 2 * count, 2))  # 1, 3, 15, 105
    found = [0, 0]
    for shape in shapes:
        for whats in itertools.product(WHAT, repeat=count):
            named = [what[1] or what[2] for what in whats]  # the value it wrote or was told
            if 2 in named and 1 not in named[: named.index(2)]:
                continue  # the same as another one, with 1 and 2 changed for one another
            ops = [
                Operation(f"p{i}", *what, *times)  # type: ignore[misc]
                for i, (what, times) in enumerate(zip(whats, shape, strict=True))
            ]
            found[agree(ops)] += 1
    assert all(found)
    assert sum(found) == len(shapes) * (5**count + 1) // 2


def test_every_small_history_with_cas_and_with_some_that_never_return() -> None:
    for shape in interleavings(3):
        for whats in itertools.product(WHAT[1::2] + CAS[::2] + CAS[1:2], repeat=3):
            for unanswered in ((), (0,), (1,), (2,), (0, 1), (0, 2)):
                ops = [
                    Operation(f"p{i}", *what, begin, None if i in unanswered else end)  # type: ignore[misc]
                    for i, (what, (begin, end)) in enumerate(zip(whats, shape, strict=True))
                ]
                agree(ops)
