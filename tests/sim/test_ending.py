"""What is a leak at the end of a run, and what is only TCP that has not finished yet."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import Leak
from p2plib.sim import Internet, Link


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def serve() -> None:
    async with await asyncio.start_server(hold, "0.0.0.0", 80) as server:
        await server.serve_forever()


def test_a_connection_that_was_closed_towards_a_crashed_host_is_no_leak() -> None:
    async def main(net: Internet) -> None:
        server, ana = net.host("server"), net.host("ana")
        server.start(serve)
        await asyncio.sleep(1)
        with ana:
            _, writer = await asyncio.open_connection("server", 80)
        server.crash()
        writer.write(b"anybody?")
        writer.close()

    net = Internet(link=Link(latency=0.01))
    net.run(main)
    assert net.leaks == []
    assert not net.hosts["ana"].tcp


def test_a_connection_that_nobody_closed_is_a_leak_on_both_ends() -> None:
    async def main(net: Internet) -> None:
        server, ana = net.host("server"), net.host("ana")
        with server:
            kept = await asyncio.start_server(hold, "0.0.0.0", 80)
        with ana:
            net.streams = await asyncio.open_connection("server", 80)  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        kept.close()

    with pytest.raises(Leak, match=r"ana left a TCP connection .*made by .*main \(test_ending.py:\d+\)"):
        Internet(link=Link(latency=0.01)).run(main)
