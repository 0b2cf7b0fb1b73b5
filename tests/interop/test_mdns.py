"""Multicast DNS with npm's multicast-dns, dns-discovery, discovery-channel, discovery-swarm, and zeroconf."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from p2plib.discovery.mdns.dns_discovery_source import DnsDiscoverySource
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.responder import Responder
from p2plib.discovery.mdns.service import Offer
from p2plib.discovery.source import Found, topic_of
from tests.interop.beside import beside, over, until_over
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

KIND = "_p2pbook._tcp.local"
HERE = "127.0.0.1"
KEY = "cats of Lisbon"
PATIENCE_S = 60.0


async def offer_and_watch(label: str, wanted: str, until: str) -> dict[str, Any]:
    """Offers a service, waits for another instance of it, and stays until it is over."""
    kind = DomainName.parse(KIND)
    async with Responder.open(HERE, random.SystemRandom()) as responder:
        await responder.publish(Offer(kind, 4000, HERE, (b"id=ours",)).records, label)
        async with asyncio.timeout(PATIENCE_S):
            async with contextlib.aclosing(responder.watch(kind)) as watched:
                async for seen in watched:
                    if seen.is_here and seen.instance.label == wanted:
                        break
        await until_over(until)
        said = [string.decode() for string in seen.instance.txt]
        return {"address": seen.instance.address, "txt": said, "ignored": dict(responder.machine.ignored)}


def test_multicast_dns_finds_us_and_is_found() -> None:
    instance = f"theirs.{KIND}"
    records = [
        {"name": KIND, "type": "PTR", "ttl": 120, "data": instance},
        {"name": instance, "type": "SRV", "ttl": 120, "data": {"port": 7777, "target": "node.local"}},
        {"name": instance, "type": "TXT", "ttl": 120, "data": "id=theirs"},
        {"name": "node.local", "type": "A", "ttl": 120, "data": HERE},
    ]
    with Namespace() as net, ForeignPeer("mdns.js", namespace=net) as peer:
        peer.ask("respond", answers=records)
        ours, theirs = beside(
            net,
            offer_and_watch,
            "ours",
            "theirs",
            over(net),
            theirs=lambda: peer.ask("query", name=f"ours.{KIND}", type="SRV"),
        )
    assert ours["address"] == [HERE, 7777]
    assert ours["txt"] == ["id=theirs"]
    assert "broken" not in ours["ignored"]
    (srv,) = [record for record in theirs["answers"] if record["type"] == "SRV"]
    assert (srv["data"]["port"], srv["data"]["target"]) == (4000, "ours.local")


async def source_of(key: str, port: int, foreign_port: int, until: str, announces: bool = True) -> list[Any]:
    """Announces a key and looks it up until a peer at a port is found; stays until it is over."""
    async with DnsDiscoverySource(HERE) as source:
        if announces:
            await source.announce(topic_of(key), port)
        async with asyncio.timeout(PATIENCE_S):
            found = await _found(source, key, foreign_port)
        await until_over(until)
        return [*found.address, found.said_by, source.ignored["broken"]]


async def _found(source: DnsDiscoverySource, key: str, port: int) -> Found:
    while True:
        lookup: AsyncGenerator[Found, None] = source.lookup(topic_of(key))
        async with contextlib.aclosing(lookup):
            async for found in lookup:
                if found.address[1] == port:
                    return found


@pytest.mark.parametrize("module", ["dns-discovery", "discovery-channel"])
def test_the_dialect_both_ways(module: str) -> None:
    def theirs() -> Any:
        if module == "dns-discovery":
            peer.ask("discover", id=topic_of(KEY).hex(), port=4321)
        else:
            peer.ask("join", key=KEY, port=4321)
        while True:
            _, told = peer.next_event()
            if told["port"] == 4000:
                return told

    with Namespace() as net, ForeignPeer("mdns.js", namespace=net) as peer:
        ours, told = beside(net, source_of, KEY, 4000, 4321, over(net), theirs=theirs)
    assert ours == [HERE, 4321, HERE, 0]
    assert (told["host"], told["port"]) == (HERE, 4000)
    if module == "discovery-channel":
        assert told["type"] == "dns"


async def serve_a_swarm(key: str, port: int, until: str) -> list[str]:
    """A peer of discovery-swarm: it is found, called, and answers with its id and a greeting."""
    said: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes([32]) + bytes(range(32)) + b"hello from python")
        length = (await reader.readexactly(1))[0]
        peer_id = await reader.readexactly(length)
        text = await reader.read(100)
        if not said.done():
            said.set_result([str(len(peer_id)), text.decode()])

    server = await asyncio.start_server(talk, HERE, port)
    async with server, DnsDiscoverySource(HERE) as source:
        await source.announce(topic_of(key), port)
        async with asyncio.timeout(PATIENCE_S):
            result = await said
        await until_over(until)
        return result


async def call_a_swarm(key: str, port: int) -> str:
    """Finds a peer of discovery-swarm and calls it."""
    async with DnsDiscoverySource(HERE) as source, asyncio.timeout(PATIENCE_S):
        found = await _found(source, key, port)
        reader, writer = await asyncio.open_connection(*found.address)
        writer.write(bytes([32]) + bytes(range(32, 64)) + b"hello from python")
        await reader.readexactly(1 + 32)
        text = await reader.read(100)
        writer.close()
        return text.decode()


def test_discovery_swarm_finds_us_and_calls() -> None:
    with Namespace() as net, ForeignPeer("mdns.js", namespace=net) as peer:

        def theirs() -> Any:
            peer.ask("swarm", key=KEY, port=4321)
            return peer.next_event()

        ours, told = beside(net, serve_a_swarm, KEY, 4000, over(net), theirs=theirs)
    assert ours == ["32", "hello from node"]
    assert told == ("said", {"text": "hello from python", "initiator": True})


def test_we_find_discovery_swarm_and_call() -> None:
    with Namespace() as net, ForeignPeer("mdns.js", namespace=net) as peer:
        peer.ask("swarm", key=KEY, port=4321)
        assert net.run_together(call_a_swarm, KEY, 4321) == "hello from node"
        assert peer.next_event() == ("said", {"text": "hello from python", "initiator": False})


# python-zeroconf ------------------------------------------------------------------------------------------


async def zeroconf_offers_and_finds(wanted: str, until: str) -> dict[str, Any]:
    """Offers a service with python-zeroconf, finds another instance, says so, and hears its goodbye."""
    import socket

    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

    kind = KIND + "."
    seen: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def changed(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        seen.put_nowait((state_change.name, name))

    zeroconf = AsyncZeroconf(interfaces=[HERE], ip_version=IPVersion.V4Only)
    try:
        service = AsyncServiceInfo(
            kind,
            f"theirs.{kind}",
            port=7777,
            addresses=[socket.inet_aton(HERE)],
            properties={"id": "theirs"},
            server="zeroconf.local.",
        )
        await (await zeroconf.async_register_service(service))
        browser = AsyncServiceBrowser(zeroconf.zeroconf, kind, handlers=[changed])
        async with asyncio.timeout(PATIENCE_S):
            while (await seen.get()) != ("Added", f"{wanted}.{kind}"):
                pass
            found = AsyncServiceInfo(kind, f"{wanted}.{kind}")
            assert await found.async_request(zeroconf.zeroconf, PATIENCE_S * 1000)
            result = [found.parsed_addresses(), found.port, found.properties[b"id"].decode()]  # type: ignore[union-attr]
            Path(until).touch()
            while (await seen.get()) != ("Removed", f"{wanted}.{kind}"):
                pass
        await browser.async_cancel()
        return {"found": result, "goodbye": True}
    finally:
        await zeroconf.async_close()


def test_zeroconf_finds_us_loses_us_and_is_found() -> None:
    pytest.importorskip("zeroconf")
    with Namespace() as net:
        ours, theirs = beside(
            net,
            offer_and_watch,
            "ours",
            "theirs",
            over(net),
            theirs=lambda: net.run_together(zeroconf_offers_and_finds, "ours", over(net)),
        )
    assert (ours["address"], ours["txt"]) == ([HERE, 7777], ["id=theirs"])
    assert theirs == {"found": [[HERE], 4000, "ours"], "goodbye": True}
