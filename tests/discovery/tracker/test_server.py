"""A whole tracker: three ways into the same swarms, and nothing left behind."""

from __future__ import annotations

import asyncio
import random

import pytest

from p2plib.discovery.tracker.announce import Announce, Counts
from p2plib.discovery.tracker.client import TrackerClient
from p2plib.discovery.tracker.offer_client import OfferClient
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.errors import CannotListen, UsageError
from p2plib.sim import Internet
from tests.discovery.tracker.packets import INFO_HASH
from tests.discovery.tracker.worlds import url_of


def test_three_ways_into_one_swarm() -> None:
    async def main() -> None:
        async with TrackerServer(random.Random(1)) as server:
            assert [url.partition(":")[0] for url in server.urls] == ["http", "udp", "ws"]
            by_http, by_udp = (
                TrackerClient(url_of(server, way), random.Random(1)) for way in ("http", "udp")
            )
            await by_http.announce(Announce(INFO_HASH, b"h" * 20, 6001, left=0))
            reply = await by_udp.announce(Announce(INFO_HASH, b"u" * 20, 6002))
            assert reply.peers == (("127.0.0.1", 6001),)
            async with OfferClient.open(url_of(server, "ws"), b"w" * 20) as browser:
                answer = await browser.announce(INFO_HASH)
                assert (answer.seeders, answer.leechers) == (1, 2)
                assert await by_udp.scrape(INFO_HASH) == {INFO_HASH: Counts(1, 0, 2)}

    asyncio.run(main())


def test_two_families_share_a_core() -> None:
    async def main() -> None:
        async with (
            TrackerServer(random.Random(1)) as four,
            TrackerServer(random.Random(1), "::1", core=four.core) as six,
        ):
            for server, port in ((four, 6001), (six, 6002)):
                await TrackerClient(url_of(server, "http"), random.Random(1)).announce(
                    Announce(INFO_HASH, b"h" * 20, port)
                )
            reply = await TrackerClient(url_of(six, "udp"), random.Random(1)).announce(
                Announce(INFO_HASH, b"u" * 20, 6003)
            )
            assert reply.peers == (("::1", 6002),)
            assert reply.leechers == 3

    asyncio.run(main())


@pytest.mark.parametrize(("host", "here"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_on_all_addresses_of_a_machine(host: str, here: str) -> None:
    async def main() -> None:
        async with TrackerServer(random.Random(1), host, http_port=None) as server:
            assert server.udp_address is not None
            where = f"[{here}]" if ":" in here else here
            client = TrackerClient(f"udp://{where}:{server.udp_address[1]}", random.Random(1))
            assert (await client.announce(Announce(INFO_HASH, b"u" * 20, 6003))).leechers == 1

    asyncio.run(main())


def test_parts_may_be_left_out() -> None:
    async def main() -> None:
        async with TrackerServer(random.Random(1), http_port=None) as server:
            assert len(server.urls) == 1
        async with TrackerServer(random.Random(1), udp_port=None, with_websocket=False) as server:
            assert len(server.urls) == 1
            with pytest.raises(CannotListen):
                async with TrackerServer(random.Random(1), http_port=server.http_address[1]):  # type: ignore[index]
                    pass
        with pytest.raises(UsageError):
            TrackerServer(random.Random(1), http_port=None, udp_port=None)

    asyncio.run(main())


def test_it_starts_again_on_the_same_ports(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")

        async def serve() -> None:
            async with TrackerServer(random.Random(1), home.address, http_port=80, udp_port=6969):
                await asyncio.sleep(1000)

        home.start(serve)
        for _ in range(2):
            await asyncio.sleep(1)
            for url in (f"udp://{home.address}:6969", f"http://{home.address}/announce"):
                client = TrackerClient(url, random.Random(1))
                reply = await ana.run(client.announce(Announce(INFO_HASH, b"u" * 20, 6003)))
                assert reply.leechers == 1  # the swarms of its former life are gone
            await home.stop()
            home.restart()  # and with it what it ran

    internet.run(main)
