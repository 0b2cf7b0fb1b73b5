"""QUIC between hosts of a simulated internet whose links are far and narrow, or lose packets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.protocol import conformance
from p2plib.protocol.conformance import check_stream
from p2plib.protocol.quic.driver import QuicConnection, QuicStream
from p2plib.protocol.quic.limits import Limits
from p2plib.protocol.quic.sockets import QuicListener, dial
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
    ana: Host, ben: Host, limits: Limits | None = None
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
    """A stream, among others that are open and say nothing."""
    async with connections(ana, ben) as (near, far):
        for _ in range(2):
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
