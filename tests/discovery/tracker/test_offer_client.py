"""A peer of a WebSocket tracker: offers and answers, trackers that lie, and connections that break."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.discovery.tracker.announce import Counts, Event
from p2plib.discovery.tracker.offer_client import OfferClient
from p2plib.discovery.tracker.offers import AnswerCarried, Offer, OfferCarried, encode
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.errors import Closed, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.sim import Internet
from tests.discovery.tracker.packets import INFO_HASH
from tests.discovery.tracker.worlds import url_of

ANA, BEN = b"-P20001-ana\xff\xfe\x80 23456", b"-P20001-ben\xff\xfe\x80 23456"
OFFER = Offer(b"\xf0" * 20, "v=0 from Ana")


async def meet(url: str) -> tuple[Any, ...]:
    async with OfferClient.open(url, ANA) as ana, OfferClient.open(url, BEN) as ben:
        await ben.announce(INFO_HASH, left=0)
        counted = await ana.announce(INFO_HASH, [OFFER])
        heard = await ben.next()
        assert isinstance(heard, OfferCarried)
        ben.answer(heard, "v=0 from Ben")
        answer = await ana.next()
        counts = await ana.scrape(INFO_HASH)
        gone = await ben.announce(INFO_HASH, event=Event.STOPPED)
        assert not ana.ignored
        assert not ben.ignored
        return counted.seeders, counted.leechers, heard.offer, answer, counts, gone.seeders


MET = (
    1,
    1,
    OFFER,
    AnswerCarried(INFO_HASH, BEN, OFFER.offer_id, "v=0 from Ben"),
    {INFO_HASH: Counts(1, 0, 1)},
    0,
)


def test_two_browsers_meet(internet: Internet) -> None:
    async def real() -> Any:
        async with TrackerServer(random.Random(1), udp_port=None) as server:
            return await meet(url_of(server, "ws"))

    async def simulated(net: Internet) -> Any:
        home, ana = net.host("home"), net.host("ana")
        with home:
            server = TrackerServer(random.Random(1), home.address, udp_port=None)
            await server.__aenter__()
        met = await ana.run(meet(url_of(server, "ws")))
        with home:
            await server.__aexit__()
        return met

    assert asyncio.run(real()) == MET
    assert internet.run(simulated) == MET


@asynccontextmanager
async def telling(*texts: str | bytes | None) -> AsyncIterator[str]:
    """A tracker that says the same things to each text that it gets; None closes the connection."""
    from aiohttp import web

    async def talk(request: web.BaseRequest) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            for text in texts:
                if text is None:
                    await socket.close()
                elif isinstance(text, bytes):
                    await socket.send_bytes(text)
                else:
                    await socket.send_str(text)
        return socket

    runner = web.ServerRunner(web.Server(talk, access_log=None), shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


H = INFO_HASH.decode("latin-1")
DONE = json.dumps({"action": "announce", "info_hash": H, "interval": 60, "complete": 0, "incomplete": 1})


def run(test: Callable[[OfferClient], Awaitable[None]], *texts: str | bytes | None) -> None:
    async def main() -> None:
        async with telling(*texts) as url, OfferClient.open(url, ANA) as client:
            await test(client)

    asyncio.run(main())


@pytest.mark.fault("F068")
def test_what_was_not_asked_for_is_dropped() -> None:
    stranger = encode(OfferCarried(bytes(20), BEN, OFFER))
    unasked = encode(AnswerCarried(INFO_HASH, BEN, b"x" * 20, "me!"))
    wanted = encode(AnswerCarried(INFO_HASH, BEN, OFFER.offer_id, "yes"))

    async def test(client: OfferClient) -> None:
        await client.announce(INFO_HASH, [OFFER])
        message = await client.next()
        assert isinstance(message, AnswerCarried)
        assert message.sdp == "yes"
        while client.ignored.total() < 6:  # what is said twice counts once
            await asyncio.sleep(0.001)
        assert client.ignored == {"not wanted": 3, "malformed": 1, "not a text": 1, "not awaited": 1}

    run(test, stranger, unasked, "not JSON", b"\x00", DONE, wanted, wanted, DONE)


def test_a_refusal_and_a_failure_about_nothing() -> None:
    async def test(client: OfferClient) -> None:
        with pytest.raises(RequestRefused, match="'no'"):
            await client.announce(INFO_HASH)
        with pytest.raises(RequestRefused, match="'no'"):
            await client.scrape(INFO_HASH)

    run(test, json.dumps({"failure reason": "no"}))


def test_a_connection_that_ends_ends_all_that_wait() -> None:
    async def test(client: OfferClient) -> None:
        waits = [asyncio.ensure_future(client.next()) for _ in range(2)]
        with pytest.raises(Closed):
            await client.announce(INFO_HASH)
        for wait in waits:
            with pytest.raises(Closed):
                await wait
        for call in (client.announce(INFO_HASH), client.scrape(INFO_HASH), client.next()):
            with pytest.raises(Closed):
                await call

    run(test, None)


def test_one_announce_at_a_time_and_one_that_is_cancelled() -> None:
    async def test(client: OfferClient) -> None:
        waits = asyncio.ensure_future(client.announce(INFO_HASH))
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="already under way"):
            await client.announce(INFO_HASH)
        waits.cancel()
        await asyncio.wait([waits])
        again = asyncio.ensure_future(client.announce(INFO_HASH))
        await asyncio.sleep(0)
        again.cancel()
        await asyncio.wait([again])

    run(test)


def test_a_tracker_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2plib.discovery.tracker.offer_client.ANSWER_S", 0.01)

    async def test(client: OfferClient) -> None:
        with pytest.raises(PeerTimeout):
            await client.announce(INFO_HASH)

    run(test)


def test_what_cannot_be_asked() -> None:
    async def test(client: OfferClient) -> None:
        with pytest.raises(UsageError):
            await client.announce(b"short")
        with pytest.raises(UsageError):
            await client.announce(INFO_HASH, [OFFER] * 11)
        with pytest.raises(UsageError):
            await client.scrape()

    run(test)


def test_where_there_is_no_tracker() -> None:
    async def main() -> None:
        with pytest.raises(UsageError):
            async with OfferClient.open("http://127.0.0.1:1", ANA):
                pass
        with pytest.raises(UsageError):
            async with OfferClient.open("ws://127.0.0.1:1", b"short"):
                pass
        with pytest.raises(Unreachable):
            async with OfferClient.open("ws://127.0.0.1:1", ANA):
                pass
        async with TrackerServer(random.Random(1), udp_port=None, with_websocket=False) as server:
            with pytest.raises(Unreachable):
                async with OfferClient.open(server.urls[0].replace("http", "ws"), ANA):
                    pass

    asyncio.run(main())


@pytest.mark.fault("F144")
def test_no_redirect_is_followed() -> None:
    asked: list[bytes] = []

    async def main() -> None:
        async def router(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readline())
            writer.close()

        async def tracker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/reboot\r\n" % port)
            writer.write(b"Content-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(router, "127.0.0.1", 0) as inside:
            port = inside.sockets[0].getsockname()[1]
            async with await asyncio.start_server(tracker, "127.0.0.1", 0) as outside:
                at = outside.sockets[0].getsockname()[1]
                with pytest.raises(Unreachable, match="redirects"):
                    async with OfferClient.open(f"ws://127.0.0.1:{at}", bytes(20)):
                        pass
        assert not asked

    asyncio.run(main())
