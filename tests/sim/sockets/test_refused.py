"""What the simulated internet refuses, in one sentence each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from tests.sim.clock.runs import run


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "ls"),
        lambda loop: loop.subprocess_shell(asyncio.SubprocessProtocol, "ls"),
        lambda loop: _now(loop.add_reader, 0, print),
        lambda loop: _now(loop.add_writer, 2, print),
        lambda loop: loop.create_unix_connection(asyncio.Protocol, "path"),
        lambda loop: loop.connect_read_pipe(asyncio.Protocol, None),
        lambda loop: loop.sock_sendfile(None, None),
        lambda loop: _now(time.sleep, 1),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(call: Callable[[Any], Any]) -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"):
            await call(asyncio.get_running_loop())

    with pytest.raises(Unsupported, match="is not part of the simulated internet: "):
        run(main)


async def _now(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)
