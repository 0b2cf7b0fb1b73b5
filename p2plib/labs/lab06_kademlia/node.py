"""Lab 6: a peer made of the reader's routing table and lookup, on a UDP socket. A thin driver.

It speaks the language of `p2plib.topology.kademlia`, so the library's peers take it for one of theirs::

    async with Node.open(own_id, RoutingTable(own_id), lookup, host="192.0.2.1") as node:
        await node.join(("192.0.2.7", 4001))
        nearest = await node.find(target)

Rules
    1. A peer that answers is heard, one that does not is silent; whom the table then wants asked is asked, on
       the side.
    2. A peer that asks us is pinged before the table hears of it: a request may carry a forged address. One
       that says it is a client is not pinged, because it does not want to be asked.
    3. A response counts if it comes from the address and with the number of a request that waits for it.
    4. It keeps no values: a request for one is answered with contacts, without the token that storing takes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from p2plib.errors import DecodeError, PeerTimeout
from p2plib.machine.addresses import Address, Contact
from p2plib.topology.kademlia.messages import (
    BUSY,
    CODEC,
    MAX_CONTACTS,
    NOT_STORED,
    DialBack,
    DialBackFor,
    FindNode,
    FindValue,
    KademliaRequest,
    KademliaResponse,
    Nodes,
    Ping,
    Pong,
    Refused,
    Store,
)

PATIENCE_S = 1.0
MOST_PINGS = 64  # under way; a flood of strangers gets no more


class Node(asyncio.DatagramProtocol):
    """One peer; `open` makes it.

    Attributes:
        table: the reader's, fed by what is heard.
        address: where others reach us.
        requests: how many were sent.
    """

    def __init__(self, own_id: int, table: Any, lookup: Callable[..., Awaitable[list[Contact]]]) -> None:
        self.own_id, self.table, self.lookup = own_id, table, lookup
        self.address: Address = ("", 0)
        self.requests = 0
        self._transport: Any = None
        self._waiting: dict[tuple[int, Address], asyncio.Future[KademliaResponse]] = {}
        self._pings: dict[Address, asyncio.Task[None]] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, own_id: int, table: Any, lookup: Any, host: str = "127.0.0.1", port: int = 0
    ) -> AsyncIterator[Node]:
        """Opens a socket and is a peer for as long as the block runs.

        Args:
            own_id: its id.
            table: a `RoutingTable`, or what behaves like one.
            lookup: as in the lab.
            host, port: where to listen.
        """
        node = cls(own_id, table, lookup)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: node, local_addr=(host, port))
        node.address = transport.get_extra_info("sockname")[:2]
        try:
            yield node
        finally:
            pings = list(node._pings.values())
            for ping in pings:
                ping.cancel()
            await asyncio.gather(*pings, return_exceptions=True)
            transport.close()

    # What the owner calls

    async def join(self, bootstrap: Address) -> None:
        """Enter a network through a peer of it: look for ourselves, then in every bucket that others fit in.

        Raises:
            PeerTimeout: nobody answered there.
        """
        response = await self._request(FindNode(self._number(), self.own_id, self.own_id), bootstrap)
        if response is None:
            raise PeerTimeout(f"nobody answered at {bootstrap[0]}, port {bootstrap[1]}")
        self._heard(Contact(response.sender, bootstrap))
        nearest = await self.find(self.own_id)
        bits = min(((contact.id ^ self.own_id).bit_length() for contact in nearest), default=160)
        for bit in range(bits, 160):
            await self.find(self.own_id ^ 1 << bit)

    async def find(self, target: int) -> list[Contact]:
        """The peers nearest to a target, by the reader's lookup."""

        async def ask(batch: list[Contact]) -> dict[Contact, list[Contact]]:
            named = await asyncio.gather(*(self._ask(contact, target) for contact in batch))
            return {contact: told for contact, told in zip(batch, named, strict=True) if told is not None}

        return await self.lookup(target, self.table.closest(target, MAX_CONTACTS), ask)

    async def _ask(self, contact: Contact, target: int) -> list[Contact] | None:
        response = await self._request(FindNode(self._number(), self.own_id, target), contact.address)
        if response is None or response.sender != contact.id:  # another id: whom we meant is gone
            self._ping(self.table.silent(contact))
            return None
        self._heard(contact)
        named = response.contacts if isinstance(response, Nodes) else ()
        return [other for other in named if other.id != self.own_id]

    # Requests and responses

    def _number(self) -> int:
        self.requests += 1
        return self.requests

    async def _request(self, message: KademliaRequest, address: Address) -> KademliaResponse | None:
        """Ask, and wait; None if nobody answers in time."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[message.transaction, address] = waiter
        self._transport.sendto(CODEC.encode(message), address)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await waiter  # type: ignore[no-any-return]
        except TimeoutError:
            return None
        finally:
            del self._waiting[message.transaction, address]

    def _heard(self, contact: Contact) -> None:
        self._ping(self.table.heard(contact))

    def _ping(self, contact: Contact | None) -> None:
        """Rule 1: find out in the background whether a contact is there."""
        if contact is None or contact.address in self._pings or len(self._pings) >= MOST_PINGS:
            return
        task = asyncio.get_running_loop().create_task(self._is_there(contact))
        self._pings[contact.address] = task
        task.add_done_callback(lambda _: self._pings.pop(contact.address, None))

    async def _is_there(self, contact: Contact) -> None:
        response = await self._request(Ping(self._number(), self.own_id), contact.address)
        self._pings.pop(contact.address, None)  # before the table asks for the next one
        if response is not None and response.sender == contact.id:
            self._heard(contact)
        else:
            self._ping(self.table.silent(contact))

    def _response(self, message: KademliaRequest, sender: Contact) -> KademliaResponse:
        about = message.transaction, self.own_id
        match message:
            case FindNode(target=target) | FindValue(key=target):
                near = self.table.closest(target, MAX_CONTACTS + 1)
                named = [contact for contact in near if contact.id != sender.id][:MAX_CONTACTS]
                return Nodes(*about, b"", tuple(named))
            case Store():
                return Refused(*about, NOT_STORED)
            case Ping():
                return Pong(*about)
            case DialBack() | DialBackFor():
                return Refused(*about, BUSY)

    # What asyncio calls

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A datagram has come."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return
        if message.sender >> 160:
            return
        if isinstance(message, KademliaRequest):
            sender = Contact(message.sender, addr[:2])
            self._transport.sendto(CODEC.encode(self._response(message, sender)), addr)
            if not message.is_client and sender not in self.table.closest(sender.id, 1):
                self._ping(sender)
            return
        waiter = self._waiting.get((message.transaction, addr[:2]))
        if waiter is not None and not waiter.done():
            waiter.set_result(message)
