"""Trackers as a source: tiers with dead trackers, renewal, and lookups that leave no trace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from p2plib.discovery.source import topic_of
from p2plib.discovery.tracker import http_messages
from p2plib.discovery.tracker.announce import Announce, Event
from p2plib.discovery.tracker.http_server import HttpTracker
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import DISCARD, TrackerSource
from p2plib.errors import RequestRefused, Unreachable, UsageError
from p2plib.machine.addresses import Address
from p2plib.sim import Host, Internet
from tests.discovery.tracker.worlds import INTERVAL_S, new_core, refuse, url_of

CATS = topic_of("cats of Lisbon")


@asynccontextmanager
async def tracker_on(host: Host) -> Any:
    with host:
        server = TrackerServer(random.Random(1), host.address, core=new_core())
        await server.__aenter__()
    try:
        yield server
    finally:
        with host:
            await server.__aexit__()


async def find(source: TrackerSource, topic: bytes = CATS) -> list[Address]:
    async with aclosing(source.lookup(topic)) as lookup:
        return [found.address async for found in lookup]


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_a_lookup_enters_nobody_into_the_swarm(internet: Internet, scheme: str) -> None:
    async def main(net: Internet) -> None:
        home, ana, ben = net.host("home"), net.host("ana"), net.host("ben")
        async with tracker_on(home) as server:
            url = url_of(server, scheme)

            async def announces() -> None:
                async with TrackerSource([[url]], random.Random(1)) as source:
                    await source.announce(CATS, 6881)
                    await asyncio.sleep(10)

            async def looks() -> None:
                async with TrackerSource([[url]], random.Random(2)) as source:
                    assert await find(source) == [(ana.address, 6881)]
                    assert await find(source, topic_of("dogs")) == []

            ana.start(announces)
            await asyncio.sleep(5)
            granted = server.core.granted
            await ben.run(looks())
            assert server.core.granted == granted + 2
            assert set(server.core.swarms.listed(CATS)) == {(ana.address, 6881)}
            await asyncio.sleep(10)
            assert len(server.core.swarms) == 0  # leaving the block said "stopped"

    internet.run(main)


def test_a_new_port_takes_the_old_one_off(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        async with tracker_on(home) as server:

            async def moves() -> None:
                async with TrackerSource([[url_of(server, "udp")]], random.Random(1)) as source:
                    for port in (6881, 6882, 6882):
                        await source.announce(CATS, port)
                    assert set(server.core.swarms.listed(CATS)) == {(ana.address, 6882)}
                    await source.withdraw(CATS)
                    assert len(server.core.swarms) == 0

            await ana.run(moves())

    internet.run(main)


def test_a_tracker_that_names_nobody_to_a_peer_that_has_stopped(internet: Internet, monkeypatch: Any) -> None:
    """As some do. Nothing is found, that is counted, and no peer that does not exist is entered."""
    said: list[Announce] = []
    announce = HttpTracker.announce

    def strict(self: HttpTracker, query: str, host: str) -> bytes:
        asked, _ = http_messages.decode_announce(http_messages.decode_query(query))
        said.append(asked)
        body = announce(self, query, host)
        if asked.event is Event.STOPPED:
            counts = self.core.swarms.counts(asked.info_hash)
            return http_messages.encode_announced(60, counts, host, [], None)
        return body

    monkeypatch.setattr(HttpTracker, "announce", strict)

    async def main(net: Internet) -> None:
        home, ana, ben = net.host("home"), net.host("ana"), net.host("ben")
        async with tracker_on(home) as server:
            server.core.swarms.announce(CATS, (ana.address, 6881), bytes(20), 1, Event.STARTED, net.time)

            async def looks() -> None:
                async with TrackerSource([[url_of(server, "http")]], random.Random(2)) as source:
                    assert await find(source) == []
                    assert source.ignored == {"counted, not named": 1}
                    assert await find(source, topic_of("dogs")) == []
                    assert source.ignored == {"counted, not named": 1}
                    assert {(each.event, each.port, each.key) for each in said} == {
                        (Event.STOPPED, DISCARD, 0)
                    }
                    assert source.peer_id not in {each.peer_id for each in said}
                    await source.announce(CATS, 6882)  # whoever is in the swarm is told
                    assert await find(source) == [(ana.address, 6881)]

            await ben.run(looks())
            assert set(server.core.swarms.listed(CATS)) == {(ana.address, 6881)}

    internet.run(main)


def test_each_tracker_that_was_told_hears_the_goodbye(internet: Internet) -> None:
    """The first tracker is out of reach when the topic is announced, and the second when it is renewed."""

    async def main(net: Internet) -> None:
        north, south, ana = net.host("north"), net.host("south"), net.host("ana")
        async with tracker_on(north) as first, tracker_on(south) as second:

            async def stays() -> None:
                tiers = [[url_of(first, "udp")], [url_of(second, "udp")]]
                async with TrackerSource(tiers, random.Random(1)) as source:
                    with net.cut([north], [ana]):
                        await source.announce(CATS, 6881)
                    assert second.core.swarms.peers == 1
                    await asyncio.sleep(INTERVAL_S + 1)
                    assert first.core.swarms.peers == second.core.swarms.peers == 1
                    await source.announce(CATS, 6882)
                    for server in (first, second):
                        assert (ana.address, 6881) not in server.core.swarms.listed(CATS)
                    await source.announce(CATS, 6882)
                    await source.withdraw(CATS)
                    assert first.core.swarms.peers == second.core.swarms.peers == 0

            await ana.run(stays())

    internet.run(main)


@pytest.mark.parametrize("scheme", ["http", "udp"])
@pytest.mark.parametrize("doing", ["announce", "announce again", "withdraw"])
def test_what_was_cancelled_may_have_arrived_and_is_taken_back(
    internet: Internet, scheme: str, doing: str
) -> None:
    """Each call is cancelled at every moment of its life, 4 ms apart."""

    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        async with tracker_on(home) as server:

            def ports() -> set[int]:
                return {port for _, port in server.core.swarms.listed(CATS)}

            async def uses(after_s: float) -> bool:
                async with TrackerSource([[url_of(server, scheme)]], random.Random(1)) as source:
                    if doing != "announce":
                        await source.announce(CATS, 6881)
                    call = source.withdraw(CATS) if doing == "withdraw" else source.announce(CATS, 6882)
                    task = asyncio.ensure_future(call)
                    await asyncio.wait([task], timeout=after_s)
                    task.cancel()
                    await asyncio.wait([task])
                    if random.Random(after_s).random() < 0.5:
                        await source.announce(CATS, 7000)
                        assert ports() == {7000}
                assert not ports()
                return task.cancelled()

            after_s = 0.0
            while await ana.run(uses(after_s)):
                after_s += 0.004
            assert after_s > 0.05

    internet.run(main)


def test_two_announces_at_once_leave_one_port(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        async with tracker_on(home) as server:

            async def uses() -> None:
                async with TrackerSource([[url_of(server, "udp")]], random.Random(1)) as source:
                    await asyncio.gather(*(source.announce(CATS, port) for port in range(6881, 6890)))
                    assert len(server.core.swarms.listed(CATS)) == 1
                assert server.core.swarms.peers == 0

            await ana.run(uses())

    internet.run(main)


def test_tiers_with_a_dead_tracker(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        dead, alive, backup = net.host("dead"), net.host("alive"), net.host("backup")
        ana = net.host("ana")
        async with tracker_on(alive) as first, tracker_on(backup) as second:
            no, yes = f"udp://{dead.address}:6969", url_of(first, "udp")
            spare = url_of(second, "udp")

            async def uses() -> None:
                seed = next(
                    n
                    for n in range(99)
                    if TrackerSource([[no, yes]], random.Random(n)).tiers.tiers[0][0] == no
                )
                async with TrackerSource([[no, yes], [spare]], random.Random(seed)) as source:
                    began = net.time
                    await source.announce(CATS, 6881)
                    assert net.time - began > 7.0  # it waited for the dead one
                    assert source.tiers.tiers == [[yes, no], [spare]]
                    began = net.time
                    await find(source)
                    assert net.time - began < 1.0  # never again
                    assert second.core.granted == 0
                    await refuse(first)
                    await source.announce(CATS, 6882)  # the whole first tier fails, so the second is asked
                    assert second.core.granted >= 1
                    assert source.ignored["refused"] >= 1

            await ana.run(uses())

    internet.run(main)


def test_what_all_of_them_say_is_raised(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        async with tracker_on(home) as server:
            await refuse(server)
            nobody = f"http://{ana.address}:1/announce"

            async def uses(urls: Sequence[str]) -> None:
                async with TrackerSource([[url] for url in urls], random.Random(1)) as source:
                    await source.announce(CATS, 6881)

            with pytest.raises(RequestRefused, match="not today"):
                await ana.run(uses([url_of(server, "udp"), nobody]))
            with pytest.raises(Unreachable, match="no connection"):
                await ana.run(uses([nobody]))

    internet.run(main)


def test_it_is_renewed_through_a_cut(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        async with tracker_on(home) as server:

            async def stays() -> None:
                async with TrackerSource([[url_of(server, "udp")]], random.Random(1)) as source:
                    await source.announce(CATS, 6881)
                    await asyncio.sleep(10 * INTERVAL_S)
                    assert source.ignored["renewal failed"] >= 2

            ana.start(stays)
            await asyncio.sleep(2.5 * INTERVAL_S)
            assert server.core.granted == 3
            with net.cut([home], [ana]):
                await asyncio.sleep(3 * INTERVAL_S)
            await asyncio.sleep(INTERVAL_S)
            assert set(server.core.swarms.listed(CATS)) == {(ana.address, 6881)}
            await asyncio.sleep(5 * INTERVAL_S)
            assert len(server.core.swarms) == 0

    internet.run(main)


def test_leaving_while_the_tracker_is_cut_off_takes_seconds(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        async with tracker_on(home) as server:

            async def leaves() -> float:
                async with TrackerSource([[url_of(server, "http")]], random.Random(1)) as source:
                    await source.announce(CATS, 6881)
                    net.cut([home], [ana])
                    began = net.time
                return net.time - began

            assert await ana.run(leaves()) <= 3.1

    internet.run(main)


def test_trackers_that_cannot_be() -> None:
    for tiers in ([], [[]], [["ws://x:1"]], [["udp://x:1"], ["udp://x:1"]]):
        with pytest.raises(UsageError):
            TrackerSource(tiers, random.Random(1))
