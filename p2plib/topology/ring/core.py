"""Core: what all parts of a ring's peer share. The lower half of a machine.

It says which peer we are, keeps the requests under way, and remembers whom we have met. The parts
(`neighbours`, `fingers`, `searches`, `stabilisation`, `split_check`) use it to ask, report events and set
timers, and `p2plib.topology.ring.machine.Ring` puts them together.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import cast

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact, acceptable
from p2plib.machine.hearsay import Hearsay
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.ring.messages import CODEC, MAX_SUCCESSORS, RingRequest, RingResponse
from p2plib.topology.ring.parts import Event, Purpose, RingSettings, Timer

TRIES = 3  # two datagrams may be lost before a peer is taken for dead
MAX_KNOWN = 64  # peers remembered for rule 5
HEARSAY = Hearsay(CODEC)
JITTER = 0.1  # peers that started together should not stay in step


class Core(Base[Event, Timer]):
    """Who we are, what we are waiting for, and whom we have met.

    Args:
        own: our id and the address that others reach us at.
        rng: see `p2plib.machine.machine`.
        settings: see `RingSettings`.

    Attributes:
        size: how many ids there are, 2**bits.
        known: addresses of members met, the latest last; a set that remembers the order.

    Raises:
        UsageError: the id or r is out of range.
    """

    def __init__(self, own: Contact, rng: random.Random, settings: RingSettings) -> None:
        super().__init__()
        if not 0 <= own.id < 1 << settings.bits or not 1 <= settings.r <= MAX_SUCCESSORS:
            raise UsageError(f"an id is 0 to 2**{settings.bits} - 1, and r is 1 to {MAX_SUCCESSORS}")
        self.own, self.rng, self.settings = own, rng, settings
        self.size = 1 << settings.bits
        self.known: dict[Address, None] = {}
        self.requests = Requests(rng, self.timers, Timer.REQUEST)

    def header(self) -> tuple[int, int]:
        """The first two fields of a new request: a transaction, and our id."""
        return self.requests.transaction(), self.own.id

    def ask(self, message: RingRequest, address: Address, purpose: Purpose, now: float) -> None:
        """Sends a request, and remembers what its response is for."""
        data = CODEC.encode(message)
        self.requests.start(message.transaction, data, address, purpose, now, TRIES)
        self._send(data, address)

    def answered(self, message: RingResponse, address: Address, now: float) -> Purpose | None:
        """What a response is for; None if no request waits for it."""
        request = self.requests.answered(message.transaction, address, now)
        return cast(Purpose, request.purpose) if request else None

    def is_told(self, message: RingRequest | RingResponse, address: Address) -> bool:
        """Whether a message may be heard: nothing is sent to an address that a stranger may not name.

        The contacts that its sender may not name are taken out of it.
        """
        is_stranger = isinstance(message, RingRequest) and address not in self.known
        if is_stranger and not acceptable(address, self.own.address):
            self._ignore("address of no peer")
            return False
        for _ in range(HEARSAY.drop(message, address)):
            self._ignore("address of no peer")
        return True

    def late(self, transaction: int, now: float) -> Purpose | None:
        """A response is late: sends the request again, or gives it up and returns what it was for."""
        request, again = self.requests.expired(transaction, now)
        if again:
            self._send(request.data, request.address)
            return None
        return cast(Purpose, request.purpose)

    def tell(self, event: Event) -> None:
        """Reports an event to the owner."""
        self._tell(event)

    def ignore(self, reason: str) -> None:
        """Counts something that arrived and breaks a rule."""
        self._ignore(reason)

    def set_again(self, timer: Timer, seconds: float, now: float) -> None:
        """Sets a timer that recurs, a little earlier or later each time."""
        self.timers.set(timer, now + seconds * self.rng.uniform(1 - JITTER, 1 + JITTER))

    def remember(self, addresses: Iterable[Address]) -> None:
        """Notes that members are at these addresses, and forgets those not heard from for longest."""
        for address in addresses:
            self.known.pop(address, None)
            self.known[address] = None
        while len(self.known) > MAX_KNOWN:
            del self.known[next(iter(self.known))]
