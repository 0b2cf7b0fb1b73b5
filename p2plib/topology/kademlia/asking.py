"""Asking: the requests that a Kademlia peer has under way, each with its purpose. A machine part.

A request goes out because some part of the peer wants to know something, and its response goes back to that
part. What a request is for is its *purpose*, a value that holds what the part needs to go on::

    Probe   is anybody at this bootstrap address?             p2plib.topology.kademlia.bootstrap
    Check   is this contact there?                            p2plib.topology.kademlia.checks
    Step    whom does this contact know near the target?      p2plib.topology.kademlia.searches
    Copy    will this contact keep a value?                   p2plib.topology.kademlia.copies
    Reach   will this contact have another peer ask us?       p2plib.topology.kademlia.reachability
    PassOn  will this contact ask a peer that wishes it?      p2plib.topology.kademlia.reachability

Time-outs and repetitions are those of `p2plib.machine.requests`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.requests import Requests
from p2plib.topology.kademlia.messages import CODEC, KademliaRequest, Ping
from p2plib.topology.kademlia.parts import Timer

Send = Callable[[bytes, Address], None]

LATELY_S = 600.0  # a NAT forgets what was sent after 5 minutes, or sooner (RFC 4787, REQ-5)
MAX_HOSTS = 4096

# One of these is made for every request, so they are not frozen: that would take four times as long.


@dataclass(slots=True)
class Probe:
    """Is anybody at this bootstrap address? Asked in the first attempt to join, or in a later one."""

    address: Address
    attempt: int


@dataclass(slots=True)
class Check:
    """Is this contact there? If `is_holder`, it is asked because another claims its id."""

    contact: Contact
    is_holder: bool = False


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


@dataclass(slots=True)
class Reach:
    """Will this contact have another peer ask us whether we are there?"""

    contact: Contact
    test: int


@dataclass(slots=True)
class PassOn:
    """Will this contact ask a peer that wishes to be asked?"""

    contact: Contact
    transaction: int


Purpose = Probe | Check | Step | Copy | Reach | PassOn


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
        self._hosts: dict[str, float] = {}  # when each was asked last

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
        self._hosts[address[0]] = now
        if len(self._hosts) > MAX_HOSTS:
            self._forget_hosts(now)
        data = CODEC.encode(request)
        self._requests.start(request.transaction, data, address, purpose, now, tries)
        self._send(data, address)

    def ping(self, check: Check, now: float, tries: int) -> None:
        """Asks a contact whether it is there."""
        request = Ping(self.transaction(), self.own_id, self.is_client)
        self.ask(request, check.contact.address, check, now, tries)

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

    def slow_s(self, address: Address) -> float:
        """After how long a response from an address is slow, in seconds."""
        return self._requests.slow_s(address)

    def has_asked_lately(self, host: str, now: float) -> bool:
        """Whether a NAT may take a request of this host for an answer to what we asked it."""
        asked = self._hosts.get(host)
        return asked is not None and asked + LATELY_S > now

    def _forget_hosts(self, now: float) -> None:
        lately = [(asked, host) for host, asked in self._hosts.items() if asked + LATELY_S > now]
        self._hosts = {host: asked for asked, host in sorted(lately)[-MAX_HOSTS // 2 :]}
