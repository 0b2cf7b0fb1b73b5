"""The source: what stands in the zone, how long, under which name, and what is made of what strangers say."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any

import pytest

from p2plib.discovery.dns import updates
from p2plib.discovery.dns.machine import NameServer
from p2plib.discovery.dns.resolver import MAX_RECORDS
from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.source import LEASE_S, DnsSource
from p2plib.discovery.dns.tsig import Signature
from p2plib.discovery.mdns.records import A, Aaaa, RecordType, Srv
from p2plib.discovery.source import Found, topic_of
from p2plib.errors import PeerTimeout, RequestRefused
from p2plib.sim import Internet
from tests.discovery.dns.world import KEY, OTHER, PORT, a_zone, name, record, served, service

CATS = topic_of("cats of Lisbon")
LABEL = name(CATS.hex() + ".p2p.test")


def a_source(server: tuple[str, int], number: int = 1, **options: Any) -> DnsSource:
    return DnsSource("p2p.test", server, random.Random(number), **{"key": KEY, **options})


async def found_by(source: DnsSource) -> list[Found]:
    async with contextlib.aclosing(source.lookup(CATS)) as lookup:
        return [each async for each in lookup]


def test_what_stands_in_the_zone(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, ana, ben = net.host("server"), net.host("ana"), net.host("ben")
        async with served(a_zone(), there) as server:
            with ana:
                async with a_source(server.address) as source:
                    await source.announce(CATS, 4001)
                    target = name(f"p4001-{bytes(map(int, ana.address.split('.'))).hex()}.p2p.test")
                    assert server.zone.data(LABEL, RecordType.SRV) == (Srv(0, 0, 4001, target),)
                    assert server.zone.data(target, RecordType.A) == (A(ana.address),)
                    with ben:
                        async with a_source(server.address, key=None) as other:
                            said_by = f"{there.address}:{PORT}"
                            assert await found_by(other) == [Found((ana.address, 4001), "dns", said_by)]
                            with pytest.raises(RequestRefused, match="holder of a key"):
                                await other.announce(CATS, 4002)
                    await source.announce(CATS, 4009)
                    assert [each.port for each in server.zone.data(LABEL, RecordType.SRV)] == [4009]  # type: ignore[union-attr]
                    assert not server.zone.exists(target)
            assert server.zone.names == 1, "at the end of its block it said goodbye"

    internet.run(main)


def test_what_is_signed_bears_the_time_of_its_host(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a simulated internet that is a virtual time, so the same seed gives the same bytes every time."""
    signed: list[int] = []
    is_repeated = NameServer._is_repeated

    def noted(self: NameServer, signature: Signature, now: float) -> bool:
        signed.append(signature.time_s)
        return is_repeated(self, signature, now)

    monkeypatch.setattr(NameServer, "_is_repeated", noted)

    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("ana"):
                async with a_source(server.address) as source:
                    begun_s = int(time.time())
                    await source.announce(CATS, 4001)
                    assert begun_s <= signed[0] <= time.time()

    internet.run(main)


def test_a_peer_that_crashes_is_forgotten_when_its_lease_is_over(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, ana, ben = net.host("server"), net.host("ana"), net.host("ben")

        async def lives(server: DnsServer) -> None:
            async with a_source(server.address) as source:
                await source.announce(CATS, 4001)
                await asyncio.sleep(10_000)

        async with served(a_zone(), there) as server:
            ana.start(lives, server)
            with ben:
                async with a_source(server.address, 2) as source:
                    await asyncio.sleep(5 * LEASE_S)
                    assert len(await found_by(source)) == 1, "it renews"
                    ana.crash()
                    await asyncio.sleep(LEASE_S + 1)
                    assert await found_by(source) == []

    internet.run(main)


def test_a_lease_that_is_shorter_than_asked_for_is_renewed_in_time(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "MAX_LEASE_S", 40)

    async def main(net: Internet) -> None:
        there, ana = net.host("server"), net.host("ana")
        async with served(a_zone(), there) as server:
            with ana:
                async with a_source(server.address) as source:
                    await source.announce(CATS, 4001)
                    for _ in range(50):
                        await asyncio.sleep(7)
                        assert len(await found_by(source)) == 1

    internet.run(main)


def test_a_server_that_was_away_is_told_again(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, ana = net.host("server"), net.host("ana")
        async with contextlib.AsyncExitStack() as stack:
            async with served(a_zone(), there) as server:
                with ana:
                    source = await stack.enter_async_context(a_source(server.address))
                    await source.announce(CATS, 4001)
            await asyncio.sleep(1_000)
            assert source.failures.total() > 2
            async with served(a_zone(), there) as again:
                await asyncio.sleep(125)
                assert len(again.zone.data(LABEL, RecordType.SRV)) == 1
                with ana:
                    await source.withdraw(CATS)
                assert not again.zone.exists(LABEL)

    internet.run(main)


def test_two_peers_of_one_host_do_not_share_a_name(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, ana = net.host("server"), net.host("ana")
        async with served(a_zone(), there) as server:
            with ana:
                async with a_source(server.address) as one, a_source(server.address, 2) as two:
                    await one.announce(CATS, 4001)
                    await two.announce(CATS, 4002)
                    await two.announce(topic_of("dogs"), 4002)
                    await one.withdraw(CATS)
                    assert [each.address for each in await found_by(one)] == [(ana.address, 4002)]
                    await two.withdraw(topic_of("dogs"))
                    assert [each.address for each in await found_by(one)] == [(ana.address, 4002)]

    internet.run(main)


def test_ipv6_and_a_public_host(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, ana = net.host("server"), net.host("ana")
        async with served(a_zone(), there) as server:
            with ana:
                async with a_source(server.address, public_host="2001:db8::7") as source:
                    await source.announce(CATS, 4001)
                    (srv,) = server.zone.data(LABEL, RecordType.SRV)
                    assert isinstance(srv, Srv)
                    assert server.zone.data(srv.target, RecordType.AAAA) == (Aaaa("2001:db8::7"),)
                    assert [each.address for each in await found_by(source)] == [("2001:db8::7", 4001)]

    internet.run(main)


@pytest.mark.fault("F065")
def test_what_a_seed_says_is_capped_and_filtered(internet: Internet) -> None:
    hosts = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "224.0.0.1", "0.0.0.0", "198.18.0.7"]
    records = [record(f"h{n}.p2p.test", host) for n, host in enumerate(hosts)]
    for n in range(len(hosts)):
        records += [service(str(LABEL), port, f"h{n}.p2p.test") for port in (53, 4000 + n)]
    many = [service(str(LABEL), 4000 + n, "h.p2p.test") for n in range(1_000)]
    many.append(record("h.p2p.test", "198.18.0.7"))

    async def main(net: Internet) -> None:
        async with served(a_zone(records, hand=50), net.host("server")) as server:
            with net.host("ana"):
                async with a_source(server.address) as source:
                    assert [each.address for each in await found_by(source)] == [("198.18.0.7", 4005)]
                    assert source.ignored == {
                        "an address where no peer can be": 10,
                        "a port of a well-known service": 1,
                    }
        async with served(a_zone(many, hand=1_000), net.host("other")) as server:
            with net.hosts["ana"]:
                async with a_source(server.address) as source:
                    assert len(await found_by(source)) == MAX_RECORDS

    internet.run(main)


def test_a_wrong_key_is_a_clear_no(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("ana"):
                async with a_source(server.address, key=OTHER) as source:
                    with pytest.raises(RequestRefused, match="BADKEY"):
                        await source.announce(CATS, 4001)
                    assert await found_by(source) == []

    internet.run(main)


def test_goodbye_does_not_wait_for_a_server_that_is_silent(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, ana = net.host("server"), net.host("ana")
        async with served(a_zone(), there) as server:
            with ana:
                async with a_source(server.address) as source:
                    await source.announce(CATS, 4001)
                    await source.announce(topic_of("dogs"), 4001)
                    with net.cut([there], [ana]):
                        began = net.time
                        await source.__aexit__(None, None, None)
                        assert net.time - began < 3
                    await source.__aenter__()

    internet.run(main)


def test_resolvers_of_somebody_else_are_asked_and_the_primary_is_told(internet: Internet) -> None:
    """As with a provider's resolver: questions go there, updates to the zone's own server."""

    async def main(net: Internet) -> None:
        primary, secondary, ana = net.host("primary"), net.host("secondary"), net.host("ana")
        zone = a_zone()
        async with served(zone, primary) as one, served(zone, secondary) as two:
            with ana:
                async with a_source(one.address, resolvers=[two.address]) as source:
                    await source.announce(CATS, 4001)
                    (found,) = await found_by(source)
                    assert found.said_by == f"{secondary.address}:{PORT}"
                    assert one.peer.machine.asked == {}
                    net.block(ana, secondary)
                    with pytest.raises(PeerTimeout):
                        await found_by(source)

    internet.run(main)


def test_two_announcements_at_once_leave_one(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("ana"):
                async with a_source(server.address) as source:
                    await asyncio.gather(*(source.announce(CATS, port) for port in (4001, 4002, 4003)))
                    assert [each.port for each in server.zone.data(LABEL, RecordType.SRV)] == [4003]  # type: ignore[union-attr]
                    await asyncio.gather(source.announce(CATS, 4004), source.withdraw(CATS))
                    assert server.zone.names == 1
                    assert not len(source._turns)

    internet.run(main)


@pytest.mark.parametrize("after_ms", range(0, 700, 50))
def test_an_announcement_that_was_broken_off_leaves_nothing(internet: Internet, after_ms: int) -> None:
    """It may have been done all the same, and a name server without leases would keep it for good."""

    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("ana"):
                for number, then in enumerate(("announce", "withdraw", "end")):
                    async with a_source(server.address, number) as source:
                        call = asyncio.ensure_future(source.announce(CATS, 4001))
                        await asyncio.sleep(after_ms / 1000)
                        call.cancel()
                        await asyncio.gather(call, return_exceptions=True)
                        if then == "announce":
                            await source.announce(CATS, 4002)
                            assert [each.port for each in server.zone.data(LABEL, RecordType.SRV)] == [4002]  # type: ignore[union-attr]
                        elif then == "withdraw":
                            await source.withdraw(CATS)
                            assert server.zone.names == 1
                    assert server.zone.names == 1

    internet.run(main)
