"""Lab 2, stretch: when to answer a question that everybody heard, so that a LAN of many stays quiet.

What a peer sends to a multicast group costs everybody on the LAN, so it leaves out what is not needed (RFC
6762, sections 6 and 7.1): it waits a little, at random, so that not all speak at once; does not say what the
one that asks knows already; and does not say again what it said a moment ago.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab02_neighbours.hearing import NAME, Neighbours
from p2plib.labs.lab02_neighbours.packets import Record

LEAST_S, MOST_S = 0.020, 0.120  # RFC 6762, section 6: the pause before an answer that others give, too
QUIET_S = 1.0  # between two answers with the same record
TTL_S = 120
ASKS_S = (0.0, 1.0, 3.0, 7.0)  # after a peer has begun; RFC 6762, section 5.2: the pauses double

MakeAnswering = Callable[..., Any]  # a reader's class


class Answering:
    """Decides when a peer's own record is sent.

    Args:
        record: its own.
        rng: draws the pauses.
    """

    def __init__(self, record: Record, rng: random.Random) -> None:
        self.record, self.rng = record, rng
        self._quiet_until = float("-inf")

    def asked(self, known: list[Record], now: float) -> float | None:
        """Somebody asks, and knows some records. Returns in how many seconds to answer, or None."""
        if now < self._quiet_until or any(self._is_ours(other) for other in known):
            return None
        pause_s = self.rng.uniform(LEAST_S, MOST_S)
        self._quiet_until = now + pause_s + QUIET_S
        return pause_s

    def _is_ours(self, other: Record) -> bool:
        same = (other.name, other.host, other.port) == (self.record.name, self.record.host, self.record.port)
        return same and other.ttl >= self.record.ttl / 2


# One peer


def _own(ttl: int = TTL_S, who: str = "ana", port: int = 4000, name: str = NAME) -> Record:
    return Record(name, ttl, f"{who}.local", port)


def _answers(yours: MakeAnswering, seed: int = 1) -> Any:
    return yours(_own(), random.Random(seed))


def pause_of(answering: Any, known: list[Record], now: float) -> float | None:
    """What a reader's class says to a question.

    Raises:
        Wrong: it is no pause, or too short or long a one; or the list has changed.
    """
    before = list(known)
    got = answering.asked(known, now)
    if known != before:
        raise Wrong("it changed the list of known answers", "that list is somebody else's: only look")
    if got is None:
        return None
    if isinstance(got, bool) or not isinstance(got, int | float):
        raise Wrong(f"asked returned {describe(got)}", "seconds until the answer, or None for no answer")
    if not LEAST_S <= got <= MOST_S:
        hint = "between 0.02 and 0.12 seconds, at random: enough that two rarely speak at once"
        if LEAST_S <= got - now <= MOST_S:
            hint = "return how long to wait, not the time at which the answer is sent"
        elif LEAST_S <= got / 1000 <= MOST_S:
            hint = "return seconds, not milliseconds"
        raise Wrong(f"it answers after {got:g} s", hint)
    return float(got)


def _must(answering: Any, known: list[Record], now: float, what: str, hint: str) -> float:
    pause_s = pause_of(answering, known, now)
    if pause_s is None:
        raise Wrong(f"{what}: it does not answer", hint)
    return pause_s


def _must_not(answering: Any, known: list[Record], now: float, what: str, hint: str) -> None:
    if pause_of(answering, known, now) is not None:
        raise Wrong(f"{what}: it answers", hint)


def _first(yours: MakeAnswering) -> None:
    for now in (5.0, 0.0):
        what = f"asked for the first time, at {now:g} s"
        _must(
            _answers(yours), [], now, what, "somebody does not know yet, and nothing was sent so far: answer"
        )


def _by_chance(yours: MakeAnswering) -> None:
    pauses = [_must(_answers(yours, seed), [], 0.0, "asked", "answer") for seed in range(200)]
    if len(set(pauses)) < 150 < len(pauses) and max(pauses) - min(pauses) >= 0.08:
        hint = "two that draw the same pause speak at once: rng.uniform can draw any number between"
        raise Wrong(f"200 peers have only {len(set(pauses))} different pauses", hint)
    if max(pauses) - min(pauses) < 0.08:
        hint = "peers that hear one question at once would all speak at once: rng.uniform"
        raise Wrong("200 peers answer after (almost) the same pause", hint)
    if abs(sum(pauses) / len(pauses) - 0.07) > 0.01:
        raise Wrong(
            "200 peers do not use the whole time from 0.02 to 0.12 s evenly", "rng.uniform(0.02, 0.12)"
        )
    if _must(_answers(yours, 7), [], 0.0, "asked", "answer") != pauses[7]:
        raise Wrong("with the same rng it drew another pause", "draw from the rng that you were given")


def _known_already(yours: MakeAnswering) -> None:
    hint = "our record is among those that are known, with half its time left: nobody needs to hear it"
    _must_not(_answers(yours), [_own(110)], 0.0, "our record is known", hint)
    _must_not(
        _answers(yours), [_own(90, "ben"), _own(60)], 0.0, "our record is known, with half its time", hint
    )


def _by_its_own_ttl(yours: MakeAnswering) -> None:
    for own, known, is_enough in ((20, 10, True), (20, 9, False), (5, 3, True), (5, 2, False)):
        answering = yours(_own(own), random.Random(1))
        what = f"our record holds {own} s, and is known with {known} s left"
        if is_enough:
            _must_not(answering, [_own(known)], 0.0, what, "half of our own ttl, which is not always 120")
        else:
            _must(
                answering, [_own(known)], 0.0, what, "that is less than half: do not round before you compare"
            )


def _not_known(yours: MakeAnswering) -> None:
    for known, what, hint in (
        ([_own(110, "ben")], "another peer's record is known", "ours is not: compare name, host and port"),
        ([_own(110, port=4001)], "our host is known with another port", "compare the port, too"),
        ([_own(110, name="dogs.local")], "our host is known under another name", "compare the name, too"),
        (
            [_own(59)],
            "our record is known, with less than half its time",
            "it is about to run out: say it again",
        ),
    ):
        _must(_answers(yours), known, 0.0, what, hint)


_PENDING = "the answer that is on its way is for everybody: one is enough"
_SAID = "everybody heard it less than a second ago: leave it out until a second after it was sent"


def _once(yours: MakeAnswering) -> None:
    answering = _answers(yours)
    sent = _must(answering, [], 10.0, "asked", "answer")
    _must_not(answering, [], 10.01, "asked again before its answer was sent", _PENDING)
    _must_not(answering, [], 10.5, "asked again half a second later", _SAID)
    _must_not(answering, [], 10.0 + sent + 0.99, "asked again 0.99 s after its answer", _SAID)
    hint = "a second after its last answer it answers again: that one may have been lost"
    _must(answering, [], 10.0 + sent + 1.001, "asked again a second after its answer", hint)
    _must_not(answering, [], 12.0, "asked again soon after its second answer", _SAID)


def _silence_costs_nothing(yours: MakeAnswering) -> None:
    answering = _answers(yours)
    pause_of(answering, [_own(110)], 10.0)
    hint = "it said nothing last time: only what was sent counts"
    _must(answering, [], 10.2, "asked by somebody that knows it, and then by somebody that does not", hint)


def _apart(yours: MakeAnswering) -> None:
    first, other = _answers(yours), yours(_own(TTL_S, "ben"), random.Random(2))
    first.asked([], 10.0)
    _must(other, [], 10.01, "another peer was asked just before", "what was sent belongs to self")


# Many peers on one LAN


@dataclass
class Traffic:
    """What a segment of peers has sent.

    Args:
        questions, answers: how many.
        knows: what part of all that could be known is known at the end.
        answered_s: when each answer was sent.
    """

    questions: int
    answers: int
    knows: float
    answered_s: list[float]


def segment(yours: MakeAnswering, peers: int = 40, *, loss: float = 0.0, seed: int = 1) -> Traffic:
    """So many peers begin within two seconds, and each asks four times.

    Args:
        yours: a reader's class.
        peers: how many.
        loss: what part of the copies of a datagram is lost, on the way to each peer for itself.
        seed: of beginnings, pauses and losses.
    """
    rng, order = random.Random(seed), count()
    records = [Record(NAME, TTL_S, f"peer{i}.local", 4000) for i in range(peers)]
    answering = [yours(record, random.Random(seed * 1000 + i)) for i, record in enumerate(records)]
    heard = [Neighbours(NAME) for _ in range(peers)]
    begins = [rng.uniform(0, 2) for _ in range(peers)]
    events = [(begins[i] + after, next(order), i, True) for i in range(peers) for after in ASKS_S]
    heapq.heapify(events)
    answered_s: list[float] = []
    while events:
        now, _, who, is_question = heapq.heappop(events)
        reached = _reached(who, begins, now, loss, rng)
        if is_question:
            known = heard[who].known(now)
            for i in reached:
                pause_s = pause_of(answering[i], known, now)
                if pause_s is not None:
                    heapq.heappush(events, (now + pause_s, next(order), i, False))
        else:
            answered_s.append(now)
            for i in reached:
                heard[i].heard(records[who], now)
    known_pairs = sum(len(heard[i].present(11.0)) for i in range(peers))
    return Traffic(peers * len(ASKS_S), len(answered_s), known_pairs / (peers * (peers - 1)), answered_s)


def _reached(who: int, begins: list[float], now: float, loss: float, rng: random.Random) -> Iterator[int]:
    for i, began in enumerate(begins):
        if i != who and began <= now and rng.random() >= loss:
            yield i


PEERS, LOSS = 40, 0.2
BUDGET, LOSSY_BUDGET = 150, 240  # answers


def within_budget(seed: int, budget: int = BUDGET, loss: float = 0.0) -> Case:
    """A probe: forty peers find one another, within a budget of answers.

    Args:
        seed: see `segment`.
        budget: how many answers, in all.
        loss: see `segment`.
    """

    def probe(yours: MakeAnswering) -> None:
        traffic = segment(yours, PEERS, loss=loss, seed=seed)
        among = f"{PEERS} peers" + (f", one copy in {1 / loss:.0f} lost" if loss else "")
        if traffic.knows < (0.99 if loss else 1.0):
            what = f"{among}: {traffic.knows:.1%} of all that could know one another do"
            raise Wrong(
                what, "an answer that is left out must have been heard: by the one that asks, or just now"
            )
        if traffic.answers > budget:
            what = f"{among}: {traffic.answers} answers, the budget is {budget}"
            raise Wrong(what, "an answer is for everybody: leave out what is known, on its way, or just said")

    return probe


ANSWERING = Task(
    "Answering",
    Answering,
    cases=[
        _first,
        _apart,
        _by_chance,
        _known_already,
        _not_known,
        _by_its_own_ttl,
        _silence_costs_nothing,
        _once,
        within_budget(1),
        within_budget(2, LOSSY_BUDGET, LOSS),
    ],
    hint="not if it is known, on its way or just said; otherwise after a random pause",
)
