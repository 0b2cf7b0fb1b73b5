"""What is a leak at the end of a run, and what is only TCP that has not finished yet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from p2plib.errors import HostDown, Leak
from p2plib.sim import Internet, Link


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def serve(handler: Any = hold) -> None:
    async with await asyncio.start_server(handler, "0.0.0.0", 80) as server:
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


async def fill(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(100_000))
        await writer.drain()


async def ask_exactly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(1000)


async def by_hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionResetError):
        await reader.read()
    writer.close()


async def never_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionResetError):
        await reader.read()
    await asyncio.Event().wait()


async def visit_and_crash(net: Internet, handler: Any, *, nat: bool = False) -> None:
    server, ana = net.host("server"), net.host("ana", lan=net.lan("home") if nat else None)
    server.start(serve, handler)
    await asyncio.sleep(1)
    with ana:
        net.kept = await asyncio.open_connection("server", 80)  # type: ignore[attr-defined]
    await asyncio.sleep(1)
    ana.crash()


@pytest.mark.parametrize("nat", [False, True])
@pytest.mark.parametrize("handler", [fill, ask_exactly, by_hand])
def test_a_connection_whose_other_end_crashed_is_no_leak(handler: Any, nat: bool) -> None:
    net = Internet(link=Link(latency=0.01))
    net.run(lambda net: visit_and_crash(net, handler, nat=nat))
    assert net.leaks == []
    assert not net.hosts["server"].tcp


def test_a_connection_whose_other_end_was_closed_behind_a_cut_is_no_leak() -> None:
    async def main(net: Internet) -> None:
        server, ana = net.host("server"), net.host("ana")
        server.start(serve)
        await asyncio.sleep(1)
        with ana:
            _, writer = await asyncio.open_connection("server", 80)
        await asyncio.sleep(1)
        net.cut([ana], [server])
        writer.close()

    Internet(link=Link(latency=0.01)).run(main)


def test_a_connection_that_nobody_reads_is_a_leak_though_the_other_end_was_closed() -> None:
    class Deaf(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.pause_reading()

    async def main(net: Internet) -> None:
        server, ana = net.host("server"), net.host("ana")
        with server:
            kept = await asyncio.get_running_loop().create_server(Deaf, port=80)
        with ana:
            _, writer = await asyncio.open_connection("server", 80)
        writer.write(bytes(10_000_000))
        writer.close()
        await asyncio.sleep(1)
        kept.close()

    with pytest.raises(Leak, match="server left a TCP connection"):
        Internet(link=Link(latency=0.01)).run(main)


def test_what_goes_on_without_its_connection_is_a_leak() -> None:
    with pytest.raises(Leak, match=r"server left a task at .*never_end") as caught:
        Internet(link=Link(latency=0.01)).run(lambda net: visit_and_crash(net, never_end))
    assert "connection" not in str(caught.value)


def test_what_a_handler_raised_before_the_end_is_told_also_after_a_crash() -> None:
    async def raise_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(5)
        finally:
            raise ValueError("seen" if reader.at_eof() else "at the belated RST")

    async def main(net: Internet) -> None:
        await visit_and_crash(net, raise_later)
        with net.host("ben"):
            _, writer = await asyncio.open_connection("server", 80)
        writer.close()
        await asyncio.sleep(1)

    with pytest.raises(Leak, match="seen") as caught:
        Internet(link=Link(latency=0.01)).run(main)
    assert "belated" not in str(caught.value)


def test_a_connection_that_is_left_to_a_living_host_stays_a_leak_beside_a_crash() -> None:
    async def main(net: Internet) -> None:
        await visit_and_crash(net, hold)
        with net.host("ben"):
            net.streams = await asyncio.open_connection("server", 80)  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    with pytest.raises(Leak, match="ben left a TCP connection") as caught:
        Internet(link=Link(latency=0.01)).run(main)
    assert str(caught.value).count("server left a TCP connection") == 1


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
