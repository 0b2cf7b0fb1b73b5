"""A source as small as one can be: a directory on one host, asked by datagrams in bencode.

It is there to prove the conformance suite and the one channel, not to be used.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self

from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.discovery.turns import Turns
from p2plib.discovery.worlds import Member, World
from p2plib.errors import Closed, DecodeError, PeerTimeout, RequestRefused
from p2plib.machine.addresses import Address, Scope, scope_of
from p2plib.sim import Host, Internet
from p2plib.wire import bencode

DIRECTORY_PORT = 7000
EXPIRY_S = 30.0
WAIT_S, TRIES = 1.0, 2


class Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram on."""

    def __init__(self, arrived: Any) -> None:
        self.arrived = arrived

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.arrived(data, address)


class TinyDirectory:
    """Who has announced what; it can refuse and lie."""

    def __init__(self, host: str, port: int = DIRECTORY_PORT) -> None:
        self.address = (host, port)
        self.refuses = False
        self.told: dict[bytes, list[Address]] = {}
        self.heard: dict[bytes, dict[Address, float]] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: Datagrams(self._arrived), local_addr=self.address
        )
        self.address = self._transport.get_extra_info("sockname")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._transport.close()

    def _arrived(self, data: bytes, address: Address) -> None:
        try:
            match bencode.decode(data):
                case {b"i": int(number), b"t": bytes(topic), b"p": int(port)}:
                    self._transport.sendto(
                        bencode.encode(self._answer(number, topic, port, address)), address
                    )
        except DecodeError:
            pass

    def _answer(self, number: int, topic: bytes, port: int, address: Address) -> dict[bytes, Any]:
        if self.refuses:
            return {b"i": number, b"e": b"no"}
        now = asyncio.get_running_loop().time()
        peers = self.heard.setdefault(topic, {})
        for peer in [
            peer for peer, expires in peers.items() if expires <= now or (peer[0] == address[0] and port)
        ]:
            del peers[peer]
        if port > 0:
            peers[address[0], port] = now + EXPIRY_S
        told = [*peers, *self.told.get(topic, ())]
        packed = b"".join(socket.inet_aton(host) + port.to_bytes(2) for host, port in told)
        return {b"i": number, b"v": packed}


class TinySource:
    """Asks one directory. In a request, port 0 asks and -1 withdraws."""

    def __init__(self, directory: Address, name: str = "tiny") -> None:
        self.name, self.directory = name, directory
        self.ignored: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[bytes, Any]]] = {}
        self._renewing: dict[bytes, asyncio.Task[None]] = {}
        self._turns = Turns(self._check_open)
        self._is_open = False

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: Datagrams(self._arrived), local_addr=(self._own_host(), 0)
        )
        self._is_open = True
        return self

    def _own_host(self) -> str:
        return "127.0.0.1" if self.directory[0] == "127.0.0.1" else "0.0.0.0"

    async def __aexit__(self, *error: object) -> None:
        self._is_open = False
        for task in self._renewing.values():
            task.cancel()
        if self._renewing:
            await asyncio.wait(self._renewing.values())
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Closed("the source was closed"))
        self._transport.close()

    def _arrived(self, data: bytes, address: Address) -> None:
        try:
            message = bencode.decode(data)
        except DecodeError:
            self.ignored["no bencode"] += 1
            return
        if address != self.directory or not isinstance(message, dict):
            self.ignored["not the directory"] += 1
            return
        answer = self._waiting.get(message.get(b"i", 0))  # type: ignore[arg-type]
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _ask(self, topic: bytes, port: int) -> bytes:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(TRIES):
                self._transport.sendto(
                    bencode.encode({b"i": number, b"t": topic, b"p": port}), self.directory
                )
                await asyncio.wait([answer], timeout=WAIT_S)
                if answer.done():
                    return self._said(answer.result())
            raise PeerTimeout(f"the directory at {self.directory[0]} did not answer")
        finally:
            answer.cancel()
            del self._waiting[number]

    def _said(self, message: dict[bytes, Any]) -> bytes:
        if b"e" in message:
            raise RequestRefused("the directory refuses")
        value = message.get(b"v", b"")
        return value if isinstance(value, bytes) else b""

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed("the source was closed")

    async def announce(self, topic: bytes, port: int) -> None:
        topic, port = checked_topic(topic), checked_port(port)
        async with self._turns.of(topic):
            await self._ask(topic, port)
            self._check_open()
            self._stop_renewing(topic)
            self._renewing[topic] = asyncio.ensure_future(self._renew(topic, port))

    def _stop_renewing(self, topic: bytes) -> None:
        if topic in self._renewing:
            self._renewing.pop(topic).cancel()

    async def _renew(self, topic: bytes, port: int) -> None:
        while True:
            await asyncio.sleep(EXPIRY_S / 3)
            with contextlib.suppress(PeerTimeout, RequestRefused):
                await self._ask(topic, port)

    async def withdraw(self, topic: bytes) -> None:
        topic = checked_topic(topic)
        async with self._turns.of(topic):
            if topic in self._renewing:
                self._stop_renewing(topic)
                try:
                    await self._ask(topic, -1)
                except (PeerTimeout, RequestRefused):
                    self.ignored["withdraw failed"] += 1

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        topic = checked_topic(topic)
        self._check_open()
        packed = await self._ask(topic, 0)
        given: set[Address] = set()
        for at in range(0, len(packed) - 5, 6):
            address = socket.inet_ntoa(packed[at : at + 4]), int.from_bytes(packed[at + 4 : at + 6])
            if not self._is_possible(address):
                self.ignored["an address where no peer can be"] += 1
            elif address not in given and len(given) < MAX_FOUND:
                given.add(address)
                yield Found(address, self.name, f"{self.directory[0]}:{self.directory[1]}")

    def _is_possible(self, address: Address) -> bool:
        return address[1] > 0 and scope_of(address[0]) is not Scope.NOWHERE


def _itself(host: Host) -> Host:
    return host


@asynccontextmanager
async def simulated(net: Internet, kind: type[TinySource] = TinySource) -> AsyncIterator[World]:
    """Three sources and a directory on hosts of a simulated internet."""
    count = len(net.hosts)
    place = net.host(f"directory{count}")
    hosts = [net.host(f"{name}{count}") for name in ("ana", "ben", "cho")]
    directory = TinyDirectory(place.address)
    members = [Member(kind(directory.address), host.address, partial(_itself, host)) for host in hosts]

    async def cut() -> None:
        net.cut([place], hosts)

    async def heal() -> None:
        net.heal()

    async def refuse() -> None:
        directory.refuses = True

    async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
        directory.told[topic] = list(addresses)

    async def noise(raw: bytes) -> None:
        with place:
            for member in members:
                port = member.source._transport.get_extra_info("sockname")[1]  # type: ignore[attr-defined]
                directory._transport.sendto(raw, (member.host, port))

    with place:
        await directory.__aenter__()
    try:
        yield World(
            members, cut=cut, heal=heal, refuse=refuse, tell=tell, noise=noise, forgotten_after_s=EXPIRY_S
        )
    finally:
        net.heal()
        with place:
            await directory.__aexit__()
