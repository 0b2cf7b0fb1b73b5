"""npm's bittorrent-tracker, live, in both roles: HTTP, UDP and WebSocket, with hashes that are no text."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from p2plib.discovery.tracker import source
from p2plib.discovery.tracker.announce import Announce, Event
from p2plib.discovery.tracker.client import TrackerClient
from p2plib.discovery.tracker.core import TrackerCore, TrackerHeard
from p2plib.discovery.tracker.offer_client import OfferClient
from p2plib.discovery.tracker.offers import AnswerCarried, Offer, OfferCarried
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource
from p2plib.errors import RequestRefused
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

INFO_HASH = bytes.fromhex("c3a980ff0102030405060708090a0b0c0d0e0f10")  # four bytes above 0x7f
OVER = bytes(20)  # an announce for this swarm ends a tracker of ours
ANA, BEN = b"-P20001-\xff\xfe\x80\xc3ana45678", b"-P20001-\xff\xfe\x80\xc3ben45678"
HTTP_PORT, UDP_PORT = 8000, 6969
OURS = {
    "http": f"http://127.0.0.1:{HTTP_PORT}/announce",
    "udp": f"udp://127.0.0.1:{UDP_PORT}",
    "ws": f"ws://127.0.0.1:{HTTP_PORT}",
}
WITHIN_S = 100.0


# Our clients, their server --------------------------------------------------------------------------------


async def a_life(url: str) -> dict[str, Any]:
    """Two peers of ours at a tracker of theirs, over HTTP or UDP."""
    rng = random.Random(1)
    ana, ben = TrackerClient(url, rng), TrackerClient(url, rng)
    first = Announce(INFO_HASH, ANA, 6001, left=0, event=Event.STARTED)
    second = Announce(INFO_HASH, BEN, 6002, left=9, event=Event.STARTED)
    async with asyncio.timeout(WITHIN_S):
        started = await ana.announce(first)
        joined = await ben.announce(second)
        counts = (await ben.scrape(INFO_HASH))[INFO_HASH]
        second.left, second.event = 0, Event.COMPLETED
        completed = await ben.announce(second)
        second.event, second.numwant = Event.STOPPED, 0
        stopped = await ben.announce(second)
    return {
        "interval": started.interval_s,
        "own address": started.ignored["own address"],
        "joined": [joined.peers, joined.seeders, joined.leechers],
        "scraped": dataclasses.astuple(counts),
        "completed": [completed.seeders, completed.leechers],
        "stopped": [stopped.seeders, stopped.leechers],
    }


LIFE = {
    "interval": 900,
    "own address": 1,  # a tracker of theirs names the peer that asks, too
    "joined": [[["127.0.0.1", 6001]], 1, 1],
    "scraped": [1, 1, 1],  # what it says of "downloaded" is the seeders once more
    "completed": [2, 0],
    "stopped": [1, 0],
}


@pytest.mark.parametrize("way", ["http", "udp"])
def test_our_peers_at_their_tracker(way: str) -> None:
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer:
        port = peer.ask("listen")[way]
        url = f"http://127.0.0.1:{port}/announce" if way == "http" else f"udp://127.0.0.1:{port}"
        assert net.run_together(a_life, url) == LIFE


async def over_ipv6(port: int) -> list[Any]:
    client = TrackerClient(f"udp://[::1]:{port}", random.Random(1))
    reply = await client.announce(Announce(INFO_HASH, ANA, 6001, left=0, event=Event.STARTED))
    return [reply.seeders, reply.interval_s]


def test_over_ipv6() -> None:
    """Of theirs, all that can be asked: it packs an IPv6 peer into no bytes at all."""
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer:
        assert net.run_together(over_ipv6, peer.ask("listen")["udp6"]) == [1, 900]


async def browsers(port: int) -> list[Any]:
    async with asyncio.timeout(WITHIN_S):
        url = f"ws://127.0.0.1:{port}"
        async with OfferClient.open(url, ANA) as ana, OfferClient.open(url, BEN) as ben:
            await ana.announce(INFO_HASH, left=0)
            counted = await ben.announce(INFO_HASH, [Offer(b"\xf0" * 20, "an offer of Ben")], left=9)
            offer = await ana.next()
            assert isinstance(offer, OfferCarried)
            assert offer.peer_id == BEN
            ana.answer(offer, "an answer of Ana")
            answer = await ben.next()
            assert isinstance(answer, AnswerCarried)
            assert (answer.peer_id, answer.offer_id) == (ANA, b"\xf0" * 20)
            counts = (await ben.scrape(INFO_HASH))[INFO_HASH]
            assert not ana.ignored
            assert not ben.ignored
            return [
                counted.seeders, counted.leechers, offer.offer.sdp, answer.sdp, dataclasses.astuple(counts)
            ]  # fmt: skip


def test_our_browsers_at_their_tracker() -> None:
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer:
        port = peer.ask("listen")["http"]
        assert net.run_together(browsers, port) == [
            1, 1, "an offer of Ben", "an answer of Ana", [1, 1, 1]
        ]  # fmt: skip


async def finds(urls: list[str]) -> list[Any]:
    """As a source: announced over one way, looked up over the other; and a lookup is no announce."""
    source.GOODBYE_S = WITHIN_S
    async with asyncio.timeout(WITHIN_S):
        async with (
            TrackerSource([[urls[0]]], random.Random(1)) as ana,
            TrackerSource([[urls[1]]], random.Random(2)) as ben,
        ):
            await ana.announce(INFO_HASH, 6001)
            found = [each.address async for each in ben.lookup(INFO_HASH)]
            again = [each.address async for each in ben.lookup(INFO_HASH)]
            counts = (await TrackerClient(urls[1], random.Random(3)).scrape(INFO_HASH))[INFO_HASH]
        gone = (await TrackerClient(urls[1], random.Random(3)).scrape(INFO_HASH))[INFO_HASH]
        return [found, again, dataclasses.astuple(counts), dataclasses.astuple(gone)]


@pytest.mark.parametrize("order", [1, -1])
def test_their_tracker_as_a_source(order: int) -> None:
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer:
        ports = peer.ask("listen")
        urls = [f"http://127.0.0.1:{ports['http']}/announce", f"udp://127.0.0.1:{ports['udp']}"][::order]
        ana = [["127.0.0.1", 6001]]
        assert net.run_together(finds, urls) == [ana, ana, [0, 0, 1], [0, 0, 0]]


# Their clients, our server --------------------------------------------------------------------------------


async def serve() -> list[str]:
    """Runs a tracker until somebody announces the swarm `OVER`; gives what it heard."""
    said: list[str] = []
    over = asyncio.Event()

    def heard(event: TrackerHeard) -> None:
        if event.info_hash == OVER:
            over.set()
        else:
            said.append(f"{event.carrier} {event.event.name.lower()} {event.left == 0}")

    core = TrackerCore(random.Random(1), interval_s=900, on_heard=heard)
    server = TrackerServer(random.Random(1), http_port=HTTP_PORT, udp_port=UDP_PORT, core=core)
    async with asyncio.timeout(WITHIN_S), server:
        await over.wait()
        await asyncio.sleep(0.05)
        assert server.udp is not None
        assert not server.udp.machine.ignored
        assert not server.relay.ignored
    return said


def until_there(peer: ForeignPeer, serving: Future[Any], scraped: dict[str, Any], seeders: int = 0) -> None:
    """Has the peer scrape our tracker until it answers, and tells of so many seeders."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            if peer.ask("scrape", **scraped)["complete"] >= seeders:
                return
        except PeerRefused as refused:
            if "ECONNREFUSED" not in str(refused):
                raise
        assert not serving.done()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def our_tracker(net: Namespace, peer: ForeignPeer) -> Iterator[Future[list[str]]]:
    """A tracker of ours in the namespace; when the block is over, the future has what it heard."""
    over = {"infoHash": OVER.hex(), "peerId": ANA.hex(), "port": 1}
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(net.run_together, serve)
        until_there(peer, serving, {**over, "url": OURS["http"], "infoHash": "11" * 20})
        try:
            yield serving
        finally:
            peer.ask("start", url=OURS["http"], left=0, **over)


def about(url: str, peer_id: bytes, port: int) -> dict[str, Any]:
    return {"url": url, "infoHash": INFO_HASH.hex(), "peerId": peer_id.hex(), "port": port}


def counted(answer: dict[str, Any]) -> list[Any]:
    return [answer["complete"], answer["incomplete"], answer["peers"]]


@pytest.mark.parametrize("way", ["http", "udp"])
def test_their_peers_at_our_tracker(way: str) -> None:
    ana, ben = about(OURS[way], ANA, 6001), about(OURS[way], BEN, 6002)
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer:
        with our_tracker(net, peer) as serving:
            started = peer.ask("start", left=0, **ana)
            assert counted(started) == [1, 0, []]
            assert started.get("interval", 900) == 900  # over UDP their client does not tell it
            assert counted(peer.ask("start", left=9, **ben)) == [1, 1, ["127.0.0.1:6001"]]
            assert counted(peer.ask("update", left=0, **ana)) == [1, 1, ["127.0.0.1:6002"]]
            scraped = peer.ask("scrape", **ben)
            assert [scraped["complete"], scraped["incomplete"]] == [1, 1]
            if way == "udp":  # over HTTP their client garbles the hash that it is given: 40 bytes for 20
                assert scraped["infoHash"] == INFO_HASH.hex()
            assert counted(peer.ask("complete", **ben))[:2] == [2, 0]
            assert counted(peer.ask("stop", **ben))[:2] == [1, 0]
        assert serving.result() == [
            f"{way} started True", f"{way} started False", f"{way} update True", f"{way} completed True",
            f"{way} stopped False",
        ]  # fmt: skip


def test_their_browsers_at_our_tracker() -> None:
    ana, ben = about(OURS["ws"], ANA, 6001), about(OURS["ws"], BEN, 6002)
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as first:
        with our_tracker(net, first) as serving, ForeignPeer("tracker.mjs", namespace=net) as second:
            assert counted(first.ask("start", left=0, **ana))[:2] == [1, 0]
            assert counted(second.ask("start", left=9, **ben))[:2] == [1, 1]
            assert first.next_event() == ("heard", {"type": "offer", "sdp": "an offer of npm"})
            assert second.next_event() == ("heard", {"type": "answer", "sdp": "an answer of npm"})
            scraped = second.ask("scrape", **ben)
            assert [scraped["complete"], scraped["incomplete"]] == [1, 1]
            assert scraped["infoHash"] == INFO_HASH.hex()
            assert counted(second.ask("complete", **ben))[:2] == [2, 0]
            assert counted(second.ask("stop", **ben))[:2] == [1, 0]
        assert serving.result() == [
            "websocket started True", "websocket started False", "websocket completed True",
            "websocket stopped False",
        ]  # fmt: skip


async def with_a_browser_of_ours() -> list[Any]:
    """Our tracker, and a peer of ours on it: what npm's offers and answers look like from here."""
    core = TrackerCore(random.Random(1))
    server = TrackerServer(random.Random(1), http_port=HTTP_PORT, udp_port=None, core=core)
    async with asyncio.timeout(WITHIN_S), server, OfferClient.open(OURS["ws"], ANA) as ours:
        await ours.announce(INFO_HASH, left=0)
        offer = await ours.next()
        assert isinstance(offer, OfferCarried)
        ours.answer(offer, "an answer of ours")
        await ours.announce(INFO_HASH, [Offer(b"\xf1" * 20, "an offer of ours")], left=0, event=Event.UPDATE)
        while isinstance(answer := await ours.next(), OfferCarried):
            pass
        await asyncio.sleep(0.1)
        return [offer.offer.sdp, offer.peer_id.hex(), answer.sdp, answer.offer_id.hex()]


def test_a_browser_of_theirs_and_one_of_ours() -> None:
    ben = about(OURS["ws"], BEN, 6002)
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(net.run_together, with_a_browser_of_ours)
        # Their client gives up a tracker that is not there for long, so ask over HTTP first; and their offers
        # go to who is there already, so wait for ours.
        until_there(peer, serving, {**ben, "url": OURS["http"]}, seeders=1)
        peer.ask("start", left=9, **ben)
        assert serving.result() == ["an offer of npm", BEN.hex(), "an answer of npm", "f1" * 20]
        assert peer.next_event() == ("heard", {"type": "answer", "sdp": "an answer of ours"})
        assert peer.next_event() == ("heard", {"type": "offer", "sdp": "an offer of ours"})


# What they refuse, and how ------------------------------------------------------------------------------


async def refused(port: int) -> list[str]:
    said = []
    for path in ("/announce?info_hash=x", "/nothing"):
        try:
            client = TrackerClient(f"http://127.0.0.1:{port}{path}", random.Random(1))
            await client.announce(Announce(INFO_HASH, ANA, 6001))
        except RequestRefused as error:
            said.append(str(error).partition("refused: ")[2])
    return said


def test_what_their_tracker_refuses_is_understood() -> None:
    with Namespace() as net, ForeignPeer("tracker.mjs", namespace=net) as peer:
        port = peer.ask("listen")["http"]
        first, second = net.run_together(refused, port)
        assert first == "'invalid info_hash'"
        assert "invalid action in HTTP request" in second
