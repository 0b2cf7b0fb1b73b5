"""All sources in one channel: in a simulated internet that loses packets, and as commands on this machine."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager

import pytest

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
from p2plib.discovery.one_channel import Discovery
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import SignalSource
from p2plib.discovery.source import Source, topic_of
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource
from p2plib.identity.keys import SecretKey
from p2plib.machine.peer import Peer
from p2plib.sim import Host, Internet, Link

pytest.importorskip("aiohttp")

KEY = "cats of Lisbon"
ZONE_KEY = TsigKey.parse("cats", "c2hhcmVkIGJ5IGEgc3dhcm0gb2YgY2F0IGxvdmVycyE=")
SERVERS = ("seed", "tracker", "name server", "hub")
Make = Callable[[Host], list[Source]]


@asynccontextmanager
async def served(net: Internet) -> AsyncIterator[Make]:
    """Every service on a host of its own, and what makes the sources of a peer."""
    places = {name: net.host(name) for name in SERVERS}
    at = {name: place.address for name, place in places.items()}
    tracker = TrackerServer(random.Random(1), at["tracker"], http_port=None)
    hub = SignalHub(at["hub"], 80)
    async with AsyncExitStack() as stack:
        for name, opened in (
            ("seed", Peer.open(lambda address, now: Seed(random.Random(2)), at["seed"], 4000)),
            ("tracker", tracker),
            ("name server", DnsServer.open(_zone(), at["name server"], 53, keys=[ZONE_KEY])),
            ("hub", hub),
        ):
            with places[name]:
                await stack.enter_async_context(opened)
        nodes: list[MainlineNode] = []
        for number in range(8):
            with net.host(f"node{number}", address=f"100.0.{number}.1") as host:
                opened_node = MainlineNode.open(random.Random(number), host.address)
                nodes.append(await stack.enter_async_context(opened_node))
                if number:
                    await nodes[number].bootstrap([node.address for node in nodes[:number]])

        def make(host: Host) -> list[Source]:
            rng = random.Random(host.name)
            secret = SecretKey.from_seed(host.name.encode().ljust(32))
            where = [node.address for node in nodes[:3]]
            return [
                BootstrapSource([entry_of((at["seed"], 4000))], host=host.address, rng=rng),
                TrackerSource([tracker.urls], rng),
                DnsSource("p2p.test", (at["name server"], 53), rng, key=ZONE_KEY),
                SignalSource([hub.url], secret, host=host.address, rng=rng),
                MainlineSource(where, rng, host.address),
                MdnsSource(host.address, rng),
            ]

        yield make


def _zone() -> Zone:
    return Zone("p2p.test", random.Random(3))


@pytest.mark.internet(link=Link(loss=0.03))
def test_everybody_is_found_through_each_source_alone_and_while_servers_fail(internet: Internet) -> None:
    async def peer(host: Host, make: Make, number: int, found: dict[str, set[str]]) -> None:
        async with Discovery(make(host), own_hosts=[host.address], again_s=20.0) as discovery:
            await discovery.announce(KEY, 4000 + number)
            async with aclosing(discovery.peers(KEY)) as peers:
                async for each in peers:
                    found.setdefault(host.name, set()).add(each.address[0])
                    if len(found[host.name]) == 3:
                        break
            await asyncio.Event().wait()

    async def main(net: Internet) -> None:
        async with served(net) as make:
            hosts = [net.host(f"peer{number}", address=f"101.{number}.0.1") for number in range(4)]
            everybody = {host.address for host in hosts}
            for off in ([], ["tracker", "hub"], ["seed", "name server", "tracker", "hub"]):
                found: dict[str, set[str]] = {}
                with net.cut([net.hosts[name] for name in off], hosts):
                    running = [
                        host.start(peer, host, make, number, found) for number, host in enumerate(hosts)
                    ]
                    await asyncio.sleep(120)
                    for task in running:
                        task.cancel()
                    await asyncio.wait(running)
                assert found == {host.name: everybody - {host.address} for host in hosts}, off

    internet.run(main, time_limit_s=10_000)


class Running:
    """A part of the command line, as a process of its own."""

    def __init__(self, *words: str) -> None:
        self.words = [sys.executable, "-m", "p2plib.discovery", *words]

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self.words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return self._process.stdout.readline().removeprefix("listening on ").strip()

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        out, _ = self._process.communicate(timeout=100)
        assert self._process.returncode == 0, out
        assert out.endswith("stopped\n"), out


ATTEMPTS = 10  # a busy machine may answer a datagram later than a lookup waits, which looks like a loss


@pytest.mark.slow
def test_the_doctor_finds_through_parts_that_run_as_commands() -> None:
    async def main(tracker: str, hub: str, node: str) -> str:
        host, _, port = node.partition(":")
        sources: list[Source] = [
            TrackerSource([[f"udp://{tracker}"]], random.Random(1)),
            SignalSource([f"http://{hub}"], SecretKey.generate()),
            MainlineSource([(host, int(port))], random.Random(2)),
        ]
        async with AsyncExitStack() as stack:
            for source in sources:
                await stack.enter_async_context(source)
                await source.announce(topic_of(KEY), 4001)
            words = ("--tracker", f"udp://{tracker}", "--signal", f"http://{hub}", "--dht", node)
            for _ in range(ATTEMPTS):
                doctor = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "p2plib.discovery",
                    "doctor",
                    KEY,
                    *words,
                    stdout=asyncio.subprocess.PIPE,
                )
                out, _ = await doctor.communicate()
                assert doctor.returncode == 0, out
                if b"nobody" not in out:
                    break
            return out.decode()

    with ExitStack() as stack:
        tracker = stack.enter_context(Running("tracker", "--no-http"))
        hub = stack.enter_context(Running("signal"))
        node = stack.enter_context(Running("dht"))
        told = asyncio.run(main(tracker, hub, node))
    report = told.splitlines()[-3:]
    assert [line.split()[0] for line in report] == ["tracker", "signal", "dht"], told
    assert all("1 peer, the first after " in line for line in report), told
