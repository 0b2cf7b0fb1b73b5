"""Two hosts that speak TCP, and a protocol that notes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from p2plib.sim import Host, Internet, Link

DATA = bytes(range(251)) * 1000


class Recorder(asyncio.Protocol):
    """Notes everything that it is told."""

    def __init__(self, keep_open: bool = False) -> None:
        self.told: list[Any] = []
        self.keep_open = keep_open
        self.data = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        assert self.told[0] == "made"
        self.data += data

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(("lost", error if error is None else (type(error), getattr(error, "errno", None))))


def two(
    main: Callable[[Internet, Host, Host], Awaitable[Any]],
    link: Link | None = None,
    **named: Any,
) -> Internet:
    """Runs *main*(net, ana, ben), hosts 50 ms apart."""
    net = Internet(seed=1, link=link or Link(latency=0.05), **named)

    async def run(net: Internet) -> Any:
        return await main(net, net.host("ana"), net.host("ben"))

    net.run(run)
    return net


async def recorders(
    ana: Host, ben: Host, keep_open: tuple[bool, bool] = (False, False)
) -> tuple[Recorder, Recorder, Any]:
    """A connection from ana to ben at port 80, with a recorder at each end; and the server."""
    loop = asyncio.get_running_loop()
    theirs = Recorder(keep_open[1])
    with ben:
        server = await loop.create_server(lambda: theirs, port=80)
    with ana:
        _, ours = await loop.create_connection(lambda: Recorder(keep_open[0]), "ben", 80)
    await asyncio.sleep(0.2)
    assert ours.told == theirs.told == ["made"]
    return ours, theirs, server
