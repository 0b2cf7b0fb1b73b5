"""Names of hosts are looked up, and that takes time."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from p2plib.sim import Internet
from tests.sim.small import run


def test_names_are_looked_up_and_that_takes_time() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana", ipv6=True), net.host("ben")
        net.name("swarm.example", ana, ben)
        loop = asyncio.get_running_loop()
        seen: list[Any] = [
            (await loop.getaddrinfo("198.18.0.9", 80, type=socket.SOCK_STREAM))[0][4],
            net.time,
        ]
        found = await loop.getaddrinfo("swarm.example", 80, type=socket.SOCK_STREAM)
        seen += [[answer[4] for answer in found], net.time]
        six = await loop.getaddrinfo("ana", 80, family=socket.AF_INET6, type=socket.SOCK_DGRAM)
        seen.append([answer[:3] + answer[4:] for answer in six])
        seen.append(await loop.getnameinfo((ben.address, 80)))
        for name, down in (("nobody.example", False), ("ben", True)):
            net.names.is_down = down
            try:
                await loop.getaddrinfo(name, 80)
            except socket.gaierror as error:
                seen.append(error.errno)
        return seen

    assert run(main) == [
        ("198.18.0.9", 80),
        0.0,
        [("198.18.0.1", 80), ("2001:db8::1", 80, 0, 0), ("198.18.0.2", 80)],
        0.02,
        [(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, ("2001:db8::1", 80, 0, 0))],
        ("ben", "http"),
        socket.EAI_NONAME,
        socket.EAI_AGAIN,
    ]
