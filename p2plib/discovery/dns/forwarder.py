"""Forwarder: a name server that asks others for its users, and remembers, as a provider's does. A driver.

Between a peer and the zone that it looks into there is nearly always one of these: at the provider, in the
home router, at a large company. It spares the zone's server most of the questions. It also sees who asks for
what, which the zone's server then does not; and its users get what it has kept, not what is true now.

::

    async with Resolver([zone_server], rng) as resolver:
        async with Forwarder(resolver, rng, "192.168.1.1", 53) as forwarder:
            ...

Rules
    1. What it has kept is given out for the seconds that are left of it, the records in a new order each
       time.
    2. It answers over UDP alone, and everybody that reaches it: have it listen where only its users can.
    3. At most `MAX_WAITING` questions wait at a time; those past it are dropped, and their askers ask again.
    4. If nobody can tell, or what they say fits into no packet, it says SERVFAIL. It asks for the class IN
       alone, and refuses others.
    5. With the news that there is nothing goes the start of the zone, which says for how long that may be
       kept (RFC 2308, section 6).
    6. A name that is an alias is answered with the aliases on the way, and then with what was asked for.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from p2plib.discovery.dns.edns import OUR_BYTES, PLAIN_BYTES, Edns, edns_of
from p2plib.discovery.dns.resolver import Resolved, Resolver
from p2plib.discovery.dns.updates import FORMERR, NOTIMP, SERVFAIL
from p2plib.discovery.dns.zone import NXDOMAIN, REFUSED
from p2plib.discovery.mdns.packets import (
    OPCODE,
    RECURSION_AVAILABLE,
    RECURSION_DESIRED,
    RESPONSE,
    TRUNCATED,
    DnsPacket,
    decode,
    encode,
)
from p2plib.discovery.mdns.records import IN, ResourceRecord, type_name
from p2plib.errors import (
    CannotListen,
    Closed,
    DecodeError,
    PeerTimeout,
    RequestRefused,
    Unreachable,
    UsageError,
)
from p2plib.machine.addresses import Address

MAX_WAITING = 200


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a forwarder knows afterwards: who asked for what.

    Args:
        asker: the user.
        name: the name that it asked for.
        type: the type of records.
        was_kept: whether nobody else had to be asked.
    """

    asker: Address
    name: str
    type: str
    was_kept: bool


class Forwarder(asyncio.DatagramProtocol):
    """A forwarder; used with `async with`.

    Args:
        resolver: what it asks with, open for as long as this is.
        rng: shuffles records.
        host: where it listens.
        port: where it listens; 0 for any.
        on_event: told of each question that was answered.

    Attributes:
        address: where it listens.
        ignored: what was dropped or refused, by reason.
    """

    def __init__(
        self,
        resolver: Resolver,
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        on_event: Callable[[Forwarded], object] | None = None,
    ) -> None:
        self.ignored: Counter[str] = Counter()
        self.address: Address = (host, port)
        self._resolver, self._rng, self._on_event = resolver, rng, on_event
        self._transport: asyncio.DatagramTransport
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self.address)
        except OSError as error:
            raise CannotListen(
                f"cannot listen at {self.address[0]}, port {self.address[1]}: {error}"
            ) from error
        self.address = self._transport.get_extra_info("sockname")[:2]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def datagram_received(self, data: bytes, source: Any) -> None:
        """A question, or something else."""
        try:
            packet = decode(data)
            edns = edns_of(packet)
        except DecodeError:
            self.ignored["malformed"] += 1
            return
        if packet.is_response:
            self.ignored["no question"] += 1
        elif packet.opcode or len(packet.questions) != 1:
            self.ignored["not one question"] += 1
            self._send(packet, edns, source, NOTIMP if packet.opcode else FORMERR, ())
        elif packet.questions[0].rclass != IN:
            self.ignored["another class"] += 1
            self._send(packet, edns, source, REFUSED, ())
        elif len(self._tasks) >= MAX_WAITING:
            self.ignored["too many at a time"] += 1
        else:
            task = asyncio.get_running_loop().create_task(self._answer(packet, edns, source))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, packet: DnsPacket, edns: Edns | None, source: Any) -> None:
        question = packet.questions[0]
        try:
            found = await self._resolver.ask(question.name, question.type)
        except (PeerTimeout, Unreachable, RequestRefused) as error:
            self.ignored[type(error).__name__] += 1
            self._send(packet, edns, source, SERVFAIL, ())
            return
        except Closed:
            return
        told = () if found.records or found.soa is None else self._for(found, found.soa)
        self._send(packet, edns, source, 0 if found.exists else NXDOMAIN, self._given(found), told)
        if self._on_event is not None:
            address: Address = source[0], source[1]
            event = Forwarded(address, str(question.name), type_name(question.type), found.is_cached)
            self._on_event(event)

    def _given(self, found: Resolved) -> tuple[ResourceRecord, ...]:
        """Rule 1."""
        records = list(found.records)
        self._rng.shuffle(records)
        return self._for(found, *found.aliases, *records)

    def _for(self, found: Resolved, *records: ResourceRecord) -> tuple[ResourceRecord, ...]:
        """Records with the seconds that are left of them."""
        return tuple(replace(each, ttl_s=min(each.ttl_s, int(found.ttl_s))) for each in records)

    def _send(
        self,
        packet: DnsPacket,
        edns: Edns | None,
        source: Any,
        rcode: int,
        records: tuple[ResourceRecord, ...],
        authorities: tuple[ResourceRecord, ...] = (),
    ) -> None:
        flags = RESPONSE | RECURSION_AVAILABLE | packet.flags & (OPCODE | RECURSION_DESIRED)
        extra = (Edns().record(),) if edns else ()
        questions = packet.questions if len(packet.questions) == 1 else ()
        reply = DnsPacket(questions, records, authorities, extra, flags=flags | rcode, id=packet.id)
        try:
            raw = encode(reply, multicast=False)
        except UsageError:  # the server's packet held it, because its names pointed into each other
            reply = replace(reply, answers=(), authorities=(), flags=flags | SERVFAIL)
            raw = encode(reply)
        if len(raw) > (min(edns.size_bytes, OUR_BYTES) if edns else PLAIN_BYTES):
            raw = encode(replace(reply, answers=(), authorities=(), flags=reply.flags | TRUNCATED))
        self._transport.sendto(raw, source)
