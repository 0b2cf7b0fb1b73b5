"""Asking over HTTP, against servers that lie, stall, hang up and send too much."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from p2plib.discovery.tracker.announce import Announce
from p2plib.discovery.tracker.client import TrackerClient
from p2plib.errors import PeerTimeout, RequestRefused, Unreachable
from p2plib.sim import Internet

ANNOUNCE = Announce(bytes(range(20)), b"-P20001-\xff\xfeabcdefghij", 6881)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def page(body: bytes, status: str = "200 OK", head: str = "") -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = "" if "Length" in head else f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {status}\r\n{length}{head}\r\n".encode() + body)
        writer.close()

    return handler


def raw(data: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(60):
        writer.write(b"d")
        await asyncio.sleep(1)
    writer.close()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nd5:peers999999999999:")
    try:
        while True:
            writer.write(bytes(50_000))
            await writer.drain()
    except ConnectionError:
        writer.close()


def outcome(handler: Handler, path: str = "/announce", *, is_scrape: bool = False) -> BaseException | object:
    """What an announce or a scrape comes to at such a server, among simulated hosts."""

    async def main(net: Internet) -> object:
        home, ana = net.host("home", address="192.0.2.80"), net.host("ana")

        async def serve() -> None:
            server = await asyncio.start_server(handler, home.address, 80)
            async with server:
                await asyncio.sleep(1000)

        home.start(serve)
        await asyncio.sleep(1)
        client = TrackerClient(f"http://192.0.2.80:80{path}", random.Random(1))
        try:
            asking = client.scrape(ANNOUNCE.info_hash) if is_scrape else client.announce(ANNOUNCE)
            return await ana.run(asking)
        except (PeerTimeout, Unreachable, RequestRefused) as error:
            return error
        finally:
            await asyncio.sleep(100)  # until the handlers have noticed

    return Internet(1).run(main)


def test_a_response_with_a_warning() -> None:
    reply = outcome(page(b"d8:intervali900e5:peers6:\xc0\x00\x02\x07\x1a\xe115:warning message4:busye"))
    assert reply.interval_s == 900  # type: ignore[attr-defined]
    assert reply.peers == (("192.0.2.7", 6881),)  # type: ignore[attr-defined]
    assert reply.warning == "busy"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("handler", "kind", "sentence"),
    [
        (page(b"d14:failure reason7:go awaye"), RequestRefused, "'go away'"),
        (page(b"d14:failure reason7:go awaye", "403 Forbidden"), RequestRefused, "'go away'"),
        (page(b"<html>no</html>", "503 Busy"), RequestRefused, "status 503"),
        (page(b"d8:intervali900e5:peers0:e", "500 Oh"), RequestRefused, "status 500"),
        (page(b"<html>welcome</html>"), RequestRefused, "no response"),
        (page(b"d8:intervali900e5:peers5:abcdee"), RequestRefused, "5 are left over"),
        (page(b"", "302 Found", "Location: http://192.168.1.1/reboot\r\n"), RequestRefused, "status 302"),
        (page(b"\x1f\x8b", head="Content-Encoding: gzip\r\n"), RequestRefused, "no response"),
        (raw(b"\x00\x01\x02 nonsense\r\n\r\n"), RequestRefused, "not HTTP"),
        (raw(b""), Unreachable, "hung up"),
        (page(b"d8:inter", head="Content-Length: 500\r\n"), Unreachable, "hung up"),
        (silent, PeerTimeout, "did not answer"),
        (dripping, PeerTimeout, "did not answer"),
        (endless, RequestRefused, "65536 is the most"),
    ],
)
def test_what_goes_wrong(handler: Handler, kind: type[Exception], sentence: str) -> None:
    error = outcome(handler)
    assert type(error) is kind, error
    assert sentence in str(error)


def test_a_page_that_is_not_there_counts_nobody() -> None:
    error = outcome(page(b"de", "404 Not Found"), is_scrape=True)
    assert type(error) is RequestRefused
    assert "status 404" in str(error)


def test_a_path_may_have_a_query_of_its_own() -> None:
    seen: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n"))
        await page(b"d8:intervali900e5:peers0:e")(reader, writer)

    assert outcome(note, "/announce?passkey=abc").interval_s == 900  # type: ignore[union-attr]
    assert seen[0].startswith(b"GET /announce?passkey=abc&info_hash=%00%01%02")


def test_nobody_at_home() -> None:
    async def main(net: Internet) -> None:
        net.host("home", address="192.0.2.80")
        ana = net.host("ana")
        with pytest.raises(Unreachable, match="no connection"):
            await ana.run(TrackerClient("http://192.0.2.80/announce", random.Random(1)).announce(ANNOUNCE))
        with pytest.raises(Unreachable, match="no address is known"):
            await ana.run(
                TrackerClient("http://nobody.example/announce", random.Random(1)).announce(ANNOUNCE)
            )

    Internet(1).run(main)
