"""Lab 0, task 4: asking again. Waits that double, a fresh number for every try, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, count
from typing import Any

from p2plib.errors import PeerTimeout
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab00_network.asking import SAME_S, ping
from p2plib.labs.lab00_network.peer_socket import PeerSocket
from p2plib.labs.lab00_network.wire import decode_ping
from p2plib.labs.lab00_network.world import Script, asked, at_once, sent_at, with_socket, world
from p2plib.sim import Internet, Link

Retry = Callable[..., Any]  # a reader's function may return anything


async def ping_with_retry(
    socket: PeerSocket, numbers: Iterator[int], first_wait_s: float, tries: int
) -> float:
    """Ask until an answer comes, at most so many times, waiting twice as long each time.

    Args:
        socket: to the peer that is asked.
        numbers: gives a number for every try, each another one.
        first_wait_s: how long the first try waits.
        tries: how many pings are sent at most, the first one included; 1 or more.

    Returns:
        The round trip of the try that was answered, in seconds.

    Raises:
        PeerTimeout: none was answered.
    """
    for number in range(tries):
        try:
            return await ping(socket, next(numbers), first_wait_s * 2**number)
        except PeerTimeout:
            continue
    raise PeerTimeout(f"no answer to {tries} pings")


async def _attempt(
    yours: Retry, socket: PeerSocket, numbers: Iterator[int], first_wait_s: float, tries: int
) -> Any:
    """Call a reader's function; None if it says by an exception that nobody answered."""
    try:
        return await asked(yours(socket, numbers, first_wait_s, tries), "ping_with_retry")
    except TimeoutError:
        return None


def _numbers() -> Iterator[int]:
    return count(100)


def _trips(script: Script, first_wait_s: float, tries: int, **named: Any) -> tuple[Any, float, Internet]:
    """What one call gave, when it ended, and the internet."""

    async def main(net: Internet) -> tuple[Any, float]:
        async def use(socket: PeerSocket) -> tuple[Any, float]:
            got = await _attempt(named["yours"], socket, _numbers(), first_wait_s, tries)
            return got, net.time

        return await with_socket(net, script, use)  # type: ignore[no-any-return]

    (got, ended_s), net = world(main, link=named.get("link"))
    return got, ended_s, net


def _deaf(first: int) -> Script:
    """A peer that does not hear the first pings."""
    return lambda place, number: [] if place < first else at_once(place, number)


def _schedule(first_wait_s: float, tries: int) -> list[float]:
    return [0.0, *accumulate(first_wait_s * 2**i for i in range(tries - 1))]


def _compare_times(net: Internet, expected: Sequence[float], first_wait_s: float) -> None:
    """Whether the pings were sent when they should have been."""
    times = sent_at(net)
    shown = ", ".join(f"{time:.6g}" for time in times[:5]) + (", …" if len(times) > 5 else "")
    what = f"it sent pings at {shown} s, expected {', '.join(f'{time:.6g}' for time in expected[:5])} s"
    if _same(times, expected):
        return
    if not times:
        raise Wrong("it sent no ping", "ping(...) without await never runs")
    if len(times) > 1 and times[1] < SAME_S:
        raise Wrong(what, "give each ping its time: await it, and only then send the next")
    if _same(times, [first_wait_s * i for i in range(len(expected))]):
        raise Wrong(what, "every try waits twice as long as the one before it")
    if _same(times, [2 * time for time in expected]):
        raise Wrong(what, "the first try waits first_wait_s, and ping does that waiting: no sleep on top")
    if len(times) > len(expected):
        raise Wrong(what, "tries counts all the pings, including the first")
    if len(times) < len(expected):
        raise Wrong(what, "tries is how many pings there may be: use them all before you give up")
    raise Wrong(what, "the waits are first_wait_s, twice that, four times that and so on")


def _same(times: Sequence[float], expected: Sequence[float]) -> bool:
    return len(times) == len(expected) and all(
        abs(a - b) < SAME_S for a, b in zip(times, expected, strict=True)
    )


def answered_by(try_: int, first_wait_s: float = 1.0, tries: int = 5) -> Case:
    """A probe: the peer hears the n-th ping first; when pings are sent, and what is measured.

    Args:
        try_: n, from 1.
        first_wait_s, tries: arguments for the reader's function.
    """

    def probe(yours: Retry) -> None:
        got, _, net = _trips(_deaf(try_ - 1), first_wait_s, tries, yours=yours)
        where = "with all pings heard" if try_ == 1 else f"with only ping {try_} heard"
        times = sent_at(net)
        if len(times) > try_ and times[try_] - times[try_ - 1] > SAME_S:
            raise Wrong(
                f"{where} it went on asking after the answer", "return what ping returns, as soon as it does"
            )
        if got is None:
            _compare_times(net, _schedule(first_wait_s, try_), first_wait_s)
            raise Wrong(f"{where} it gave up", "return what ping returns")
        _compare_times(net, _schedule(first_wait_s, try_), first_wait_s)
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            shown = "None" if got is None else f"a {type(got).__name__}"
            raise Wrong(f"{where} it gave {shown}", "return the round trip that ping measured")
        if abs(got - 0.08) > SAME_S:
            hint = "the round trip of the answered ping, not the time since the first"
            raise Wrong(f"{where} it measured {got:.6g} s, expected 0.08 s", hint)

    return probe


def gives_up(first_wait_s: float, tries: int) -> Case:
    """A probe: nobody ever answers. How many packets, when, and how it ends."""

    def probe(yours: Retry) -> None:
        result: list[Any] = []

        async def main(net: Internet) -> None:
            async def use(socket: PeerSocket) -> None:
                try:
                    result.append(
                        await asked(yours(socket, _numbers(), first_wait_s, tries), "ping_with_retry")
                    )
                except TimeoutError as error:
                    result.append(type(error))
                result.append(net.time)

            await with_socket(net, lambda place, number: [], use)

        _, net = world(main)
        _compare_times(net, _schedule(first_wait_s, tries), first_wait_s)
        got, ended_s = result
        if got is TimeoutError:
            hint = "the task promises PeerTimeout, which says that it was the peer who was silent"
            raise Wrong(f"after {tries} pings without an answer it raised a plain TimeoutError", hint)
        if not (isinstance(got, type) and issubclass(got, TimeoutError)):
            shown = "None" if got is None else repr(got)
            raise Wrong(f"after {tries} pings without an answer it returned {shown}", "raise PeerTimeout")
        whole_s = first_wait_s * (2**tries - 1)
        if ended_s < whole_s - SAME_S:
            raise Wrong(
                f"it gave up {whole_s - ended_s:.6g} s early", "the last ping waits for its answer, too"
            )
        if ended_s > whole_s + SAME_S:
            raise Wrong(
                f"it gave up {ended_s - whole_s:.6g} s late", "after the last ping has waited, it is over"
            )

    return probe


def far(latency_s: float, first_wait_s: float) -> Case:
    """A probe: the peer is farther away than the first waits are long."""

    def probe(yours: Retry) -> None:
        link = Link(latency=latency_s)
        got, _, net = _trips(at_once, first_wait_s, 8, yours=yours, link=link)
        if got is None:
            _compare_times(net, [0.0], first_wait_s)
        if got is not None and abs(got - 2 * latency_s) > SAME_S:
            numbers = [decode_ping(p.data)[1] for p in net.trace if p.sender == "ana"]
            hint = "an answer to the first try was taken for one to the third: next(numbers) for every try"
            if len(set(numbers)) == len(numbers):
                hint = "return the round trip of the answered try only"
            raise Wrong(f"a peer {2 * latency_s:g} s away was measured to be {got:.6g} s away", hint)
        _fresh(net, "three tries")

    return probe


def _fresh(net: Internet, where: str) -> None:
    numbers = [decode_ping(packet.data)[1] for packet in net.trace if packet.sender == "ana"]
    if len(set(numbers)) != len(numbers):
        raise Wrong(
            f"{where} had the numbers {numbers[:6]}", "next(numbers) gives a fresh one: take it for every try"
        )


def _twice(yours: Retry) -> None:
    """Two calls that share their numbers use each of them once, and leave none out."""

    async def main(net: Internet) -> None:
        async def use(socket: PeerSocket) -> None:
            numbers = _numbers()
            for _ in range(2):
                await _attempt(yours, socket, numbers, 0.5, 3)

        await with_socket(net, _deaf(2), use)

    _, net = world(main)
    _fresh(net, "two calls")
    numbers = [decode_ping(packet.data)[1] for packet in net.trace if packet.sender == "ana"]
    if numbers != list(range(100, 100 + len(numbers))):
        hint = "call next(numbers) once for every try, and keep what it gave"
        raise Wrong(f"of the numbers 100, 101, ... two calls used {numbers[:6]}", hint)


def budget(seed: int, loss: float, calls: int, packets: int) -> Case:
    """A probe: many calls on a link that loses; all are answered, with so many packets at most."""

    def probe(yours: Retry) -> None:
        async def main(net: Internet) -> int:
            async def use(socket: PeerSocket) -> int:
                numbers, answered = _numbers(), 0
                for _ in range(calls):
                    answered += await _attempt(yours, socket, numbers, 0.5, 8) is not None
                    await asyncio.sleep(1.0)
                return answered

            return int(await with_socket(net, at_once, use))

        answered, net = world(main, seed=seed, link=Link(latency=0.04, loss=loss))
        if answered < calls:
            raise Wrong(f"{calls - answered} of {calls} questions went unanswered", "use all tries")
        if len(sent_at(net)) > packets:
            hint = "ask again only where an answer is missing"
            raise Wrong(f"{calls} questions took {len(sent_at(net))} packets; the budget is {packets}", hint)

    return probe


def other_kinds_of_trouble_pass(yours: Retry) -> None:
    """A probe: only a missing answer is tried again; what is wrong with the program itself comes through."""

    async def main(net: Internet) -> str:
        async def use(socket: PeerSocket) -> str:
            socket.close()
            try:
                await _attempt(yours, socket, _numbers(), 0.5, 3)
            except Exception as error:
                return type(error).__name__
            return "nothing"

        return str(await with_socket(net, at_once, use))

    raised, _ = world(main)
    if raised != "Closed":
        hint = "catch only PeerTimeout: asking again will not reopen a closed socket"
        raise Wrong(f"on a closed socket it raised {raised}, expected Closed", hint)


RETRY = Task(
    "ping_with_retry",
    ping_with_retry,
    cases=[
        answered_by(1),
        answered_by(2),
        answered_by(4),
        gives_up(1.0, 5),
        gives_up(0.25, 1),
        far(0.35, 0.2),
        _twice,
        other_kinds_of_trouble_pass,
        budget(5, 0.15, 60, 100),
    ],
    hint="one ping after the other, each with its own number and twice the wait",
)
