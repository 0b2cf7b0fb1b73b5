"""Where a task waits and what made a timer, told by host and line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from p2plib.errors import Deadlock, Leak
from p2plib.sim import Internet
from tests.sim.clock.runs import fail, run


def test_a_deadlock_is_told_by_host_and_line() -> None:
    async def stuck(event: asyncio.Event) -> None:
        await event.wait()  # here it hangs

    async def main(net: Internet) -> None:
        await net.host("ana").run(stuck(asyncio.Event()))

    with pytest.raises(Deadlock, match=r"ana waits at .*stuck \(test_places.py:\d+\)"):
        run(main)


def test_a_task_in_a_context_manager_waits_at_a_line_of_the_program() -> None:
    @contextlib.asynccontextmanager
    async def forever() -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def stuck() -> None:
        async with forever():
            pass

    async def main(net: Internet) -> None:
        await net.host("ana").run(stuck())

    with pytest.raises(Deadlock, match=r"ana waits at .*stuck \(test_places.py:\d+\)"):
        run(main)


@pytest.mark.parametrize("what", ["task", "timer", "socket"])
def test_what_is_left_at_the_end_is_told_by_host_and_place(what: str) -> None:
    async def leave(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with net.host("ana"):
            if what == "task":
                net.kept = asyncio.create_task(asyncio.sleep(1e9))  # type: ignore[attr-defined]
            elif what == "timer":
                loop.call_later(1e9, fail)
            else:
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 4000))

    words = {"task": "a task at", "timer": "a timer for fail", "socket": "a UDP socket at 0.0.0.0:4000"}[what]
    with pytest.raises(Leak, match=rf"ana left {words}.*"):
        run(leave)
    net = Internet(strict=False)
    net.run(leave)
    assert len(net.leaks) == 1
    assert not net.hosts["ana"].udp, "what leaked is cleared away"
