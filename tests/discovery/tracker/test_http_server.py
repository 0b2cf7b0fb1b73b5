"""A tracker over HTTP as a browser, a script or a hostile program meets it: raw bytes over a stream."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from p2plib.discovery.tracker.announce import Counts
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.http_messages import decode_announced, decode_scraped
from p2plib.discovery.tracker.http_server import MAX_UNSENT_CHARACTERS, HttpTracker
from p2plib.discovery.tracker.offer_relay import OfferRelay
from p2plib.discovery.tracker.offers import Offer, OffersAnnounce, encode
from p2plib.discovery.tracker.pace import Allowance
from p2plib.errors import CannotListen, UsageError
from p2plib.sim import Internet
from tests.discovery.tracker.packets import INFO_HASH

HASH_TEXT = "%C3%A9%80%FF%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10"
ANNOUNCE = f"/announce?info_hash={HASH_TEXT}&peer_id=%FFaaaaaaaaaaaaaaaaaaa&port=6881&left=0"
Get = Callable[..., Awaitable[tuple[str, bytes]]]


async def ask(address: tuple[str, int], raw: bytes) -> tuple[str, bytes]:
    """The status line and the body of what comes back."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(raw)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.decode("latin-1").partition("\r\n")[0], body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.0\r\n\r\n".encode("latin-1")


def everywhere(internet: Internet, test: Callable[[HttpTracker, Get], Awaitable[None]]) -> None:
    """Runs a test among simulated hosts and on loopback."""

    def tracker(host: str) -> HttpTracker:
        core = TrackerCore(random.Random(1), interval_s=1800)
        return HttpTracker(core, OfferRelay(core, random.Random(2)), host)

    async def simulated(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana", address="198.51.100.1")
        with home:
            made = tracker(home.address)
            await made.__aenter__()
        try:
            await ana.run(test(made, lambda raw: ask(made.address, raw)))
        finally:
            with home:
                await made.__aexit__()

    async def real() -> None:
        async with tracker("127.0.0.1") as made:
            await test(made, lambda raw: ask(made.address, raw))

    internet.run(simulated)
    asyncio.run(real())


def test_what_a_reader_types(internet: Internet) -> None:
    async def test(tracker: HttpTracker, talk: Get) -> None:
        status, body = await talk(get(ANNOUNCE))
        assert status.endswith("200 OK")
        assert body.startswith(b"d8:completei1e10:downloadedi0e11:external ip4:")
        assert decode_announced(body).seeders == 1  # type: ignore[union-attr]
        second = ANNOUNCE.replace("6881", "6882").replace("left=0", "left=7")
        _, body = await talk(get(second))
        host = next(iter(tracker.core.swarms.listed(INFO_HASH)))[0]
        assert decode_announced(body).peers == ((host, 6881),)  # type: ignore[union-attr]
        _, body = await talk(get(second + "&compact=0"))
        assert b"7:peer id20:\xffaaaaaaaaaaaaaaaaaaa4:porti6881e" in body
        _, body = await talk(get(f"/scrape?info_hash={HASH_TEXT}"))
        assert decode_scraped(body, [INFO_HASH]) == {INFO_HASH: Counts(1, 0, 1)}
        assert b"d20:" + INFO_HASH in body

    everywhere(internet, test)


def test_what_is_refused_is_said_in_bencode(internet: Internet) -> None:
    async def test(tracker: HttpTracker, talk: Get) -> None:
        for path, reason in (
            ("/announce", b"info_hash is missing"),
            ("/announce?info_hash=abc", b"20 bytes, and this has 3"),
            (ANNOUNCE.replace("6881", "0"), b"port 0 is nowhere"),
            ("/scrape", b"1 to 74 hashes"),
        ):
            status, body = await talk(get(path))
            assert status.endswith("200 OK")
            assert body.startswith(b"d14:failure reason")
            assert reason in body
        assert (await talk(get("/")))[0].endswith("404 Not Found")
        assert (await talk(b"POST /announce HTTP/1.0\r\n\r\n"))[0].endswith("405 Method Not Allowed")

    everywhere(internet, test)


def test_no_header_and_no_parameter_says_where_a_peer_is(internet: Internet) -> None:
    """Or one request could enter a victim into a swarm."""

    async def test(tracker: HttpTracker, talk: Get) -> None:
        path = ANNOUNCE + "&ip=198.51.100.200&ipv4=198.51.100.200"
        await talk(f"GET {path} HTTP/1.0\r\nX-Forwarded-For: 198.51.100.201\r\n\r\n".encode())
        [(host, port)] = tracker.core.swarms.listed(INFO_HASH)
        assert host not in ("198.51.100.200", "198.51.100.201")
        assert port == 6881

    everywhere(internet, test)


def test_noise_and_silence_leave_it_standing(internet: Internet) -> None:
    async def test(tracker: HttpTracker, talk: Get) -> None:
        quiet = [await asyncio.open_connection(*tracker.address) for _ in range(3)]
        for raw in (b"\x00" * 100, b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"GET /"):
            _, writer = await asyncio.open_connection(*tracker.address)
            writer.write(raw)
            writer.close()
        await asyncio.sleep(0.01)
        assert (await talk(get(ANNOUNCE)))[0].endswith("200 OK")
        for _, writer in quiet:
            writer.close()

    everywhere(internet, test)


@pytest.mark.fault("F175")
@pytest.mark.parametrize("port", [-1, 99_999])
def test_a_port_that_is_none(port: int) -> None:
    async def main() -> None:
        async with HttpTracker(TrackerCore(random.Random(1)), None, "127.0.0.1", port):
            pass

    with pytest.raises(UsageError, match="a port is"):
        asyncio.run(main())


def test_a_port_that_is_taken() -> None:
    async def main() -> None:
        core = TrackerCore(random.Random(1))
        async with HttpTracker(core, None, "127.0.0.1") as first:
            with pytest.raises(CannotListen, match="cannot listen"):
                async with HttpTracker(core, None, *first.address):
                    pass

    asyncio.run(main())


HUGE = b"\x81\xff" + (200_000).to_bytes(8, "big") + bytes(4) + bytes(140_000)
BINARY, NO_FRAME = b"\x82\x80" + bytes(4), b"\x70" * 50
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("raw", [HUGE, BINARY, NO_FRAME], ids=["huge", "binary", "no frame"])
def test_a_web_socket_that_sends_no_texts_is_closed(internet: Internet, raw: bytes) -> None:
    async def test(tracker: HttpTracker, talk: Get) -> None:
        reader, writer = await asyncio.open_connection(*tracker.address)
        writer.write(UPGRADE)
        assert b"101 Switching Protocols" in await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        assert (await reader.read(2))[:1] in (b"\x88", b"")  # a close frame, or the end
        writer.close()
        assert (await talk(get(ANNOUNCE)))[0].endswith("200 OK")

    everywhere(internet, test)


def test_it_closes_while_others_hold_on(internet: Internet) -> None:
    """A WebSocket that says nothing, half a request, and a connection that is kept alive."""

    async def hold_on(tracker: HttpTracker) -> float:
        writers = []
        for raw in (UPGRADE, ANNOUNCE.encode(), f"GET {ANNOUNCE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()):
            reader, writer = await asyncio.open_connection(*tracker.address)
            writer.write(raw)
            writers.append(writer)
            if raw != ANNOUNCE.encode():
                await reader.readuntil(b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await tracker.__aexit__()
        took_s = loop.time() - began
        for writer in writers:
            writer.close()
        return took_s

    core = TrackerCore(random.Random(1))

    async def simulated(net: Internet) -> float:
        home = net.host("home")
        tracker = HttpTracker(core, OfferRelay(core, random.Random(2)), home.address)

        async def main() -> float:
            await tracker.__aenter__()
            return await hold_on(tracker)

        return await home.run(main())

    assert internet.run(simulated) <= 3.0


def test_silence_is_ended(internet: Internet) -> None:
    core = TrackerCore(random.Random(1))

    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")

        async def quiet(raw: bytes) -> float:
            began = net.time
            reader, writer = await asyncio.open_connection(*tracker.address)
            writer.write(raw)
            assert await reader.read() == b""
            writer.close()
            return net.time - began

        with home:
            tracker = HttpTracker(core, None, home.address)
            await tracker.__aenter__()
        for raw in (b"", b"GET /announce?info_hash=", b"GET / HTTP/1.1\r\nHost: "):
            assert await ana.run(quiet(raw)) < 20.0
        with home:
            await tracker.__aexit__()

    internet.run(main)


async def a_web_socket(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One that is spoken by hand, and reads nothing beyond its handshake unless it is told to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frame(payload: bytes, kind: int = 0x81) -> bytes:
    """A WebSocket frame, masked with zeros."""
    size = len(payload)
    head = bytes([kind, 0x80 | size]) if size < 126 else bytes([kind, 0x80 | 126]) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


@pytest.mark.fault("F050")
def test_a_web_socket_that_does_not_read_costs_little_and_does_not_keep_it_open() -> None:
    ids = {name: name.encode() * 20 for name in "mz"}
    offers = [Offer(INFO_HASH, "\u00e9" * 2000)] * 5  # 12,000 characters each, as we write them

    async def main() -> None:
        core = TrackerCore(random.Random(1), allowance=Allowance(10**6, 10**6))
        tracker = HttpTracker(core, OfferRelay(core, random.Random(1)), "127.0.0.1")
        async with tracker:
            port = tracker.address[1]
            _, mute = await a_web_socket(port)
            mute.write(frame(encode(OffersAnnounce(INFO_HASH, ids["m"])).encode()))
            reader, talker = await a_web_socket(port)
            text = frame(encode(OffersAnnounce(INFO_HASH, ids["z"], tuple(offers))).encode())
            while tracker.ignored["not read"] < 10:
                talker.write(text)
                await reader.read(1000)
            kept = [unsent for unsent in tracker._unsent.values() if unsent.is_full()]
            assert len(kept) == 1
            assert kept[0]._characters <= MAX_UNSENT_CHARACTERS + 13_000
        mute.close()
        talker.close()

    async def within() -> None:
        async with asyncio.timeout(60):
            await main()

    asyncio.run(within())


def test_a_web_socket_that_hangs_up_in_a_flood_of_pings(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        core = TrackerCore(random.Random(1))
        tracker = HttpTracker(core, OfferRelay(core, random.Random(1)), "127.0.0.1")
        async with tracker:
            _, writer = await a_web_socket(tracker.address[1])
            writer.write(frame(b"p", kind=0x89) * 50_000)
            writer.transport.abort()
            async with asyncio.timeout(60):
                while tracker._open:
                    await asyncio.sleep(0.01)

    asyncio.run(main())
    assert not caplog.records


@pytest.mark.fault("F160")
@pytest.mark.parametrize(
    "raw",
    [
        b"GET /\xff\xfe?\x1b[31m HTTP/1.1\r\n\r\n",
        b"GET /announce HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_strangers_do_not_write_our_log(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with HttpTracker(TrackerCore(random.Random(1)), None, "127.0.0.1") as tracker:
            reader, writer = await asyncio.open_connection("127.0.0.1", tracker.address[1])
            writer.write(raw)
            assert b" 400 " in await reader.readuntil(b"\r\n")
            writer.close()
            assert tracker.ignored == {"not HTTP": 1}

    asyncio.run(main())
    assert not caplog.records


def test_an_error_of_ours_is_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(self: HttpTracker, query: str, host: str) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(HttpTracker, "announce", wrong)

    async def main() -> None:
        async with HttpTracker(TrackerCore(random.Random(1)), None, "127.0.0.1") as tracker:
            reader, writer = await asyncio.open_connection("127.0.0.1", tracker.address[1])
            writer.write(b"GET /announce HTTP/1.0\r\n\r\n")
            assert b" 500 " in await reader.readuntil(b"\r\n")
            writer.close()

    asyncio.run(main())
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
