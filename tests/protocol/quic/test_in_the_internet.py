"""QUIC between hosts of a simulated internet whose links are far and narrow, or lose packets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import Closed, StreamReset
from p2plib.protocol import conformance
from p2plib.protocol.conformance import NotConforming, check_stream, pattern, read_all
from p2plib.protocol.quic.driver import QuicConnection
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.sockets import QuicListener, dial
from p2plib.protocol.quic.stream import QuicStream
from p2plib.sim import Constant, Internet, Link
from p2plib.sim.host import Host
from tests.protocol.quic.pairs import ALICE, BOB, opened

pytest.importorskip("aioquic")

QUIET_S = 20.0  # a lost packet is sent again after seconds; only then is somebody who waits really waiting
LINKS = {
    "far and narrow": Link(Constant(0.05), bytes_per_s=5e6),
    "lossy": Link(Constant(0.02), loss=0.02),
}


@asynccontextmanager
async def connections(
    ana: Host, ben: Host, limits: QuicLimits | None = None
) -> AsyncIterator[tuple[QuicConnection, QuicConnection]]:
    """Both ends of a connection that Ana made to Ben."""
    arrived: asyncio.Future[QuicConnection] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def handler(connection: QuicConnection) -> None:
        await connection.handshake(timeout_s=60)
        arrived.set_result(connection)
        await over.wait()

    with ben:
        listener = QuicListener(handler, BOB, ben.address, limits=limits)
        await listener.__aenter__()
    try:
        making = dial(ALICE, *listener.address, expected=BOB.public, limits=limits, timeout_s=60)
        async with await ana.run(making) as near:
            yield near, await arrived
    finally:
        over.set()
        await listener.__aexit__()


@asynccontextmanager
async def streams(ana: Host, ben: Host) -> AsyncIterator[tuple[QuicStream, QuicStream]]:
    """A stream, beside another that is open and says nothing."""
    async with connections(ana, ben) as (near, far):
        await opened(far, near)
        yield await opened(near, far)


def run(link: Link, main: Callable[[Host, Host], Any], seed: int = 1) -> Internet:
    """Runs something with two hosts."""

    async def start(net: Internet) -> None:
        await main(net.host("ana"), net.host("ben"))

    net = Internet(seed, link=link)
    net.run(start)
    return net


@pytest.mark.slow
@pytest.mark.fault("F051")
@pytest.mark.parametrize("link", LINKS)
def test_its_streams_conform(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", QUIET_S)

    async def main(ana: Host, ben: Host) -> None:
        await check_stream(lambda: streams(ana, ben), timeout_s=3600)

    net = run(LINKS[link], main)
    lost = sum(packet.fate == "lost" for packet in net.trace)
    assert bool(lost) == (link == "lossy"), "the link did what its name says"


@pytest.mark.fault("F051")
@pytest.mark.parametrize("seed", range(2, 5))
def test_bytes_arrive_whole_through_heavy_losses(seed: int) -> None:
    """One packet in ten is lost, others overtake it or come twice."""

    async def main(ana: Host, ben: Host) -> None:
        for each in (conformance.check_bytes_arrive, conformance.check_both_ways_at_once):
            async with streams(ana, ben) as (a, b):
                await each(a, b)

    net = run(Link(Constant(0.02), loss=0.1, reorder=0.1, duplicate=0.05), main, seed)
    assert sum(packet.fate == "lost" for packet in net.trace) > 20


@pytest.mark.finding("W1")
@pytest.mark.parametrize("seed", range(1, 6))
def test_closing_delivers_through_losses(seed: int) -> None:
    """Many streams at once, closed while the other side talks, and the connection right after them."""

    async def main(ana: Host, ben: Host) -> None:
        async with connections(ana, ben) as (near, far):

            async def take() -> int:
                stream = await far.accept_stream()
                await stream.write(b"I talk while you close")
                return len(await read_all(stream))

            async def give() -> None:
                async with await near.open_stream() as stream:
                    stream.close_timeout_s = 300
                    await stream.write(bytes(20_000))

            taking = [asyncio.ensure_future(take()) for _ in range(10)]
            await asyncio.gather(*(give() for _ in taking))
            near.close_timeout_s = 300
            await near.close()
            assert await asyncio.gather(*taking) == [20_000] * 10
            await far.wait_closed()

    net = run(Link(Constant(0.03), loss=0.08, reorder=0.05), main, seed)
    assert sum(packet.fate == "lost" for packet in net.trace) > 10


@pytest.mark.fault("F050")
def test_what_nobody_reads_any_more_takes_no_room() -> None:
    """Bytes that come to streams that we have closed or reset: many times the room of the connection."""

    async def main(ana: Host, ben: Host) -> None:
        async with connections(ana, ben, QuicLimits(window_bytes=20_000, memory_bytes=40_000)) as (near, far):
            for number in range(40):
                stream, other = await opened(near, far)
                await other.write(bytes(5_000))
                if number % 3 == 0:
                    await other.close_write()
                await asyncio.sleep(0.01)  # it is on its way
                if number % 3:
                    await stream.close()
                else:
                    stream.reset()
                with contextlib.suppress(StreamReset, Closed):
                    await other.write(bytes(5_000))
                await asyncio.sleep(0.01)
                other.reset()
            stream, other = await opened(near, far)
            writing = asyncio.ensure_future(other.write(bytes(200_000)))
            assert len(await stream.read_exactly(200_000)) == 200_000
            await writing
            assert near.machine._consumed_bytes == near.machine._local_max_data.used

    run(LINKS["far and narrow"], main)


def test_an_idle_connection_is_kept() -> None:
    async def main(ana: Host, ben: Host) -> None:
        async with connections(ana, ben) as (near, far):
            await asyncio.sleep(3600)
            stream, other = await opened(near, far)
            assert not near.is_over
            assert not far.is_over
            await asyncio.gather(stream.close(), other.close())

    run(LINKS["lossy"], main)


@pytest.mark.finding("M1")
@pytest.mark.parametrize("is_cut", [True, False])
def test_a_peer_that_is_silent_is_gone_after_a_minute(is_cut: bool) -> None:
    async def main(ana: Host, ben: Host) -> None:
        async with connections(ana, ben) as (near, far):
            stream, _ = await opened(near, far)
            loop = asyncio.get_running_loop()
            reading = asyncio.ensure_future(ana.run(stream.read()))
            await asyncio.sleep(1)
            began = loop.time()
            if is_cut:
                ana.net.cut([ana], [ben])
            else:
                far._put = lambda data, address: None
            with pytest.raises(StreamReset, match="Idle timeout"):
                await reading
            assert 55 < loop.time() - began < 85
            with pytest.raises(Closed, match="Idle timeout"):
                await near.open_stream()

    run(LINKS["far and narrow"], main)


def test_a_client_whose_nat_gives_it_another_port_goes_on() -> None:
    async def main(ana: Host, ben: Host) -> None:
        async with connections(ana, ben) as (near, far):
            _, port = far.remote_address
            stream, other = await opened(near, far)
            receive, host = far.receive, far.remote_address[0]

            def moved(data: bytes, address: Any) -> None:
                receive(data, (address[0], 40_000) if address[0] == host else address)

            put = far._put
            far._put = lambda data, address: put(data, (host, port) if address == (host, 40_000) else address)
            far.receive = moved  # type: ignore[method-assign]
            sent = pattern(300_000)
            writing = asyncio.ensure_future(stream.write(sent))
            assert await other.read_exactly(len(sent)) == sent
            await writing
            assert far.remote_address == (host, 40_000)
            assert far.machine.has_proved_its_address

    run(LINKS["far and narrow"], main)


# The suite sees here what it sees elsewhere


async def _takes_a_reset_for_an_end(stream: QuicStream, max_bytes: int) -> bytes:
    while not stream._incoming:
        if stream._has_ended or stream._was_reset:
            return b""
        await stream.changed.wait()
        stream._check_open()
    data = stream._incoming.take(max_bytes)
    stream._machine.consume(stream.stream_id, len(data))
    stream.connection.wake()
    return data


async def _does_not_wait(stream: QuicStream) -> None:
    pass


async def _says_nothing(stream: QuicStream) -> None:
    stream.connection.forget(stream)


def _leaves_the_other_side_in_the_dark(stream: QuicStream) -> None:
    stream._go_deaf()
    stream.changed.ring()


BROKEN: dict[str, tuple[Any, str]] = {
    "_drain": (_does_not_wait, "check_back_pressure"),
    "_read": (_takes_a_reset_for_an_end, "check_reset"),
    "_abort": (_leaves_the_other_side_in_the_dark, "check_reset"),
    "_finish": (_says_nothing, "check_close"),
}


@pytest.mark.parametrize("method", BROKEN)
def test_what_is_no_stream_is_found_out(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, name = BROKEN[method]
    monkeypatch.setattr(conformance, "QUIET_S", QUIET_S)
    monkeypatch.setattr(QuicStream, method, broken)

    async def main(ana: Host, ben: Host) -> None:
        with pytest.raises(NotConforming, match=name):
            await check_stream(lambda: streams(ana, ben), timeout_s=3600)

    run(LINKS["far and narrow"], main)
