"""The publisher: a zone that follows what is published, through a server that goes away and forgets."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from p2plib.discovery.dns.publisher import ZonePublisher
from p2plib.discovery.dns.zone import Zone
from p2plib.discovery.mdns.records import A, RecordType, Txt
from p2plib.errors import Closed, PeerTimeout, RequestRefused, UsageError
from p2plib.sim import Internet
from tests.discovery.dns.test_wanted import hosts
from tests.discovery.dns.world import KEY, OTHER, PORT, a_zone, name, record, served

SEED = name("seed.p2p.test")


def a_publisher(server: tuple[str, int], **options: Any) -> ZonePublisher:
    return ZonePublisher(server, "p2p.test", **{"key": KEY, "rng": random.Random(2), **options})


def addresses(zone: Zone) -> set[Any]:
    return set(zone.data(SEED, RecordType.A))


def test_the_zone_follows(internet: Internet) -> None:
    async def use(server: Any) -> None:
        async with a_publisher(server.address) as publisher:
            await publisher.settled()
            for numbers in ([1, 2, 3], [2, 3, 4], range(500), []):
                publisher.publish("seed.p2p.test", RecordType.A, hosts(*numbers))
                publisher.publish("seed.p2p.test", RecordType.TXT, [Txt((b"proto=1",))])
                await publisher.settled()
                assert addresses(server.zone) == set(hosts(*numbers))
            assert publisher.updates == 4
            assert not publisher.failures

    async def simulated(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("tracker"):
                await use(server)

    async def here() -> None:
        async with served(a_zone()) as server:
            await use(server)

    internet.run(simulated)
    asyncio.run(here())


def test_a_server_that_was_away_and_has_forgotten_gets_everything_again(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("tracker")
        with here:
            publisher = await a_publisher((there.address, PORT)).__aenter__()
        publisher.publish("seed.p2p.test", RecordType.A, hosts(1, 2))
        with pytest.raises(PeerTimeout, match="not as it should be after 5 s"):
            await publisher.settled(within_s=5)
        assert publisher.trouble is not None
        async with served(a_zone(), there) as server:
            await publisher.settled()
            assert addresses(server.zone) == set(hosts(1, 2))
            assert publisher.trouble is None
        await asyncio.sleep(300)
        publisher.publish("seed.p2p.test", RecordType.A, hosts(1, 2, 3))
        await asyncio.sleep(30)
        began = net.time
        async with served(a_zone([record("seed.p2p.test", "198.18.9.9")]), there) as server:
            await publisher.settled(within_s=120)
            assert net.time - began < 61, "the pauses end at a minute"
            assert addresses(server.zone) == set(hosts(1, 2, 3))
        await publisher.__aexit__(None, None, None)

    internet.run(main)


def test_pauses_double_and_nobody_is_flooded(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there = net.host("server")
        with net.host("tracker"):
            async with a_publisher((there.address, PORT)) as publisher:
                publisher.publish("seed.p2p.test", RecordType.A, hosts(1))
                await asyncio.sleep(600)
                assert 8 < publisher.failures.total() < 30

    internet.run(main)


def test_what_somebody_else_has_changed_is_put_right_in_time(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("tracker"):
                async with a_publisher(server.address, refresh_s=100.0) as publisher:
                    publisher.publish("seed.p2p.test", RecordType.A, hosts(1))
                    await publisher.settled()
                    server.zone.add(record("seed.p2p.test", "198.18.66.66"), 0.0)
                    await asyncio.sleep(101)
                    assert addresses(server.zone) == set(hosts(1))

    internet.run(main)


def test_a_server_that_refuses_is_asked_again_and_the_owner_can_see_why(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("tracker"):
                async with a_publisher(server.address, key=OTHER) as publisher:
                    publisher.publish("seed.p2p.test", RecordType.A, hosts(1))
                    await asyncio.sleep(10)
                    assert isinstance(publisher.trouble, RequestRefused)
                    assert publisher.failures["RequestRefused"] > 2

    internet.run(main)


def test_records_with_a_lease_go_when_the_publisher_has_gone(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("tracker"):
                async with a_publisher(server.address, lease_s=300, refresh_s=100) as publisher:
                    publisher.publish("seed.p2p.test", RecordType.A, hosts(1))
                    await asyncio.sleep(1_000)
                    assert addresses(server.zone) == {A("198.18.0.2")}
            await asyncio.sleep(301)
            assert not addresses(server.zone)

    internet.run(main)


def test_outside_its_block_it_is_closed(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there = net.host("server")
        with net.host("tracker"):
            publisher = a_publisher((there.address, PORT))
            with pytest.raises(Closed):
                publisher.publish("seed.p2p.test", RecordType.A, hosts(1))
            async with publisher:
                with pytest.raises(UsageError, match="of one type"):
                    publisher.publish("seed.p2p.test", RecordType.TXT, hosts(1))
                publisher.publish("seed.p2p.test", RecordType.A, hosts(1))
                waiting = asyncio.ensure_future(publisher.settled())
                await asyncio.sleep(0.1)
            with pytest.raises(Closed):
                await waiting
            with pytest.raises(Closed):
                await publisher.settled()

    internet.run(main)
