"""What is a leak at the end of a run, and what is only TCP that has not finished yet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from p2plib.errors import HostDown, Leak
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

    with pytest.raises(Leak, match=r"ana left a TCP connection .*made by .*main \(test_shutdown.py:\d+\)"):
        Internet(link=Link(latency=0.01)).run(main)


def test_a_timer_of_the_program_is_a_leak_and_one_of_asyncio_is_not() -> None:
    async def main(net: Internet) -> None:
        await asyncio.timeout(100).__aenter__()
        asyncio.get_running_loop().call_later(100, serve)

    net = Internet(strict=False)
    net.run(main)
    (leak,) = net.leaks
    assert "the main program left a timer for serve" in leak


def test_a_crash_within_an_asynchronous_context_manager() -> None:
    """Its `finally` awaits, and was cut off there: nothing can close that generator, and nothing has to."""
    ended: list[str] = []

    @contextlib.asynccontextmanager
    async def held() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            ended.append("here")

    async def program() -> None:
        async with held():
            await asyncio.Event().wait()

    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        ana.start(program)
        ben.start(program)
        await asyncio.sleep(1)
        ana.crash()
        await asyncio.sleep(1)

    Internet(1).run(main)
    assert ended == ["here"]  # Ben's; what runs on a crashed host ends in the middle of a line


@pytest.mark.parametrize("ends", ["crash", "will not be cancelled"])
def test_a_finally_that_runs_after_the_end_finds_no_real_machine(ends: str) -> None:
    """What never went on is taken apart at the end, outside of the loop; it must not reach the network."""
    found: list[object] = []

    async def program() -> None:
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError if ends != "crash" else ()):
                    await asyncio.Event().wait()
        finally:
            found.append(time.time())
            asyncio.get_running_loop().create_task(serve())
            with contextlib.suppress(HostDown):
                socket.socket()
                found.append("a machine that is on")
            socket.create_connection(("127.0.0.1", 9))
            found.append("a real socket")

    async def main(net: Internet) -> None:
        net.host("ana").start(program)
        await asyncio.sleep(1)
        if ends == "crash":
            net.hosts["ana"].crash()

    net = Internet(strict=False)
    net.run(main)
    assert found == [net.loop.began_s + net.time]
    assert (net.loop.frozen, net.loop.ready()) == ([], [])
    assert all(task.done() for task in net.loop.tasks)

    async def nothing(net: Internet) -> None:
        await asyncio.sleep(1)

    net.run(nothing)
    assert net.leaks == []
