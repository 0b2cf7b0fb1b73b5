"""Lab 8, the capstone's judge: runs a reader's program in a weather, and counts what it brings home.

A *weather* is what is wrong with the three peers and the network, with budgets of time and bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import Deadlock, Leak, NotFound, TimeLimit, Unsupported
from p2plib.identity.keys import PublicKey
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.world import _blocking, asked
from p2plib.labs.lab08_content.entries import ANA
from p2plib.labs.lab08_content.strangers import (
    BEHIND,
    GONE_AFTER,
    MOST_QUESTIONS,
    NAMES,
    PORT,
    Feed,
    Mirror,
    Stranger,
    published,
)
from p2plib.sim import Internet, Link

FAST_S, SLOW_S = 0.02, 2.0  # one way
LIMIT_S, MOST_EVENTS = 900.0, 200_000  # of virtual time, for one run

Program = Callable[[PublicKey, list[Stranger]], Awaitable[Any]]  # a reader's


@dataclass(frozen=True)
class MirrorWeather:
    """What is wrong with three peers, and what a mirror of theirs may cost.

    Args:
        name: one word.
        words: what happens, as the middle of a sentence.
        seconds: the budget of virtual time.
        ratio: the budget of bytes: all that comes in, as a multiple of the content.
        lie: what the first peer lies about; "" if nobody lies.
        is_slow: whether the second peer is slow.
        is_silent: whether the first peer says how much it has, and then nothing more.
        is_behind: whether the first peer lacks the last entries and their pictures.
        hangs_up: whether the first honest peer leaves midway.
        is_lost: whether all three hang up midway, so that nobody is left with the whole feed.
    """

    name: str
    words: str
    seconds: float = 12.0
    ratio: float = 1.25
    lie: str = ""
    is_slow: bool = True
    is_silent: bool = False
    is_behind: bool = False
    hangs_up: bool = False
    is_lost: bool = False


WEATHERS = (
    MirrorWeather("calm", "all three are honest and fast", is_slow=False),
    MirrorWeather("slow", "one is a hundred times slower"),
    MirrorWeather("behind", "one lacks the newest entries, one is slow", is_behind=True),
    MirrorWeather("feed", "one forges entries, one is slow", lie="feed"),
    MirrorWeather("chunk", "one forges chunks, one is slow", lie="chunk"),
    MirrorWeather("swap", "one sends other chunks than asked for, one is slow", lie="swap"),
    MirrorWeather("proof", "one sends wrong proofs, one is slow", lie="proof"),
    MirrorWeather("boast", "one claims more than there is, one is slow", lie="boast"),
    MirrorWeather("silent", "one stops answering, one is slow", is_silent=True),
    MirrorWeather("gone", "one hangs up midway, one is slow", hangs_up=True),
    MirrorWeather("lost", "all three hang up midway, one is slow", 200, is_lost=True),
    MirrorWeather(
        "storm", "one forges chunks, one hangs up, and one is slow", 400, 1.3, "chunk", hangs_up=True
    ),
)


@dataclass(frozen=True)
class MirrorScore:
    """The result of a program in one weather.

    Args:
        weather: which.
        log: how many right entries it returned; -1 if one was wrong.
        pictures: how many right pictures it returned; -1 if one was wrong.
        wanted: how many entries and pictures there are.
        ratio: bytes that came in, as a multiple of the content.
        seconds: virtual time.
        blamed: the names of the peers that it blamed.
        gave_up: whether it raised NotFound.
        lied: names of the peers whose provable lies reached it.
        liars: names of the peers that may be blamed.
    """

    weather: MirrorWeather
    log: int
    pictures: int
    wanted: tuple[int, int]
    ratio: float
    seconds: float
    blamed: frozenset[str]
    gave_up: bool
    lied: frozenset[str]
    liars: frozenset[str]


def _mirrors(weather: MirrorWeather, feed: Feed, seed: int) -> tuple[list[Mirror], str]:
    """The three peers in the order in which a program is given them, and the name of the slow one."""
    odd, slow, good = (Mirror(name, feed) for name in NAMES)
    odd.lie, odd.is_silent = weather.lie, weather.is_silent
    if weather.is_behind:
        odd.has = BEHIND
    if weather.is_lost:
        odd.hangs_up_after = slow.hangs_up_after = good.hangs_up_after = GONE_AFTER
    if weather.hangs_up:
        (good if weather.lie else odd).hangs_up_after = GONE_AFTER
    orders = ([odd, slow, good], [slow, odd, good], [good, odd, slow])
    return orders[seed % 3], slow.name if weather.is_slow else ""


def mirrored(yours: Program, weather: MirrorWeather, seed: int = 0) -> MirrorScore:
    """Run a reader's program in one weather.

    Args:
        yours: the program.
        weather: what is wrong.
        seed: of the feed, and of the order of the three.

    Raises:
        Wrong: the program did what it must not, such as to wait without end or to leave a task behind.
    """
    feed = published(seed)
    net = Internet(seed, link=Link(latency=FAST_S), max_events=MOST_EVENTS)
    mirrors, slow = _mirrors(weather, feed, seed)

    async def main(net: Internet) -> tuple[Any, float, float, list[Stranger]]:
        you = net.host("you")
        for mirror in mirrors:
            net.host(mirror.name).start(mirror.serve)
        if slow:
            net.set_link(you, net.hosts[slow], Link(latency=SLOW_S))
        await asyncio.sleep(1)
        return await you.run(_judged_run(yours, mirrors))

    try:
        got, began, ended, strangers = net.run(main, time_limit_s=2 * LIMIT_S)
    except (Deadlock, Leak, TimeLimit, Unsupported) as error:
        raise _in_words(error) from None
    heard = (one for one in net.trace if one.receiver == "you" and began <= (one.arrives_s or 0) <= ended)
    ratio = sum(len(one.data) for one in heard) / feed.size_bytes
    lied = {one.name for one, stranger in zip(mirrors, strangers, strict=True) if one.lied & stranger._told}
    liars = frozenset(one.name for one in mirrors if one.lie)
    return _score(weather, feed, got, ratio, ended - began, frozenset(lied), liars)


async def _judged_run(yours: Program, mirrors: Sequence[Mirror]) -> tuple[Any, float, float, list[Stranger]]:
    """What a program returned, when it began and ended, and the connections that it had."""
    loop = asyncio.get_running_loop()
    strangers = [Stranger(one.name, *await asyncio.open_connection(one.name, PORT)) for one in mirrors]
    await asyncio.sleep(5)  # until each peer has its own task for the connection
    before = asyncio.all_tasks()
    began, limit = loop.time(), asyncio.timeout(LIMIT_S)
    try:
        async with limit:
            got = await asked(yours(ANA.public, list(strangers)), "mirror")
            ended = loop.time()
    except TimeoutError:
        if limit.expired():
            raise Wrong(f"it was still waiting after {LIMIT_S:g} s of virtual time", FOREVER) from None
        raise Wrong(
            "it raised TimeoutError", "catch it: a peer that is late is asked later, or not at all"
        ) from None
    except ConnectionError:
        raise Wrong("it raised ConnectionError", "catch it: a peer that hangs up is asked no more") from None
    except TypeError as error:
        if "coroutine" not in str(error):
            raise
        raise Wrong(f"it raised TypeError: {error}", _UNAWAITED) from None
    except ExceptionGroup as group:
        if group.subgroup(NotImplementedError):
            raise NotImplementedError from None
        raise Wrong(f"it raised {_first(group)} in a task of a group", _INSIDE) from None
    except NotFound as error:
        got, ended = error, loop.time()
    finally:
        left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for stranger in strangers:
            await stranger.close()
    if left:
        raise Wrong("it ended and left a task running", _AWAITED)
    if any(stranger._asked > MOST_QUESTIONS for stranger in strangers):
        raise Wrong(f"it asked a peer more than {MOST_QUESTIONS} questions", ENDLESS)
    return got, began, ended, strangers


FOREVER = "put asyncio.timeout around each question: a peer may never answer"
_INSIDE = "catch it inside the task, or what one peer does cancels the questions to all others"
_AWAITED = "await what you start: cancel the tasks that you no longer need, and gather them"
_UNAWAITED = "is an await missing? Each question to a peer is one"
ENDLESS = "a peer that claims more than it gives is asked no more, or this never ends"


def _first(group: BaseExceptionGroup[Any]) -> str:
    """The kind of the first exception in a group, whatever groups it is in."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else type(first).__name__


def _in_words(error: Exception) -> Exception:
    """A failed run's error, as what to tell the reader."""
    if isinstance(error, Deadlock):
        return Wrong("it waits for an answer that never comes", FOREVER)
    if isinstance(error, TimeLimit):
        return Wrong("it never came to an end", ENDLESS)
    if isinstance(error, Leak):
        return Wrong("it left something behind", "await what you start")
    return _blocking(error) if isinstance(error, Unsupported) else error


def _score(
    weather: MirrorWeather,
    feed: Feed,
    got: Any,
    ratio: float,
    seconds: float,
    lied: frozenset[str],
    liars: frozenset[str],
) -> MirrorScore:
    gave_up = isinstance(got, NotFound)
    if gave_up:
        got = [], {}, set()
    if not isinstance(got, tuple) or len(got) != 3:
        hint = "is a return missing?" if got is None else "return three things: log, pictures, liars"
        raise Wrong(f"it returned {describe(got, 40)}", hint)
    log, pictures, blamed = got
    for thing, kind, name in ((log, list, "log"), (pictures, dict, "pictures"), (blamed, set, "liars")):
        if not isinstance(thing, kind):
            raise Wrong(
                f"its {name} came as {describe(thing, 40)}", "a list, a dict and a set: log, pictures, liars"
            )
    if not all(isinstance(name, str) for name in blamed):
        raise Wrong(f"it blamed {describe(blamed, 40)}", "the liars are a set of names: peer.name")
    for root, picture in pictures.items():
        if not isinstance(root, bytes) or not isinstance(picture, bytes):
            what = f"its pictures have {describe(picture, 40)} under {describe(root, 40)}"
            raise Wrong(what, "the joined chunks of a picture, as bytes, under its root, as bytes")
    whole = {root: b"".join(chunks) for root, chunks in feed.pictures.items()}
    is_right = all(whole.get(root) == picture for root, picture in pictures.items())
    return MirrorScore(
        weather,
        len(log) if log == feed.log[: len(log)] else -1,
        len(pictures) if is_right else -1,
        (len(feed.log), len(whole)),
        ratio,
        seconds,
        frozenset(blamed),
        gave_up,
        lied,
        liars,
    )
