"""Worlds of `MdnsSource` for the conformance suite: a simulated segment, and real loopback."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from p2plib.discovery.mdns.dns_discovery import write_answer
from p2plib.discovery.mdns.dns_discovery_source import DnsDiscoverySource
from p2plib.discovery.mdns.driver import multicast_socket
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packing import responses
from p2plib.discovery.mdns.records import A, Ptr, ResourceRecord, Srv
from p2plib.discovery.mdns.service import LOCAL, subtype_name
from p2plib.discovery.mdns.source import KIND, MdnsSource, subtype_of
from p2plib.discovery.source import Source
from p2plib.discovery.worlds import Member, World
from p2plib.machine.addresses import Address
from p2plib.sim import Host, Internet, Link

GROUP = ("224.0.0.251", 5353)


@dataclass(frozen=True)
class Kind:
    """What differs between the sources of a link.

    Args:
        make: makes a source.
        lies: the datagrams that claim peers for a topic.
    """

    make: Callable[..., Source]
    lies: Callable[[bytes, Sequence[Address]], list[bytes]]


def lies(topic: bytes, addresses: Sequence[Address]) -> list[bytes]:
    """What a host says that claims peers for a topic at any addresses."""
    found = []
    for number, (host, port) in enumerate(addresses):
        label = f"liar-{number}".encode()
        instance, name = DomainName([label]).under(KIND), DomainName([label]).under(LOCAL)
        records = (
            ResourceRecord(subtype_name(subtype_of(topic), KIND), Ptr(instance), 4500),
            ResourceRecord(instance, Srv(0, 0, port, name), 120),
            ResourceRecord(name, A(host), 120),
        )
        found += responses(records)
    return found


def dialect_lies(topic: bytes, addresses: Sequence[Address]) -> list[bytes]:
    """The same in the dialect of dns-discovery, twenty peers in a string."""
    return [
        write_answer(topic.hex(), b"", addresses[start : start + 20])
        for start in range(0, len(addresses), 20)
    ]


MDNS, DIALECT = Kind(MdnsSource, lies), Kind(DnsDiscoverySource, dialect_lies)


async def say(datagrams: Sequence[bytes], interface: str, group: Address = GROUP) -> None:
    """Sends datagrams to the group, from its port."""
    loop = asyncio.get_running_loop()
    sock: socket.socket = multicast_socket(interface, group)
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
    try:
        for data in datagrams:
            transport.sendto(data, group)
        await asyncio.sleep(0.05)
    finally:
        transport.close()
        await asyncio.sleep(0)


async def again_and_again(datagrams: Sequence[bytes], interface: str, group: Address = GROUP) -> None:
    """Says it to whoever listens just then: what the dialect says, nobody remembers."""
    while len(datagrams) < 100:
        await say(datagrams, interface, group)
        await asyncio.sleep(0.3)


def _itself(host: Host) -> Host:
    return host


@asynccontextmanager
async def on_a_segment(
    net: Internet, count: list[int], kind: Kind = MDNS, **link: Any
) -> AsyncIterator[World]:
    """Three sources on a simulated segment, and a stranger that says what it likes."""
    count[0] += 1
    lan = net.lan(f"segment {count[0]}", link=Link(latency=0.001, **link))
    hosts = [net.host(f"host {count[0]}.{number}", lan=lan) for number in range(3)]
    liar = net.host(f"liar {count[0]}", lan=lan)
    telling: list[asyncio.Task[None]] = []

    async def cut() -> None:
        for one in [*hosts, liar]:
            for other in [*hosts, liar]:
                if one is not other:
                    net.block(one, other)

    async def heal() -> None:
        for one in [*hosts, liar]:
            for other in [*hosts, liar]:
                if one is not other:
                    net.unblock(one, other)

    async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
        with liar:
            await say(kind.lies(topic, addresses), liar.address)
            telling.append(asyncio.ensure_future(again_and_again(kind.lies(topic, addresses), liar.address)))

    async def noise(raw: bytes) -> None:
        with liar:
            await say([raw], liar.address)

    members = [
        Member(
            kind.make(host.address, random.Random(f"source {host.address}")),
            host.address,
            partial(_itself, host),
        )
        for host in hosts
    ]
    try:
        yield World(
            members,
            silence_is_an_answer=True,
            cut=cut,
            heal=heal,
            tell=tell,
            noise=noise,
            forgotten_after_s=120.0,
        )
    finally:
        await ended(telling)


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Ends what still tells lies."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def on_loopback(port: int, kind: Kind = MDNS) -> AsyncIterator[World]:
    """Two sources on this machine, in a group of their own."""
    group = (GROUP[0], port)
    telling: list[asyncio.Task[None]] = []

    async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
        await say(kind.lies(topic, addresses), "127.0.0.1", group)
        lying = again_and_again(kind.lies(topic, addresses), "127.0.0.1", group)
        telling.append(asyncio.ensure_future(lying))

    async def noise(raw: bytes) -> None:
        await say([raw], "127.0.0.1", group)

    members = [
        Member(kind.make("127.0.0.1", random.Random(number), group=group, wait_s=1.5), "127.0.0.1")
        for number in range(2)
    ]
    try:
        yield World(members, silence_is_an_answer=True, tell=tell, noise=noise)
    finally:
        await ended(telling)
