"""Who waits for an outcome: each gets its own, nobody gets that of another, and closing wakes everybody."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import Closed, PeerTimeout
from p2plib.machine.awaited import Awaited


def test_an_outcome_goes_to_whoever_waits_for_its_key() -> None:
    async def main() -> None:
        awaited, begun = Awaited(), []
        first = asyncio.ensure_future(awaited.wait(1, lambda: begun.append(1)))
        second = asyncio.ensure_future(awaited.wait("join", lambda: begun.append("join")))
        await asyncio.sleep(0)
        assert begun == [1, "join"]
        assert (len(awaited), 1 in awaited, "join" in awaited, 2 in awaited) == (2, True, True, False)
        assert awaited.resolve("join", "in")
        assert not awaited.resolve("join", "twice")  # it has its outcome, though it has not run yet
        assert "join" not in awaited
        assert not awaited.fail(2, PeerTimeout("nobody waits for this"))
        assert awaited.fail(1, PeerTimeout("nobody answered"))
        assert await second == "in"
        with pytest.raises(PeerTimeout, match="nobody answered"):
            await first
        assert len(awaited) == 0

    asyncio.run(main())


def test_an_outcome_may_come_while_it_begins() -> None:
    async def main() -> None:
        awaited = Awaited()
        assert await awaited.wait(7, lambda: awaited.resolve(7, "at once")) == "at once"

        def refuse() -> None:
            raise PeerTimeout("not even begun")

        with pytest.raises(PeerTimeout, match="not even begun"):
            await awaited.wait(8, refuse)
        assert len(awaited) == 0

    asyncio.run(main())


def test_who_stops_waiting_is_forgotten_and_does_not_disturb_the_next() -> None:
    async def main() -> None:
        awaited = Awaited()
        first = asyncio.ensure_future(awaited.wait("join", lambda: None))
        await asyncio.sleep(0)
        first.cancel()
        second = asyncio.ensure_future(awaited.wait("join", lambda: None))
        await asyncio.sleep(0)
        assert first.cancelled()
        third = asyncio.ensure_future(awaited.wait("join", lambda: None))
        assert awaited.resolve("join", "in")
        await asyncio.sleep(0)  # the third begins before the second ends
        assert await second == "in"
        assert "join" in awaited  # the end of the second did not take the third away
        third.cancel()
        with pytest.raises(asyncio.CancelledError):
            await third
        assert not awaited.resolve("join", "late")
        assert len(awaited) == 0

    asyncio.run(main())


@pytest.mark.finding("T2")
def test_closing_wakes_everybody_and_nobody_waits_after_it() -> None:
    async def main() -> None:
        awaited = Awaited()
        waits = [asyncio.ensure_future(awaited.wait(number, lambda: None)) for number in range(3)]
        await asyncio.sleep(0)
        awaited.resolve(1, "in time")
        awaited.close("this peer was closed")
        assert await waits[1] == "in time"
        for number in (0, 2):
            with pytest.raises(Closed, match="this peer was closed"):
                await waits[number]
        begun: list[str] = []
        for _ in range(2):
            with pytest.raises(Closed, match="this peer was closed"):
                await asyncio.wait_for(awaited.wait("join", lambda: begun.append("join")), 100)
        assert (len(awaited), begun) == (0, [])

    asyncio.run(main())
