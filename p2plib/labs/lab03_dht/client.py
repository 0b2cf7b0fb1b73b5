"""Lab 3: sockets. One that keeps what arrives, and on it a client made of the reader's parts.

Thin drivers: they know the running event loop and nothing else, so they are the same on a simulated host and
on this machine::

    async with await open_socket() as socket:
        socket.send(b"hello", ("198.18.0.1", 6881))
        data, source = await socket.receive()       # waits, forever if nothing comes

    async with await Client.open(parts, own_id, rng) as client:
        peers, nodes = await client.get_peers(info_hash, [("198.18.0.1", 6881)])
        stored = await client.announce(info_hash, 4000, nodes)
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import Closed, PeerTimeout
from p2plib.labs.lab03_dht.searching import Found, Reply
from p2plib.machine.addresses import Address, Contact, acceptable

MOST_WAITING = 1000  # datagrams that nobody has received yet; what comes on top is dropped
TIMEOUT_S = 2.0  # for one question: a node that takes longer is as good as dead
MOST_PEERS = 100  # of one answer


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket that speaks with anybody; made by `open_socket`."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue(MOST_WAITING)
        self._transport: asyncio.DatagramTransport | None = None

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram; whether it arrives is not known.

        Raises:
            Closed: the socket is closed.
        """
        if self._transport is None or self._transport.is_closing():
            raise Closed("the socket is closed")
        self._transport.sendto(data, address)

    async def receive(self) -> tuple[bytes, Address]:
        """The oldest datagram that was not received yet, and where it came from; waits if there is none."""
        return await self._waiting.get()

    def close(self) -> None:
        """Close the socket; closing it twice does no harm."""
        if self._transport is not None:
            self._transport.close()

    @property
    def address(self) -> Address:
        """Where the socket is."""
        assert self._transport is not None
        found: Address = self._transport.get_extra_info("sockname")[:2]
        return found

    async def __aenter__(self) -> Datagrams:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    # What asyncio calls

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A datagram has come."""
        if not self._waiting.full():
            self._waiting.put_nowait((data, addr[:2]))

    def error_received(self, error: Exception) -> None:
        """The system says that nobody listens somewhere: that is silence, too."""


async def open_socket(host: str = "0.0.0.0") -> Datagrams:
    """Open a UDP socket on any free port."""
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_datagram_endpoint(Datagrams, local_addr=(host, 0))
    return socket


@dataclass(frozen=True)
class Parts:
    """What a client is made of: the reader's functions and class.

    Args:
        read_nodes: task 2.
        questions: the class of task 4.
        find_peers: task 5.
    """

    read_nodes: Callable[[bytes, Address], list[Contact]]
    questions: Callable[[int, random.Random], Any]
    find_peers: Callable[..., Any]


class Client:
    """A client of the DHT, made of a reader's parts; made by `Client.open`.

    Attributes:
        sent: datagrams sent.
    """

    def __init__(self, parts: Parts, socket: Datagrams, own_id: int, rng: random.Random) -> None:
        self._parts, self._socket, self._rng = parts, socket, rng
        self._questions = parts.questions(own_id, rng)
        self._waiting: dict[Address, asyncio.Future[dict[bytes, Any]]] = {}
        self._reader = asyncio.create_task(self._read())
        self.sent = 0

    @classmethod
    async def open(cls, parts: Parts, own_id: int, rng: random.Random, host: str = "0.0.0.0") -> Client:
        """Open a socket for a client."""
        return cls(parts, await open_socket(host), own_id, rng)

    async def get_peers(self, info_hash: bytes, bootstrap: Sequence[Address]) -> Found:
        """The peers for an info_hash, and the nodes to announce at.

        Raises:
            PeerTimeout: no bootstrap node answered.
        """
        arguments = {b"info_hash": info_hash}
        bootstrap = list(dict.fromkeys(bootstrap))
        answers = await asyncio.gather(*(self._ask(b"get_peers", arguments, one) for one in bootstrap))
        first = [(one, answer) for one, answer in zip(bootstrap, answers, strict=True) if answer is not None]
        if not first:
            raise PeerTimeout("no bootstrap node answered")
        start = [Contact(int.from_bytes(answer[b"id"], "big"), address) for address, answer in first]
        for address, answer in first:
            start += self._reply(answer, address).nodes
        target = int.from_bytes(info_hash, "big")
        found: Found = await self._parts.find_peers(
            target, start, functools.partial(self._ask_all, info_hash)
        )
        return found

    async def announce(
        self, info_hash: bytes, port: int, nodes: Sequence[tuple[Contact, bytes]]
    ) -> list[Contact]:
        """Say at some nodes that a peer is here, on a port; which of them took it."""
        stored = []
        for contact, token in nodes:
            arguments = {b"info_hash": info_hash, b"port": port, b"token": token}
            if await self._ask(b"announce_peer", arguments, contact.address) is not None:
                stored.append(contact)
        return stored

    async def _ask_all(self, info_hash: bytes, batch: Sequence[Contact]) -> dict[Contact, Reply]:
        arguments = {b"info_hash": info_hash}
        answers = await asyncio.gather(
            *(self._ask(b"get_peers", arguments, contact.address) for contact in batch)
        )
        replies = zip(batch, answers, strict=True)
        return {
            contact: self._reply(answer, contact.address) for contact, answer in replies if answer is not None
        }

    async def _ask(self, method: bytes, arguments: dict[bytes, Any], address: Address) -> Any:
        """What an address answers; None if it does not."""
        self._waiting[address] = asyncio.get_running_loop().create_future()
        self._socket.send(self._questions.ask(method, arguments, address), address)
        self.sent += 1
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._waiting[address]
        except TimeoutError:
            return None
        finally:
            del self._waiting[address]

    def _reply(self, answer: dict[bytes, Any], source: Address) -> Reply:
        """What a node answered; what breaks a rule counts as nothing."""
        token, nodes, values = (answer.get(key) for key in (b"token", b"nodes", b"values"))
        contacts: list[Contact] = []
        if isinstance(nodes, bytes):
            try:
                contacts = self._parts.read_nodes(nodes, source)
            except ValueError:
                contacts = []
        return Reply(contacts, peers_in(values, source), token if isinstance(token, bytes) else None)

    async def _read(self) -> None:
        while True:
            datagram, source = await self._socket.receive()
            answer = self._questions.answer(datagram, source)
            waiting = self._waiting.get(source)
            if answer is not None and waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._socket.close()


def peers_in(values: Any, teller: Address) -> list[Address]:
    """The peers in the `values` of a response: 6 bytes each; what is none is left out.

    Args:
        values: what a node wrote there, of any type.
        teller: the address that the response came from.
    """
    if not isinstance(values, list):
        return []
    peers = []
    for value in values[:MOST_PEERS]:
        if isinstance(value, bytes) and len(value) == 6:
            address = ".".join(map(str, value[:4])), int.from_bytes(value[4:], "big")
            if acceptable(address, teller):
                peers.append(address)
    return peers
