"""The first task, on the first page of the book: `get`, which asks friends until one sends the right picture.

A friend is anything with an async method `ask`. The ones below live on the clock of a simulated internet, so
a friend that is silent for an hour costs nobody an hour. What a friend does is written as one line::

    Friend("Ben", has=PICTURE)                  # sends the picture
    Friend("Mal", has=FORGED)                   # sends something else
    Friend("Cleo", hangs_up=EOFError)           # ends the connection before the answer is there
    Friend("Dia", after_s=FOREVER)              # says nothing at all

A probe sends the reader's function round a circle of friends and looks at three things: what it returned,
whom it asked, and how long it took.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from p2plib.errors import Deadlock, Leak, TimeLimit, Unsupported
from p2plib.labs.engine.lab import Lab
from p2plib.labs.engine.tasks import Probe, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.sim import Internet

PATIENCE_S = 2.0  # what the task gives each friend
FOREVER = float("inf")
ROUND_TRIP_S = 0.01  # of a friend in good health
SAME_S = 0.005
LIMIT_S, MOST_EVENTS = 3600.0, 100_000

PICTURE = b"P1 3 3\n010\n111\n010\n"
FORGED = b"P1 3 3\n101\n010\n101\n"
NAME = hashlib.sha256(PICTURE).digest()


class Asked(Protocol):
    """What the task knows of a friend."""

    async def ask(self, name: bytes) -> bytes:
        """What this friend sends when it is asked for a picture."""


async def get(friends: Sequence[Asked], name: bytes) -> bytes | None:
    """Ask one friend after another for a picture, until one of them sends it.

    Args:
        friends: asked in this order, each at most once and for at most two seconds.
        name: SHA-256 of the picture.

    Returns:
        The picture, or None if no friend has it. Friends that hang up, say nothing or send something else
        are passed over.
    """
    for friend in friends:
        try:
            async with asyncio.timeout(PATIENCE_S):
                picture = await friend.ask(name)
        except (OSError, EOFError):
            continue
        if hashlib.sha256(picture).digest() == name:
            return picture
    return None


Get = Callable[..., Any]  # a reader's function may return anything


@dataclass(slots=True)
class Friend:
    """A friend, and what it does when it is asked.

    Args:
        name: the friend's.
        has: what it sends.
        hangs_up: the error that ends its connection instead, if it is that kind.
        after_s: how long it takes; `FOREVER` for one that says nothing.
    """

    name: str
    has: bytes = b""
    hangs_up: type[Exception] | None = None
    after_s: float = ROUND_TRIP_S
    heard: Circle | None = None

    async def ask(self, name: bytes) -> bytes:
        """Answer, each friend in its own way."""
        assert self.heard is not None
        with self.heard.asking(self.name, name):
            if self.after_s == FOREVER:
                await asyncio.Event().wait()
            await asyncio.sleep(self.after_s)
            if self.hangs_up is asyncio.IncompleteReadError:
                raise asyncio.IncompleteReadError(b"", 4)
            if self.hangs_up:
                raise self.hangs_up(f"{self.name} hung up")
            return self.has if name == NAME else b""


class Circle:
    """A circle of friends, and who was asked, for what, and how many at a time."""

    def __init__(self, friends: Sequence[Friend]) -> None:
        self.friends = list(friends)
        self.asked: list[str] = []
        self.wanted: list[Any] = []
        self.waiting = self.most_waiting = 0
        for friend in friends:
            friend.heard = self

    def asking(self, friend: str, wanted: Any) -> Circle:
        """Take note of a question; as a block, it lasts until the answer."""
        self.asked.append(friend)
        self.wanted.append(wanted)
        return self

    def __enter__(self) -> None:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)

    def __exit__(self, *error: object) -> None:
        self.waiting -= 1


def _visit(yours: Get, company: Circle, where: str) -> tuple[Any, float]:
    """What the reader's function gives in a circle of friends, and how long it takes."""
    given = list(company.friends)

    async def main(net: Internet) -> tuple[Any, float]:
        called = yours(given, NAME)
        if not inspect.isawaitable(called):
            raise Wrong(f"{where}, it gave {describe(called)} without being awaited", "keep the async def")
        return await called, net.time

    try:
        got, took_s = Internet(1, max_events=MOST_EVENTS).run(main, time_limit_s=LIMIT_S)
    except Exception as error:
        raise _in_words(error, company, where) from None
    if given != company.friends:
        raise Wrong(f"{where}, it changed the list of friends", "a for loop leaves the list as it was")
    return got, took_s


_PATIENCE = f"nobody has to answer: async with asyncio.timeout({PATIENCE_S:g}) around the await"
_HUNG_UP = "a friend may hang up: use try, and on (OSError, EOFError) go on to the next"
_AWAIT = "friend.ask(name) is only a promise: await it, and you have the bytes"
_LEFT = {
    Deadlock: ("it waits forever for a friend that says nothing", _PATIENCE),
    TimeLimit: (
        "it was still going after an hour",
        "ask each friend once, and then there is nobody left to ask",
    ),
    Leak: ("it left behind a question that nobody is waiting for", "ask one at a time, and await each"),
    Unsupported: (
        "it asked for something that a browser or a peer cannot give",
        "with asyncio, wait inside asyncio.timeout",
    ),
}
_SAID_NO = (LookupError, ValueError, RuntimeError, AssertionError)


def _in_words(error: Exception, company: Circle, where: str) -> Exception:
    """What is to be said when a visit has failed: a `Wrong`, or the error itself."""
    for kind, (what, hint) in _LEFT.items():
        if isinstance(error, kind):
            return Wrong(f"{where}, {what}", hint)
    if isinstance(error, TimeoutError):
        hint = "catch it: asyncio.timeout raises TimeoutError, and TimeoutError is an OSError"
        return Wrong(f"{where}, TimeoutError came out of it", hint)
    if isinstance(error, (OSError, EOFError)):
        return Wrong(f"{where}, {type(error).__name__} came out of it", _HUNG_UP)
    if isinstance(error, TypeError) and company.friends and not company.asked:
        return Wrong(f"{where}, it used the answer before it had arrived", _AWAIT)
    if not any(friend.has == PICTURE for friend in company.friends) and isinstance(error, _SAID_NO):
        return Wrong(
            f"{where}, it raised {type(error).__name__}", "if nobody has it, return None and raise nothing"
        )
    return error


def circle(where: str, *friends: Friend, asks: int, most_s: float | None = None) -> Probe:
    """A probe: a circle of friends, in which the picture is to be had or not.

    Args:
        where: the circle in words, as the beginning of a sentence.
        friends: in the order in which they are to be asked.
        asks: how many of them are asked by a right answer.
        most_s: how long that takes at most; by default a moment for each.
    """

    def probe(yours: Get) -> None:
        company = Circle(friends)
        got, took_s = _visit(yours, company, where)
        wanted = PICTURE if any(friend.has == PICTURE for friend in friends) else None
        if inspect.iscoroutine(got):
            got.close()
            raise Wrong(f"{where}, it gave a coroutine instead of bytes", _AWAIT)
        _need_right(got, wanted, company, where)
        _need_asked(company, [friend.name for friend in friends][:asks], where)
        if took_s > (asks * ROUND_TRIP_S if most_s is None else most_s) + SAME_S:
            hint = f"{PATIENCE_S:g} seconds for each friend, and no more"
            raise Wrong(f"{where}, it took {took_s:.2f} s", hint)

    return probe


def _need_right(got: Any, wanted: bytes | None, company: Circle, where: str) -> None:
    """Whether what came out is what should have."""
    if got == wanted and isinstance(got, bytes | None):
        return
    said = f"{where}, it gave {_called(got)}"
    if company.friends and not company.asked:
        raise Wrong(f"{said} and asked nobody", _AWAIT)
    if any(one != NAME for one in company.wanted):
        raise Wrong(f"{said} and asked for something else", "ask for the name unchanged: friend.ask(name)")
    if wanted is None and not got:
        raise Wrong(said, "nobody has the picture, so return None")
    if got is not None and any(got == friend.has for friend in company.friends):
        kind = "may lie" if got else "that has nothing sends no bytes"
        raise Wrong(said, f"a friend {kind}: return only what has the name, name_of(picture) == name")
    if got is None and wanted is not None:
        raise Wrong(said, _missed(company))
    raise Wrong(said, "return the bytes exactly as the friend sent them")


def _missed(company: Circle) -> str:
    """Why nothing came out although somebody had the picture."""
    last = company.friends[len(company.asked) - 1]
    if last.has == PICTURE and last.after_s > 1:
        return f"a slow friend is not a silent one: each gets {PATIENCE_S:g} seconds of its own"
    if last.has == PICTURE:
        return "the friend sent the picture: is there a return, and is name_of(picture) == name?"
    if last.hangs_up or last.after_s == FOREVER:
        return "trouble with one friend is no reason to stop: catch it inside the loop, and ask the next"
    return "one wrong answer is no reason to stop: leave the loop only with the picture in hand"


def _need_asked(company: Circle, wanted: list[str], where: str) -> None:
    """Whether the right friends were asked, in turn and one at a time."""
    if company.most_waiting > 1:
        hint = "ask one at a time: move on only when a friend has had its chance"
        raise Wrong(f"{where}, it asked {company.most_waiting} at once", hint)
    if company.asked == wanted:
        return
    asked = f"{where}, it asked {', '.join(company.asked) or 'nobody'}"
    if len(set(company.asked)) < len(company.asked):
        raise Wrong(asked, "ask each friend once")
    if len(company.asked) > len(wanted):
        raise Wrong(asked, "stop as soon as you have the picture: return inside the loop")
    raise Wrong(asked, "ask them in the order of the list, until somebody has the picture")


def _called(got: Any) -> str:
    """A result as a reader would call it."""
    if isinstance(got, bytes) and got == FORGED:
        return "Mal's picture"
    if isinstance(got, bytes) and got == PICTURE:
        return "the picture"
    return describe(got)


def _mal(**does: Any) -> Friend:
    return Friend("Mal", **does)


CASES: list[Probe] = [
    circle("With Ben alone, who has it", Friend("Ben", PICTURE), asks=1),
    circle("With Cleo, who has nothing, before Ben", Friend("Cleo"), Friend("Ben", PICTURE), asks=2),
    circle("With Mal, who lies, before Ben", _mal(has=FORGED), Friend("Ben", PICTURE), asks=2),
    circle("With Ben before Mal, who lies", Friend("Ben", PICTURE), _mal(has=FORGED), asks=1),
    circle("With Mal, who adds a byte, before Ben", _mal(has=PICTURE + b"0"), Friend("Ben", PICTURE), asks=2),
    circle(
        "With Mal, who hangs up halfway through, before Ben",
        _mal(hangs_up=asyncio.IncompleteReadError),
        Friend("Ben", PICTURE),
        asks=2,
    ),
    circle(
        "With Cleo, whose machine is off, before Ben",
        Friend("Cleo", hangs_up=ConnectionRefusedError),
        Friend("Ben", PICTURE),
        asks=2,
    ),
    circle(
        "With Mal, who says nothing, before Ben",
        _mal(after_s=FOREVER),
        Friend("Ben", PICTURE),
        asks=2,
        most_s=PATIENCE_S + ROUND_TRIP_S,
    ),
    circle("With Ben, who takes 1.9 seconds", Friend("Ben", PICTURE, after_s=1.9), asks=1, most_s=1.9),
    circle(
        "With two who say nothing before a slow Ben",
        _mal(after_s=FOREVER),
        Friend("Cleo", after_s=FOREVER),
        Friend("Ben", PICTURE, after_s=1.9),
        asks=3,
        most_s=2 * PATIENCE_S + 1.9,
    ),
    circle(
        "With four friends, none of whom has it",
        _mal(has=FORGED),
        Friend("Cleo"),
        Friend("Ben", hangs_up=ConnectionResetError),
        Friend("Dia", after_s=FOREVER),
        asks=4,
        most_s=PATIENCE_S + 3 * ROUND_TRIP_S,
    ),
    circle("With no friends at all", asks=0),
]

GET = Task(
    "get",
    get,
    cases=CASES,
    hint="for each friend: ask, with two seconds of patience; compare the name; return, or go on",
)

LAB = Lab("first_task", GET, kind="page")
check = LAB.check
