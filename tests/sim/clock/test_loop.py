"""The event loop over virtual time: asyncio's own primitives, order, ends, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from p2plib.errors import Deadlock, Livelock, TimeLimit, UsageError
from p2plib.sim import Internet, Link
from tests.sim.clock.runs import run


def test_an_hour_passes_in_no_time_and_to_the_second() -> None:
    async def main(net: Internet) -> tuple[float, float]:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return began, net.time

    real = time.perf_counter()
    assert run(main) == (0.0, 3600.0)
    assert time.perf_counter() - real < 60


def test_timers_fire_in_order_of_time_and_then_of_making() -> None:
    async def main(net: Internet) -> list[str]:
        loop, seen = asyncio.get_running_loop(), []
        loop.call_later(2, seen.append, "two")
        loop.call_later(1, seen.append, "one, first")
        loop.call_at(1, seen.append, "one, second")
        loop.call_soon(seen.append, "soon")
        never = loop.call_later(1.5, seen.append, "never")
        never.cancel()
        await asyncio.sleep(3)
        return seen

    assert run(main) == ["soon", "one, first", "one, second", "two"]


def test_time_never_goes_back() -> None:
    async def main(net: Internet) -> list[float]:
        loop, seen = asyncio.get_running_loop(), []
        await asyncio.sleep(5)
        loop.call_later(-3, lambda: seen.append(loop.time()))
        loop.call_at(1.0, lambda: seen.append(loop.time()))
        loop.call_later(0, lambda: seen.append(loop.time()))
        await asyncio.sleep(1)
        with pytest.raises(UsageError, match="NaN"):
            loop.call_later(float("nan"), print)
        return seen

    assert run(main) == [5.0, 5.0, 5.0]


def test_a_timer_is_cancelled_at_the_moment_it_fires_and_a_million_cancelled_ones_leave_nothing() -> None:
    async def main(net: Internet) -> tuple[list[str], int]:
        loop, seen = asyncio.get_running_loop(), []
        second = loop.call_at(1.0, seen.append, "cancelled by the first")
        loop.call_at(0.5, second.cancel)
        for _ in range(20_000):
            loop.call_later(1e6, seen.append, "never").cancel()
        kept = len(net.loop._heap)
        await asyncio.sleep(2)
        assert net.loop._unwanted == len(net.loop._heap), "those that are left are all counted"
        await asyncio.sleep(2e6)
        assert (net.loop._unwanted, net.loop._heap) == (0, [])
        return seen, kept

    seen, kept = run(main)
    assert seen == []
    assert kept < 3000


def test_timers_fire_in_order_after_many_were_swept_away() -> None:
    async def main(net: Internet) -> list[float]:
        loop, fired, order = asyncio.get_running_loop(), list[float](), random.Random(1)
        timers = [
            loop.call_later(order.uniform(1, 100), lambda: fired.append(loop.time())) for _ in range(6000)
        ]
        for timer in timers[::3] + timers[1::3]:
            timer.cancel()
        assert len(net.loop._heap) < 6000, "they were swept"
        await asyncio.sleep(200)
        return fired

    fired = run(main)
    assert len(fired) == 2000
    assert fired == sorted(fired)


def test_a_task_belongs_to_the_host_of_the_context_that_it_is_given() -> None:
    async def main(net: Internet) -> bool:
        ana = net.host("ana")
        with ana:
            there = contextvars.copy_context()
        task = net.loop.create_task(asyncio.sleep(9), context=there)
        ana.crash()
        await asyncio.sleep(10)
        return net.loop.tasks[task] is ana.incarnation and not task.done()

    assert run(main)


def test_what_one_run_has_raised_is_not_told_of_the_next() -> None:
    async def bad(net: Internet) -> None:
        net.loop.call_later(1, lambda: 1 / 0)
        await asyncio.sleep(2)

    async def fine(net: Internet) -> None:
        await asyncio.sleep(1)

    net = Internet(strict=False)
    net.run(bad)
    assert len(net.leaks) == 1
    net.run(fine)
    assert net.leaks == []


def test_a_main_that_ends_in_time_is_not_late_because_something_else_would_be() -> None:
    async def main(net: Internet) -> str:
        net.host("ana").start(asyncio.sleep, 100)
        await asyncio.sleep(1)
        return "in time"

    assert Internet().run(main, time_limit_s=10) == "in time"


def test_pythons_collector_runs_at_numbers_of_events_and_at_no_other_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2plib.sim.clock.loop.COLLECT_EVERY", 100)
    runs: list[int] = []

    async def main(net: Internet) -> bool:
        monkeypatch.setattr("gc.collect", lambda: runs.append(net.loop.events))
        for number in range(1000):
            await asyncio.sleep(number * 0.001)
        return gc.isenabled()

    assert run(main) is False
    assert 9 <= len(runs) <= 21


def test_timeouts_groups_queues_locks_and_context_variables_are_asyncios_own() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    async def child(queue: asyncio.Queue[str], name: str, delay: float) -> None:
        variable.set(name)
        await asyncio.sleep(delay)
        await queue.put(variable.get())

    async def main(net: Internet) -> list[Any]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(child(queue, "slow", 2))
            group.create_task(child(queue, "fast", 1))
        seen: list[Any] = [queue.get_nowait(), queue.get_nowait(), variable.get(), net.time]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.5)
        with pytest.raises(ExceptionGroup):
            await _group_of_two()
        lock = asyncio.Lock()
        async with lock:
            seen.append(lock.locked())
        return [*seen, net.time]

    assert run(main) == ["fast", "slow", "outside", 2.0, True, 3.0]


async def _group_of_two() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_raises())
        group.create_task(asyncio.sleep(100))


async def _raises() -> None:
    raise ValueError("on purpose")


@pytest.mark.parametrize("at", range(8))
def test_a_task_can_be_cancelled_at_every_await(at: int) -> None:
    async def steps(done: list[str]) -> None:
        try:
            for number in range(8):
                await asyncio.sleep(1)
                done.append(f"step {number}")
        finally:
            await asyncio.sleep(0.25)
            done.append("cleaned up")

    async def main(net: Internet) -> tuple[list[str], float]:
        done: list[str] = []
        task = asyncio.create_task(steps(done))
        await asyncio.sleep(at + 0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return done, net.time

    assert run(main) == ([*(f"step {number}" for number in range(at)), "cleaned up"], at + 0.75)


def test_asynchronous_generators_are_closed() -> None:
    closed = []

    async def numbers() -> Any:
        try:
            for number in range(10):
                yield number
        finally:
            await asyncio.sleep(1)
            closed.append("closed")

    async def main(net: Internet) -> int:
        async for number in numbers():
            if number == 3:
                break
        await asyncio.sleep(2)
        return int(number)

    assert run(main) == 3
    assert closed == ["closed"]


def test_work_for_an_executor_is_done_at_once() -> None:
    async def main(net: Internet) -> tuple[int, float]:
        return await asyncio.to_thread(sum, [1, 2, 3]), net.time

    assert run(main) == (6, 0.0)


def test_a_run_has_a_limit_of_time_and_of_events() -> None:
    async def forever(net: Internet) -> None:
        while True:
            await asyncio.sleep(1)

    net = Internet(seed=1)
    with pytest.raises(TimeLimit, match="100"):
        net.run(forever, time_limit_s=100)
    assert net.time == 100.0
    with pytest.raises(TimeLimit, match="1000"):
        run(forever, max_events=1000)


def test_programs_of_hosts_are_cancelled_at_the_end_and_clean_up() -> None:
    seen = []

    async def serve() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            seen.append("shut down")

    async def main(net: Internet) -> None:
        net.host("ana").start(serve)
        await asyncio.sleep(1)

    run(main)
    assert seen == ["shut down"]


def test_it_runs_where_a_loop_runs_already() -> None:
    async def inner(net: Internet) -> float:
        await asyncio.sleep(100)
        return net.time

    async def outer() -> tuple[float, bool]:
        before = asyncio.get_running_loop()
        return Internet().run(inner), asyncio.get_running_loop() is before

    assert asyncio.run(outer()) == (100.0, True)


def test_what_main_raises_comes_out_as_it_is() -> None:
    async def main(net: Internet) -> None:
        await _raises()

    with pytest.raises(ValueError, match="on purpose"):
        run(main)

    async def outer() -> None:
        run(main)

    with pytest.raises(ValueError, match="on purpose"):
        asyncio.run(outer())


def test_an_internet_can_be_run_again_and_time_goes_on() -> None:
    async def main(net: Internet) -> float:
        await asyncio.sleep(1)
        return net.time

    net = Internet()
    assert [net.run(main), net.run(main)] == [1.0, 2.0]


def test_a_run_can_be_interrupted_as_by_ctrl_c() -> None:
    async def main(net: Internet) -> None:
        net.loop.call_later(3, net.loop.interrupt)
        await asyncio.sleep(1e9)

    net = Internet()
    with pytest.raises(KeyboardInterrupt):
        net.run(main)
    assert net.time == 3.0


def test_run_says_what_it_wants() -> None:
    coroutine = asyncio.sleep(1)
    with pytest.raises(UsageError, match="async def main"):
        Internet().run(coroutine)  # type: ignore[arg-type]
    coroutine.close()


@pytest.mark.parametrize("how", ["sleep(0)", "call_soon", "call_later(0)", "packets"])
def test_an_endless_loop_at_one_instant_is_told_by_host_and_place(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2plib.sim.clock.loop.COLLECT_EVERY", 1000)

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(data, addr)

    async def poll() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_soon(again) if how == "call_soon" else loop.call_later(0, again)

        if how == "packets":
            transport, _ = await loop.create_datagram_endpoint(Echo, ("0.0.0.0", 4000))
            transport.sendto(b"round and round", ("ben", 4000))
        elif how != "sleep(0)":
            again()
        while how == "sleep(0)":
            await asyncio.sleep(0)

    async def main(net: Internet) -> None:
        await asyncio.sleep(12.5)
        with net.host("ben"):
            await asyncio.get_running_loop().create_datagram_endpoint(Echo, ("0.0.0.0", 4000))
        net.host("ana").start(poll)
        await asyncio.sleep(1e9)

    where = {
        "sleep(0)": r"ana runs again and again at .*poll \(test_loop.py:\d+\)$",
        "call_soon": r"ana runs again and again at .*again \(test_loop.py:\d+\)$",
        "call_later(0)": r"ana runs again and again at .*again \(test_loop.py:\d+\)$",
        "packets": "packets go to and fro, and take no time",
    }[how]
    with pytest.raises(
        Livelock, match=rf"1000 events were done, and the clock still stands at 12.5 s: {where}"
    ):
        run(main, link=Link(latency=0))


def test_many_events_that_take_time_are_no_endless_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2plib.sim.clock.loop.COLLECT_EVERY", 100)
    monkeypatch.setattr("gc.collect", lambda: 0)  # a pytest has much to walk through

    async def main(net: Internet) -> float:
        for _ in range(3):
            for _ in range(90):
                await asyncio.sleep(0)
            await asyncio.sleep(1)
        return net.time

    net = Internet()
    assert [net.run(main), net.run(main)] == [3.0, 6.0]


def test_a_program_that_spins_and_does_not_let_itself_be_cancelled_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2plib.sim.clock.loop.COLLECT_EVERY", 1000)

    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)

    async def main(net: Internet) -> None:
        net.host("ana").start(stubborn)
        await asyncio.sleep(1)

    with pytest.raises(Livelock, match="stubborn"):
        run(main)


def test_the_loop_is_not_a_programs_own_and_says_so() -> None:
    async def program() -> list[str]:
        loop, told = asyncio.get_running_loop(), []
        coroutine = asyncio.sleep(1)
        for call in (loop.stop, loop.close, loop.run_forever, lambda: asyncio.run(coroutine)):
            with pytest.raises(RuntimeError) as caught:
                call()  # type: ignore[no-untyped-call]
            told.append(str(caught.value))
        coroutine.close()
        return told

    async def main(net: Internet) -> list[str]:
        return await net.host("ana").run(program())

    stop, close, forever, run_inside = run(main)
    assert "let the program end, or use host.stop" in stop
    assert close == "Cannot close a running event loop"
    assert "running already" in forever
    assert run_inside == "asyncio.run() cannot be called from a running event loop"


def test_debug_mode_is_remembered_and_says_where_a_future_was_made() -> None:
    async def main(net: Internet) -> list[Any]:
        loop = asyncio.get_running_loop()
        before = loop.get_debug(), loop.slow_callback_duration
        loop.set_debug(True)
        loop.slow_callback_duration = 5.0
        made = loop.create_future()
        made.cancel()
        return [*before, loop.get_debug(), "main" in {frame.name for frame in made._source_traceback}]  # type: ignore[attr-defined]

    assert run(main) == [False, 0.1, True, True]


def test_a_timer_for_never_does_not_move_the_clock_to_the_end_of_time() -> None:
    woke: list[float] = []

    async def forever() -> None:
        await asyncio.sleep(float("inf"))
        woke.append(1.0)

    async def main(net: Internet) -> None:
        await asyncio.sleep(1)
        await net.host("ana").run(forever())

    for limit_s in (float("inf"), 50.0):
        net = Internet(1)
        with pytest.raises(Deadlock, match=r"ana waits at .*forever"):
            net.run(main, time_limit_s=limit_s)
        assert (net.time, woke) == (1.0, [])


def test_an_exception_handler_that_raises_hides_nothing_and_ends_nothing() -> None:
    def clumsy(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        raise ValueError("in the handler")

    async def main(net: Internet) -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(clumsy)
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)
        return "went on"

    net = Internet(1, strict=False)
    assert net.run(main) == "went on"
    told = "\n".join(net.leaks)
    assert "ZeroDivisionError" in told
    assert "the exception handler raised: ValueError('in the handler')" in told


def test_open_generators_are_closed_in_the_order_in_which_they_began() -> None:
    def closed(rubbish: int) -> list[int]:
        order: list[int] = []
        kept = []

        async def numbers(number: int) -> AsyncIterator[int]:
            try:
                yield number
            finally:
                order.append(number)

        async def main(net: Internet) -> None:
            for number in range(20):
                _ = [object() for _ in range(rubbish)]
                kept.append((numbers(number), _))
                await anext(kept[-1][0])

        run(main)
        return order

    assert closed(7) == list(range(20))


def test_each_host_has_a_task_factory_of_its_own() -> None:
    made: list[str] = []

    async def main(net: Internet) -> None:
        loop, ana, ben = asyncio.get_running_loop(), net.host("ana"), net.host("ben")

        def factory(loop: Any, coroutine: Any, **named: Any) -> Any:
            made.append("on ana")
            return asyncio.Task(coroutine, loop=loop, **named)

        with ana:
            loop.set_task_factory(factory)
            assert loop.get_task_factory() is factory
            with pytest.raises(TypeError):
                loop.set_task_factory("eager")  # type: ignore[arg-type]
        assert loop.get_task_factory() is None
        for host in (ben, ana):
            await host.run(asyncio.sleep(1))
        assert made == ["on ana"]
        ana.crash()
        ana.restart()
        with ana:
            assert loop.get_task_factory() is None

    run(main)


def test_each_host_has_an_exception_handler_of_its_own() -> None:
    told: list[str] = []

    async def program(message: str) -> None:
        loop = asyncio.get_running_loop()
        assert loop.get_exception_handler() is None
        if message:
            loop.set_exception_handler(lambda loop, context: told.append(message))
        await asyncio.sleep(1)
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    async def main(net: Internet) -> None:
        for name in ("ana", "ben"):
            net.host(name).start(program, name.replace("ben", ""))
        await asyncio.sleep(5)
        net.hosts["ana"].crash()
        net.hosts["ana"].restart()
        await net.hosts["ana"].run(program("again"))

    net = Internet(strict=False)
    net.run(main)
    assert told == ["ana", "again"]
    assert [leak.split(":")[0] for leak in net.leaks] == ["ben"]
