"""anyio in the simulated internet, as it is: listeners, TLS, UDP, task groups and time limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.sim.certificates import Certificates
from tests.sim.strangers.world import play_everywhere

anyio = pytest.importorskip("anyio")
BufferedByteReceiveStream = pytest.importorskip("anyio.streams.buffered").BufferedByteReceiveStream
TLSListener = pytest.importorskip("anyio.streams.tls").TLSListener


async def shout(stream: Any) -> None:
    """Answers line by line, in capitals."""
    async with stream:
        lines = BufferedByteReceiveStream(stream)
        while True:
            try:
                line = await lines.receive_until(b"\n", 1_000_000)
            except (anyio.IncompleteRead, anyio.BrokenResourceError):
                return
            await stream.send(line.upper() + b"\n")


@asynccontextmanager
async def serving(papers: Certificates | None, ip: str, port: int) -> AsyncIterator[None]:
    listener: Any = await anyio.create_tcp_listener(local_host=ip, local_port=port)
    if papers is not None:
        listener = TLSListener(listener, papers.server(), standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, shout)
        yield
        tasks.cancel_scope.cancel()


async def using(papers: Certificates | None, name: str, port: int) -> dict[str, Any]:
    found: dict[str, Any] = {"big": 0}
    tls = {} if papers is None else {"ssl_context": papers.client(), "tls_standard_compatible": False}

    async def talk(number: int) -> None:
        async with await anyio.connect_tcp(name, port, **tls) as stream:
            lines = BufferedByteReceiveStream(stream)
            for words in (b"hello %d" % number, b"x" * 200_000):
                await stream.send(words + b"\n")
                heard = await lines.receive_until(b"\n", 1_000_000)
                if len(heard) < 100:
                    found[f"guest {number}"] = heard
                else:
                    found["big"] += len(heard)

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(talk, number)
    async with await anyio.connect_tcp(name, port, **tls) as stream:
        with anyio.move_on_after(0.1) as limit:
            await stream.receive()  # nobody has asked for anything
        found["gave up"] = limit.cancelled_caught
    return found


FOUND = {
    "big": 600_000,
    **{f"guest {number}": b"HELLO %d" % number for number in range(3)},
    "gave up": True,
}


def test_listeners_and_streams() -> None:
    assert play_everywhere(partial(serving, None), partial(using, None)) == FOUND


def test_tls(papers: Certificates) -> None:
    assert play_everywhere(partial(serving, papers), partial(using, papers), repeats=False) == FOUND


@asynccontextmanager
async def echoing(ip: str, port: int) -> AsyncIterator[None]:
    async with (
        await anyio.create_udp_socket(local_host=ip, local_port=port) as udp,
        anyio.create_task_group() as tasks,
    ):

        async def echo() -> None:
            async for data, (host, port) in udp:
                await udp.sendto(data[::-1], host, port)

        tasks.start_soon(echo)
        yield
        tasks.cancel_scope.cancel()


async def asking(name: str, port: int) -> list[bytes]:
    """Asks again when no answer comes: UDP loses things."""
    address = "127.0.0.1" if name == "localhost" else name
    async with await anyio.create_connected_udp_socket(address, port) as udp:
        return [await _answer(udp, b"%02d" % number) for number in range(20)]


async def _answer(udp: Any, question: bytes) -> bytes:
    while True:
        await udp.send(question)
        with anyio.move_on_after(0.5):
            while True:
                answer: bytes = await udp.receive()
                if answer[::-1] == question:
                    return answer


def test_udp() -> None:
    assert play_everywhere(echoing, asking) == [(b"%02d" % number)[::-1] for number in range(20)]
