"""Lab 5, task 6: find the owner of a key, among dead peers, within a budget of messages. Without I/O.

Follows Stoica et al., "Chord" (2003), section IV, and the rules of `p2plib.topology.ring.walk`: the asker
does the walking, a step counts only if it comes nearer, and when nobody before the key lives, the owner is
the first who lives of those beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from p2plib.errors import NotFound, PeerTimeout
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab05_ring.crowd import Answer, mean, the_crowd
from p2plib.topology.ring.space import between

Lookup = Callable[..., Any]

MOST_IN_A_STORY = 60
ALLOWED, ALLOWED_DEAD = 0.5, 4.5  # messages above half of log2 n on average


def lookup(own: int, key: int, ask: Callable[[int], Answer]) -> int:
    """The living owner of a key.

    Args:
        own: our id.
        key: what we look for.
        ask: ask(peer) gives that peer's Answer, or raises PeerTimeout if it is dead. To ask ourselves costs
            nothing, and is how a lookup begins.

    Returns:
        The first living peer at the key or after it. It has answered.

    Raises:
        NotFound: nobody who answered knows anybody alive beyond the key.
    """
    at, answer, asked = own, ask(own), {own}
    while True:
        for peer in answer.nearer:
            if peer in asked or not between(at, peer, key):
                continue
            asked.add(peer)
            try:
                at, answer = peer, ask(peer)
            except PeerTimeout:
                continue
            break
        else:
            break
    for peer in answer.beyond:
        if peer == own:
            return peer
        try:
            ask(peer)
        except PeerTimeout:
            continue
        return peer
    raise NotFound(f"nobody alive is known beyond {key}")


# Small stories


class Story:
    """A few peers, what they say, and who was asked.

    Args:
        answers: from each living peer to whom it names before the key, and beyond it.
    """

    def __init__(self, answers: Mapping[int, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
        self.answers = answers
        self.asked: list[int] = []

    def __call__(self, peer: int) -> Answer:
        """Ask a peer."""
        self.asked.append(peer)
        if len(self.asked) > MOST_IN_A_STORY:
            hint = "ask nobody twice, and go on only to who lies between where you are and the key"
            raise Wrong("it never stops asking", hint)
        if peer not in self.answers:
            raise PeerTimeout(f"peer {peer} does not answer")
        return Answer(*self.answers[peer])


def finds(
    key: int,
    answers: Mapping[int, tuple[tuple[int, ...], tuple[int, ...]]],
    expected: int | None,
    hint: str,
    *,
    own: int = 8,
    asks: tuple[int, ...] | None = None,
) -> Case:
    """A probe: what a lookup finds in a story.

    Args:
        key: what it looks for.
        answers: see `Story`.
        expected: the owner, or None for NotFound.
        hint: for whoever finds another.
        own: who asks.
        asks: whom it may ask at most, in this order.
    """
    told = f"peer {own} looks for {key}"

    def probe(yours: Lookup) -> None:
        story = Story(answers)
        try:
            got = yours(own, key, story)
        except PeerTimeout as error:
            silent = "catch PeerTimeout, and ask the next who was named"
            raise Wrong(f"{told}: {error}, and lookup let that out", silent) from None
        except NotFound:
            if expected is None:
                return
            raise Wrong(f"{told}: it raised NotFound, expected {expected}", hint) from None
        if expected is None:
            nobody = "raise NotFound when nobody alive is left: an owner must have answered"
            raise Wrong(f"{told}, whose owners are all dead: it returned {describe(got)}", nobody)
        if got is None:
            raise Wrong(f"{told}: it returned None", "return the owner's id")
        if got != expected:
            raise Wrong(f"{told}: it found {describe(got)}, expected {expected}", hint)
        others = [peer for peer in story.asked if peer != own]
        if asks is not None and others != list(asks):
            what = f"{told}: it asked {', '.join(map(str, others)) or 'nobody'}, expected {_row(asks)}"
            raise Wrong(what, _skipped(others, asks, own, answers) or _why(others, asks))

    return probe


def _row(asks: tuple[int, ...]) -> str:
    return ", ".join(map(str, asks)) or "nobody"


def _skipped(
    others: list[int],
    asks: tuple[int, ...],
    own: int,
    answers: Mapping[int, tuple[tuple[int, ...], tuple[int, ...]]],
) -> str:
    """A hint for whoever took a later name of a row before the first one; "" for others."""
    at = next((i for i, pair in enumerate(zip(others, asks, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        return ""
    last = next((peer for peer in reversed(asks[:at]) if peer in answers), own)
    names = answers[last][0]
    is_later = asks[at] in names and others[at] in names and names.index(others[at]) > names.index(asks[at])
    return (
        f"{last} names the nearest to the key first: ask {asks[at]} before {others[at]}" if is_later else ""
    )


def _why(others: list[int], asks: tuple[int, ...]) -> str:
    if len(set(others)) < len(others):
        return "a peer that was asked once need not be asked again: remember them"
    if others == list(asks)[:-1]:
        return "the owner must answer, too, before you return it: it may be dead"
    if set(asks) < set(others):
        return "every answer has fresher names than the one before: go on with those alone"
    return "the nearest to the key first: it is named first"


_BEYOND = "nobody lies before the key: the owner is the first of beyond who answers"
_NEXT = "a dead one is passed over, and the next who was named is asked"

FOUR = {
    8: ((42, 21), ()),
    42: ((48,), ()),
    48: ((), (56, 1)),
    56: ((48,), (1,)),
}


# Thousands


def within_budget(dead: float, allowed: float, *, seed: int = 1, count: int = 2000, runs: int = 300) -> Case:
    """A probe: lookups among thousands, all of them right, and cheap on average.

    Args:
        dead: the part of dead peers.
        allowed: messages above half of log2 count, on average.
        seed: of askers and keys.
        count: peers.
        runs: lookups.
    """

    def probe(yours: Lookup) -> None:
        crowd = the_crowd(count, dead)
        budget = math.log2(count) / 2 + allowed
        costs = []
        where = f"among {count} peers" + (f", {dead:.0%} of them dead" if dead else "")
        for own, key in crowd.keys(runs, seed):
            costs.append(crowd.cost(yours, own, key))
            if not costs[-1].right:
                what = f"{where}, lookup {len(costs)} did not find the owner"
                raise Wrong(what, "it is the first living peer at the key or after it, and it has answered")
        spent = mean(cost.messages for cost in costs)
        if spent > budget:
            what = f"{where}, {spent:.1f} messages a lookup; the budget is {budget:.1f}"
            raise Wrong(
                what, "nearest first, never back, nobody twice, and stop when nobody is before the key"
            )

    return probe


LOOKUP = Task(
    "lookup",
    lookup,
    cases=[
        finds(10, {8: ((), (21, 42)), 21: ((), (42,))}, 21, _BEYOND, asks=(21,)),
        finds(50, FOUR, 56, _BEYOND, asks=(42, 48, 56)),
        finds(
            50,
            {8: ((48, 42, 21), (56,)), 42: ((48,), ()), 48: ((), (56,)), 56: ((), ())},
            56,
            "the nearest to the key first",
            asks=(48, 56),
        ),
        finds(
            50,
            {8: ((48, 42, 21), ()), 42: ((45,), ()), 45: ((), (56,)), 56: ((), ())},
            56,
            _NEXT,
            asks=(48, 42, 45, 56),
        ),
        finds(
            50,
            {8: ((48, 42), ()), 42: ((48,), (51, 56)), 51: ((), ())},
            51,
            "48 is dead, and so are all before the key: then beyond of the nearest that answered counts",
            asks=(48, 42, 51),
        ),
        finds(
            50,
            {8: ((42,), ()), 42: ((), (51, 56)), 56: ((), ())},
            56,
            "51 is dead: the owner is the first of beyond who answers",
            asks=(42, 51, 56),
        ),
        finds(50, {8: ((42,), ()), 42: ((), (51, 56))}, None, "", asks=(42, 51, 56)),
        finds(
            3,
            {42: ((60, 51), ()), 60: ((1, 62), ()), 62: ((1,), ()), 1: ((), (8,)), 8: ((), ())},
            8,
            "from 60 to 3 the way goes over 0, and 1 lies on it",
            own=42,
            asks=(60, 1, 8),
        ),
        finds(
            5,
            {8: ((60, 21), ()), 60: ((3,), ()), 3: ((), (8, 21))},
            8,
            "the key may be our own: then we are among the owners, and need no message",
        ),
        finds(
            50,
            {8: ((42,), ()), 42: ((21, 8, 30), (56,)), 21: ((42,), ()), 30: ((42,), ()), 56: ((), ())},
            56,
            "21 and 30 lie behind 42, which named them: a peer that is not between it and the key is no step",
            asks=(42, 56),
        ),
        finds(
            50,
            {8: ((42,), ()), 42: ((51, 48), (56,)), 51: ((52,), ()), 48: ((), (56,)), 56: ((), ())},
            56,
            "51 lies beyond the key: a peer that is not between is no step, whoever names it",
            asks=(42, 48, 56),
        ),
        finds(
            50,
            {8: ((48, 42), ()), 42: ((48, 45), ()), 45: ((48,), (51,)), 51: ((), ())},
            51,
            "48 was dead the first time: remember it",
            asks=(48, 42, 45, 51),
        ),
        within_budget(0.0, ALLOWED),
        within_budget(0.3, ALLOWED_DEAD),
    ],
    hint="ask(own), then the nearest between who answers, and so on; then beyond",
)
