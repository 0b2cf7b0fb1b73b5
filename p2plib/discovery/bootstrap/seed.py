"""Seed: a peer that stands in lists, and names peers to newcomers. A machine.

Rules
    1. It names those that told it that they are there, no others: at most `MAX_NAMED`, drawn at random, and
       never more than fit into as many bytes as it was asked with (`p2plib.discovery.bootstrap.messages`).
    2. A peer is kept `KEPT_S` seconds, unless it tells again. It can tell one port for each topic, and tells
       it from one socket, so a new port takes the place of the old one.
    3. Tokens are good for the host they were given to, for `TOKEN_S` to twice that long.
    4. Topics, peers of a topic and entries of one host are bounded. What is full refuses, and says so.

The machine is its own driver's guest: ::

    async with Peer.open(lambda address, now: Seed(random.SystemRandom()), "192.0.2.1", 4001) as peer:
        await asyncio.Event().wait()
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import Counter
from dataclasses import dataclass
from typing import assert_never

from p2plib.discovery.bootstrap.messages import (
    BAD_TOKEN,
    CODEC,
    FULL,
    MAX_NAMED,
    TOKEN_BYTES,
    UNREADABLE,
    AskPeers,
    NamedPeers,
    SeedRefused,
    SeedRequest,
    SeedResponse,
    SeedTold,
    TellPeer,
)
from p2plib.discovery.source import TOPIC_BYTES
from p2plib.errors import DecodeError
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.timers import TimerName

KEPT_S = 1800  # peers come and go; BEP 5's trackers and nodes keep as long
TOKEN_S = 300.0  # BEP 5's
MAX_TOPICS = 1000
MAX_OF_TOPIC = 500
MAX_OF_HOST = 64  # topics and sockets of one host; many peers may share a NAT
SECRET_BYTES = 16


class SeedTimer(TimerName):
    """The timers of a seed: none, for what is too old is seen when somebody asks."""


@dataclass(frozen=True, slots=True)
class SeedHeard:
    """Somebody asked or told something; a line about it, for whoever watches the seed."""

    line: str


class Seed(Base[SeedHeard, SeedTimer]):
    """One seed.

    Args:
        rng: draws the secret and which peers to name; see `p2plib.machine.machine`.
    """

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._secret = rng.randbytes(SECRET_BYTES)
        # By topic and by the socket that told: the port, and until when it is kept.
        self._told: dict[bytes, dict[Address, tuple[int, float]]] = {}
        self._oldest: dict[tuple[bytes, Address], None] = {}  # all that told, the one longest ago first
        self._of_host: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._of_host.total()

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        if not isinstance(message, SeedRequest):
            return self._ignore("response")
        self._forget_old(now)
        return self._send(CODEC.encode(self._respond(message, address, len(data), now)), address)

    def on_timer(self, now: float) -> None:
        """Does nothing: see `SeedTimer`."""

    def named(self, topic: bytes, now: float) -> tuple[Address, ...]:
        """Everybody that is kept for a topic, in the order in which they told."""
        self._forget_old(now)
        kept = self._told.get(topic, {})
        return tuple(dict.fromkeys((host, port) for (host, _), (port, _) in kept.items()))

    def _respond(self, message: SeedRequest, address: Address, size: int, now: float) -> SeedResponse:
        match message:
            case AskPeers():
                return self._name(message, address, size, now)
            case TellPeer():
                return self._note(message, address, now)
            case _:
                assert_never(message)

    def _name(self, ask: AskPeers, address: Address, size: int, now: float) -> SeedResponse:
        if len(ask.topic) != TOPIC_BYTES:
            return SeedRefused(ask.transaction, UNREADABLE)
        known = self.named(ask.topic, now)
        drawn = tuple(self._rng.sample(known, min(len(known), MAX_NAMED)))
        response = NamedPeers(ask.transaction, self._token(address[0], now), drawn)
        while response.peers and len(CODEC.encode(response)) > size:
            response.peers = response.peers[:-1]
        self._hear(address, f"asks for {ask.topic.hex()[:8]}, and is told of {len(response.peers)}")
        return response

    def _note(self, tell: TellPeer, address: Address, now: float) -> SeedResponse:
        if len(tell.topic) != TOPIC_BYTES:
            return SeedRefused(tell.transaction, UNREADABLE)
        tokens = (self._token(address[0], now), self._token(address[0], now - TOKEN_S))
        if not any(hmac.compare_digest(tell.token, token) for token in tokens):
            return SeedRefused(tell.transaction, BAD_TOKEN)
        if tell.port == 0:
            self._forget(tell.topic, address)
            self._hear(address, f"is no longer there for {tell.topic.hex()[:8]}")
            return SeedTold(tell.transaction, 0, address)
        if not self._has_room(tell.topic, address):
            return SeedRefused(tell.transaction, FULL)
        kept = self._told.setdefault(tell.topic, {})
        self._of_host[address[0]] += address not in kept
        kept[address] = tell.port, now + KEPT_S
        self._oldest.pop((tell.topic, address), None)
        self._oldest[tell.topic, address] = None
        self._hear(address, f"is there for {tell.topic.hex()[:8]}, at port {tell.port}")
        return SeedTold(tell.transaction, KEPT_S, address)

    def _has_room(self, topic: bytes, address: Address) -> bool:
        kept = self._told.get(topic)
        if kept is None:
            kept = {}
            if len(self._told) >= MAX_TOPICS:
                return False
        if address in kept:
            return True
        return len(kept) < MAX_OF_TOPIC and self._of_host[address[0]] < MAX_OF_HOST

    def _hear(self, address: Address, what: str) -> None:
        self._tell(SeedHeard(f"{address[0]}:{address[1]} {what}"))

    def _forget_old(self, now: float) -> None:
        """Rule 2, for all topics: what nobody asks for must not fill the room of a host, or of all."""
        while self._oldest:
            topic, told = next(iter(self._oldest))
            if self._told[topic][told][1] > now:
                return
            self._forget(topic, told)

    def _forget(self, topic: bytes, told: Address) -> None:
        kept = self._told.get(topic, {})
        if kept.pop(told, None) is None:
            return
        del self._oldest[topic, told]
        if not kept:
            del self._told[topic]
        self._of_host[told[0]] -= 1
        if not self._of_host[told[0]]:
            del self._of_host[told[0]]

    def _token(self, host: str, now: float) -> bytes:
        period = max(0, int(now // TOKEN_S) + 1).to_bytes(8, "big")
        made = hashlib.blake2b(period + host.encode(), digest_size=TOKEN_BYTES, key=self._secret)
        return made.digest()
