"""Requests: which responses are awaited, for how long, and what to do when one does not come. Machine parts.

`RoundTrip` is RFC 6298's estimator, the one of TCP: a smoothed round trip and its variation, and from both
the time after which a response is late. A fixed time-out is wrong in both directions: within one machine five
seconds are fifty thousand round trips, and over a slow satellite one second is less than one.

Rules of `Requests`
    1. A response counts if its transaction is awaited *and* it comes from the address that was asked.
    2. A request whose response is late is sent again, up to `tries` times in all, waiting twice as long each
       time (RFC 6298, 5.5). Then it is given up.
    3. A response that comes even later still measures the round trip, for a request that was given up is
       remembered for a while. Otherwise a network that has become slow would look dead forever. With this one
       exception, a request that was sent more than once measures nothing (Karn's rule: nobody knows which
       copy was answered).
    4. For a peer that has never answered, the estimate from all peers together is used.

Vocabulary::

    transaction   a random number of 64 bits that the response repeats; it is what a forger has to guess
    purpose       whatever the machine wants to be given back with the response
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Generic

from p2plib.machine.addresses import Address
from p2plib.machine.timers import T, Timers

FIRST_TIMEOUT_S = 1.0  # RFC 6298, 2.1: before anything is measured
# The least margin above the smoothed round trip. Where every round trip is the same, the variation goes to
# zero, and a datagram that is a little late would look lost. RFC 6298 makes TCP's time-out at least 1 s;
# a lookup has other peers to ask and may guess sooner.
MIN_MARGIN_S = 0.1
MAX_TIMEOUT_S = 5.0  # what the PyPI package kademlia always waits
GAIN, VARIATION_GAIN, VARIATIONS = 1 / 8, 1 / 4, 4.0  # RFC 6298, 2.3: alpha, beta and K
SLOW_VARIATIONS = 2.0
MAX_LATE = 256  # requests given up whose responses may still come
MAX_MEASURED = 1024  # peers whose round trip is remembered
TRANSACTION_BITS = 64


@dataclass(slots=True)
class RoundTrip:
    """The time-out that fits the round trips measured so far."""

    smoothed_s: float = 0.0
    variation_s: float = 0.0
    timeout_s: float = FIRST_TIMEOUT_S

    @property
    def slow_s(self) -> float:
        """The time after which a response is slow, though not yet late: most have come by then."""
        if self.smoothed_s == 0.0:
            return self.timeout_s / 2
        return self.smoothed_s + max(self.smoothed_s / 4, SLOW_VARIATIONS * self.variation_s)

    def measured(self, rtt_s: float) -> None:
        """Takes one measurement in seconds."""
        if self.smoothed_s == 0.0:
            self.smoothed_s, self.variation_s = rtt_s, rtt_s / 2
        else:
            self.variation_s += VARIATION_GAIN * (abs(self.smoothed_s - rtt_s) - self.variation_s)
            self.smoothed_s += GAIN * (rtt_s - self.smoothed_s)
        margin_s = max(MIN_MARGIN_S, VARIATIONS * self.variation_s)
        self.timeout_s = min(MAX_TIMEOUT_S, self.smoothed_s + margin_s)


@dataclass(slots=True)
class Request:
    """A request that is on its way."""

    transaction: int
    data: bytes
    address: Address
    purpose: Any  # what `start` was given: its type is the machine's business
    tries_left: int
    sent: float
    timeout_s: float
    sent_again: bool = False


class Requests(Generic[T]):
    """The requests whose responses are awaited, each with a timer about its transaction.

    Args:
        rng: where transactions come from.
        timers: those of the machine.
        late: its timer for a response that is late. The machine calls `expired` when it fires.
    """

    def __init__(self, rng: random.Random, timers: Timers[T], late: T) -> None:
        self.rng, self._timers, self._timer = rng, timers, late
        self.all_peers = RoundTrip()
        self._peers: dict[Address, RoundTrip] = {}
        self._awaited: dict[int, Request] = {}
        self._late: dict[int, Request] = {}

    def __len__(self) -> int:
        return len(self._awaited)

    def transaction(self) -> int:
        """A new transaction, which is not in use."""
        while True:
            number = self.rng.getrandbits(TRANSACTION_BITS)
            if number and number not in self._awaited and number not in self._late:
                return number

    def timeout_s(self, address: Address) -> float:
        """How long to wait for a response from an address."""
        return self._peers.get(address, self.all_peers).timeout_s

    def has_answered(self, address: Address) -> bool:
        """Whether a response has come from an address: a forger can ask from it, but cannot answer there."""
        return address in self._peers

    def slow_s(self, address: Address) -> float:
        """After how long a response from an address is slow; see `RoundTrip.slow_s`."""
        return self._peers.get(address, self.all_peers).slow_s

    def start(
        self, transaction: int, data: bytes, address: Address, purpose: object, now: float, tries: int = 1
    ) -> None:
        """Notes that a request is sent; the caller sends it."""
        wait_s = self.timeout_s(address)
        self._awaited[transaction] = Request(transaction, data, address, purpose, tries - 1, now, wait_s)
        self._timers.set(self._timer, now + wait_s, transaction)

    def answered(self, transaction: int, address: Address, now: float) -> Request | None:
        """The request that a response belongs to, a late one included. If None, drop the response."""
        waiting = self._awaited
        request = waiting.get(transaction)
        if request is None:
            waiting = self._late
            request = waiting.get(transaction)
        if request is None or request.address != address:  # rule 1
            return None
        del waiting[transaction]
        if waiting is self._awaited:
            self._timers.cancel(self._timer, transaction)
        if not request.sent_again or waiting is self._late:  # rule 3
            self._measured(address, now - request.sent)
        return request

    def expired(self, transaction: int, now: float) -> tuple[Request, bool]:
        """A request whose time is up, and whether to send its data again (otherwise it is given up)."""
        request = self._awaited[transaction]
        if request.tries_left:
            request.tries_left -= 1
            request.sent_again = True
            request.timeout_s = min(MAX_TIMEOUT_S, 2 * request.timeout_s)
            self._timers.set(self._timer, now + request.timeout_s, transaction)
            return request, True
        del self._awaited[transaction]
        self._late[transaction] = request
        while len(self._late) > MAX_LATE:
            del self._late[next(iter(self._late))]
        return request, False

    def _measured(self, address: Address, rtt_s: float) -> None:
        self.all_peers.measured(rtt_s)
        peer = self._peers.pop(address, None) or RoundTrip()
        peer.measured(rtt_s)
        self._peers[address] = peer  # last, so that the first is the one not heard from for longest
        if len(self._peers) > MAX_MEASURED:
            del self._peers[next(iter(self._peers))]
