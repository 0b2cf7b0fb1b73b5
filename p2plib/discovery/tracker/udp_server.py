"""UdpTracker: the rules of a tracker that is asked over UDP. A machine.

Specification: BEP 15; BEP 48 for scrapes.

Rules
    1. A connect gets a connection id, at the price of 16 bytes for 16. Nothing is remembered of it, and it is
       not paced: its source may be forged, and pacing would let a forger shut its victim out.
    2. An announce or a scrape counts only if its connection id was given to the host that it comes from, not
       long ago. Otherwise it is dropped without a word: a response, or an error, would go to whoever the
       source names, and may be larger than the question.
    3. What a proven host asks is answered, and what is refused is answered with an error.
    4. Over IPv6 it names IPv6 peers, over IPv4 others.
    5. An address of one link, which a socket shows with the name of the link, is nowhere to anybody else.
"""

from __future__ import annotations

import random

from p2plib.discovery.tracker.announce import Announce, Scrape
from p2plib.discovery.tracker.connection_ids import ConnectionIds
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.udp_messages import (
    Connect,
    UdpRequest,
    decode_request,
    encode_announced,
    encode_connected,
    encode_failure,
    encode_scraped,
)
from p2plib.errors import DecodeError, Refusal
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.timers import TimerName


class UdpTrackerTimer(TimerName):
    """It has none: the swarms are tidied when somebody asks."""


class UdpTracker(Base[None, UdpTrackerTimer]):
    """A tracker on a UDP socket.

    Args:
        core: what it answers from; HTTP and WebSocket may share it.
        rng: draws the key of the connection ids.

    Attributes:
        core: see above.
        connection_ids: gives them out, and knows them again.
    """

    def __init__(self, core: TrackerCore, rng: random.Random) -> None:
        super().__init__()
        self.core = core
        self.connection_ids = ConnectionIds(rng)

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            request = decode_request(data)
        except DecodeError:
            self._ignore("malformed")
            return
        host = address[0]
        if "%" in host:  # rule 5
            self._ignore("link-local")
            return
        if isinstance(request.body, Connect):  # rule 1
            answer = encode_connected(request.transaction, self.connection_ids.id_for(host, now))
        elif self.connection_ids.holds(request.connection_id, host, now):
            answer = self._answer(request, request.body, host, now)
        else:  # rule 2
            self._ignore("connection id")
            return
        self._send(answer, address)

    def on_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def _answer(self, request: UdpRequest, body: Announce | Scrape, host: str, now: float) -> bytes:
        core, transaction = self.core, request.transaction
        try:
            if isinstance(body, Scrape):
                return encode_scraped(transaction, core.scrape(body.info_hashes, host, now))
            swarm, packed = core.announce(body, host, "udp", now)
        except Refusal as refusal:  # rule 3
            return encode_failure(transaction, refusal.sentence)
        interval_s = core.swarms.interval_s
        if swarm is None:
            return encode_announced(transaction, interval_s, 0, 0, packed)
        seeders = swarm.seeders + swarm.visitors[0]
        leechers = len(swarm.peers) - swarm.seeders + swarm.visitors[1]
        return encode_announced(transaction, interval_s, leechers, seeders, packed)
