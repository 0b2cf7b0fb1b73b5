"""DnsServer: a name server on UDP and TCP, both at one port. A driver.

::

    zone = Zone("p2p.test", random.SystemRandom())
    zone.add(ResourceRecord(DomainName.parse("seed.p2p.test"), A("192.0.2.7"), 60), 0.0)
    async with DnsServer.open(zone, "127.0.0.1", 5353) as server:
        ...                                      # dig @127.0.0.1 -p 5353 seed.p2p.test

Rules
    1. What is said, and how much of it, is `p2plib.discovery.dns.machine`'s business.
    2. Over TCP a packet has its length before it, two bytes (RFC 1035, 4.2.2). A connection may ask again and
       again (RFC 7766); one that says nothing for `IDLE_S`, or has asked `MAX_QUESTIONS`, is closed.
    3. `MAX_CONNECTIONS` are served at a time, and `MAX_PER_HOST` of one host, so that no one host takes all.
       In IPv6 a host has as many addresses as it likes, so there its network counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable

from p2plib.discovery.dns.limits import ReplyLimits
from p2plib.discovery.dns.machine import Asked, NameServer, Updated
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.zone import Zone
from p2plib.errors import CannotListen, StreamReset
from p2plib.machine.addresses import Address, network_of
from p2plib.machine.peer import Peer
from p2plib.protocol.tcp import TcpListener, TcpStream

IDLE_S = 10.0  # RFC 7766, 6.2.3: a few seconds
MAX_QUESTIONS = 100  # of one connection
MAX_CONNECTIONS = 200
MAX_PER_HOST = 20
PORT_TRIES = 20  # a port that is free for UDP may be taken for TCP


class DnsServer:
    """A name server; `open` makes it.

    Attributes:
        peer: the driver of its UDP side, with the machine.
        failures: what TCP connections ended with, by reason.
    """

    def __init__(self, on_event: Callable[[Asked | Updated], object] | None) -> None:
        self.peer: Peer[NameServer]
        self.failures: Counter[str] = Counter()
        self._on_event = on_event
        self._hosts: Counter[str | bytes] = Counter()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        zone: Zone,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        keys: Iterable[TsigKey] = (),
        limits: ReplyLimits | None = None,
        on_event: Callable[[Asked | Updated], object] | None = None,
    ) -> AsyncIterator[DnsServer]:
        """Serves a zone for as long as the block runs.

        Args:
            zone: the zone; it may be changed meanwhile.
            host: an address of this machine.
            port: where to listen; 53 is where others ask, and 0 takes any that is free.
            keys: who may change the zone.
            limits: how much goes to one network; the usual ones if None.
            on_event: told of each question and each update.

        Raises:
            CannotListen: this machine does not let us.
        """
        made = cls(on_event)
        machine = NameServer(zone, keys, limits=limits or ReplyLimits())
        async with contextlib.AsyncExitStack() as stack:
            for tries_left in reversed(range(PORT_TRIES if port == 0 else 1)):
                try:
                    await made._listen(stack, machine, host, port)
                    break
                except CannotListen:
                    if not tries_left:
                        raise
            yield made

    async def _listen(
        self, stack: contextlib.AsyncExitStack, machine: NameServer, host: str, port: int
    ) -> None:
        async with contextlib.AsyncExitStack() as trial:
            udp = Peer.open(lambda address, now: machine, host, port, on_event=self._happened)
            self.peer = await trial.enter_async_context(udp)
            listener = TcpListener(self._serve, host, self.peer.bound[1], max_connections=MAX_CONNECTIONS)
            await trial.enter_async_context(listener)
            self.failures = listener.failures
            await stack.enter_async_context(trial.pop_all())

    @property
    def zone(self) -> Zone:
        """The zone."""
        return self.peer.machine.zone

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self.peer.address

    def _happened(self, event: Asked | Updated) -> bool:
        if self._on_event is not None:
            self._on_event(event)
        return True

    async def _serve(self, stream: TcpStream) -> None:
        """Rules 2 and 3."""
        host = one_owner(stream.remote_address[0])
        if self._hosts[host] >= MAX_PER_HOST:
            self.failures["too many from one host"] += 1
            stream.reset()
            return
        self._hosts[host] += 1
        try:
            for _ in range(MAX_QUESTIONS):
                async with asyncio.timeout(IDLE_S):
                    try:
                        first = await stream.read(1)
                    except StreamReset:
                        return  # it has what it wanted
                    if not first:
                        return
                    size = first + await stream.read_exactly(1)
                    packet = await stream.read_exactly(int.from_bytes(size, "big"))
                    reply = self._reply(packet, stream.remote_address)
                    if reply is None:
                        return
                    await stream.write(len(reply).to_bytes(2, "big") + reply)
        except TimeoutError:
            self.failures["idle"] += 1
        finally:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]

    def _reply(self, packet: bytes, asker: Address) -> bytes | None:
        peer = self.peer
        reply = peer.machine.respond(packet, asker, peer.now(), over_tcp=True)
        peer.flush()
        return reply


def one_owner(host: str) -> str | bytes:
    """What a host shares with all addresses that are as good as its own (rule 3)."""
    return network_of(host) if ":" in host else host
