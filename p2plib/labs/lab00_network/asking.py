"""Lab 0, task 3: the half that asks. One ping, one round trip; late answers, noise, wrong clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from p2plib.errors import DecodeError, PeerTimeout
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab00_network.peer_socket import PeerSocket
from p2plib.labs.lab00_network.wire import PING, PONG, decode_ping, encode_ping
from p2plib.labs.lab00_network.world import Script, asked, at_once, sent_at, with_socket, world
from p2plib.sim import Internet, Link

Ping = Callable[[PeerSocket, int, float], Any]  # a reader's function may return anything
SAME_S = 1e-6
PATIENT_S = 60.0
DAY_S = 86_400.0


async def ping(socket: PeerSocket, number: int, timeout_s: float) -> float:
    """Ask once, and measure how long the answer takes.

    Args:
        socket: to the peer that is asked. What waits in it from before is passed over.
        number: of the question; the answer has the same.
        timeout_s: how long to wait for the answer, whatever else arrives meanwhile.

    Returns:
        The round trip in seconds, by the loop's clock, which nobody can set.

    Raises:
        PeerTimeout: no answer to this question in time.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    socket.send(encode_ping(PING, number))
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    answer = decode_ping(await socket.receive())
                except DecodeError:
                    continue
                if answer == (PONG, number):
                    return loop.time() - began_s
    except TimeoutError:
        raise PeerTimeout(f"no answer to ping {number} in {timeout_s:g} s") from None


async def attempt(yours: Ping, socket: PeerSocket, number: int, timeout_s: float) -> Any:
    """Call a reader's ping; None if nobody answered, as it says by an exception."""
    try:
        return await asked(yours(socket, number, timeout_s), "ping")
    except TimeoutError:
        return None


def _need(got: Any, expected_s: float, where: str, hint: str) -> None:
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        raise Wrong(f"{where} it gave {_kind(got)}", "return the round trip in seconds, a float")
    if abs(got * 1000 - expected_s) < SAME_S or abs(got - expected_s * 1000) < SAME_S:
        raise Wrong(f"{where} it gave {got:.6g} for {expected_s:.6g} s", "the unit is the second")
    if abs(got - expected_s) > SAME_S:
        raise Wrong(f"{where} it gave {got:.6g} s, expected {expected_s:.6g} s", hint)


def _kind(got: Any) -> str:
    return "None" if got is None else f"a {type(got).__name__}"


def measures(latency_s: float, number: int = 1) -> Case:
    """A probe: on an idle socket it measures twice the latency, and sends one packet for it."""

    def probe(yours: Ping) -> None:
        async def main(net: Internet) -> Any:
            async def use(socket: PeerSocket) -> Any:
                return await asked(yours(socket, number, PATIENT_S), "ping")

            try:
                return await with_socket(net, at_once, use)
            except TimeoutError:
                hint = "the answer is (PONG, number): is that what you compare?"
                raise Wrong("it gave up, although the answer had arrived", hint) from None

        got, net = world(main, link=Link(latency=latency_s))
        where = f"on a link of {latency_s:g} s one way"
        if got == 0:
            raise Wrong(f"{where} it gave 0 s", "is there an await before socket.receive()?")
        if got == PATIENT_S:
            raise Wrong(
                f"{where} it gave {PATIENT_S:g} s, its timeout_s",
                "return as soon as the answer is there",
            )
        if got == latency_s:
            raise Wrong(f"{where} it gave {got:g} s", "a round trip is there and back")
        _need(
            got, 2 * latency_s, where, "look at the clock before you send, and again when the answer is there"
        )
        if len(sent_at(net)) != 1:
            raise Wrong(f"it sent {len(sent_at(net))} packets for one ping", "one ping is one packet")

    return probe


def _says_that_nobody_answers(yours: Ping) -> None:
    async def main(net: Internet) -> Any:
        async def use(socket: PeerSocket) -> Any:
            try:
                got = await asked(yours(socket, 1, 2.0), "ping")
            except PeerTimeout:
                return net.time
            except TimeoutError:
                hint = (
                    "catch TimeoutError and raise PeerTimeout, which says that it was the peer who was silent"
                )
                raise Wrong("nobody answered, and it let TimeoutError through", hint) from None
            except asyncio.CancelledError:
                raise Wrong("nobody answered, and it raised CancelledError", _RAISE) from None
            raise Wrong(f"nobody answered, and it returned {_kind(got)}", _RAISE)

        return await with_socket(net, lambda place, number: [], use)

    ended_s, _ = world(main)
    if abs(ended_s - 2.0) > SAME_S:
        hint = "timeout_s is the most that this ping may take in all"
        raise Wrong(f"with a timeout of 2 s it gave up after {ended_s:.6g} s", hint)


_RAISE = "if no answer comes, raise PeerTimeout"


def _passes_over(what: str, hint: str, script: Script) -> Case:
    """A probe: what comes before the answer is not taken for it; the answer comes a second after the ping."""

    def probe(yours: Ping) -> None:
        async def main(net: Internet) -> Any:
            try:
                return await with_socket(net, script, lambda socket: attempt(yours, socket, 5, 10.0))
            except DecodeError:
                raise Wrong(f"{what} made it raise DecodeError", "catch it, and go on waiting") from None

        got, net = world(main)
        if got is None:
            raise Wrong(
                f"after {what} it missed the answer", "go on waiting: the next datagram may be the one"
            )
        _need(got, 1.08, f"after {what}", hint)
        if len(sent_at(net)) != 1:
            hint_once = "send once, before the loop: only receiving is repeated"
            raise Wrong(f"after {what} it sent its ping again, {len(sent_at(net))} in all", hint_once)

    return probe


def _then(*before: bytes) -> Script:
    def script(place: int, number: int) -> list[tuple[float, bytes]]:
        noise = [(0.1 * (i + 1), data) for i, data in enumerate(before)]
        return [*noise, (1.0, encode_ping(PONG, number))]

    return script


def _late(yours: Ping) -> None:
    """The answer to ping 1 is on its way for 3 s; by then ping 2 is waiting, and its own takes 2.5."""

    async def main(net: Internet) -> Any:
        async def use(socket: PeerSocket) -> Any:
            await attempt(yours, socket, 1, 1.0)
            return await attempt(yours, socket, 2, 30.0)

        delays = (3.0, 2.5)
        return await with_socket(net, _one_after_the_other(*delays), use)

    got, _ = world(main)
    if got is None:
        raise Wrong(
            "after a late answer to ping 1 it missed the answer to ping 2", "ignore what is not yours"
        )
    _need(got, 2.58, "with the answer to ping 1 arriving first, for ping 2", _NUMBER)


def _one_after_the_other(*delays: float) -> Script:
    """A script: the right answer to each ping after a delay of its own, the last one for all that follow."""

    def script(place: int, number: int) -> list[tuple[float, bytes]]:
        return [(delays[min(place, len(delays) - 1)], encode_ping(PONG, number))]

    return script


_NUMBER = "compare the number, too: an answer to another question measures nothing"


def _in_the_line_already(yours: Ping) -> None:
    """An answer to ping 1 waits in the socket, unread, when ping 2 begins."""

    async def main(net: Internet) -> Any:
        async def use(socket: PeerSocket) -> Any:
            await attempt(yours, socket, 1, 0.5)
            await asyncio.sleep(10)
            return await attempt(yours, socket, 2, 30.0)

        delays = (3.0, 1.0)
        return await with_socket(net, _one_after_the_other(*delays), use)

    got, _ = world(main)
    if got is None:
        raise Wrong("an old answer in the socket made it miss its own", "ignore it, and receive again")
    _need(got, 1.08, "with an old answer in the socket,", _NUMBER)


def _talked_at(yours: Ping) -> None:
    """Somebody sends old answers and garbage ten times a second; the time-out is for all of it together."""

    async def main(net: Internet) -> Any:
        async def use(socket: PeerSocket) -> Any:
            await attempt(yours, socket, 5, 2.0)
            return net.time

        noise = (encode_ping(PONG, 4), b"garbage!")
        return await with_socket(net, lambda place, n: [(i / 10, noise[i % 2]) for i in range(300)], use)

    ended_s, _ = world(main)
    if ended_s > 2.0 + SAME_S:
        hint = (
            "put one asyncio.timeout around the whole loop: one per receive starts again with every datagram"
        )
        raise Wrong(f"old answers and garbage kept a ping of 2 s waiting for {ended_s:.6g} s", hint)


def clock_set(by_s: float) -> Case:
    """A probe: the wall clock of the asking host is set forward or back while the ping is under way."""

    def probe(yours: Ping) -> None:
        async def main(net: Internet) -> Any:
            net.at(0.5, lambda _: setattr(net.hosts["ana"], "clock_ahead_s", by_s))
            return await with_socket(net, _then(), lambda socket: attempt(yours, socket, 1, 30.0))

        got, _ = world(main)
        _need(got, 1.08, "while somebody set the clock,", "time.time() can be set: loop.time() cannot")

    return probe


def _two_at_home(yours: Ping) -> None:
    """Ten pings in a row on a link that jitters: each is measured by itself."""

    async def main(net: Internet) -> None:
        async def use(socket: PeerSocket) -> None:
            for number in range(10):
                began_s = net.time
                got = await attempt(yours, socket, number, 5.0)
                _need(
                    got, net.time - began_s, f"as ping {number} of ten in a row", "measure each one by itself"
                )

        await with_socket(net, at_once, use)

    world(main, seed=6, link=Link(latency=0.02, jitter_s=0.3))


PING_TASK = Task(
    "ping",
    ping,
    cases=[
        measures(0.04),
        measures(0.75, 2**32 - 1),
        _says_that_nobody_answers,
        _passes_over("garbage", "garbage is no answer", _then(b"", b"garbage!", b"p2p\3\0\0\0\5")),
        _passes_over("a ping of the same number", "the answer is a PONG", _then(encode_ping(PING, 5))),
        _late,
        _in_the_line_already,
        _talked_at,
        clock_set(DAY_S),
        clock_set(-DAY_S),
        _two_at_home,
    ],
    hint="send, then receive until (PONG, number) is there or the time is up",
)
