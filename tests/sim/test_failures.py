"""A run that fails tells what had gone wrong before, the earliest first, by host, time and place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import Deadlock, Leak, TimeLimit
from p2plib.sim import Internet, Link
from p2plib.sim.failures import leaves

LINK = Link(latency=0.01)


async def broken_server() -> None:
    await asyncio.sleep(0.5)
    raise ValueError("no such setting")


async def broken_in_groups() -> None:
    async with asyncio.TaskGroup() as outer:
        outer.create_task(_inner_group())


async def _inner_group() -> None:
    async with asyncio.TaskGroup() as inner:
        inner.create_task(broken_server())


def failed(net: Internet, main: Any, kind: type[BaseException], **named: Any) -> BaseException:
    with pytest.raises(kind) as caught:
        net.run(main, **named)
    return caught.value


def test_the_servers_error_is_told_with_the_clients() -> None:
    async def main(net: Internet) -> None:
        net.host("srv").start(broken_server)
        with net.host("cli"):
            await asyncio.sleep(1)
            await asyncio.open_connection("srv", 80)

    net = Internet(1, link=LINK)
    error = failed(net, main, ConnectionRefusedError)
    place = r"srv: a program raised: ValueError('no such setting') in broken_server (test_failures.py:19)"
    assert error.__notes__ == [f"what went wrong first, at 0.5 s: {place}"]
    assert net.leaks == [place]
    assert isinstance(error.__cause__, ValueError)


@pytest.mark.parametrize("kind", [Deadlock, TimeLimit])
def test_a_deadlock_and_a_time_limit_tell_of_it_too(kind: type[Exception]) -> None:
    async def main(net: Internet) -> None:
        net.host("srv").start(broken_server)
        await (asyncio.Event().wait() if kind is Deadlock else asyncio.sleep(1000))

    error = failed(Internet(1), main, kind, time_limit_s=100)
    assert "at 0.5 s: srv: a program raised: ValueError('no such setting')" in error.__notes__[0]
    assert isinstance(error.__cause__, ValueError)


def test_errors_in_nested_groups_are_told_by_themselves() -> None:
    async def main(net: Internet) -> None:
        net.host("srv").start(broken_in_groups)
        await asyncio.Event().wait()

    error = failed(Internet(1), main, Deadlock)
    told = "ValueError('no such setting') in broken_server (test_failures.py:19)"
    assert error.__notes__ == [f"what went wrong first, at 0.5 s: srv: a program raised: {told}"]
    assert [type(leaf) for leaf in leaves(error.__cause__ or error)] == [ValueError]


def test_they_are_told_in_the_order_in_which_they_happened_and_when_main_raises_a_group() -> None:
    async def late() -> None:
        await asyncio.sleep(2)
        raise KeyError("late")

    async def refused() -> None:
        await asyncio.sleep(3)
        raise ConnectionRefusedError

    async def main(net: Internet) -> None:
        net.host("late").start(late)
        net.host("early").start(broken_server)
        async with asyncio.TaskGroup() as group:
            group.create_task(refused())

    error = failed(Internet(1), main, ExceptionGroup)
    assert [note.split(": ")[:2] for note in error.__notes__] == [
        ["what went wrong first, at 0.5 s", "early"],
        ["then, at 2 s", "late"],
    ]


def test_what_main_raises_itself_is_not_told_twice() -> None:
    async def main(net: Internet) -> None:
        await net.host("srv").start(broken_server)

    error = failed(Internet(1), main, ValueError)
    assert not hasattr(error, "__notes__")
    assert error.__cause__ is None


def test_the_cause_stands_behind_what_the_error_tells_of_its_own_origin() -> None:
    async def main(net: Internet) -> None:
        net.host("srv").start(broken_server)
        await asyncio.sleep(1)
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second")  # noqa: B904  # with a context, and without a cause

    error = failed(Internet(1), main, RuntimeError)
    assert error.__cause__ is None
    assert isinstance(error.__context__, KeyError)
    assert isinstance(error.__context__.__cause__, ValueError)


def test_the_cause_is_told_where_an_error_hides_its_own_origin() -> None:
    async def main(net: Internet) -> None:
        net.host("srv").start(broken_server)
        await asyncio.sleep(1)
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second") from None

    assert isinstance(failed(Internet(1), main, RuntimeError).__cause__, ValueError)


def test_a_group_that_main_has_raised_in_part_is_told() -> None:
    shared = ValueError("shared")

    async def both() -> None:
        raise ExceptionGroup("both", [shared, KeyError("other")])

    async def main(net: Internet) -> None:
        net.host("srv").start(both)
        await asyncio.sleep(1)
        raise shared

    (note,) = failed(Internet(1), main, ValueError).__notes__
    assert "ValueError('shared')" in note
    assert "KeyError('other')" in note


def test_a_task_that_has_exited_is_told_once_though_something_holds_it() -> None:
    kept = Holder()

    async def leave() -> None:
        raise SystemExit(3)

    async def program() -> None:
        kept.task = asyncio.create_task(leave())
        await asyncio.sleep(2)

    async def main(net: Internet) -> None:
        net.host("ana").start(program)
        await asyncio.sleep(3)

    net = Internet(1, strict=False)
    net.run(main)
    (leak,) = net.leaks
    assert leak.startswith("ana: a program exited: SystemExit(3)")


def test_main_that_raises_from_the_servers_error_makes_no_circle() -> None:
    async def main(net: Internet) -> None:
        task = net.host("srv").start(broken_server)
        try:
            await task
        except ValueError as error:
            raise RuntimeError("so main fails") from error

    error = failed(Internet(1), main, RuntimeError)
    assert isinstance(error.__cause__, ValueError)
    assert error.__cause__.__cause__ is None


def test_many_are_counted() -> None:
    async def main(net: Internet) -> None:
        for number in range(20):
            net.host(f"srv{number}").start(broken_server)
        await asyncio.Event().wait()

    net = Internet(1)
    error = failed(net, main, Deadlock)
    assert len(error.__notes__) == 9
    assert error.__notes__[-1] == "and 12 more: see `leaks` of the internet"
    assert len(net.leaks) == 20


class Holder:
    task: asyncio.Task[None]


@pytest.mark.parametrize("fails", [False, True])
def test_a_background_task_that_raised_is_told_though_something_holds_it(fails: bool) -> None:
    kept = Holder()

    async def program() -> None:
        kept.task = asyncio.create_task(broken_server())
        await asyncio.sleep(2)

    async def main(net: Internet) -> None:
        await net.host("ana").run(program())
        if fails:
            await asyncio.Event().wait()

    net = Internet(1)
    error = failed(net, main, Deadlock if fails else Leak)
    place = "ana: Task exception was never retrieved: ValueError('no such setting') in broken_server"
    assert net.leaks == [f"{place} (test_failures.py:19)"]
    assert isinstance(error.__cause__, ValueError)
    lenient = Internet(1, strict=False)
    if not fails:
        lenient.run(main)
        assert lenient.leaks == net.leaks


def test_a_background_task_whose_error_was_fetched_is_no_leak_nor_is_one_of_a_crashed_host() -> None:
    kept = Holder()

    async def program(*, fetch: bool) -> None:
        kept.task = asyncio.create_task(broken_server())
        await asyncio.sleep(2)
        if fetch:
            await asyncio.gather(kept.task, return_exceptions=True)
        await asyncio.sleep(2)

    async def main(net: Internet) -> None:
        await net.host("ana").run(program(fetch=True))
        ben = net.host("ben")
        ben.start(lambda: program(fetch=False))
        await asyncio.sleep(1)
        ben.crash()

    net = Internet(1)
    net.run(main)
    assert net.leaks == []


def test_a_handler_that_the_program_has_set_hears_of_background_tasks() -> None:
    kept, heard = Holder(), []

    async def main(net: Internet) -> None:
        net.loop.set_exception_handler(lambda loop, context: heard.append(context["exception"]))
        kept.task = asyncio.create_task(broken_server())
        await asyncio.sleep(1)

    net = Internet(1)
    net.run(main)
    assert [type(error) for error in heard] == [ValueError]
