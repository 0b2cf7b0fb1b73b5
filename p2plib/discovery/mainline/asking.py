"""Asking: the queries that a node has under way, each with its purpose. A machine part.

A query goes out because some part of the node wants to know something, and its response goes back to that
part. What it is for is its *purpose*; four of them are the same as in `p2plib.topology.kademlia.asking`::

    Probe     is anybody at this bootstrap address?              p2plib.discovery.mainline.entrance
    Check     is this contact there?                             p2plib.topology.kademlia.checks
    Step      whom, or what, does this contact know?             p2plib.discovery.mainline.searches
    Copy      will this contact keep something?                  p2plib.discovery.mainline.deliveries
    Sampling  which info_hashes does the node at an address have peers for?

Rules
    1. A transaction is 8 random bytes: who wants to forge a response to one has to guess them. BEP 5 finds
       two "typical", which is 65,536 guesses.
    2. A response counts if it comes from the address that was asked, with a transaction that is awaited.
    3. Time-outs and repetitions are those of `p2plib.machine.requests`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.messages import VERSION, PingQuery
from p2plib.discovery.mainline.parts import DhtTimer
from p2plib.machine.addresses import Address
from p2plib.machine.requests import TRANSACTION_BITS, Requests
from p2plib.topology.kademlia.asking import Check, Copy, Probe, Step

TRANSACTION_BYTES = TRANSACTION_BITS // 8


@dataclass(slots=True)
class Sampling:
    """What has the node at this address?"""

    number: int
    address: Address


DhtPurpose = Probe | Check | Step | Copy | Sampling


class KrpcAsker:
    """Sends queries, and says what a response, or the lack of one, was about.

    Args:
        own_id: the id that queries carry.
        requests: what is awaited, and for how long.
        send: takes a datagram and where it goes.
        is_read_only: whether queries say that we answer nobody.
    """

    def __init__(
        self,
        own_id: int,
        requests: Requests[DhtTimer],
        send: Callable[[bytes, Address], None],
        is_read_only: bool = False,
    ) -> None:
        self.own_id, self._requests, self._send, self.is_read_only = own_id, requests, send, is_read_only

    def ask(
        self,
        kind: Callable[..., Any],
        address: Address,
        purpose: DhtPurpose,
        now: float,
        tries: int = 1,
        **arguments: object,
    ) -> None:
        """Sends a query.

        Args:
            kind: its class.
            address: where it goes.
            purpose: what it is for.
            now: the time, in seconds.
            tries: how many times it is sent before it is given up.
            arguments: what it asks.
        """
        number = self._requests.transaction()
        transaction = number.to_bytes(TRANSACTION_BYTES, "big")
        query = kind(transaction, self.own_id, version=VERSION, is_read_only=self.is_read_only, **arguments)
        data = krpc.encode(query)
        self._requests.start(number, data, address, purpose, now, tries)
        self._send(data, address)

    def ping(self, check: Check, now: float, tries: int) -> None:
        """Asks a contact whether it is there."""
        self.ask(PingQuery, check.contact.address, check, now, tries)

    def answered(self, transaction: bytes, address: Address, now: float) -> DhtPurpose | None:
        """The purpose that a response from an address belongs to; None if no query waits for it."""
        if len(transaction) != TRANSACTION_BYTES:
            return None
        request = self._requests.answered(int.from_bytes(transaction, "big"), address, now)
        purpose: DhtPurpose | None = None if request is None else request.purpose
        return purpose

    def late(self, number: int, now: float) -> DhtPurpose | None:
        """A response is late: sends the query again, or gives it up and returns its purpose."""
        request, again = self._requests.expired(number, now)
        if again:
            self._send(request.data, request.address)
            return None
        purpose: DhtPurpose = request.purpose
        return purpose
