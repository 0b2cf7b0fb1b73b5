"""Lab 5, task 3: one round of repair, by a peer that knows its successors and can ask. Pure but for that.

Follows Zave, "How to Make Chord Correct" (2017): a list of successors, cut from that of the first one, and a
peer that is asked before it is believed. Like rule 2 of `p2plib.topology.ring.machine` it goes back as far as
it must in one round, where the paper goes back one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from p2plib.errors import PeerTimeout
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab05_ring.arc import adopt
from p2plib.labs.lab05_ring.circle import Circle, Neighbours
from p2plib.topology.ring.space import between

Ask = Callable[[int], Neighbours]
Stabilise = Callable[..., Any]

MOST_QUESTIONS = 40  # in a probe; the longest needs seven


def stabilise(own: int, after: Sequence[int], ask: Ask, r: int) -> list[int]:
    """One round of repair.

    Args:
        own: our id.
        after: our successors, nearest first; some may be dead.
        ask: ask(peer) gives (the peer before it or None, its successors).
            It raises PeerTimeout if the peer is dead.
        r: the most that a list holds.

    Returns:
        Our new list of successors; empty if nobody of the old one lives.
    """
    silent = set()
    for head in after:
        try:
            before, theirs = ask(head)
        except PeerTimeout:
            silent.add(head)
            continue
        while before is not None and before not in silent and between(own, before, head):
            try:
                closer = ask(before)
            except PeerTimeout:
                break
            head, (before, theirs) = before, closer
        return adopt(own, head, theirs, r)
    return []


class Town:
    """Peers of a story, and who was asked what.

    Args:
        living: for each living peer the one before it and its successors. Whoever is not in it is dead.
    """

    def __init__(self, living: Mapping[int, Neighbours]) -> None:
        self.living = living
        self.asked: list[int] = []

    def __call__(self, peer: int) -> Neighbours:
        """The neighbours of a peer."""
        self.asked.append(peer)
        if len(self.asked) > MOST_QUESTIONS:
            raise Wrong("it never stops asking", "every question must come nearer, or the loop never ends")
        if peer not in self.living:
            raise PeerTimeout(f"peer {peer} does not answer")
        before, after = self.living[peer]
        return before, list(after)


def repairs(
    after: list[int],
    living: Mapping[int, Neighbours],
    expected: list[int],
    hint: str,
    *,
    own: int = 8,
    r: int = 4,
    rest: str = "",
) -> Case:
    """A probe: what a round makes of a list.

    Args:
        after: the list.
        living: see `Town`.
        expected: the new list.
        hint: for whoever gets another one.
        own: whose list.
        r: its length at most.
        rest: for whoever got the first right and not the rest.
    """
    dead = sorted({*after, *(b for b, _ in living.values() if b is not None)} - {*living, own})
    told = f"peer {own} with {after}" + (f", {' and '.join(map(str, dead))} dead" if dead else "")

    def probe(yours: Stabilise) -> None:
        town, mine = Town(living), list(after)
        try:
            got = yours(own, mine, town, r)
        except PeerTimeout as error:
            silent = "catch PeerTimeout: a dead peer is passed over, and the round goes on"
            raise Wrong(f"{told}: {error}, and stabilise let that out", silent) from None
        except TypeError as error:
            if "NoneType" in str(error) and any(before is None for before, _ in living.values()):
                known = "before is None where a peer knows nobody before it: look for that first"
                raise Wrong(f"{told}: {error}", known) from None
            raise
        if got is None:
            raise Wrong(f"{told}: it returned None", "return the new list; it is empty if nobody lives")
        if mine != after:
            raise Wrong(f"{told}: it changed the list that it was given", "build a new list; read the old")
        if got != expected:
            raise Wrong(
                f"{told}: it returned {describe(got)}, expected {expected}",
                _why(got, expected, own, rest or hint, hint),
            )
        twice = next((peer for peer in town.asked if town.asked.count(peer) > 1), None)
        if twice is not None:
            once = "one answer holds both, who is before it and its list: ask once, and keep it"
            if twice not in living:
                once = "a peer that was silent a moment ago is still dead: remember it for this round"
            raise Wrong(f"{told}: peer {twice} was asked {town.asked.count(twice)} times", once)

    return probe


def _why(got: Any, expected: list[int], own: int, rest: str, hint: str) -> str:
    if not isinstance(got, list):
        return "a list was asked for"
    if own in got:
        return "nobody is its own successor"
    return rest if got[:1] == expected[:1] else hint


_HEAL = "drop who is dead, and ask the next in the list at once"
_LIST = "the new list is the first living successor, then that one's list: adopt does it"
_CLOSER = "its predecessor lies between you and it: that one is your successor, if it lives"
_ITS = "it must answer, and then *its* list follows, not the one of whoever named it"
_TRUE = "what lies at our own id or outside is not between us and our successor"

STABLE: dict[int, Neighbours] = {21: (8, [30, 42, 51, 56])}

LONG_ROW: dict[int, Neighbours] = {
    42: (38, [51, 56, 1, 8]),
    38: (32, [42, 51, 56, 1]),
    32: (26, [38, 42, 51, 56]),
    26: (14, [32, 38, 42, 51]),
    14: (8, [26, 32, 38, 42]),
}


def _asks_little(yours: Stabilise) -> None:
    """Dead peers behind the first living one are not asked about."""
    town = Town(STABLE)
    yours(8, [21, 30, 42], town, 4)
    if town.asked != [21]:
        what = f"all was well, and it asked {', '.join(map(str, town.asked)) or 'nobody'}; 21 was enough"
        raise Wrong(what, "a round costs one question when nothing happened: the first who lives tells all")


def any_town(seed: int) -> Case:
    """A probe: a hundred peers of which some are dead and some are new, and everybody's round."""

    def probe(yours: Stabilise) -> None:
        circle = Circle(100, seed=seed, r=6)
        circle.kill(0.3)
        circle.join(30)
        for peer in circle.living():
            expected = stabilise(peer, list(circle.after[peer]), circle.ask, 6)
            got = yours(peer, list(circle.after[peer]), circle.ask, 6)
            if got != expected:
                what = f"among a hundred peers, number {circle.living().index(peer) + 1} got another list"
                raise Wrong(what, "rebuild the cases above on paper: dead ones first, then those between")

    return probe


# Two ways to do less, for comparison


def one_step(own: int, after: Sequence[int], ask: Ask, r: int) -> list[int]:
    """Goes back one step in a round, as the paper's does."""
    for head in after:
        try:
            before, theirs = ask(head)
        except PeerTimeout:
            continue
        if before is not None and between(own, before, head):
            try:
                return adopt(own, before, ask(before)[1], r)
            except PeerTimeout:
                pass
        return adopt(own, head, theirs, r)
    return []


def trusting(own: int, after: Sequence[int], ask: Ask, r: int) -> list[int]:
    """Takes who lies between for its successor without asking whether it lives."""
    for head in after:
        try:
            before, theirs = ask(head)
        except PeerTimeout:
            continue
        if before is not None and between(own, before, head):
            return adopt(own, before, [head, *theirs], r)
        return adopt(own, head, theirs, r)
    return []


STABILISE = Task(
    "stabilise",
    stabilise,
    cases=[
        repairs([21], STABLE, [21, 30, 42, 51], _LIST),
        repairs([21, 30, 42, 51], {21: (8, [30, 42, 51, 56])}, [21, 30, 42, 51], _LIST),
        repairs([21, 30, 42], {21: (8, [42, 51, 56])}, [21, 42, 51, 56], "their list is fresher than yours"),
        repairs([21, 30, 42], {30: (None, [42, 51]), 42: (30, [51])}, [30, 42, 51], _HEAL),
        repairs([14, 21, 30], {30: (None, [42, 51, 56, 8])}, [30, 42, 51, 56], _HEAL),
        repairs([21, 30], {}, [], "nobody of the list lives: that is an empty list, not an error"),
        repairs([], {}, [], "an empty list stays empty"),
        repairs([30, 42], {30: (21, [42, 51]), 21: (8, [30, 42])}, [21, 30, 42], _CLOSER, rest=_ITS),
        repairs(
            [42, 51],
            LONG_ROW,
            [14, 26, 32, 38],
            "many may have come at once: go on with the new one's predecessor, until nobody lies between",
        ),
        repairs(
            [30, 42],
            {30: (21, [42, 51])},
            [30, 42, 51],
            "21 lies between and is dead: 30, which named it, stays your successor, with its own list",
        ),
        repairs(
            [42, 51],
            {42: (30, [51, 56]), 30: (21, [42, 51])},
            [30, 42, 51],
            "21 is dead, 30 is not: keep the nearest who has answered, with *its* list",
        ),
        repairs(
            [21, 30], {30: (21, [42, 51])}, [30, 42, 51], "21 is dead: it is no successor, whoever names it"
        ),
        repairs([21, 30], {21: (None, [30, 42])}, [21, 30, 42], "None: it knows nobody before it"),
        repairs([21, 30], {21: (1, [30, 42]), 1: (56, [8])}, [21, 30, 42], _TRUE),
        repairs(
            [21, 30],
            {21: (21, [30, 42])},
            [21, 30, 42],
            "a peer that says it is before itself is alone, or thinks so",
        ),
        repairs([21, 30], {21: (30, [42]), 30: (21, [42])}, [21, 42], _TRUE),
        repairs(
            [3, 8],
            {3: (60, [8, 21]), 60: (51, [3, 8, 21])},
            [60, 3, 8, 21],
            "from 51 to 3 the way goes over 0, and 60 lies on it",
            own=51,
        ),
        repairs(
            [21], {21: (14, [8, 14]), 14: (8, [21, 8])}, [14, 21], "of a ring of three: stop at yourself"
        ),
        _asks_little,
        any_town(5),
    ],
    hint="the first who answers; then back, as long as somebody between you and it answers; then adopt",
)
