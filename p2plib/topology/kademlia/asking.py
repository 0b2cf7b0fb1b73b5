"""Asking: the requests that a Kademlia peer has under way, each with its purpose. A machine part.

A request goes out because some part of the peer wants to know something, and its response goes back to that
part. What a request is for is its *purpose*, a value that holds what the part needs to go on::

    Probe   is anybody at this bootstrap address?             p2plib.topology.kademlia.bootstrap
    Check   is this contact there?                            p2plib.topology.kademlia.checks
    Step    whom does this contact know near the target?      p2plib.topology.kademlia.searches
    Copy    will this contact keep a value?                   p2plib.topology.kademlia.copies

Time-outs and repetitions are those of `p2plib.machine.requests`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.requests import Requests
from p2plib.topology.kademlia.messages import CODEC, KademliaRequest
from p2plib.topology.kademlia.parts import Timer

Send = Callable[[bytes, Address], None]

# One of these is made for every request, so they are not frozen: that would take four times as long.


@dataclass(slots=True)
class Probe:
    """Is anybody at this bootstrap address? Asked in the first join, or in a later one."""

    address: Address
    join: int


@dataclass(slots=True)
class Check:
    """Is this contact there?"""

    contact: Contact


@dataclass(slots=True)
class Step:
    """Whom does this contact know near the target of a search, or what does it have there?"""

    search: int
    contact: Contact


@dataclass(slots=True)
class Copy:
    """Will this contact keep the value of a put?"""

    put: int
    contact: Contact


Purpose = Probe | Check | Step | Copy


class Asker:
    """Sends requests, and says what a response, or the lack of one, was about.

    Args:
        own_id: the id that requests carry.
        requests: what is awaited, and for how long.
        send: takes a datagram and where it goes.

    Attributes:
        is_client: 1 if requests say that we are a client, otherwise 0.
    """

    def __init__(self, own_id: int, requests: Requests[Timer], send: Send) -> None:
        self.own_id, self._requests, self._send = own_id, requests, send
        self.is_client = 0

    def transaction(self) -> int:
        """The transaction of the next request."""
        return self._requests.transaction()

    def ask(
        self, request: KademliaRequest, address: Address, purpose: Purpose, now: float, tries: int = 1
    ) -> None:
        """Sends a request.

        Args:
            request: a request with a transaction from `transaction`.
            address: where it goes.
            purpose: what it is for.
            now: the time, in seconds.
            tries: how many times it is sent before it is given up.
        """
        data = CODEC.encode(request)
        self._requests.start(request.transaction, data, address, purpose, now, tries)
        self._send(data, address)

    def answered(self, transaction: int, address: Address, now: float) -> Purpose | None:
        """The purpose that a response from an address belongs to; None if no request waits for it."""
        request = self._requests.answered(transaction, address, now)
        purpose: Purpose | None = None if request is None else request.purpose
        return purpose

    def late(self, transaction: int, now: float) -> Purpose | None:
        """A response is late: sends the request again, or gives it up and returns its purpose."""
        request, again = self._requests.expired(transaction, now)
        if again:
            self._send(request.data, request.address)
            return None
        purpose: Purpose = request.purpose
        return purpose
