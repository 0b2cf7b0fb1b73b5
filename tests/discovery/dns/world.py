"""A zone and its name server for tests, on a host of the simulated internet or on this machine."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.zone import Zone
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import A, Aaaa, Rdata, ResourceRecord, Srv, Txt

KEY = TsigKey.parse("tracker", "cDJwbGliLXRyYWNrZXItc2VjcmV0LTMyYnl0ZXMhISE=")
OTHER = TsigKey.parse("stranger", "c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgbm90IG91cnM=")
PORT = 5353


def name(text: str) -> DomainName:
    return DomainName.parse(text)


def record(text: str, data: Rdata | str, ttl_s: int = 60) -> ResourceRecord:
    """A record; data that is text is an address."""
    if isinstance(data, str):
        data = Aaaa(data) if ":" in data else A(data)
    return ResourceRecord(name(text), data, ttl_s)


def service(text: str, port: int, target: str) -> ResourceRecord:
    return record(text, Srv(0, 0, port, name(target)))


def text(owner: str, *strings: bytes) -> ResourceRecord:
    return record(owner, Txt(strings))


def a_zone(records: Iterable[ResourceRecord] = (), seed: int = 7, **options: Any) -> Zone:
    zone = Zone("p2p.test", random.Random(seed), **options)
    for each in records:
        zone.add(each, 0.0)
    return zone


def swarm(count: int, ttl_s: int = 60) -> list[ResourceRecord]:
    """So many addresses under seed.p2p.test."""
    return [record("seed.p2p.test", f"198.18.{n // 250}.{n % 250 + 1}", ttl_s) for n in range(count)]


@contextlib.asynccontextmanager
async def served(zone: Zone, host: Any = None, **options: Any) -> AsyncIterator[DnsServer]:
    """The zone at a host of a simulated internet; None is this machine."""
    options.setdefault("keys", [KEY])
    if host is None:
        async with DnsServer.open(zone, "127.0.0.1", **options) as server:
            yield server
        return
    async with contextlib.AsyncExitStack() as stack:
        with host:
            server = await stack.enter_async_context(DnsServer.open(zone, host.address, PORT, **options))
        yield server
