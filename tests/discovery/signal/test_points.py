"""RendezvousSource: all rules of sources, several points, pages, and points that lie."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from p2plib.discovery.conformance import CHECKS, check_source, run_check
from p2plib.discovery.signal import meeting, peer_record, rendezvous
from p2plib.discovery.signal.peer_record import RoutingRecord
from p2plib.discovery.signal.point import DEFAULT_TTL_S, MAX_TTL_S, RendezvousPoint
from p2plib.discovery.signal.points import APP, MAX_PAGES, RendezvousSource
from p2plib.discovery.signal.rendezvous import (
    Discover,
    DiscoverResponse,
    Register,
    RegisterResponse,
    Status,
)
from p2plib.discovery.source import Found, topic_of
from p2plib.discovery.worlds import Member, World
from p2plib.errors import Unreachable, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address
from p2plib.protocol.node import Node
from p2plib.sim import Host, Internet
from p2plib.wire import multiaddr

POINT = SecretKey.from_seed(b"p" * 32)
PORT = 4001
CATS = topic_of("cats of Lisbon")


class Turncoat(RendezvousPoint):
    """A point that can be made to refuse."""

    refuses = False

    def register(self, *asked: Any) -> RegisterResponse:
        return RegisterResponse(Status.UNAVAILABLE, "no") if self.refuses else super().register(*asked)

    def discover(self, asked: Discover, now: float) -> DiscoverResponse:
        return DiscoverResponse(status=Status.UNAVAILABLE) if self.refuses else super().discover(asked, now)


def invent(point: RendezvousPoint, topic: bytes, addresses: Sequence[Address], now: float) -> None:
    """Registers peers that do not exist, 8 addresses each."""
    for first in range(0, len(addresses), 8):
        secret = SecretKey.from_seed(first.to_bytes(32, "big"))
        listed = tuple(
            multiaddr.of(("ip4", host), ("tcp", port)) for host, port in addresses[first : first + 8]
        )
        record = peer_record.encode(RoutingRecord(secret.public, 1, listed), secret)
        asked = Register(f"{APP}/{topic.hex()}", record)
        assert point.register(asked, secret.public, "66.6.6.6", now).status == Status.OK


def secret_of(host: Host) -> SecretKey:
    return SecretKey.from_seed(host.name.encode().ljust(32))


def start_point(net: Internet, name: str = "point") -> tuple[Host, Turncoat, str]:
    point = Turncoat(bytes(16))
    host, address = start(net, name, point)
    return host, point, address


def start(net: Internet, name: str, point: RendezvousPoint) -> tuple[Host, str]:
    host = net.host(name)

    async def serve() -> None:
        async with Node(POINT, {rendezvous.PROTOCOL_ID: meeting.handler(point)}) as node:
            await node.listen(f"/ip4/{host.address}/tcp/{PORT}")
            await node.serve_forever()

    host.start(serve)
    return host, f"/ip4/{host.address}/tcp/{PORT}/p2p/{ids.peer_id(POINT.public)}"


def source_on(host: Host, *points: str) -> RendezvousSource:
    return RendezvousSource(points, secret_of(host), host=host.address, rng=random.Random(host.name))


@asynccontextmanager
async def simulated(net: Internet) -> AsyncIterator[World]:
    count = len(net.hosts)
    place, point, address = start_point(net, f"point{count}")
    hosts = [net.host(f"{name}{count}") for name in ("ana", "ben")]
    await asyncio.sleep(0.1)
    with contextlib.ExitStack() as cuts:

        async def cut() -> None:
            cuts.enter_context(net.cut(hosts, [place]))

        async def heal() -> None:
            cuts.close()

        async def refuse() -> None:
            point.refuses = True

        async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
            invent(point, topic, addresses, asyncio.get_running_loop().time())

        def member(host: Host) -> Member:
            return Member(source_on(host, address), host.address, lambda: host)

        yield World(
            [member(host) for host in hosts],
            cut=cut,
            heal=heal,
            refuse=refuse,
            tell=tell,
            forgotten_after_s=DEFAULT_TTL_S,
        )
    await place.stop()


def test_it_conforms_in_the_simulated_internet(internet: Internet) -> None:
    async def main(net: Internet) -> list[str]:
        return await check_source(partial(simulated, net), timeout_s=100_000)

    assert internet.run(main) == ["check_rule_7_noise"], "it listens nowhere"


@pytest.mark.slow
def test_it_conforms_on_real_sockets() -> None:
    @asynccontextmanager
    async def real() -> AsyncIterator[World]:
        served = {rendezvous.PROTOCOL_ID: meeting.handler(RendezvousPoint(bytes(16)))}
        async with Node(POINT, served) as node:
            address = await node.listen("/ip4/127.0.0.1/tcp/0")
            sources = [RendezvousSource([address], SecretKey.generate()) for _ in range(2)]
            yield World([Member(source, "127.0.0.1") for source in sources])

    async def main() -> list[str]:
        checks = [check for check in CHECKS if "cancelled" not in check.__name__]
        return [check.__name__ for check in checks if not await run_check(check, real, timeout_s=20)]

    assert "check_rule_2_announced_is_found" not in asyncio.run(main())


def on(host: Host, source: RendezvousSource, call: Any) -> Any:
    """Runs a call of a source on its host, with the source open."""

    async def run() -> Any:
        async with source:
            return await call(source)

    return host.run(run())


async def found_by(source: RendezvousSource) -> list[Found]:
    return [found async for found in source.lookup(CATS)]


def test_pages_and_several_points(internet: Internet) -> None:
    """250 peers at one point, in three pages; another point is dead, a third knows one peer besides."""

    async def main(net: Internet) -> None:
        _, many, one = start_point(net, "many")
        _, few, two = start_point(net, "few")
        dead = f"/ip4/{net.host('dead').address}/tcp/{PORT}"
        await asyncio.sleep(1)
        for number in range(250):
            secret = SecretKey.from_seed((1000 + number).to_bytes(32, "big"))
            listed = (multiaddr.of(("ip4", f"11.{number}.0.1"), ("tcp", 4000)),)
            record = peer_record.encode(RoutingRecord(secret.public, 1, listed), secret)
            many.register(
                Register(f"{APP}/{CATS.hex()}", record), secret.public, f"11.{number}.0.1", net.time
            )
        invent(few, CATS, [("12.0.0.1", 4000)], net.time)
        host = net.host("ana")
        found = await on(host, source_on(host, dead, one, two), found_by)
        assert len(found) == 251
        assert {each.said_by for each in found} == {one, two}
        assert all(each.peer.startswith("12D3KooW") for each in found)

    internet.run(main)


def test_who_signed_it_and_that_it_is_gone_when_it_is_withdrawn(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        _, point, address = start_point(net)
        await asyncio.sleep(1)
        ana, ben = net.host("ana"), net.host("ben")

        async def both(source: RendezvousSource) -> None:
            await source.announce(CATS, 5001)
            assert await found_by(source) == [], "nobody finds itself"
            peer = ids.peer_id(secret_of(ana).public)
            expected = Found((ana.address, 5001), "rendezvous", address, peer)
            assert await on(ben, source_on(ben, address), found_by) == [expected]
            await source.withdraw(CATS)
            assert len(point) == 0

        await on(ana, source_on(ana, address), both)

    internet.run(main)


def test_a_peer_that_is_no_point_and_one_with_another_key(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        ana, other = net.host("ana"), net.host("other")

        async def serve() -> None:
            async with Node(POINT) as node:
                await node.listen(f"/ip4/{other.address}/tcp/{PORT}")
                await node.serve_forever()

        other.start(serve)
        await asyncio.sleep(1)
        wrong = f"/p2p/{ids.peer_id(secret_of(other).public)}"
        for suffix in ("", wrong):
            source = source_on(ana, f"/ip4/{other.address}/tcp/{PORT}{suffix}")
            with pytest.raises(Unreachable, match="is no rendezvous point"):
                await on(ana, source, found_by)

    internet.run(main)


def test_the_callers_mistakes() -> None:
    with pytest.raises(UsageError, match="needs a point"):
        RendezvousSource([], POINT)
    with pytest.raises(UsageError, match="not a host and a port"):
        RendezvousSource(["/ip4/192.0.2.1"], POINT)
    for app in ("", "x" * 129):
        with pytest.raises(UsageError, match="an application's name"):
            RendezvousSource([f"/ip4/192.0.2.1/tcp/4001/p2p/{ids.peer_id(POINT.public)}"], POINT, app=app)


class Endless(RendezvousPoint):
    """Each page has a new peer with 64 addresses, and a new cookie; each registration lasts for ever."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self.registered = self.pages = 0

    def register(self, *asked: Any) -> RegisterResponse:
        self.registered += 1
        return RegisterResponse(Status.OK, ttl_s=2**64 - 1)

    def discover(self, asked: Discover, now: float) -> DiscoverResponse:
        self.pages += 1
        secret = SecretKey.from_seed(self.pages.to_bytes(32, "big"))
        places = tuple(multiaddr.parse(f"/ip4/81.0.{self.pages}.{n}/tcp/4001") for n in range(64))
        raw = peer_record.encode(RoutingRecord(secret.public, 1, places), secret)
        return DiscoverResponse((Register(asked.ns, raw, 2**63),), self.pages.to_bytes(8, "big"))


@pytest.mark.fault("F080")
def test_a_point_that_never_comes_to_an_end_and_claims_to_keep_us_for_ever(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        ana, point = net.host("ana"), Endless(bytes(16))
        _, address = start(net, "point", point)
        await asyncio.sleep(1)

        async def use(source: RendezvousSource) -> None:
            await source.announce(CATS, 4001)
            found = await found_by(source)
            assert point.pages == MAX_PAGES
            assert len(found) == MAX_PAGES * 8, "so many addresses of each peer"
            await asyncio.sleep(MAX_TTL_S)
            assert point.registered >= 2, "after a day and a half again"

        await on(ana, RendezvousSource([address], SecretKey.from_seed(b"a" * 32), host=ana.address), use)

    internet.run(main)
