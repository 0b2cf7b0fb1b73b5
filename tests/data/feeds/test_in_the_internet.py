"""Whole peers in the simulated internet: handshake, box stream, muxrpc and a history, over links that lose
packets, with a host that crashes in the middle and one that is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.data.feeds import history
from p2plib.data.feeds.history import ClassicShelf
from p2plib.errors import P2PError
from p2plib.identity.keys import SecretKey
from p2plib.protocol import secure
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.sim import Constant, Internet, Link
from tests.data.feeds.peers import ANA, BEN, EVE, shelf, written

ENTRIES = 150
LOSSY = Link(Constant(0.04), loss=0.02, bytes_per_s=100_000)


async def serve(address: str, ours: ClassicShelf, secret: SecretKey) -> None:
    """A peer that answers whoever calls, until it is ended."""

    async def handler(stream: TcpStream) -> None:
        secured = await secure.shs_server(stream, secret)
        async with Muxrpc(secured, {history.NAME: history.serve(ours)}) as rpc:
            await rpc.wait_closed()

    async with TcpListener(handler, host=address, port=8008):
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def calling(address: str, server: SecretKey, secret: SecretKey) -> AsyncIterator[Muxrpc]:
    stream = await connect_tcp(address, 8008)
    async with Muxrpc(await secure.shs_client(stream, secret, server.public)) as rpc:
        yield rpc


def test_a_history_over_links_that_lose_packets() -> None:
    async def main(net: Any) -> None:
        ours, host = shelf(), net.host("ana")
        host.start(serve, host.address, written(ENTRIES), ANA)
        with net.host("ben"):
            async with calling(host.address, ANA, BEN) as rpc:
                assert await history.fetch(rpc, ours, ANA.public) == ENTRIES
        await host.stop()

    Internet(seed=5, link=LOSSY).run(main)


@pytest.mark.parametrize("crash_s", [0.3, 0.5, 0.7])
def test_a_peer_that_crashes_and_comes_back(crash_s: float) -> None:
    """What came before the crash stays, and the next call goes on from there."""

    async def main(net: Any) -> None:
        source, ours, host = written(ENTRIES), shelf(), net.host("ana")
        host.start(serve, host.address, source, ANA)
        net.at(crash_s, lambda _: host.crash())
        with net.host("ben"):
            with pytest.raises(P2PError):
                async with calling(host.address, ANA, BEN) as rpc:
                    await history.fetch(rpc, ours, ANA.public, silence_timeout_s=20)
            before = len(ours.follow(ANA.public))
            assert before < ENTRIES
            host.restart()
            async with calling(host.address, ANA, BEN) as rpc:
                assert await history.fetch(rpc, ours, ANA.public) == ENTRIES - before
        await host.stop()

    Internet(seed=6, link=LOSSY).run(main)


def test_what_one_writes_reaches_a_third_through_a_second() -> None:
    """Ana and Eve never meet; Ben's phone follows Ana live and serves Eve."""

    async def main(net: Any) -> None:
        source, bens, eves = written(3), shelf(), shelf()
        bens.follow(ANA.public)
        ana, ben = net.host("ana"), net.host("ben")
        ana.start(serve, ana.address, source, ANA)
        ben.start(serve, ben.address, bens, BEN)
        with ben:
            async with calling(ana.address, ANA, BEN) as up:
                first = asyncio.create_task(history.fetch(up, bens, ANA.public, live=True))
                with net.host("eve"):
                    async with calling(ben.address, BEN, EVE) as down:
                        second = asyncio.create_task(history.fetch(down, eves, ANA.public, live=True))
                        await asyncio.sleep(5)
                        source.write(ANA, {"type": "post", "text": "late"}, 2_000_000_000_000)
                        await asyncio.sleep(5)
                        assert eves.feed(ANA.public).head == source.feed(ANA.public).head
                        second.cancel()
                first.cancel()
                await asyncio.wait([first, second])
        await ana.stop()
        await ben.stop()

    Internet(seed=7, link=LOSSY).run(main)
