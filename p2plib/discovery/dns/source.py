"""DnsSource: finds peers in a zone, under a name that is made of the topic. A driver.

A peer that is announced has two records in the zone: one that says where to find it, under the topic, and one
for the host that the first one names. For topic 9e2f…, at port 4001 of 192.0.2.7::

    9e2f….p2p.test.             SRV  0 0 4001 p4001-c0000207.p2p.test.
    p4001-c0000207.p2p.test.    A    192.0.2.7

Rules
    1. An announcement is an update that is signed with a key (RFC 2136, RFC 8945), so the owner of the zone
       decides who may announce. A source without a key can look up, and no more.
    2. It has a lease (RFC 9664) and is renewed well before the end. A name server that knows nothing of
       leases keeps the records of a peer that has crashed, until somebody takes them out.
    3. The host is `public_host`, or else the one from which this machine reaches the name server.
    4. Names, addresses and their numbers are bounded as `p2plib.discovery.dns.resolver` says, and ports of
       the well-known services are dropped: what stands there does not want to hear from peers.
    5. An announcement that was broken off may have been done all the same. What may stand in the zone is
       taken out with the next one for the topic, with its withdrawal, and at the end of the block.
    6. Each lookup asks anew. Others on the way keep answers, for as long as the zone's `max_ttl_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from types import TracebackType
from typing import Self

from p2plib.discovery.dns.cache import AnswerCache
from p2plib.discovery.dns.calls import Calls
from p2plib.discovery.dns.resolver import Resolver, Service
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.updates import adding, removing, removing_set
from p2plib.discovery.dns.updating import TIMEOUT_S, send_update
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import A, Aaaa, ResourceRecord, Srv
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.discovery.turns import Turns
from p2plib.errors import PeerTimeout, RequestRefused, Unreachable
from p2plib.machine.addresses import FIRST_PORT, Address, given_address, packed_host

LEASE_S = 300
RENEW_S = 120.0  # two renewals may be lost before the lease is over
TTL_S = 60
GOODBYE_S = 2.0  # how long the end of the block waits for the name server
FIRST_PAUSE_S = 1.0  # after a renewal that failed; doubles up to RENEW_S


class DnsSource:
    """Peers by DNS; used with `async with`. See `p2plib.discovery.source.Source` for its calls.

    Args:
        zone: the zone's apex, such as "p2p.test".
        server: its primary name server, where updates go.
        rng: draws ids, ports' order, pauses.
        key: what signs updates; None for a source that only looks up (rule 1).
        resolvers: the name servers that are asked; the primary if None.
        public_host: where others reach us (rule 3).
        timeout_s: how long to wait for an answer.
        renew_s: how often an announcement is renewed.
        wall: the clock of signatures; this machine's if None.

    Attributes:
        name: "dns".
        ignored: what strangers' records were dropped for.
        failures: renewals and withdrawals that went wrong, by the name of the error.
    """

    name = "dns"

    def __init__(
        self,
        zone: str,
        server: Address,
        rng: random.Random,
        *,
        key: TsigKey | None = None,
        resolvers: Iterable[Address] | None = None,
        public_host: str | None = None,
        timeout_s: float = TIMEOUT_S,
        renew_s: float = RENEW_S,
        wall: Callable[[], float] | None = None,
    ) -> None:
        self.zone, self.server = DomainName.parse(zone), given_address(server)
        self.failures: Counter[str] = Counter()
        self._key, self._public_host, self._rng, self._wall = key, public_host, rng, wall
        self._timeout_s, self._renew_s = timeout_s, renew_s
        asked = [self.server] if resolvers is None else resolvers
        self._resolver = Resolver(
            asked, rng, from_host=public_host, timeout_s=timeout_s / 2, cache=AnswerCache(min_s=0, max_s=0)
        )
        self.ignored = self._resolver.ignored
        self._told: dict[bytes, set[Address]] = {}  # what may stand in the zone (rule 5)
        self._announced: dict[bytes, tuple[Address, asyncio.Task[None]]] = {}
        self._renewing: set[asyncio.Task[None]] = set()
        self._calls = Calls("this source")
        self._turns = Turns(self._calls.check_open)  # two calls at once would leave the records of both

    async def __aenter__(self) -> Self:
        self._calls.open()
        await self._resolver.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.gather(*map(self.withdraw, list(self._told)))
        except TimeoutError:
            self.failures["no time to say goodbye"] += 1
        finally:
            self._stop_renewing(*list(self._announced))
            await asyncio.gather(*self._renewing, return_exceptions=True)
            await self._calls.close()
            await self._resolver.__aexit__(kind, error, trace)

    def label(self, topic: bytes) -> DomainName:
        """The name under which peers for a topic are."""
        return DomainName((checked_topic(topic).hex().encode(),)).under(self.zone)

    # Announcing -------------------------------------------------------------------------------------------

    async def announce(self, topic: bytes, port: int) -> None:
        """Puts our records into the zone, and keeps them there; see `p2plib.discovery.source.Source`."""
        topic, port = checked_topic(topic), checked_port(port)
        self._calls.check_open()
        if self._key is None:
            raise RequestRefused("only a holder of a key may announce in this zone: pass `key`")
        async with self._turns.of(topic):
            await self._calls.run(self._announce(topic, port))

    async def _announce(self, topic: bytes, port: int) -> None:
        host = self._public_host or await self._own_host()
        ours = given_address((host, port))
        before = self._told.get(topic, set())
        self._told[topic] = {*before, ours}
        changes = self._removal(topic, before - {ours})
        try:
            granted_s = await self._send([*changes, *self._addition(topic, ours)])
        except RequestRefused:
            self._told[topic] = before
            raise
        self._told[topic] = {ours}
        self._stop_renewing(topic)
        renewing = asyncio.get_running_loop().create_task(self._renew(topic, ours, granted_s))
        self._announced[topic] = ours, renewing
        self._renewing.add(renewing)
        renewing.add_done_callback(self._renewing.discard)

    async def withdraw(self, topic: bytes) -> None:
        """Takes our records out of the zone; see `p2plib.discovery.source.Source`."""
        topic = checked_topic(topic)
        async with self._turns.of(topic):
            told = self._told.get(topic)
            if not told:
                return
            self._stop_renewing(topic)
            try:
                await self._calls.run(self._send(self._removal(topic, told)))
            except (PeerTimeout, Unreachable, RequestRefused) as error:
                self.failures[type(error).__name__] += 1
            del self._told[topic]

    def _stop_renewing(self, *topics: bytes) -> None:
        for topic in topics:
            if topic in self._announced:
                self._announced.pop(topic)[1].cancel()

    async def _renew(self, topic: bytes, ours: Address, granted_s: int | None) -> None:
        """Rule 2."""
        pause_s = FIRST_PAUSE_S
        wait_s = self._wait_s(granted_s)
        while True:
            await asyncio.sleep(wait_s)
            try:
                granted_s = await self._calls.run(self._send(self._addition(topic, ours)))
                wait_s, pause_s = self._wait_s(granted_s), FIRST_PAUSE_S
            except (PeerTimeout, Unreachable, RequestRefused) as error:
                self.failures[type(error).__name__] += 1
                wait_s, pause_s = pause_s * self._rng.uniform(0.5, 1.0), min(2 * pause_s, self._renew_s)

    def _wait_s(self, granted_s: int | None) -> float:
        return self._renew_s if granted_s is None else min(self._renew_s, granted_s / 2)

    async def _send(self, changes: list[ResourceRecord]) -> int | None:
        assert self._key is not None
        return await send_update(
            self.server,
            self.zone,
            changes,
            self._key,
            self._rng,
            lease_s=LEASE_S,
            timeout_s=self._timeout_s,
            wall=self._wall,
        )

    def _addition(self, topic: bytes, ours: Address) -> list[ResourceRecord]:
        target = self._target(ours)
        host = Aaaa(ours[0]) if ":" in ours[0] else A(ours[0])
        return [
            adding(self.label(topic), Srv(0, 0, ours[1], target), TTL_S),
            adding(target, host, TTL_S),
        ]

    def _removal(self, topic: bytes, told: Iterable[Address]) -> list[ResourceRecord]:
        still = {each for other, (each, _) in self._announced.items() if other != topic}
        changes = []
        for ours in sorted(told):
            target = self._target(ours)
            changes.append(removing(self.label(topic), Srv(0, 0, ours[1], target)))
            if ours not in still:
                changes.append(removing_set(target))
        return changes

    def _target(self, ours: Address) -> DomainName:
        """The name of our host; it has the port in it, so that no other peer of this host shares it."""
        return DomainName((f"p{ours[1]}-{packed_host(ours[0]).hex()}".encode(),)).under(self.zone)

    async def _own_host(self) -> str:
        """Rule 3: a socket that is connected, and sends nothing, knows from where it would send."""
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=self.server
            )
        except OSError as error:
            raise Unreachable(f"no way to the name server at {self.server[0]}: {error}") from error
        try:
            host: str = transport.get_extra_info("sockname")[0]
            return host
        finally:
            transport.close()

    # Looking up -------------------------------------------------------------------------------------------

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """Gives the peers that the zone names; see `p2plib.discovery.source.Source`."""
        topic = checked_topic(topic)
        self._calls.check_open()
        given: set[Address] = set()
        async with contextlib.aclosing(self._resolver.services(self.label(topic))) as services:
            async for service in services:
                for address in self._usable(service):
                    if address in given:
                        continue
                    if len(given) >= MAX_FOUND:
                        self.ignored["too many addresses"] += 1
                        return
                    given.add(address)
                    server = service.said_by
                    yield Found(address, self.name, said_by=f"{server[0]}:{server[1]}")

    def _usable(self, service: Service) -> list[Address]:
        """Rule 4."""
        if service.port < FIRST_PORT:
            self.ignored["a port of a well-known service"] += 1
            return []
        return [(host, service.port) for host in service.hosts]
