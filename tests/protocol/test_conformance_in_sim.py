"""The conformance suite over what a peer really speaks: Noise over TCP, and yamux over that, in a simulated
internet whose links are far and narrow, or lose packets. Time is virtual, so waiting costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from p2plib.identity.keys import SecretKey
from p2plib.protocol import conformance, secure
from p2plib.protocol.conformance import NotConforming, check_stream
from p2plib.protocol.secure import SecureStream
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.protocol.yamux.driver import YamuxConnection
from p2plib.sim import Constant, Internet, Link
from p2plib.sim.host import Host

ANA, BEN = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))
QUIET_S = 20.0  # a lost packet is sent again after seconds; only then is somebody who waits really waiting
LINKS = {
    "far and narrow": Link(Constant(0.05), bytes_per_s=5e6),
    "lossy": Link(Constant(0.02), loss=0.02),
}

Pair = tuple[Stream, Stream]
Check = Callable[[Stream, Stream], Awaitable[None]]
Opens = Callable[[Host, Host], AbstractAsyncContextManager[Pair]]
Random = Callable[[int], bytes]


def _drawn(number: int) -> Random:
    """Keys that are the same in every run, so that a failure comes again."""
    return lambda size: bytes([number]) * size


@asynccontextmanager
async def tcp(ana: Host, ben: Host) -> AsyncIterator[tuple[TcpStream, TcpStream]]:
    """A connection that Ana made to Ben."""
    arrived: asyncio.Future[TcpStream] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def handler(stream: TcpStream) -> None:
        arrived.set_result(stream)
        await over.wait()

    with ben:
        listener = TcpListener(handler, ben.address)
        await listener.__aenter__()
    try:
        near = await ana.run(connect_tcp(*listener.address, timeout_s=60))
        far = await arrived
        try:
            yield near, far
        finally:
            near.reset()
            far.reset()
            over.set()
    finally:
        await listener.__aexit__()


@asynccontextmanager
async def noise(ana: Host, ben: Host) -> AsyncIterator[tuple[SecureStream, SecureStream]]:
    """Noise over TCP."""
    async with tcp(ana, ben) as (a, b):
        near, far = await asyncio.gather(
            secure.noise(a, ANA, initiator=True, expected=BEN.public, timeout_s=60, random=_drawn(3)),
            secure.noise(b, BEN, initiator=False, timeout_s=60, random=_drawn(4)),
        )
        yield near, far


@asynccontextmanager
async def yamux(ana: Host, ben: Host) -> AsyncIterator[Pair]:
    """A stream of yamux over Noise over TCP, among others that are open and say nothing."""
    async with (
        noise(ana, ben) as (a, b),
        YamuxConnection(a, is_client=True) as client,
        YamuxConnection(b, is_client=False) as server,
    ):
        for _ in range(2):
            await server.open_stream()
        near = await client.open_stream()
        yield near, await server.accept_stream()


LAYERS: dict[str, Opens] = {"tcp": tcp, "noise": noise, "yamux": yamux}


def _run(opens: Opens, link: Link, check: Callable[[conformance.MakePair], Any], seed: int = 1) -> Internet:
    """Runs something that takes a maker of pairs, between two hosts."""

    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        await check(lambda: opens(ana, ben))

    net = Internet(seed, link=link)
    net.run(main)
    return net


@pytest.mark.slow
@pytest.mark.finding("W1")
@pytest.mark.fault("F051")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("layer", ["noise", "yamux"])
def test_it_is_a_stream(layer: str, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", QUIET_S)
    net = _run(LAYERS[layer], LINKS[link], lambda make_pair: check_stream(make_pair, timeout_s=3600))
    lost = sum(packet.fate == "lost" for packet in net.trace)
    assert bool(lost) == (link == "lossy"), "the link did what its name says"


@pytest.mark.fault("F051")
@pytest.mark.parametrize("seed", range(2, 7))
@pytest.mark.parametrize("layer", LAYERS)
def test_bytes_arrive_whole_through_heavy_losses(layer: str, seed: int) -> None:
    """One packet in ten is lost, others overtake it or come twice."""

    async def check(make_pair: conformance.MakePair) -> None:
        for each in (conformance.check_bytes_arrive, conformance.check_both_ways_at_once):
            async with make_pair() as (a, b):
                await each(a, b)

    link = Link(Constant(0.02), loss=0.1, reorder=0.1, duplicate=0.05)
    net = _run(LAYERS[layer], link, check, seed)
    assert sum(packet.fate == "lost" for packet in net.trace) > 20


def test_the_same_seed_gives_the_same_packets() -> None:
    async def check(make_pair: conformance.MakePair) -> None:
        async with make_pair() as (a, b):
            await conformance.check_bytes_arrive(a, b)

    def packets(seed: int) -> list[tuple[Any, ...]]:
        net = _run(yamux, LINKS["lossy"], check, seed)
        return [(packet.sent_s, packet.sender, packet.fate, packet.data) for packet in net.trace]

    assert packets(1) == packets(1)
    assert packets(1) != packets(2)


# The suite sees here what it sees elsewhere


# `Stream.close_write` alone says nothing to the stream below.


async def _does_not_wait(stream: Any) -> None:
    pass


def _says_nothing(stream: Any) -> None:
    pass


async def _gives_too_much(stream: Any, max_bytes: int) -> bytes:
    while not stream._plain:
        if stream._has_ended:
            return b""
        stream._open(await stream._below.read(65_536))
    return stream._plain.take(max_bytes + 1)  # type: ignore[no-any-return]


async def _closes_at_once(stream: TcpStream) -> None:
    """The kernel resets a connection that is closed while the other side talks."""
    stream._wire.incoming.clear()
    stream._wire.changed.ring()
    stream._transport.close()
    while not stream._wire.is_lost:
        await stream._wire.changed.wait()


@pytest.mark.finding("W1")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("layer", ["tcp", "noise"])
@pytest.mark.parametrize(
    "check",
    [
        conformance.check_close_of_much_while_the_other_side_talks,
        conformance.check_close_of_much_with_bytes_unread,
    ],
)
def test_a_socket_closed_too_early_loses_bytes_here_as_well(
    check: Check, layer: str, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closes(make_pair: conformance.MakePair) -> None:
        async with make_pair() as (a, b):
            await check(a, b)

    monkeypatch.setattr(conformance, "QUIET_S", QUIET_S)
    _run(LAYERS[layer], LINKS[link], closes)
    monkeypatch.setattr(TcpStream, "_finish", _closes_at_once)
    with pytest.raises(NotConforming, match="looked like a reset"):
        _run(LAYERS[layer], LINKS[link], closes)


BROKEN = {
    "_drain": (_does_not_wait, "check_back_pressure"),
    "_abort": (_says_nothing, "check_reset"),
    "close_write": (Stream.close_write, "check_both_ways_at_once: still waiting"),
    "_read": (_gives_too_much, "check_pieces"),
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("method", BROKEN)
def test_what_is_no_stream_is_found_out(method: str, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, name = BROKEN[method]
    monkeypatch.setattr(conformance, "QUIET_S", QUIET_S)
    monkeypatch.setattr(SecureStream, method, broken)
    with pytest.raises(NotConforming, match=name):
        _run(noise, LINKS[link], lambda make_pair: check_stream(make_pair, timeout_s=3600))
