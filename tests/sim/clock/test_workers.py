"""Work for threads that is awaited is done at once, also anyio's; what it waits for in vain is refused."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from tests.sim.clock.runs import run

anyio = pytest.importorskip("anyio")
to_thread = pytest.importorskip("anyio.to_thread")


def test_what_anyios_worker_threads_are_given_is_done_at_once_on_the_host() -> None:
    def work(number: int) -> tuple[int, str, bool]:
        from socket import gethostname

        return number, gethostname(), threading.current_thread() is threading.main_thread()

    async def program() -> list[Any]:
        limiter = anyio.CapacityLimiter(1)
        done = [await to_thread.run_sync(work, number, limiter=limiter) for number in (1, 2)]
        assert limiter.borrowed_tokens == 0
        with pytest.raises(ZeroDivisionError):
            await to_thread.run_sync(lambda: 1 / 0, abandon_on_cancel=True)
        return done

    async def main(net: Internet) -> tuple[Any, float]:
        return await net.host("ana").run(program()), net.time

    here = threading.current_thread() is threading.main_thread()
    assert run(main) == ([(1, "ana", here), (2, "ana", here)], 0.0)


def test_their_work_has_a_context_of_its_own_and_counts_for_its_limiter() -> None:
    told = contextvars.ContextVar("told", default="outside")

    async def program() -> list[Any]:
        limiter, seen = anyio.CapacityLimiter(1), list[Any]()

        def work() -> None:
            seen.append((told.get(), limiter.borrowed_tokens))
            told.set("in the work")

        told.set("in the program")
        await to_thread.run_sync(work, limiter=limiter)
        return [*seen, told.get()]

    async def main(net: Internet) -> list[Any]:
        return await net.host("ana").run(program())

    assert run(main) == [("in the program", 1), "in the program"]


def test_what_is_cancelled_before_is_not_done() -> None:
    done: list[str] = []

    async def program() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await to_thread.run_sync(done.append, "done")

    async def main(net: Internet) -> None:
        await net.host("ana").run(program())

    run(main)
    assert not done


def test_outside_of_a_run_they_are_threads_as_ever() -> None:
    async def program() -> bool:
        return await to_thread.run_sync(threading.current_thread) is threading.current_thread()

    async def main(net: Internet) -> bool:
        beside: list[bool] = []
        thread = threading.Thread(target=lambda: beside.append(asyncio.run(program())))
        thread.start()
        thread.join()
        return beside[0]

    assert run(main) is False
    assert asyncio.run(program()) is False


def test_work_that_waits_for_the_loop_is_refused_and_does_not_hang() -> None:
    async def five() -> int:
        return 5

    async def program() -> None:
        loop = asyncio.get_running_loop()
        future = asyncio.run_coroutine_threadsafe(five(), loop)
        for wait in (future.result, future.exception):
            with pytest.raises(Unsupported, match=r"run_coroutine_threadsafe .* loop stands still"):
                await asyncio.to_thread(wait)
        assert await asyncio.wrap_future(future) == 5
        assert (future.result(), future.exception()) == (5, None)

    async def main(net: Internet) -> None:
        await net.host("ana").run(program())

    run(main)
    assert asyncio.run_coroutine_threadsafe.__module__ == "asyncio.tasks"
