"""What it costs to find peers: bencode beside PyPI's, and each source in the simulated internet.

    pip install -e '.[bench]'
    python bench/discovery.py

Bencode: a response of the DHT and a list of 300 small dicts, encoded and decoded. Ours and bencode.py take
turns within each round; printed are calls a second and the ratio of each round, as the median with the least
and the greatest in brackets. Ours checks everything; bencode.py accepts unsorted and duplicate keys.

Sources: ana announces a topic, ben looks it up, with so many milliseconds from any host to any other, one
way, and nothing lost. Printed are the time until ben has the first peer and until the lookup has ended, what
it took ben, what it took ana to announce, and what it takes her to be found for another hour. Packets are
datagrams and TCP segments, bytes are what is in them, without headers. These numbers are exact: they are the
same on every machine.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import bencodepy
from tqdm import tqdm

from p2plib.discovery.bootstrap.cache import entry_of
from p2plib.discovery.bootstrap.seed import Seed
from p2plib.discovery.bootstrap.source import BootstrapSource
from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.source import DnsSource
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.zone import Zone
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.mdns.source import MdnsSource
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import SignalSource
from p2plib.discovery.source import Source, topic_of
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource
from p2plib.identity.keys import SecretKey
from p2plib.machine.peer import Peer
from p2plib.sim import Constant, Host, Internet, Link
from p2plib.wire import bencode

CATS = topic_of("cats of Lisbon")
KEY = TsigKey.parse("swarm", "dGhlIHNlY3JldCBvZiBhIHN3YXJtIGluIGEgYmVuY2g=")
LATENCIES_MS = (5, 40, 150)
NODES = 100  # of the DHT
MIN_RATIO = 1.0  # no slower than the fastest pure-Python library
CLOCK = time.perf_counter  # taken here: inside a simulated run, `time` is virtual
Make = Callable[[Host], Source]


def seeded(what: object) -> random.Random:
    return random.Random(str(what))


@asynccontextmanager
async def bootstrap(net: Internet) -> AsyncIterator[Make]:
    with net.host("seed") as place:
        opened = Peer.open(lambda address, now: Seed(seeded("seed")), place.address, 4000)
        seed = await opened.__aenter__()
    yield lambda host: BootstrapSource([entry_of(seed.address)], host=host.address, rng=seeded(host.name))
    with place:
        await opened.__aexit__(None, None, None)


@asynccontextmanager
async def dns(net: Internet) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:
        with net.host("name server") as place:
            opened = DnsServer.open(Zone("p2p.test", seeded("zone")), place.address, 53, keys=[KEY])
            server = await stack.enter_async_context(opened)
        yield lambda host: DnsSource("p2p.test", server.address, seeded(host.name), key=KEY)


@asynccontextmanager
async def mdns(net: Internet) -> AsyncIterator[Make]:
    yield lambda host: MdnsSource(host.address, seeded(host.name))


@asynccontextmanager
async def tracker(net: Internet) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:
        with net.host("tracker") as place:
            opened = TrackerServer(seeded("tracker"), place.address, http_port=None)
            server = await stack.enter_async_context(opened)
        yield lambda host: TrackerSource([server.urls], seeded(host.name))


@asynccontextmanager
async def signal(net: Internet) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:
        with net.host("hub") as place:
            hub = await stack.enter_async_context(SignalHub(place.address, 80))
        yield lambda host: SignalSource(
            [hub.url],
            SecretKey.from_seed(host.name.encode().ljust(32)),
            host=host.address,
            rng=seeded(host.name),
        )


@asynccontextmanager
async def dht(net: Internet) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:
        nodes: list[MainlineNode] = []
        for number in range(NODES):
            rng = seeded(number)
            with net.host(f"node{number}", address=f"100.{number >> 8}.{number & 255}.1") as host:
                node = await stack.enter_async_context(MainlineNode.open(rng, host.address))
                if nodes:
                    await node.bootstrap([other.address for other in rng.sample(nodes, min(3, number))])
            nodes.append(node)
        where = [node.address for node in nodes[:2]]
        yield lambda host: MainlineSource(where, seeded(host.name), host.address)


WAYS = {"bootstrap": bootstrap, "dns": dns, "mdns": mdns, "tracker": tracker, "signal": signal, "dht": dht}


@dataclass(frozen=True)
class Cost:
    """What something took.

    Args:
        seconds: of virtual time.
        packets: that one host sent or was sent.
        size_bytes: in them.
    """

    seconds: float
    packets: int
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.packets} packets, {self.size_bytes:,} bytes"


def cost(net: Internet, host: Host, since_s: float) -> Cost:
    packets = [
        each for each in net.trace.between(since_s, net.time) if host.name in (each.sender, each.receiver)
    ]
    return Cost(net.time - since_s, len(packets), sum(len(each.data) for each in packets))


def measured(way: str, latency_ms: int) -> tuple[float, Cost, Cost, Cost]:
    """Seconds to the first peer; and the costs of the lookup, the announcement and an hour of it."""
    link = Link(latency=Constant(latency_ms / 1000))

    async def main(net: Internet) -> tuple[float, Cost, Cost, Cost]:
        lan = net.lan("home", link=link) if way == "mdns" else None
        ana = net.host("ana", lan=lan, address=None if lan else "101.0.0.1")
        ben = net.host("ben", lan=lan, address=None if lan else "102.0.0.1")
        async with AsyncExitStack() as stack:
            make = await stack.enter_async_context(WAYS[way](net))
            await asyncio.sleep(30)
            began = net.time
            with ana:
                source = await stack.enter_async_context(make(ana))
                await source.announce(CATS, 4001)
            announced = cost(net, ana, began)
            await asyncio.sleep(60)
            began, firsts = net.time, []
            with ben:
                async with make(ben) as asking, aclosing(asking.lookup(CATS)) as lookup:
                    async for _ in lookup:
                        firsts += [net.time - began]
                    looked_up = cost(net, ben, began)
            began = net.time
            await asyncio.sleep(3600)
            return firsts[0], looked_up, announced, cost(net, ana, began)

    result: tuple[float, Cost, Cost, Cost] = Internet(1, link=link, keep_packets=1_000_000).run(main)
    return result


def sources(ways: list[str]) -> None:
    print("each source, simulated: milliseconds one way, seconds to the first peer, and to the end")
    runs = [(way, latency_ms) for way in ways for latency_ms in LATENCIES_MS]
    results = {run: measured(*run) for run in tqdm(runs, leave=False)}
    for way in ways:
        for latency_ms in LATENCIES_MS:
            first_s, looked_up, announced, hour = results[way, latency_ms]
            print(f"  {way:9} {latency_ms:4} ms   {first_s:6.3f} s  {looked_up.seconds:6.3f} s")
        print(f"            a lookup: {looked_up}; to announce: {announced}; an hour more: {hour}")


def values() -> dict[str, bencode.Value]:
    rng = random.Random(1)
    response: bencode.Value = {
        b"t": b"aa",
        b"y": b"r",
        b"ip": rng.randbytes(6),
        b"r": {
            b"id": rng.randbytes(20),
            b"nodes": rng.randbytes(8 * 26),
            b"token": rng.randbytes(8),
            b"values": [rng.randbytes(6) for _ in range(8)],
        },
    }
    many: bencode.Value = [{b"a": i, b"b": b"x" * 20, b"c": [i, -i, b"y"]} for i in range(300)]
    return {"a response of the DHT": response, "300 small dicts": many}


def rate(call: Callable[[], Any], seconds: float) -> float:
    """Calls a second, in a run of so many seconds."""
    done, began = 0, CLOCK()
    while (passed := CLOCK() - began) < seconds:
        for _ in range(10):
            call()
        done += 10
    return done / passed


def bencoding(rounds: int) -> None:
    version = importlib.metadata.version("bencode.py")
    print(f"bencode, calls a second: ours, bencode.py {version}, and the ratio")
    for name, value in values().items():
        raw = bencode.encode(value)
        assert raw == bencodepy.encode(value)
        assert value == bencode.decode(raw) == bencodepy.decode(raw)
        for what, ours, other in (
            ("encode", partial(bencode.encode, value), partial(bencodepy.encode, value)),
            ("decode", partial(bencode.decode, raw), partial(bencodepy.decode, raw)),
        ):
            pairs = [(rate(ours, 0.2), rate(other, 0.2)) for _ in range(rounds)]
            ratios = sorted(ours / theirs for ours, theirs in pairs)
            ratio = statistics.median(ratios)
            verdict = "" if ratio >= MIN_RATIO else f", LESS THAN {MIN_RATIO}"
            a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(
                f"  {what} {name:22} {a:10,.0f} {b:10,.0f}"
                f"   {ratio:.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]{verdict}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="of the comparison of bencode")
    parser.add_argument("--only", choices=["bencode", *WAYS], help="measure this alone")
    arguments = parser.parse_args()
    if arguments.only in (None, "bencode"):
        bencoding(arguments.rounds)
    if arguments.only != "bencode":
        sources([arguments.only] if arguments.only else list(WAYS))


if __name__ == "__main__":
    main()
