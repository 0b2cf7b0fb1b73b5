"""Tasks are ended, whatever they do and whatever is done to the one that ends them."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.protocol.tasks import end_tasks


async def slow_to_end(log: list[str], name: str, wait: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await wait.wait()
        log.append(name)


def test_they_have_ended_and_what_they_raise_is_dropped() -> None:
    async def raises() -> None:
        raise ValueError("nobody asks for it")

    async def main() -> None:
        log: list[str] = []
        go = asyncio.Event()
        go.set()
        tasks = [asyncio.create_task(slow_to_end(log, name, go)) for name in "ab"]
        tasks.append(asyncio.create_task(raises()))
        await asyncio.sleep(0)
        await end_tasks(*tasks)
        assert sorted(log) == ["a", "b"]
        assert all(task.done() for task in tasks)
        await end_tasks(*tasks)  # and once more
        await end_tasks()

    asyncio.run(main())


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_cancelled_end_is_still_an_end(times: int) -> None:
    async def main() -> None:
        log: list[str] = []
        go = asyncio.Event()
        task = asyncio.create_task(slow_to_end(log, "a", go))
        await asyncio.sleep(0)
        ending = asyncio.create_task(end_tasks(task))
        for _ in range(times):
            await asyncio.sleep(0)
            ending.cancel()
        await asyncio.sleep(0)
        assert not ending.done(), "it waits for the task all the same"
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert log == ["a"]

    asyncio.run(main())
