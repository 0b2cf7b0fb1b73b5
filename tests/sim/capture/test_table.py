"""Packets as a table of text."""

from __future__ import annotations

import asyncio

from p2plib.sim import Internet, Link
from p2plib.sim.capture.table import trace_table


def test_a_table_of_packets() -> None:
    net = Internet(1, link=Link(latency=0.04))

    async def hello(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        await ana.run(one_datagram((ben.address, 80)))
        await asyncio.sleep(1)

    net.run(hello)
    assert trace_table(net.trace) == (
        "    sent  arrives  from       to      what  bytes\n"
        "0.000000           ana:49152  ben:80  udp       5  nobody listens"
    )


async def one_datagram(where: tuple[str, int]) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=where)
    transport.sendto(b"hello")
    transport.close()
