"""Small programs that many tests of the simulated internet run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from p2plib.sim import Host, Internet, Link

FAST = Link(latency=0.01)


def run(main: Callable[[Internet], Any], *, link: Link = FAST, **named: Any) -> Any:
    return Internet(seed=3, link=link, **named).run(main)


class Mailbox(asyncio.DatagramProtocol):
    """A UDP socket that keeps what arrives, with the virtual time; and answers, if it is asked to."""

    def __init__(self, *, echo: bool = False) -> None:
        self.echo = echo
        self.got: list[tuple[float, bytes, Any]] = []
        self.errors: list[Exception] = []
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append((self.loop.time(), data, addr))
        if self.echo:
            self.transport.sendto(data, addr)

    def error_received(self, error: Exception) -> None:
        self.errors.append(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)

    @property
    def data(self) -> list[bytes]:
        return [data for _, data, _ in self.got]

    def send(self, data: bytes, to: Any = None) -> None:
        self.transport.sendto(data, to)

    def close(self) -> None:
        self.transport.close()


async def mailbox(
    host: Host, port: int = 0, *, echo: bool = False, ip: str = "0.0.0.0", **named: Any
) -> Mailbox:
    """Open a mailbox on a host."""
    with host:
        local = None if "remote_addr" in named else (ip, port)
        _, box = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Mailbox(echo=echo), local_addr=local, **named
        )
    return box


async def pair(net: Internet, **named: Any) -> tuple[Mailbox, Mailbox, tuple[str, int]]:
    """Two hosts with a mailbox each, and the second one's address."""
    ana, ben = net.host("ana", **named), net.host("ben", **named)
    return await mailbox(ana, 1000), await mailbox(ben, 2000), (ben.address, 2000)
