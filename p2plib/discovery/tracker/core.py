"""Core: what a tracker does with an announce or a scrape, whatever carried it. A machine part without bytes.

Rules
    1. The host of a peer is the one that its connection or its datagrams come from. What a message says of an
       address is never used.
    2. Each question takes a token of its host (`p2plib.discovery.tracker.pace`), so it must come from where
       it says it comes from: the connection id of UDP, the handshake of TCP.
    3. What cannot be granted is a `Refusal` with a sentence that the peer is told.
    4. Peers that have not announced for long are taken off first (`Swarms.expire`): nothing else is done by a
       clock.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p2plib.discovery.tracker.announce import (
    DEFAULT_INTERVAL_S,
    DEFAULT_NUMWANT,
    MAX_NUMWANT,
    MAX_SCRAPED,
    Announce,
    Counts,
    Event,
)
from p2plib.discovery.tracker.pace import DEFAULT_ALLOWANCE, Allowance, Pace
from p2plib.discovery.tracker.swarms import DEFAULT_LIMITS, Swarm, SwarmLimits, Swarms
from p2plib.errors import Refusal, UsageError
from p2plib.machine.addresses import Address, Scope, scope_of

# As many IPv6 peers of 18 bytes as fit into a packet beside its header, as 200 IPv4 peers do.
MAX_NUMWANT_IPV6 = 66


@dataclass(frozen=True, slots=True)
class TrackerHeard:
    """Something that a tracker was told, for whoever watches it.

    Args:
        carrier: "http", "udp" or "websocket".
        address: the peer.
        info_hash: which swarm.
        event: why it announced.
        left: how much it lacks, as it says.
    """

    carrier: str
    address: Address
    info_hash: bytes
    event: Event
    left: int

    def __str__(self) -> str:
        host, port = self.address
        role = "a seeder" if not self.left else "a leecher"
        return f"{self.carrier} {self.event.name.lower()} {host}:{port} {self.info_hash.hex()} {role}"


class TrackerCore:
    """Answers questions out of the swarms.

    Args:
        rng: see `p2plib.machine.machine`.
        interval_s: after how many seconds peers are asked to announce again.
        limits: see `SwarmLimits`.
        allowance: see `Allowance`.
        on_heard: called with each announce that is granted.

    Attributes:
        swarms: who is where.
        pace: how often each host has asked.
        refused: how many questions were refused, by reason.
        granted: how many announces were granted.

    Raises:
        UsageError: the interval is less than a second.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        interval_s: int = DEFAULT_INTERVAL_S,
        limits: SwarmLimits = DEFAULT_LIMITS,
        allowance: Allowance = DEFAULT_ALLOWANCE,
        on_heard: Callable[[TrackerHeard], None] | None = None,
    ) -> None:
        if interval_s < 1:
            raise UsageError(f"peers announce again after 1 second or more, not after {interval_s}")
        self.swarms = Swarms(rng, interval_s=interval_s, limits=limits)
        self.pace = Pace(allowance)
        self.refused: Counter[str] = Counter()
        self.granted = 0
        self.on_heard = on_heard

    def announce(
        self, announce: Announce, host: str, carrier: str, now: float
    ) -> tuple[Swarm | None, list[bytes]]:
        """A peer announces.

        Args:
            announce: what it says.
            host: where it is. Rule 1.
            carrier: "http" or "udp".
            now: the time, in seconds.

        Returns:
            The swarm, None if there is none, and the packed addresses of some of its other peers.

        Raises:
            p2plib.errors.Refusal: rule 3.
        """
        ipv6 = ":" in host
        most = MAX_NUMWANT_IPV6 if ipv6 else MAX_NUMWANT
        count = min(most, DEFAULT_NUMWANT if announce.numwant is None else announce.numwant)
        try:
            self.may_ask(host, now)
            if not announce.port:
                raise Refusal("port", "port 0 is nowhere: name the one where you listen")
            if scope_of(host) is Scope.NOWHERE:
                raise Refusal("host", f"nobody can connect to a peer at {host}")
            self.swarms.expire(now)
            swarm, own = self.swarms.announce(
                announce.info_hash,
                (host, announce.port),
                announce.peer_id,
                announce.left,
                announce.event,
                now,
            )
        except Refusal as refusal:
            self.refused[refusal.code] += 1
            raise
        self.granted += 1
        if self.on_heard is not None:
            address = host, announce.port
            self.on_heard(TrackerHeard(carrier, address, announce.info_hash, announce.event, announce.left))
        return swarm, self.swarms.some_peers(swarm, count, ipv6=ipv6, but=own)

    def scrape(self, info_hashes: Sequence[bytes], host: str, now: float) -> list[Counts]:
        """The counts of some swarms, in order.

        Raises:
            p2plib.errors.Refusal: rule 3.
        """
        try:
            self.may_ask(host, now)
            if not 1 <= len(info_hashes) <= MAX_SCRAPED:
                raise Refusal("scrape", f"a scrape names 1 to {MAX_SCRAPED} hashes, not {len(info_hashes)}")
        except Refusal as refusal:
            self.refused[refusal.code] += 1
            raise
        self.swarms.expire(now)
        return [self.swarms.counts(info_hash) for info_hash in info_hashes]

    def may_ask(self, host: str, now: float) -> None:
        """Takes a token of a host's. Rule 2.

        Raises:
            p2plib.errors.Refusal: it has none.
        """
        if not self.pace.allows(host, now):
            raise Refusal(
                "pace", f"your host asks too often: {self.pace.allowance.a_second:g} a second will do"
            )
