"""Lab 5, tasks 1 and 2: an arc of the circle, and a list of successors. Pure functions.

Follows Stoica et al., "Chord" (2003), section IV: a peer owns the keys after the peer before it, up to and
with its own id. The list is Zave's ("How to Make Chord Correct", 2017): the first successor, then *its* list
without the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong


def owns(before: int, own: int, key: int) -> bool:
    """Whether a peer owns a key.

    Args:
        before: the id of the peer before it; its own id if it is alone, and then it owns the whole circle.
        own: its id, which is a key of its own.
        key: any id.
    """
    if before < own:
        return before < key <= own
    return key > before or key <= own


def adopt(own: int, head: int, theirs: Sequence[int], r: int) -> list[int]:
    """Our list of successors, made from that of our first successor.

    Args:
        own: our id.
        head: our first successor.
        theirs: its successors, nearest first.
        r: the most that a list holds.

    Returns:
        head, then theirs as far as our own id: beyond ourselves the circle begins again.
    """
    after = [head]
    for peer in theirs:
        if peer == own or len(after) >= r:
            break
        after.append(peer)
    return after


# Wrong arcs


def _no_wrap(before: int, own: int, key: int) -> bool:
    return before < key <= own


def _closed(before: int, own: int, key: int) -> bool:
    return before <= key <= own if before < own else key >= before or key <= own


def _open(before: int, own: int, key: int) -> bool:
    return before < key < own if before < own else key > before or key < own


def _begins_at_before(before: int, own: int, key: int) -> bool:
    return before <= key < own if before < own else key >= before or key < own


def _alone_owns_nothing(before: int, own: int, key: int) -> bool:
    return before != own and owns(before, own, key)


def _alone_owns_own(before: int, own: int, key: int) -> bool:
    return key == own if before == own else owns(before, own, key)


def _without_top(before: int, own: int, key: int) -> bool:
    """Beyond 0 alone."""
    return before < key <= own if before < own else key <= own


def _without_bottom(before: int, own: int, key: int) -> bool:
    return before < key <= own if before < own else key > before


def _sorted_ends(before: int, own: int, key: int) -> bool:
    low, high = sorted((before, own))
    return low < key <= high


def _other_way(before: int, own: int, key: int) -> bool:
    return not owns(before, own, key)


def _stretches(keys: list[int]) -> str:
    """Keys in order as stretches: "0 to 8, 57 to 63"."""
    rows: list[list[int]] = []
    for key in keys:
        if rows and rows[-1][1] == key - 1:
            rows[-1][1] = key
        else:
            rows.append([key, key])
    return ", ".join(f"{a} to {b}" if a < b else str(a) for a, b in rows) or "no key"


def arc(before: int, own: int, bits: int = 6) -> Case:
    """A probe: of all keys of a circle, a peer owns the right ones.

    Args:
        before, own: see `owns`.
        bits: there are 2**bits keys.
    """

    def probe(yours: Callable[[int, int, int], bool]) -> None:
        keys = range(1 << bits)
        got = [key for key in keys if yours(before, own, key)]
        want = [key for key in keys if owns(before, own, key)]
        if got != want:
            raise Wrong(
                f"owns({before}, {own}, key) was true for {_stretches(got)}, expected {_stretches(want)}"
            )

    return probe


OWNS = Task(
    "owns",
    owns,
    cases=[(8, 21, 14), (8, 21, 30), arc(8, 21), arc(56, 8), arc(21, 21), arc(63, 0), arc(0, 63)],
    mistakes=[
        Mistake(_alone_owns_nothing, "before == own: a peer that is alone owns the whole circle"),
        Mistake(_alone_owns_own, "before == own: a peer that is alone owns every key, not its own id alone"),
        Mistake(
            _no_wrap,
            "no key is above 56 *and* at most 8: where the arc goes over 0, it is one *or* the other",
        ),
        Mistake(_sorted_ends, "do not sort the ends: from 56 to 8 is the short way over 0, not the long one"),
        Mistake(_without_top, "the arc over 0 has two parts: above before, and up to own; one is missing"),
        Mistake(_without_bottom, "the arc over 0 has two parts: above before, and up to own; one is missing"),
        Mistake(_begins_at_before, "both ends are turned round: before is not in the arc, own is"),
        Mistake(_closed, "the key at before belongs to the peer there: the arc begins after it"),
        Mistake(_other_way, "clockwise, from the peer before it to the peer itself"),
        Mistake(_open, "a peer owns the key that equals its own id: the arc's far end is closed"),
    ],
    hint="two cases: before < own is an ordinary stretch, else the arc goes over 0",
)


# Wrong lists


def _whole_list(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    return [head, *theirs]


def _cut_wrong(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    """One too many."""
    return [head, *adopt(own, 0, theirs, r + 1)[1:]]


def _last_lost(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    """Their last is left out although there is room for it."""
    return [head, *adopt(own, head, theirs, r)[1:]][: min(r, max(1, len(theirs)))]


def _without_head(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    return adopt(own, head, theirs, r + 1)[1:]


def _with_own(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    return [head, *theirs][:r]


def _skips_own(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    """Goes on behind itself."""
    return [head, *(peer for peer in theirs if peer != own)][:r]


def _numeric(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    return sorted(adopt(own, head, theirs, r))


def _numeric_first(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    return sorted([head, *theirs])[:r]


def _in_place(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    theirs.insert(0, head)
    if own in theirs:
        del theirs[theirs.index(own) :]
    del theirs[r:]
    return theirs


def _in_place_popped(own: int, head: int, theirs: list[int], r: int) -> list[int]:
    result = adopt(own, head, theirs, r)
    if theirs:
        theirs.pop()
    return result


def _tuple(own: int, head: int, theirs: list[int], r: int) -> tuple[int, ...]:
    return tuple(adopt(own, head, theirs, r))


ADOPT = Task(
    "adopt",
    adopt,
    cases=[
        (8, 21, [30, 42], 4),
        (8, 21, [30, 42, 51], 4),
        (8, 21, [30, 42, 51, 56], 3),
        (42, 51, [56, 8, 21, 30], 4),
        (8, 21, [], 4),
        (8, 21, [30, 8, 21, 30], 4),
        (8, 21, [8, 21, 8, 21], 4),
        (8, 21, [30], 1),
        (8, 21, [30, 42, 8, 51], 6),
    ],
    mistakes=[
        Mistake(_tuple, "a list was asked for"),
        Mistake(_in_place, "do not write into theirs: build a list of your own"),
        Mistake(_in_place_popped, "do not write into theirs: build a list of your own"),
        Mistake(_last_lost, "their last is left out only where r asks for it"),
        Mistake(_without_head, "head is the nearest of all, and comes first"),
        Mistake(_cut_wrong, "r counts the head, too"),
        Mistake(_whole_list, "r is the most that the list holds"),
        Mistake(_numeric, "nearest first, clockwise: after 56 comes 8, so leave their order as it is"),
        Mistake(_numeric_first, "nearest first, clockwise: after 56 comes 8, so leave their order as it is"),
        Mistake(_with_own, "nobody is its own successor: stop where our own id comes"),
        Mistake(_skips_own, "where our own id comes, the circle begins again: stop there, do not skip it"),
    ],
    hint="head, then theirs in their order; stop at our own id, and at r",
)
