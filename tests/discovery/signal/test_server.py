"""A hub over HTTP, asked byte by byte: heads, events, heartbeats, refusals, guests that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from p2plib.discovery.signal.channels import HubLimits
from p2plib.discovery.signal.server import HEARTBEAT_S, WRITE_S, SignalHub
from p2plib.errors import CannotListen
from p2plib.sim import Constant, Host, Internet, Link

pytest.importorskip("aiohttp")

PORT = 8000
NEAR = Link(latency=Constant(0.02))  # where who is fast and who is slow is no matter of luck


class Guest:
    """One TCP connection to the hub."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Sends a request; returns status and headers of the response."""
        size = f"Content-Length: {len(body)}\r\n" if body else ""
        self.writer.write(f"{head} HTTP/1.1\r\nHost: x\r\n{size}\r\n".encode() + body)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value for name, value in headers.items()}

    async def rest(self, headers: dict[str, str]) -> bytes:
        return await self.reader.readexactly(int(headers.get("content-length", 0)))

    async def chunk(self) -> bytes:
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size)
        await self.reader.readexactly(2)
        return data


@asynccontextmanager
async def guest(host: Host) -> AsyncIterator[Guest]:
    with host:
        reader, writer = await asyncio.open_connection("hub", PORT)
    try:
        yield Guest(reader, writer)
    finally:
        with host:
            writer.close()


def start(net: Internet, **limits: float) -> SignalHub:
    hub = SignalHub("0.0.0.0", PORT, limits=HubLimits(**limits))  # type: ignore[arg-type]

    async def serve() -> None:
        async with hub:
            await asyncio.Event().wait()

    net.host("hub").start(serve)
    return hub


def test_what_a_subscriber_and_a_sender_see(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub, ana, ben = start(net), net.host("ana"), net.host("ben")
        await asyncio.sleep(1)
        async with guest(ana) as listening, guest(ben) as sending:
            status, headers = await listening.ask("GET /v1/app/one,two")
            assert status == 200
            assert headers["content-type"] == "text/event-stream; charset=utf-8"
            assert headers["cache-control"] == "no-cache"
            assert headers["x-accel-buffering"] == "no"
            assert headers["access-control-allow-origin"] == "*"
            for name, body in (("one", b'{"a":1}'), ("two", b'{\n"b": 2}')):
                status, headers = await sending.ask(f"POST /v1/app/{name}", body)
                assert (status, await sending.rest(headers)) == (200, b"")
            assert await listening.chunk() == b'data: {"a":1}\n\n'
            assert await listening.chunk() == b'data: { "b": 2}\n\n'
            before = net.time
            assert await listening.chunk() == b":heartbeat signal\n\n"
            assert net.time - before == pytest.approx(HEARTBEAT_S, abs=1)
            status, headers = await sending.ask("GET /")
            about = json.loads(await sending.rest(headers))
            assert about == {"name": "p2plib signal", "version": "0.1.0", "subscribers": 1}
            status, headers = await sending.ask("OPTIONS /v1/app/one")
            assert (status, headers["access-control-allow-methods"]) == (200, "GET, POST")
        await asyncio.sleep(2)
        assert len(hub.channels) == 0, "the hub has noticed that its guest left"

    internet.run(main)


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("GET /v2/x", b"", 404),
        ("PUT /v1/app/one", b"1", 404),
        ("GET /v1/app", b"", 404),
        ("POST /v1/app/one", b"not json", 400),
        ("POST /v1/app/one", b'"' + b"x" * 70_000 + b'"', 413),
        ("POST /v1/app/one", b'"' + b"x" * 65_535 + b'"', 413),
        ("GET /v1/app/" + ",".join("abcdefghijklmnopqrs"), b"", 400),
    ],
)
@pytest.mark.fault("F068")
def test_refusals_have_a_status_and_a_sentence(
    internet: Internet, head: str, body: bytes, status: int
) -> None:
    async def main(net: Internet) -> None:
        start(net)
        await asyncio.sleep(1)
        async with guest(net.host("mal")) as mal:
            found, headers = await mal.ask(head, body)
            assert found == status
            assert json.loads(await mal.rest(headers))["error"]

    internet.run(main)


@pytest.mark.fault("F068")
@pytest.mark.internet(link=NEAR)
def test_a_guest_that_reads_nothing_is_cut_off_and_others_hear_on(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub = start(net, burst=100_000, max_waiting_bytes=100_000)
        await asyncio.sleep(1)
        async with (
            guest(net.host("slow")) as slow,
            guest(net.host("ana")) as ana,
            guest(net.host("mal")) as mal,
        ):
            await slow.ask("GET /v1/app/one")
            await ana.ask("GET /v1/app/one")

            async def hear() -> int:
                heard = 0
                while heard < 100:
                    heard += (await ana.chunk()).count(b"data: ")
                return heard

            hearing = asyncio.ensure_future(hear())
            for _ in range(100):
                await mal.ask("POST /v1/app/one", b'"' + b"x" * 60_000 + b'"')
            assert await hearing == 100
            assert hub.channels.cut == 1
            assert len(hub.channels) == 1, "its place is free, though it never read"
            assert hub.channels.waiting_bytes == 0

    internet.run(main)


@pytest.mark.fault("F050")
@pytest.mark.internet(link=NEAR)
def test_a_guest_that_stops_reading_loses_its_place_without_a_flood(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub = start(net, burst=100_000, max_waiting_bytes=10_000_000)
        await asyncio.sleep(1)
        async with guest(net.host("slow")) as slow, guest(net.host("mal")) as mal:
            await slow.ask("GET /v1/app/one")
            for _ in range(40):  # more than sockets hold, and less than the limit
                await mal.ask("POST /v1/app/one", b'"' + b"x" * 60_000 + b'"')
            assert len(hub.channels) == 1
            await asyncio.sleep(WRITE_S + 1)
            assert (len(hub.channels), hub.channels.cut) == (0, 1)

    internet.run(main)


@pytest.mark.fault("F068")
@pytest.mark.internet(link=NEAR)
def test_a_flood_is_refused_and_the_hub_goes_on(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub = start(net, messages_per_s=5, burst=5)
        await asyncio.sleep(1)
        async with guest(net.host("mal")) as mal, guest(net.host("ana")) as ana:
            answers = [(await mal.ask("POST /v1/app/one", b"1"))[0] for _ in range(2)]
            for _ in range(60):
                status, headers = await mal.ask("POST /v1/app/one", b"1")
                await mal.rest(headers)
                answers.append(status)
            assert 429 in answers
            assert (await ana.ask("POST /v1/app/one", b"1"))[0] == 200
            assert hub.channels.refused[429] == answers.count(429)

    internet.run(main)


@pytest.mark.fault("F068")
def test_a_message_that_never_comes_is_not_waited_for(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        start(net)
        await asyncio.sleep(1)
        async with guest(net.host("mal")) as mal:
            mal.writer.write(b"POST /v1/app/one HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1")
            began = net.time
            assert (await mal.reader.readline()).split()[1] == b"408"
            assert 9 < net.time - began < 12

    internet.run(main)


def test_on_real_sockets_and_restarted_on_another_port() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        for _ in range(2):
            async with SignalHub() as hub:
                host, port = hub.url.removeprefix("http://").split(":")
                reader, writer = await asyncio.open_connection(host, int(port))
                one = Guest(reader, writer)
                assert (await one.ask("GET /v1/app/one"))[0] == 200
                assert len(hub.channels) == 1
                with pytest.raises(CannotListen):
                    await SignalHub(host, int(port)).__aenter__()
            assert await asyncio.wait_for(reader.read(), 100) == b"0\r\n\r\n", (
                "a subscription ends with its hub"
            )
            writer.close()
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == before

    asyncio.run(main())


def test_ipv6() -> None:
    async def main() -> None:
        async with SignalHub("::1") as hub:
            assert hub.url.startswith("http://[::1]:")

    asyncio.run(main())
