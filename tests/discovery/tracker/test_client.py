"""Asking a tracker by its URL: what a URL is, what is believed of an answer, both ways and both families."""

from __future__ import annotations

import asyncio
import random

import pytest

from p2plib.discovery.tracker.announce import Announce, Announced, Counts, Event
from p2plib.discovery.tracker.client import TrackerClient, TrackerUrl, believed, host_towards, parsed_url
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.errors import PeerTimeout, UsageError
from p2plib.machine.addresses import Address
from p2plib.sim import Internet, Link
from p2plib.sim.link import Constant
from tests.discovery.tracker.packets import INFO_HASH
from tests.discovery.tracker.worlds import new_core, url_of

BOTH = pytest.mark.parametrize("scheme", ["http", "udp"])


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://tracker.example/announce", TrackerUrl("http", "tracker.example", 80, "/announce")),
        ("https://tracker.example/a?key=x", TrackerUrl("https", "tracker.example", 443, "/a?key=x")),
        ("http://192.0.2.1:6969", TrackerUrl("http", "192.0.2.1", 6969, "/announce")),
        ("udp://[2001:db8::1]:6969/announce", TrackerUrl("udp", "2001:db8::1", 6969)),
    ],
)
def test_urls(url: str, parts: TrackerUrl) -> None:
    assert parsed_url(url) == parts
    assert parsed_url(str(parts)) == parts


@pytest.mark.parametrize(
    "url",
    ["", "tracker.example", "udp://tracker.example", "ws://tracker.example", "http://", "http://x:0/announce",
     "http://x:99999/", "http://x/a b", "http://x/\r\nHost: y", "http://x/\u00e9", "ftp://x/", "http://[::1/"],
)  # fmt: skip
def test_what_is_no_url_of_a_tracker(url: str) -> None:
    with pytest.raises(UsageError):
        TrackerClient(url, random.Random(1))


TRACKER, OWN = ("192.0.2.80", 6969), "198.51.100.1"
GOOD: Address = ("198.51.100.7", 6881)


@pytest.mark.fault("F066")
def test_what_is_believed_of_an_answer() -> None:
    lies: tuple[Address, ...] = (
        ("10.0.0.1", 6881), ("192.168.1.1", 8080), ("127.0.0.1", 6881), ("224.0.0.251", 5353),
        ("255.255.255.255", 6881), ("169.254.1.1", 6881), ("0.0.0.0", 6881), ("198.51.100.7", 0),
        ("198.51.100.7", 25), ("2001:db8::1", 6881), ("tracker.example", 6881), ("198.51.100.7", 70000),
    )  # fmt: skip
    own = ((OWN, 7000), ("203.0.113.5", 7000))
    answer = Announced(0, 1, 2, (*lies, GOOD, *own, GOOD, (OWN, 7001)), own_host="203.0.113.5")
    reply = believed(answer, TRACKER, OWN, 7000)
    assert reply.peers == (GOOD, (OWN, 7001))  # a neighbour behind the same NAT is a peer
    assert reply.interval_s == 60
    assert reply.ignored == {"not acceptable": len(lies), "own address": 2}


def test_an_address_that_is_spelt_in_several_ways_is_one() -> None:
    spelt = ("2001:db8::7", "2001:DB8::7", "2001:db8:0::7", "2001:0db8::0007")
    own = ("2001:db8::1", "2001:DB8:0:0::1")
    answer = Announced(60, 0, 2, tuple((host, 6881) for host in (*spelt, *own)))
    reply = believed(answer, ("2001:db8::80", 6969), own[0], 6881)
    assert reply.peers == (("2001:db8::7", 6881),)
    assert reply.ignored == {"own address": 2}


def test_on_loopback_and_at_home_near_addresses_are_peers() -> None:
    answer = Announced(60, 0, 2, (("127.0.0.1", 6881), ("192.168.1.5", 6881)))
    assert len(believed(answer, ("127.0.0.1", 80), "127.0.0.1", 1).peers) == 2
    assert believed(answer, ("192.168.1.1", 80), "192.168.1.2", 1).peers == (("192.168.1.5", 6881),)


def life(tracker: str, random_seed: int, host: str) -> list[object]:
    async def main() -> list[object]:
        first, second = (TrackerClient(tracker, random.Random(random_seed + each)) for each in range(2))
        told: list[object] = []
        one = Announce(INFO_HASH, b"1" * 20, 6001, left=0, event=Event.STARTED)
        two = Announce(INFO_HASH, b"2" * 20, 6002, left=9, event=Event.STARTED)
        told.append((await first.announce(one)).peers)
        told.append((await second.announce(two)).peers)
        told.append(await first.scrape(INFO_HASH, bytes(20)))
        two.event, two.numwant = Event.STOPPED, 0
        told.append((await second.announce(two)).peers)
        told.append((await first.scrape(INFO_HASH))[INFO_HASH])
        return told

    return main()  # type: ignore[return-value]


def expected(host: str) -> list[object]:
    return [(), ((host, 6001),), {INFO_HASH: Counts(1, 0, 1), bytes(20): Counts()}, (), Counts(1, 0, 0)]


@BOTH
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_life_on_real_sockets(scheme: str, host: str) -> None:
    async def main() -> list[object]:
        async with TrackerServer(random.Random(1), host, core=new_core()) as server:
            return await life(url_of(server, scheme), 1, host)  # type: ignore[misc,no-any-return]

    assert asyncio.run(main()) == expected(host)


@BOTH
def test_a_life_over_a_bad_link(sim_seed: int, scheme: str) -> None:
    async def main(net: Internet) -> list[object]:
        home, ana = net.host("home"), net.host("ana")
        with home:
            server = TrackerServer(random.Random(1), home.address, core=new_core())
            await server.__aenter__()
        url = url_of(server, scheme).replace(home.address, "home")  # by name
        told = await ana.run(life(url, 1, ana.address))
        with home:
            await server.__aexit__()
        assert told == expected(ana.address)
        return told

    Internet(sim_seed, link=Link(Constant(0.08), loss=0.1)).run(main)


def test_a_tracker_that_is_cut_off_is_given_up(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana")
        for scheme, least_s in (("udp", 7.0), ("http", 5.0)):
            client = TrackerClient(f"{scheme}://{home.address}:6969", random.Random(1))
            began = net.time
            with net.cut([home], [ana]), pytest.raises(PeerTimeout, match="did not answer"):
                await ana.run(client.announce(Announce(INFO_HASH, bytes(20), 6881)))
            assert least_s <= net.time - began < 20.0

    internet.run(main)


def test_what_we_ask_from(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, ana = net.host("home"), net.host("ana", address="198.51.100.1")
        before = len(net.trace)
        assert await ana.run(host_towards((home.address, 6969))) == "198.51.100.1"
        assert len(net.trace) == before  # nothing was sent

    internet.run(main)
    assert asyncio.run(host_towards(("127.0.0.1", 6969))) == "127.0.0.1"
