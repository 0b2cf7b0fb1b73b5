"""Calls: cancelled by their caller, ended by the owner, refused outside the block."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.discovery.dns.calls import Calls
from p2plib.errors import Closed


async def forever() -> None:
    await asyncio.Event().wait()


def test_a_call_returns_or_raises_what_it_does() -> None:
    async def main() -> None:
        calls = Calls("this thing")
        calls.open()
        assert await calls.run(asyncio.sleep(0, "result")) == "result"
        with pytest.raises(ZeroDivisionError):
            await calls.run(broken())

    async def broken() -> None:
        raise ZeroDivisionError

    asyncio.run(main())


def test_the_end_of_the_block_ends_what_is_under_way() -> None:
    async def main() -> None:
        calls = Calls("this thing")
        calls.open()
        waiting = asyncio.ensure_future(calls.run(forever()))
        await asyncio.sleep(0)
        await calls.close()
        with pytest.raises(Closed, match="this thing was closed"):
            await waiting
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_caller_that_is_cancelled_cancels_its_call() -> None:
    async def main() -> None:
        calls = Calls("this thing")
        calls.open()
        waiting = asyncio.ensure_future(calls.run(forever()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        assert await calls.run(asyncio.sleep(0, "still usable")) == "still usable"

    asyncio.run(main())


def test_outside_the_block_nothing_is_begun() -> None:
    async def main() -> None:
        calls = Calls("this thing")
        with pytest.raises(Closed, match="this thing is closed"):
            await calls.run(forever())
        calls.open()
        await calls.close()
        with pytest.raises(Closed):
            calls.check_open()

    asyncio.run(main())
