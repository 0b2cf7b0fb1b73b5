"""Hosts that speak TLS, and a protocol that notes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from p2plib.sim import Host, Internet, Link

FAR = Link(latency=0.05)


class Told(asyncio.Protocol):
    """Notes what it is told, and can be waited for."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.told: list[str] = []
        self.data = bytearray()
        self.transport: Any = None
        self.made, self.ended, self.lost = (loop.create_future() for _ in range(3))

    def connection_made(self, transport: Any) -> None:
        self.told.append("made")
        self.transport = transport
        self.made.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.told.append("eof")
        self.ended.set_result(None)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(f"lost {type(error).__name__}")
        if not self.lost.done():
            self.lost.set_result(None)

    async def has(self, size: int) -> None:
        while len(self.data) < size:
            await asyncio.sleep(0.01)


def in_a_simulation(program: Awaitable[Any], **named: Any) -> Any:
    async def main(net: Internet) -> Any:
        return await net.host("ana").run(program)  # type: ignore[arg-type]

    return Internet(seed=1, link=Link(latency=0.01), **named).run(main)


def two(main: Callable[[Host, Host], Awaitable[Any]], link: Link = FAR, **named: Any) -> Any:
    """Runs *main*(ana, ben), hosts 50 ms apart; nothing may be left at its end."""

    async def run(net: Internet) -> Any:
        return await main(net.host("ana"), net.host("ben"))

    net = Internet(seed=1, link=link, **named)
    return net.run(run)


async def listen(host: Host, **named: Any) -> tuple[asyncio.Server, list[Told]]:
    met: list[Told] = []

    def factory() -> Told:
        met.append(Told())
        return met[-1]

    with host:
        return await asyncio.get_running_loop().create_server(factory, port=443, **named), met


async def dial(host: Host, **named: Any) -> tuple[Any, Told]:
    with host:
        return await asyncio.get_running_loop().create_connection(Told, "ben", 443, **named)  # type: ignore[return-value]
