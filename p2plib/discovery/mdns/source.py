"""Source: multicast DNS as a way to find the peers of a topic on the same link.

A peer that announces a topic offers the service `_p2p-handbook._udp.local.` under a label of its own, drawn
at random, with the topic as a subtype. A peer that looks it up asks for that subtype alone::

    _9bd1…._sub._p2p-handbook._udp.local.   PTR   5f0c….     what a lookup asks for
    5f0c…._p2p-handbook._udp.local.         SRV   port, and the host 5f0c….local.
    5f0c….local.                            A     192.168.1.7

A subtype and not a TXT, because the link then answers what was asked, and a host with other topics is silent.
Each topic has its own label, so that two topics of a peer are not tied together by their names. The address
ties them together all the same, for everybody on the link.

Rules
    1. It is a `p2plib.discovery.source.Source`. Nobody on a link says "nobody here": a lookup ends after
       `wait_s`, and nothing found is an answer. Only a link that nothing can be sent to is an error.
    2. An address is believed if it is on the link and a peer can be there, with a port of 1024 or more:
       nobody can make us send to the outside, to everybody at once, or to a service of the router.
    3. Our own announcements are not given to us.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
from collections import Counter
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from p2plib.discovery.mdns.links import link_of, may_be_at
from p2plib.discovery.mdns.machine import GROUP, PORT
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.responder import Responder
from p2plib.discovery.mdns.service import Instance, Offer, subtype_name
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.discovery.turns import Turns
from p2plib.errors import Closed
from p2plib.machine.addresses import Address, acceptable

KIND = DomainName.parse("_p2p-handbook._udp.local")
LABEL_BYTES = 8  # drawn at random: two on a link are the same once in 10¹⁹, and then the link sorts it out
WAIT_S = 3.0  # questions go after 0.1, 1.1 and 3.1 s; what is there has answered twice by then


class MdnsSource:
    """Finds peers on the same link.

    Args:
        host: our address on the link, IPv4.
        rng: for labels and waits.
        group: the multicast group and its port; those of RFC 6762 if not given.
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
        name: str = "mdns",
    ) -> None:
        self.name = name
        self.host, self.group, self.wait_s = host, group, wait_s
        self.link = link_of(host) if link is None else ipaddress.ip_network(link)
        self.ignored: Counter[str] = Counter()
        self._rng = rng or random.SystemRandom()
        self._announced: dict[bytes, int] = {}
        self._turns = Turns(self._there)
        self._responder: Responder | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        opened = Responder.open(self.host, self._rng, group=self.group, link=str(self.link))
        self._responder = await self._stack.enter_async_context(opened)
        self._responder.machine.ignored = self.ignored
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._responder = None
        await self._stack.aclose()

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source.announce`."""
        topic, port = checked_topic(topic), checked_port(port)
        offer = Offer(KIND, port, self.host, subtypes=(subtype_of(topic),), is_listed=False)
        label = self._rng.getrandbits(8 * LABEL_BYTES).to_bytes(LABEL_BYTES, "big").hex()
        async with self._turns.of(topic):
            responder = self._there()
            number = await responder.publish(offer.records, label)
            old = self._announced.pop(topic, None)
            self._announced[topic] = number
            if old is not None:
                responder.withdraw(old)

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source.withdraw`; it says goodbye."""
        topic = checked_topic(topic)
        async with self._turns.of(topic):
            number = self._announced.pop(topic, None)
            if number is not None:
                self._there().withdraw(number)

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source.lookup`."""
        responder = self._there()
        kind = subtype_name(subtype_of(checked_topic(topic)), KIND)
        given: set[Address] = set()
        async with contextlib.aclosing(responder.watch(kind, self.wait_s)) as watched:
            async for seen in watched:
                instance = seen.instance
                if not seen.is_here or instance.address in given:
                    continue
                if reason := self._why_not(instance):
                    self.ignored[reason] += 1
                    continue
                given.add(instance.address)
                yield Found(instance.address, self.name, instance.said_by)
                if len(given) >= MAX_FOUND:
                    self.ignored["more than one lookup gives"] += 1
                    return

    def _why_not(self, instance: Instance) -> str | None:
        """Why an address is not believed; None if it is (rule 2)."""
        if not may_be_at(instance.address[0], self.link):
            return "an address that is not on the link"
        if not acceptable(instance.address, (instance.said_by, self.group[1])):
            return "an address where no peer can be"
        return None

    def _there(self) -> Responder:
        if self._responder is None:
            raise Closed(f"the source {self.name} is closed")
        return self._responder


def subtype_of(topic: bytes) -> str:
    """The subtype that stands for a topic."""
    return "_" + topic.hex()
