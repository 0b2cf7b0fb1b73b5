"""Calls for a topic take turns in their order; those for another do not wait, and nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from p2plib.discovery.source import topic_of
from p2plib.discovery.turns import Turns
from p2plib.errors import Closed

CATS, DOGS = topic_of("cats of Lisbon"), topic_of("dogs of Porto")


class Owner:
    """Has turns, and writes down what happens in them."""

    def __init__(self) -> None:
        self.is_open = True
        self.turns = Turns(self.check_open)
        self.happened: list[str] = []
        self.go_on = asyncio.Event()

    def check_open(self) -> None:
        if not self.is_open:
            raise Closed("closed")

    async def call(self, name: str, topic: bytes = CATS) -> None:
        async with self.turns.of(topic):
            self.happened.append(f"{name} begins")
            await self.go_on.wait()
            self.happened.append(f"{name} ends")


async def begun(*calls: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    """Begins calls in this order, and lets each come as far as it can."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


def test_they_take_turns_in_their_order() -> None:
    async def main() -> None:
        owner = Owner()
        calls = await begun(*(owner.call(name) for name in "abc"))
        assert owner.happened == ["a begins"]
        owner.go_on.set()
        await asyncio.gather(*calls)
        assert owner.happened == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]
        assert not len(owner.turns)

    asyncio.run(main())


def test_another_topic_does_not_wait() -> None:
    async def main() -> None:
        owner = Owner()
        calls = await begun(owner.call("cats"), owner.call("dogs", DOGS))
        assert owner.happened == ["cats begins", "dogs begins"]
        assert len(owner.turns) == 2
        owner.go_on.set()
        await asyncio.gather(*calls)

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", ["a", "b"])
def test_one_that_is_cancelled_makes_way(cancelled: str) -> None:
    async def main() -> None:
        owner = Owner()
        calls = await begun(*(owner.call(name) for name in "abc"))
        calls["abc".index(cancelled)].cancel()
        owner.go_on.set()
        await asyncio.wait(calls)
        assert owner.happened[-1] == "c ends"
        assert f"{cancelled} ends" not in owner.happened
        assert not len(owner.turns)

    asyncio.run(main())


def test_one_that_waits_when_the_block_ends_never_begins() -> None:
    async def main() -> None:
        owner = Owner()
        first, second = await begun(owner.call("a"), owner.call("b"))
        owner.is_open = False
        owner.go_on.set()
        await first
        with pytest.raises(Closed):
            await second
        with pytest.raises(Closed):
            await owner.call("c")
        assert owner.happened == ["a begins", "a ends"]

    asyncio.run(main())
