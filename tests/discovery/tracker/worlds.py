"""Worlds of trackers and their sources, for the conformance suite and other tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from p2plib.discovery.tracker.announce import Event
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.pace import Allowance
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource
from p2plib.discovery.tracker.swarms import SwarmLimits
from p2plib.discovery.worlds import Member, World
from p2plib.errors import Refusal
from p2plib.machine.addresses import Address
from p2plib.sim import Internet

INTERVAL_S = 120
ROOMY = SwarmLimits(ports_of_host=10_000, places_of_host=100_000)


def new_core(seed: int = 1) -> TrackerCore:
    return TrackerCore(
        random.Random(seed), interval_s=INTERVAL_S, limits=ROOMY, allowance=Allowance(10_000, 10_000)
    )


def url_of(server: TrackerServer, scheme: str) -> str:
    return next(url for url in server.urls if url.startswith(scheme))


async def tell(server: TrackerServer, topic: bytes, addresses: Sequence[Address], now: float) -> None:
    """Enters addresses into a swarm that no honest tracker would have there."""
    for number, address in enumerate(addresses):
        server.core.swarms.announce(topic, address, number.to_bytes(20, "big"), 1, Event.STARTED, now)


async def refuse(server: TrackerServer) -> None:
    def no(*_: Any, **__: Any) -> Any:
        raise Refusal("closed", "not today")

    server.core.announce = no  # type: ignore[method-assign]


@asynccontextmanager
async def simulated(net: Internet, scheme: str) -> AsyncIterator[World]:
    """Two peers and a tracker on hosts of their own."""
    number = len(net.hosts)
    home, *peers = (net.host(f"host{number + each}") for each in range(3))
    stranger = net.host(f"host{number + 3}")
    async with AsyncExitStack() as stack:
        with home:
            server = TrackerServer(random.Random(1), home.address, core=new_core())
            await stack.enter_async_context(server)
        stack.callback(lambda: [cut.heal() for cut in list(net.cuts)])
        members = [
            Member(
                TrackerSource([[url_of(server, scheme)]], random.Random(peer.name)),
                peer.address,
                lambda on=peer: on,
            )
            for peer in peers
        ]

        async def cut() -> None:
            net.cut([home, stranger], *[[peer] for peer in peers])

        async def heal() -> None:
            for each in list(net.cuts):
                each.heal()

        async def noise(raw: bytes) -> None:
            """To every port of the peers that is open, and to the tracker."""
            with stranger:
                loop = asyncio.get_running_loop()
                for host, port in [server.udp_address, *((peer.address, p) for peer in peers for p in PORTS)]:
                    transport, _ = await loop.create_datagram_endpoint(
                        asyncio.DatagramProtocol, remote_addr=(host, port)
                    )
                    transport.sendto(raw)
                    transport.close()
                _, writer = await asyncio.open_connection(*server.http_address)
                writer.write(raw)
                writer.close()

        yield World(
            members,
            cut=cut,
            heal=heal,
            refuse=lambda: refuse(server),
            tell=lambda topic, addresses: tell(server, topic, addresses, net.time),
            noise=noise,
            forgotten_after_s=2 * INTERVAL_S + 60,
        )


PORTS = range(49_150, 49_160)  # the first that the simulated internet hands out


@asynccontextmanager
async def real(scheme: str) -> AsyncIterator[World]:
    """The same on loopback."""
    async with TrackerServer(random.Random(1), core=new_core()) as server:
        url = url_of(server, scheme)
        members = [Member(TrackerSource([[url]], random.Random(number)), "127.0.0.1") for number in range(2)]
        now = asyncio.get_running_loop().time()
        yield World(
            members,
            refuse=lambda: refuse(server),
            tell=lambda topic, addresses: tell(server, topic, addresses, now),
        )
