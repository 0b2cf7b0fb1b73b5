"""Lab 0, stretch: how long to wait? Round trips as RFC 6298 estimates them, and budgets to keep.

The rules of RFC 6298, section 2, with the bounds of this lab (the RFC's least time-out is one second, since a
TCP that sends too early makes a jam worse)::

    first round trip R:    srtt = R                  rttvar = R / 2
    each one after it:     rttvar = 3/4 rttvar + 1/4 |srtt - R|       (with srtt as it was)
                           srtt = 7/8 srtt + 1/8 R
    time-out               srtt + 4 rttvar, from 0.01 to 60 s; 1 s as long as nothing was heard
    after a miss           twice what it was, until the next round trip is heard (5.5)

A round trip counts only where it is known to which packet the answer belongs (Karn's algorithm, section 3):
here every packet has a number of its own, so all of them count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.asking import ping
from p2plib.labs.lab00_network.peer_socket import PeerSocket
from p2plib.labs.lab00_network.world import at_once, with_socket, world
from p2plib.sim import Internet, Link

FIRST_S, LEAST_S, MOST_S = 1.0, 0.01, 60.0
QUESTIONS = 200
MOST_PACKETS, PATIENCE_S = 10 * QUESTIONS, 1000.0  # where asking is given up, budget or not


class RoundTrips:
    """How long to wait for an answer, learnt from the answers so far.

    Attributes:
        timeout_s: how long the next ping should wait, in seconds.
    """

    def __init__(self) -> None:
        self.timeout_s = FIRST_S
        self._srtt: float | None = None
        self._rttvar = 0.0

    def heard(self, round_trip_s: float) -> None:
        """A ping was answered after so many seconds."""
        if self._srtt is None:
            self._srtt, self._rttvar = round_trip_s, round_trip_s / 2
        else:
            self._rttvar += (abs(self._srtt - round_trip_s) - self._rttvar) / 4
            self._srtt += (round_trip_s - self._srtt) / 8
        self.timeout_s = min(MOST_S, max(LEAST_S, self._srtt + 4 * self._rttvar))

    def missed(self) -> None:
        """A ping was not answered in time."""
        self.timeout_s = min(MOST_S, 2 * self.timeout_s)


@dataclass(frozen=True)
class Road:
    """A way to a peer, and what asking along it may cost.

    Args:
        name: in the middle of a sentence.
        link: of the first half of the questions.
        packets: the budget for all of them.
        seconds: how long they may take in all.
        later: the link of the second half, if it is another.
    """

    name: str
    link: Link
    packets: int
    seconds: float
    later: Link | None = None


@dataclass(frozen=True)
class Cost:
    """What asking cost.

    Args:
        answered: questions that got an answer.
        packets: pings sent.
        seconds: virtual time.
    """

    answered: int
    packets: int
    seconds: float


async def ask_all(
    socket: PeerSocket,
    numbers: Iterator[int],
    round_trips: Any,
    questions: int,
    *,
    ask: Callable[[PeerSocket, int, float], Awaitable[float]] = ping,
    between: Callable[[int], object] = lambda question: None,
) -> int:
    """Ask one question after the other, each until it is answered, and wait as long as an estimator says.

    Args:
        socket: to the peer.
        numbers: for the pings.
        round_trips: a `RoundTrips`, or what behaves like one.
        questions: how many.
        ask: sends one ping.
        between: called before each question.

    Returns:
        How many questions were answered: fewer where it took far too long, or far too many packets.
    """
    loop = asyncio.get_running_loop()
    sent, end_s = 0, loop.time() + PATIENCE_S
    for question in range(questions):
        between(question)
        while True:
            if sent == MOST_PACKETS or loop.time() > end_s:
                return question
            sent += 1
            try:
                round_trip_s = await ask(socket, next(numbers), min(round_trips.timeout_s, PATIENCE_S))
            except TimeoutError:
                round_trips.missed()
            else:
                round_trips.heard(round_trip_s)
                break
    return questions


def travel(road: Road, round_trips: Any, *, seed: int = 1, ask: Any = ping) -> Cost:
    """Ask Ben 200 questions along a road.

    Args:
        road: which.
        round_trips: the estimator.
        seed: of the internet.
        ask: sends one ping.
    """

    async def main(net: Internet) -> tuple[int, float]:
        def between(question: int) -> None:
            if question == QUESTIONS // 2 and road.later is not None:
                net.set_link(net.hosts["ana"], net.hosts["ben"], road.later)

        async def use(socket: PeerSocket) -> tuple[int, float]:
            answered = await ask_all(socket, count(), round_trips, QUESTIONS, ask=ask, between=between)
            return answered, net.time

        return await with_socket(net, at_once, use)  # type: ignore[no-any-return]

    (answered, seconds), net = world(main, seed=seed, link=road.link)
    packets = sum(packet.sender == "ana" for packet in net.trace)
    return Cost(answered, packets, seconds)


ROADS = (
    Road("to the next room", Link(latency=0.002, jitter_s=0.002, loss=0.05), 235, 5.0),
    Road("to a phone on a train", Link(latency=0.04, jitter_s=0.3, loss=0.02), 225, 100.0),
    Road("through a crowded café", Link(latency=0.005, reorder=0.3, loss=0.02), 230, 9.0),
    Road("by satellite", Link(latency=0.3, jitter_s=0.02, loss=0.02), 225, 150.0),
    Road("on a path that grows thirtyfold", Link(latency=0.02), 215, 140.0, later=Link(latency=0.6)),
)
"""The budgets leave a fifth or more of room to RFC 6298's rules, and none to a fixed time-out."""


# Probes


class _Read:
    """A reader's estimator, whose time-out is looked at before it is used."""

    def __init__(self, yours: Any) -> None:
        self.yours = yours

    @property
    def timeout_s(self) -> float:
        """Its time-out in seconds, if it is one."""
        seconds = self.yours.timeout_s
        if callable(seconds):
            raise Wrong("timeout_s is a method", "set self.timeout_s, so that it can be read")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
            raise Wrong(
                f"timeout_s was {describe(seconds)}", "it must be more than 0 s, right from the start"
            )
        return float(seconds)

    def heard(self, round_trip_s: float) -> None:
        """A ping was answered."""
        self.yours.heard(round_trip_s)

    def missed(self) -> None:
        """A ping was not answered in time."""
        self.yours.missed()


def keeps_budget(road: Road, seed: int = 1) -> Case:
    """A probe: 200 questions along a road stay within its budgets.

    Args:
        road: which.
        seed: of the internet.
    """

    def probe(yours: Callable[[], Any]) -> None:
        cost = travel(road, _Read(yours()), seed=seed)
        where = f"{QUESTIONS} questions {road.name}"
        if cost.answered < QUESTIONS and cost.packets < MOST_PACKETS:
            raise Wrong(
                f"{where} were not done after {cost.seconds:.0f} s; the budget is {road.seconds:g}", _LONG
            )
        if cost.answered < QUESTIONS:
            raise Wrong(f"{where} were not done after {cost.packets} packets", _DEAF)
        if cost.packets > road.packets:
            hint = _JUMP if road.later else _SHORT
            raise Wrong(f"{where} took {cost.packets} packets; the budget is {road.packets}", hint)
        if cost.seconds > road.seconds:
            raise Wrong(f"{where} took {cost.seconds:.0f} s; the budget is {road.seconds:g}", _LONG)

    return probe


_DEAF = "the answers come too late for your waits: after a miss, double the wait each time"
_SHORT = "many answers came just too late: leave room above the usual one, and more where they vary more"
_LONG = "every lost packet costs a whole wait: come down to what you hear, even after a miss"
_JUMP = "an answer after misses tells you about the route: learn from it, and don't go back to the old wait"
ROUND_TRIPS = Task(
    "RoundTrips",
    RoundTrips,
    cases=[keeps_budget(road) for road in ROADS],
    hint="timeout_s is read before each ping; heard and missed are called after it",
)
