"""What callbacks raise: it is noted for the end of the run, or a program's own handler gets it."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import Leak
from p2plib.sim import Internet
from tests.sim.clock.runs import fail, run


@pytest.mark.fault("F157")
def test_a_callback_that_raises_is_told_and_the_others_go_on() -> None:
    async def main(net: Internet) -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        with net.host("ana"):
            loop.call_later(1, fail)
        loop.call_later(2, seen.append, "went on")
        await asyncio.sleep(3)
        return seen

    with pytest.raises(Leak, match=r"ana: .*ZeroDivisionError.*fail \(runs.py") as caught:
        run(main)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    net = Internet(strict=False)
    assert net.run(main) == ["went on"]
    assert len(net.leaks) == 1


def test_an_exception_handler_of_the_program_is_asked() -> None:
    async def main(net: Internet) -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: seen.append(repr(context["exception"])))
        loop.call_soon(fail)
        await asyncio.sleep(1)
        return seen

    assert run(main) == ["ZeroDivisionError()"]


def test_each_host_has_its_own_handler_and_one_that_raises_is_noted_too() -> None:
    def broken(loop: asyncio.AbstractEventLoop, context: object) -> None:
        raise ValueError("on purpose")

    async def main(net: Internet) -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        with net.host("ana"):
            loop.set_exception_handler(lambda loop, context: seen.append("ana"))
            loop.call_soon(fail)
        with net.host("ben"):
            loop.set_exception_handler(broken)
            loop.call_soon(fail)
            assert loop.get_exception_handler() is broken
        assert loop.get_exception_handler() is None
        with pytest.raises(TypeError, match="callable"):
            loop.set_exception_handler(7)  # type: ignore[arg-type]
        await asyncio.sleep(1)
        return seen

    net = Internet(strict=False)
    assert net.run(main) == ["ana"]
    raised = [(type(one.context["exception"]), one.at_s) for one in net.loop.raised]
    assert raised == [(ZeroDivisionError, 0.0), (ValueError, 0.0)]
    assert {one.incarnation.host.name for one in net.loop.raised if one.incarnation} == {"ben"}
