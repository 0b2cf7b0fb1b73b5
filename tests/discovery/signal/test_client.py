"""A hub's client against hubs that answer anything: refusals, redirects, silence, endless events."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Awaitable, Callable

import pytest

from p2plib.discovery.signal.client import HubClient, checked_url
from p2plib.discovery.signal.server import SignalHub
from p2plib.errors import Closed, P2PError, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.sim import Internet

pytest.importorskip("aiohttp")

PORT = 8000
OK = b"HTTP/1.1 200 OK\r\n"
PACKED = OK + b"Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n"
STREAM = OK + b"Content-Type: text/event-stream\r\n\r\n"


def hub_that_says(net: Internet, raw: bytes, then_ends: bool = False) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            await writer.drain()
            if not then_ends:
                await reader.read()
        writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(answer, "0.0.0.0", PORT) as server:
            await server.serve_forever()

    net.host("hub").start(serve)


def outcome(internet: Internet, raw: bytes, then_ends: bool = False, reads: bool = True) -> list[str]:
    """What a client hears from such a hub, and the error at the end."""
    heard: list[str] = []

    async def use() -> None:
        async with HubClient(f"http://hub:{PORT}", "app") as client:
            if not reads:
                return await client.broadcast("one", "1")
            async with client.subscribe("one") as texts:
                async for text in texts:  # one by one, for the error at the end
                    heard.append(text)  # noqa: PERF401
        return None

    async def main(net: Internet) -> None:
        hub_that_says(net, raw, then_ends)
        await asyncio.sleep(1)
        try:
            await net.host("ana").run(use())
        except P2PError as error:
            heard.append(type(error).__name__)

    internet.run(main)
    return heard


@pytest.mark.parametrize(
    ("raw", "then_ends", "heard"),
    [
        (STREAM + b"data: 1\n\ndata:2\n\n:x\n\n", True, ["1", "2", "Unreachable"]),
        (STREAM + b"data: 1\n\ndata: 2", True, ["1", "Unreachable"]),
        (STREAM + b"data: 1\n\n", False, ["1", "PeerTimeout"]),
        (STREAM + b"data: " + b"x" * 300_000, False, ["RequestRefused"]),
        (STREAM + b"data: x\n" * 100_000, False, ["RequestRefused"]),
        (STREAM + bytes(100) + b"\n\n\xff\xfe\n\ndata: \xff\n\n", True, ["\ufffd", "Unreachable"]),
        (PACKED + gzip.compress(b"data: 1\n\n"), True, ["RequestRefused"]),
        (OK + b"Content-Type: text/html\r\n\r\n<html>", True, ["RequestRefused"]),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:22/\r\n\r\n", True, ["RequestRefused"]),
        (b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nsorry", False, ["RequestRefused"]),
        (b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 300_000, False, ["RequestRefused"]),
        (b"SSH-2.0-OpenSSH\r\n\r\n", True, ["Unreachable"]),
        (b"", True, ["Unreachable"]),
        (b"", False, ["PeerTimeout"]),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, False, ["Unreachable"]),
    ],
)
def test_what_a_hub_may_say_to_a_subscriber(
    internet: Internet, raw: bytes, then_ends: bool, heard: list[str]
) -> None:
    assert outcome(internet, raw, then_ends) == heard


@pytest.mark.parametrize(
    ("raw", "then_ends", "error"),
    [
        (OK + b"Content-Length: 0\r\n\r\n", False, []),
        (b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", False, ["RequestRefused"]),
        (b"", False, ["PeerTimeout"]),
        (b"", True, ["Unreachable"]),
    ],
)
def test_what_a_hub_may_say_to_a_sender(
    internet: Internet, raw: bytes, then_ends: bool, error: list[str]
) -> None:
    assert outcome(internet, raw, then_ends, reads=False) == error


def test_a_hub_cannot_mark_its_clients_with_cookies() -> None:
    async def main() -> None:
        heads: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK + b"Set-Cookie: you=42\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with HubClient(f"http://localhost:{port}", "app") as client:
                for _ in range(2):
                    await client.broadcast("one", "1")
        assert not any(b"cookie" in head.lower() for head in heads)

    asyncio.run(main())


def test_no_hub_at_all(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        ana, nobody = net.host("ana"), net.host("nobody")

        async def use(url: str, error: type[P2PError]) -> None:
            async with HubClient(url, "app") as client:
                with pytest.raises(error):
                    await client.broadcast("one", "1")
                with pytest.raises(error):
                    async with client.subscribe("one"):
                        pass

        await ana.run(use("http://nobody:1", Unreachable))
        await ana.run(use("http://no.such.name:1", Unreachable))
        with net.cut([ana], [nobody]):
            await ana.run(use("http://nobody:1", PeerTimeout))

    internet.run(main)


def test_names_with_any_letters_reach_the_right_channel() -> None:
    async def main() -> None:
        async with SignalHub() as hub, HubClient(hub.url, "my app") as client:
            for name in ("größe", "a b", "50%", "a?b", "a#b"):
                async with client.subscribe(name) as texts:
                    assert hub.channels.broadcast(f"my app/{name}", b"1", "x", 0.0) == 1
                    assert await anext(texts) == "1"
                    await client.broadcast(name, '"2"')
                    assert await anext(texts) == '"2"'

    asyncio.run(main())


def test_after_the_block_and_while_it_ends(internet: Internet) -> None:
    async def use() -> None:
        client = HubClient(f"http://hub:{PORT}", "app")
        async with client:
            calls: list[Callable[[], Awaitable[object]]] = [lambda: client.broadcast("one", "1")]
            waiting = [asyncio.ensure_future(call()) for call in calls]  # type: ignore[arg-type]
            await asyncio.sleep(1)
        for task in waiting:
            with pytest.raises(Closed):
                await task
        with pytest.raises(Closed):
            await client.broadcast("one", "1")
        with pytest.raises(Closed):
            async with client.subscribe("one"):
                pass

    async def main(net: Internet) -> None:
        hub_that_says(net, b"")
        await asyncio.sleep(1)
        await net.host("ana").run(use())

    internet.run(main)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("https://hub.example/", "https://hub.example"),
        ("http://[::1]:80/x/", "http://[::1]:80/x"),
    ],
)
def test_urls(given: str, url: str) -> None:
    assert checked_url(given) == url


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://x:99999", "http://x:0", "http://x?y", "http://["]
)
def test_what_is_no_url_and_no_app(url: str) -> None:
    with pytest.raises(UsageError):
        checked_url(url)
    for app in ("", "a/b"):
        with pytest.raises(UsageError, match="slash"):
            HubClient("http://x", app)


def test_a_channel_has_a_name() -> None:
    async def main() -> None:
        async with HubClient("http://127.0.0.1:1", "app") as client:
            for name in ("", "one,two"):  # a hub would take the second for two channels
                with pytest.raises(UsageError):
                    await client.broadcast(name, "1")

    asyncio.run(main())


def test_a_refusal_says_what_the_hub_said() -> None:
    async def main() -> None:
        async with SignalHub() as hub, HubClient(hub.url, "app") as client:
            with pytest.raises(RequestRefused, match=r"status 400.*a message is JSON") as caught:
                await client.broadcast("one", "not json")
            assert caught.value.code == 400

    asyncio.run(main())
