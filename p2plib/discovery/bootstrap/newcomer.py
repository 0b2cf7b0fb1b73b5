"""Newcomer: asks the peers of a list for others, and tells them of itself. A machine.

Rules
    1. `ask` and `tell` begin a *round*: the addresses are asked in their order, `AT_ONCE` at a time, each
       `TRIES` times.
    2. To tell, it asks first, for the token, and then tells those that answer, until `TOLD` have said that
       they will name us: each says so with `WasTold`. One that refuses, or says no more, does not count.
    3. An address that a seed names is dropped if a stranger may not name it (`p2plib.machine.addresses`).
    4. Each end of a request is an event with the number of its round: `WasNamed`, `WasTold`, `WasRefused`,
       `DidNotAnswer`. When nothing is under way any more, `RoundOver`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from p2plib.discovery.bootstrap.messages import (
    CODEC,
    AskPeers,
    NamedPeers,
    SeedRefused,
    SeedResponse,
    SeedTold,
    TellPeer,
    padded,
)
from p2plib.errors import DecodeError
from p2plib.machine.addresses import Address, acceptable
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.machine.timers import TimerName

AT_ONCE = 3
TRIES = 3
TOLD = 4  # how many seeds are told: one may go, and one may lie


class NewcomerTimer(TimerName):
    """The timers of a newcomer."""

    REQUEST = "a response is late"


@dataclass(frozen=True, slots=True)
class WasNamed:
    """A seed answered: it names these; none, if it knows none."""

    round: int
    seed: Address
    peers: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class WasTold:
    """A seed will name us for so many seconds, or has forgotten us if 0; and where it sees us."""

    round: int
    seed: Address
    kept_s: int
    seen: Address


@dataclass(frozen=True, slots=True)
class WasRefused:
    """A seed answered, and refused: one of `p2plib.discovery.bootstrap.messages.REASONS`."""

    round: int
    seed: Address
    reason: int


@dataclass(frozen=True, slots=True)
class DidNotAnswer:
    """A seed did not answer."""

    round: int
    seed: Address


@dataclass(frozen=True, slots=True)
class RoundOver:
    """The end of a round: nothing follows with its number."""

    round: int


NewcomerEvent = WasNamed | WasTold | WasRefused | DidNotAnswer | RoundOver


@dataclass(slots=True)
class _Round:
    number: int
    topic: bytes
    port: int | None  # None: it only asks
    waiting: deque[Address]
    asked: set[int] = field(default_factory=set)  # transactions under way
    told: int = 0  # that will name us, or were asked to and may still say so


@dataclass(frozen=True, slots=True)
class _Purpose:
    round: int
    asks: bool  # rather than tells


class Newcomer(Base[NewcomerEvent, NewcomerTimer]):
    """One newcomer.

    Args:
        rng: see `p2plib.machine.machine`.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.requests = Requests(rng, self.timers, NewcomerTimer.REQUEST)
        self._rounds: dict[int, _Round] = {}
        self._begun = 0

    def ask(self, seeds: Iterable[Address], topic: bytes, now: float) -> int:
        """Begins to ask who is there for a topic; returns the number of the round."""
        return self._begin(seeds, topic, None, now)

    def tell(self, seeds: Iterable[Address], topic: bytes, port: int, now: float) -> int:
        """Begins to tell that we are there, at this port; 0 for not any more. Returns the round's number."""
        return self._begin(seeds, topic, port, now)

    def stop(self, number: int, now: float) -> None:
        """Gives a round up: nothing more is sent for it, and no event follows."""
        self._rounds.pop(number, None)

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        if not isinstance(message, SeedResponse):
            return self._ignore("request")
        request = self.requests.answered(message.transaction, address, now)
        if request is None:
            return self._ignore("unexpected response")
        return self._take(request.purpose, message, address, now)

    def _take(self, purpose: _Purpose, message: SeedResponse, address: Address, now: float) -> None:
        current = self._rounds.get(purpose.round)
        if current is None:
            return  # its round was given up
        current.asked.discard(message.transaction)
        if isinstance(message, SeedTold if purpose.asks else NamedPeers):
            self._ignore("the answer to another question")
            self._tell(DidNotAnswer(current.number, address))
            current.told -= not purpose.asks
        else:
            self._answered(current, purpose, message, address, now)
        self._go_on(current, now)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, transaction in self.timers.due(now):
            match timer:
                case NewcomerTimer.REQUEST:
                    self._expired(transaction, now)
                case _:
                    assert_never(timer)

    def _begin(self, seeds: Iterable[Address], topic: bytes, port: int | None, now: float) -> int:
        self._begun += 1
        current = _Round(self._begun, topic, port, deque(dict.fromkeys(seeds)))
        self._rounds[current.number] = current
        self._go_on(current, now)
        return current.number

    def _go_on(self, current: _Round, now: float) -> None:
        """Asks the next seeds, or ends the round."""
        while current.waiting and len(current.asked) < AT_ONCE and current.told < TOLD:
            seed = current.waiting.popleft()
            ask = AskPeers(self.requests.transaction(), current.topic, b"")
            self._start(current, ask.transaction, padded(ask), seed, True, now)
        if not current.asked:
            del self._rounds[current.number]
            self._tell(RoundOver(current.number))

    def _start(
        self, current: _Round, transaction: int, data: bytes, seed: Address, asks: bool, now: float
    ) -> None:
        current.asked.add(transaction)
        self.requests.start(transaction, data, seed, _Purpose(current.number, asks), now, TRIES)
        self._send(data, seed)

    def _answered(
        self, current: _Round, purpose: _Purpose, message: SeedResponse, seed: Address, now: float
    ) -> None:
        match message:
            case NamedPeers():
                peers = tuple(peer for peer in message.peers if acceptable(peer, seed))
                if len(peers) < len(message.peers):
                    self.ignored["address of no peer"] += len(message.peers) - len(peers)
                self._tell(WasNamed(current.number, seed, peers))
                if current.port is not None and current.told < TOLD:
                    current.told += 1
                    tell = TellPeer(self.requests.transaction(), current.topic, current.port, message.token)
                    self._start(current, tell.transaction, CODEC.encode(tell), seed, False, now)
            case SeedTold():
                self._tell(WasTold(current.number, seed, message.kept_s, message.seen))
            case SeedRefused():
                self._tell(WasRefused(current.number, seed, message.reason))
                current.told -= not purpose.asks
            case _:
                assert_never(message)

    def _expired(self, transaction: int, now: float) -> None:
        request, again = self.requests.expired(transaction, now)
        current = self._rounds.get(request.purpose.round)
        if current is None:
            return  # its round was given up
        if again:
            self._send(request.data, request.address)
        else:
            current.asked.discard(transaction)
            current.told -= not request.purpose.asks
            self._tell(DidNotAnswer(current.number, request.address))
            self._go_on(current, now)
