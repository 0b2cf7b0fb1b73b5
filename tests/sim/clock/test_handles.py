"""Handles: what asyncio's own have, without its debug mode."""

from __future__ import annotations

import asyncio
import contextvars

from p2plib.sim import Internet
from tests.sim.clock.runs import fail, run


def test_a_handle_is_asyncios_in_what_programs_ask_of_it() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    async def main(net: Internet) -> list[str]:
        loop, seen = asyncio.get_running_loop(), []
        variable.set("of the caller")
        loop.call_soon(lambda: seen.append(variable.get()))
        loop.call_soon(lambda: seen.append(variable.get()), context=contextvars.Context())
        timer, soon = loop.call_later(2, fail), loop.call_soon(fail)
        assert isinstance(timer, asyncio.TimerHandle)
        assert isinstance(soon, asyncio.Handle)
        assert "fail" in repr(timer)
        assert timer.when() == 2.0
        assert timer < loop.call_later(3, int)
        for handle in (timer, soon):
            handle.cancel()
            assert handle.cancelled()
            handle.cancel()
        await asyncio.sleep(4)
        return seen

    assert run(main) == ["of the caller", "outside"]
