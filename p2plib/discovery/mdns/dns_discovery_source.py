"""dns_discovery_source: peers on the same link that npm's discovery-channel finds, as a source.

Its topics are discovery-channel's: `join(key)` there is `announce(topic_of(key), port)` here. What it leaks
is the topic and the address, to the whole link, once a minute.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from p2plib.discovery.mdns.dns_discovery import DnsDiscovery, PeerNamed
from p2plib.discovery.mdns.driver import open_in_group
from p2plib.discovery.mdns.machine import GROUP, PORT
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.errors import Closed, PeerTimeout, Unreachable
from p2plib.machine.addresses import Address
from p2plib.machine.peer import Peer

WAIT_S = 3.0


class DnsDiscoverySource:
    """Finds peers on the same link as discovery-channel does.

    Args:
        host: our address on the link, IPv4.
        rng: for waits and for the secret of tokens.
        group: the multicast group and its port; those of multicast DNS if not given.
        link: the network that counts as the link; see `p2plib.discovery.mdns.machine.MulticastDns`.
        wait_s: how long a lookup listens, in seconds.
        name: what it is called in `Found`.
    """

    def __init__(
        self,
        host: str,
        rng: random.Random | None = None,
        *,
        group: Address = (GROUP, PORT),
        link: str | None = None,
        wait_s: float = WAIT_S,
        name: str = "dns-discovery",
    ) -> None:
        self.name, self.host, self.group, self.link, self.wait_s = name, host, group, link, wait_s
        self.ignored: Counter[str] = Counter()
        self._rng = rng or random.SystemRandom()
        self._peer: Peer[DnsDiscovery] | None = None
        self._heard: dict[str, dict[Address, str]] = {}  # of each id that is looked for, who names which peer
        self._lookups: Counter[str] = Counter()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        def make() -> DnsDiscovery:
            machine = DnsDiscovery(self.host, self._rng, group=self.group, link=self.link)
            machine.ignored = self.ignored
            return machine

        opened = open_in_group(make, self.host, self.group, self._happened)
        self._peer = await self._stack.enter_async_context(opened)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._peer = None
        await self._stack.aclose()

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source.announce`."""
        peer, topic, port = self._there(), checked_topic(topic), checked_port(port)
        sent = peer.sent
        peer.call(peer.machine.announce, topic.hex(), port)
        if peer.sent == sent:
            raise Unreachable(f"nothing could be sent to the link: {dict(peer.failures)}")

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source.withdraw`."""
        peer = self._there()
        peer.call(peer.machine.withdraw, checked_topic(topic).hex())

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source.lookup`."""
        peer, peer_id = self._there(), checked_topic(topic).hex()
        end, sent = peer.now() + self.wait_s, peer.sent
        heard = self._heard.setdefault(peer_id, {})
        self._lookups[peer_id] += 1
        given: set[Address] = set()
        try:
            peer.call(peer.machine.look_for, peer_id)
            if peer.sent == sent:
                raise Unreachable(f"nothing could be sent to the link: {dict(peer.failures)}")
            while True:
                for address in [each for each in heard if each not in given]:
                    given.add(address)
                    yield Found(address, self.name, heard[address])
                try:
                    await peer.until(lambda: len(heard) > len(given), max(0.0, end - peer.now()))
                except PeerTimeout:
                    return
        finally:
            peer.machine.stop(peer_id, peer.now())
            self._lookups[peer_id] -= 1
            if not self._lookups[peer_id]:
                del self._lookups[peer_id], self._heard[peer_id]

    def _happened(self, event: PeerNamed) -> bool:
        heard = self._heard.get(event.peer_id)
        if heard is not None and event.address not in heard:
            if len(heard) >= MAX_FOUND:
                self.ignored["more than one lookup gives"] += 1
            else:
                heard[event.address] = event.sender
        return True

    def _there(self) -> Peer[DnsDiscovery]:
        if self._peer is None:
            raise Closed(f"the source {self.name} is closed")
        return self._peer
