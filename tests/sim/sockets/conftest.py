"""The two worlds in which a program about sockets does the same: real loopback, and a simulated host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from p2plib.sim import Internet

Program = Callable[[], Coroutine[Any, Any, Any]]
World = Callable[[Program], Any]
LIMIT_S = 60


def on_loopback(program: Program) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(LIMIT_S):
            return await program()

    return asyncio.run(limited())


def simulated(program: Program) -> Any:
    async def main(net: Internet) -> Any:
        return await net.host("ana", ipv6=True).run(program())

    return Internet(seed=3).run(main, time_limit_s=LIMIT_S)


@pytest.fixture(params=[on_loopback, simulated])
def world(request: pytest.FixtureRequest) -> World:
    """Run a program; what it asserts has to hold in both worlds."""
    chosen: World = request.param
    return chosen
