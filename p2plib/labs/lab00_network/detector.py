"""Lab 0, task 5: is the peer there? A failure detector without a clock, and the loop that drives it.

The machine is told of every ping whether it was answered, and says when its mind changes. One lost packet is
no reason, several in a row are; and one that comes through in a bad hour does not end it either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab00_network.asking import ping
from p2plib.labs.lab00_network.peer_socket import PeerSocket
from p2plib.labs.lab00_network.world import at_once, with_socket, world
from p2plib.sim import Internet, Link

MakeDetector = Callable[..., Any]  # a reader's class


class Detector:
    """Says "up" and "down" of one peer; "down" until it was heard.

    Args:
        misses: so many unanswered pings in a row take an up peer down.
        answers: so many answered pings in a row take a down peer up.
    """

    def __init__(self, misses: int = 3, answers: int = 2) -> None:
        self.misses, self.answers = misses, answers
        self.state = "down"
        self._against = 0  # pings in a row that speak against the state

    def sample(self, answered: bool) -> str | None:
        """Take note of one ping.

        Args:
            answered: whether it was.

        Returns:
            "up" or "down" if that is news; None if nothing changed.
        """
        if answered == (self.state == "up"):
            self._against = 0
            return None
        self._against += 1
        if self._against < (self.answers if answered else self.misses):
            return None
        self._against = 0
        self.state = "up" if answered else "down"
        return self.state


@dataclass(frozen=True)
class Look:
    """One ping of a watch.

    Args:
        at_s: when it was sent, in seconds since the watch began.
        answered: whether it was answered in time.
        news: what the detector said: "up", "down" or None.
    """

    at_s: float
    answered: bool
    news: str | None


async def watch(
    socket: PeerSocket,
    numbers: Iterator[int],
    detector: Any,
    *,
    pings: int,
    every_s: float = 1.0,
    timeout_s: float = 0.5,
    ask: Callable[[PeerSocket, int, float], Awaitable[float]] = ping,
) -> list[Look]:
    """Ping a peer at regular times, and ask a detector what to make of it.

    Args:
        socket: to the peer.
        numbers: for the pings.
        detector: a `Detector`, or what behaves like one.
        pings: how many.
        every_s: from one ping to the next.
        timeout_s: how long each waits, less than that.
        ask: what sends one ping and raises TimeoutError if nobody answers.
    """
    loop = asyncio.get_running_loop()
    began_s, looks = loop.time(), []
    for number in range(pings):
        await asyncio.sleep(began_s + number * every_s - loop.time())
        at_s = loop.time() - began_s
        try:
            await ask(socket, next(numbers), timeout_s)
            answered = True
        except TimeoutError:
            answered = False
        looks.append(Look(at_s, answered, detector.sample(answered)))
    return looks


# Probes


def _played(detector: Any, pings: str) -> str:
    """What a detector says to pings, as letters: U for "up", D for "down", . for None."""
    said = []
    for letter in pings:
        news = detector.sample(letter == "+")
        if news not in ("up", "down", None):
            hint = 'return "up" or "down" when that is news, and None when it is not'
            raise Wrong(f"sample returned {news!r}", hint)
        said.append({"up": "U", "down": "D", None: "."}[news])
    return "".join(said)


def says(pings: str, expected: str, hint: str, **named: int) -> Case:
    """A probe: what a new detector says to pings.

    Args:
        pings: + for an answered one, - for a missed one.
        expected: for each of them U (up), D (down) or . (nothing new).
        hint: for whoever says something else.
        named: arguments of the class.
    """

    def probe(yours: MakeDetector) -> None:
        got = _played(yours(**named), pings)
        if got != expected:
            what = f"{_given(named)}to {pings} it said {got}, expected {expected}"
            if set(got) == {"."} and not named:
                raise Wrong(what, "it starts down, so it must go up; is a return missing?")
            if "." not in got and "." in expected:
                raise Wrong(what, "say it once, when it changes; None at all other times")
            raise Wrong(what, hint)

    return probe


def _given(named: dict[str, int]) -> str:
    return f"with {', '.join(f'{name}={value}' for name, value in named.items())}, " if named else ""


def _apart(yours: MakeDetector) -> None:
    one, other = yours(), yours()
    got = "".join([_played(one, "++--"), _played(other, "+"), _played(one, "-"), _played(other, "+")])
    if got != ".U...DU":
        raise Wrong("two detectors knew of each other's peers", "keep the counts on self, not on the class")


def _misses_first(yours: MakeDetector) -> None:
    got = _played(yours(1, 2), "++-")
    if got != ".UD":
        hint = "keep misses and answers in the order of the signature"
        raise Wrong(f"Detector(1, 2) said {got} to ++-, expected .UD", hint)


def through_partition(seed: int, loss: float = 0.05) -> Case:
    """A probe: ten minutes on a link that loses packets, with a partition from 200 s to 300 s.

    Args:
        seed: of the internet.
        loss: of the link, each way.
    """

    def probe(yours: MakeDetector) -> None:
        looks = partition(yours(), seed=seed, loss=loss)
        expected = partition(Detector(), seed=seed, loss=loss)
        news = [(look.at_s, look.news) for look in looks if look.news is not None]
        wanted = [(look.at_s, look.news) for look in expected if look.news is not None]
        if news == wanted:
            return
        if len(news) > len(wanted):
            said = f"through one partition it said {len(news)} things, expected {len(wanted)}"
            raise Wrong(said, "one loss is not a partition, and one answer not a recovery: count in a row")
        if len(news) < len(wanted):
            raise Wrong(f"it said {len(news)} things, expected {len(wanted)}", "every change is news, once")
        raise Wrong(
            "during a partition its news came at the wrong times",
            "three misses in a row, two answers in a row",
        )

    return probe


def partition(detector: Any, *, seed: int, loss: float, pings: int = 600) -> list[Look]:
    """Watch a peer on a link that loses packets, with a partition from 200 s to 300 s.

    Args:
        detector: what judges.
        seed: of the internet.
        loss: of the link, each way.
        pings: how many, one a second.
    """

    async def main(net: Internet) -> list[Look]:
        def cut(_: Any) -> None:
            net.cut([net.hosts["ana"]], [net.hosts["ben"]])

        net.at(199.9, cut)
        net.at(299.9, lambda _: net.heal())

        async def use(socket: PeerSocket) -> list[Look]:
            numbers = iter(range(pings))
            return await watch(socket, numbers, detector, pings=pings)

        return list(await with_socket(net, at_once, use))

    looks, _ = world(main, seed=seed, link=Link(latency=0.04, loss=loss))
    return list(looks)


DETECTOR = Task(
    "Detector",
    Detector,
    cases=[
        says("+++", ".U.", "two answers in a row make it up, and that is news once"),
        says("++---", ".U..D", "three misses in a row make it down"),
        says("++-----", ".U..D..", "say it once: a peer that stays down is not news"),
        says("++-+-+--+-", ".U........", "in a row: an answer in between resets the count of misses"),
        says("++--++--++", ".U........", "in a row: an answer in between resets the count of misses"),
        says("++----+-+-", ".U..D.....", "one answer is not two in a row: it stays down"),
        says("++---+-++", ".U..D...U", "a miss in between resets the count of answers"),
        says("---++---++", "....U..D.U", "it starts down, and goes up and down as often as the peer does"),
        says("+-+--+", "UDUD.U", "misses and answers are arguments", misses=1, answers=1),
        says("+++---++", "..U.....", "misses and answers are arguments", misses=4, answers=3),
        _apart,
        _misses_first,
        through_partition(2),
    ],
    hint="count the pings in a row that speak against what you believe",
)
