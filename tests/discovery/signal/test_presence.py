"""Announcing at several places: the first is enough, all must fail, new ports, cancelling, withdrawing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.discovery.signal.presence import Presence, Presences, worst
from p2plib.errors import Closed, P2PError, PeerTimeout, RequestRefused, Unreachable
from p2plib.sim import Internet

TOPIC = b"c" * 20


def test_which_of_several_errors_is_raised() -> None:
    refused, late, gone = RequestRefused("no"), PeerTimeout("late"), Unreachable("gone")
    assert worst([gone, late, refused]) is refused
    assert worst([gone, late]) is late
    assert worst([gone]) is gone


class Places:
    """Places that work after so many seconds, or fail."""

    def __init__(self, *after_s: float | P2PError) -> None:
        self.heard: list[tuple[int, int]] = []  # place and port
        self.is_open = True
        self.tasks: list[asyncio.Task[None]] = []
        self._after_s = after_s
        self.presences = Presences(range(len(after_s)), self.stay, self.spawn, self.check_open)

    def spawn(self, work: Any) -> asyncio.Task[None]:
        self.tasks.append(asyncio.ensure_future(work))
        return self.tasks[-1]

    def check_open(self) -> None:
        if not self.is_open:
            raise Closed("closed")

    async def stay(self, presence: Presence, place: int) -> None:
        while True:
            heard, port, after_s = presence.asked, presence.port, self._after_s[place]
            if isinstance(after_s, P2PError):
                await asyncio.sleep(0.01)
                presence.failed(place, after_s)
            else:
                await asyncio.sleep(after_s)
                self.heard.append((place, port))
                presence.told(place, port)
            await presence.until_asked(heard)

    async def left(self) -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        return sum(not task.done() for task in self.tasks)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a test in virtual time, so that a busy machine changes nothing."""

    async def main(net: Internet) -> None:
        await test()

    Internet(seed=1).run(main, time_limit_s=5)


def test_the_first_place_is_enough_and_a_new_port_goes_to_all() -> None:
    async def main() -> None:
        places = Places(0.03, 0.0, Unreachable("gone"))
        await places.presences.announce(TOPIC, 1)
        assert places.heard == [(1, 1)]
        await asyncio.sleep(0.06)
        await places.presences.announce(TOPIC, 2)
        await asyncio.sleep(0.06)
        assert places.heard == [(1, 1), (0, 1), (1, 2), (0, 2)]
        assert places.presences.leave(TOPIC)
        assert not places.presences.leave(TOPIC)
        assert await places.left() == 0

    run(main)


def test_all_must_fail_and_then_nothing_is_left() -> None:
    async def main() -> None:
        places = Places(Unreachable("gone"), RequestRefused("no"))
        with pytest.raises(RequestRefused):
            await places.presences.announce(TOPIC, 1)
        assert await places.left() == 0

    run(main)


def test_a_first_call_that_is_cancelled_leaves_nothing_and_a_later_one_all() -> None:
    async def main() -> None:
        places = Places(0.02)
        call = asyncio.ensure_future(places.presences.announce(TOPIC, 1))
        await asyncio.sleep(0.005)
        call.cancel()
        await asyncio.wait([call])
        assert await places.left() == 0
        await places.presences.announce(TOPIC, 2)
        call = asyncio.ensure_future(places.presences.announce(TOPIC, 3))
        await asyncio.sleep(0.005)
        call.cancel()
        await asyncio.wait([call])
        assert await places.left() == 1
        places.presences.leave(TOPIC)

    run(main)


def test_a_bug_in_a_place_is_raised_and_not_waited_for() -> None:
    async def test() -> None:
        places = Places(1.0)

        async def broken(presence: Presence, place: int) -> None:
            raise ZeroDivisionError

        places.presences = Presences(range(1), broken, places.spawn, places.check_open)
        with pytest.raises(ZeroDivisionError):
            await places.presences.announce(TOPIC, 4001)
        assert not places.presences.leave(TOPIC)

    run(test)


def test_withdrawn_overtaken_and_closed_while_a_call_waits() -> None:
    async def main() -> None:
        places = Places(0.02)
        first = asyncio.ensure_future(places.presences.announce(TOPIC, 1))
        second = asyncio.ensure_future(places.presences.announce(TOPIC, 2))
        await asyncio.gather(first, second)
        waiting = asyncio.ensure_future(places.presences.announce(TOPIC, 3))
        await asyncio.sleep(0.005)
        places.presences.leave(TOPIC)
        await waiting
        waiting = asyncio.ensure_future(places.presences.announce(TOPIC, 4))
        await asyncio.sleep(0.005)
        places.is_open = False
        for task in places.tasks:
            task.cancel()
        with pytest.raises(Closed):
            await waiting
        assert await places.left() == 0

    run(main)
