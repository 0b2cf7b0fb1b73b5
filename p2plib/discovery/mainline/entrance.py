"""Entrance: getting into the DHT through addresses that we were given. A machine part.

Rules
    1. All of the addresses are asked for the nodes nearest to our own id, `PROBES` at a time. The first one
       that answers lets us in; the rest are asked all the same, for an answer puts its sender into the table.
       So the contacts of an earlier life, given as bootstrap addresses, become our table again.
    2. If all of the addresses fail, they are asked again after a pause, which doubles
       (`p2plib.machine.retries`). When no time is left for another try, joining has failed.
    3. The id of a bootstrap node may get it no place in our table (BEP 42): npm's `bittorrent-dht` and some
       well-known routers have random ones. Then the way in leads through the nodes that it names.
    4. An owner that gives up waiting may join again. An answer to the earlier probes can still let us in
       then, but their failure says nothing about the new join.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable

from p2plib.discovery.mainline.asking import KrpcAsker
from p2plib.discovery.mainline.messages import FindNodeQuery
from p2plib.discovery.mainline.parts import DhtEvent, DhtTimer
from p2plib.machine.addresses import Address, bootstrap_addresses
from p2plib.machine.retries import Retries
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.asking import Probe
from p2plib.topology.kademlia.parts import JoinFailed

PROBE_TRIES = 3
PROBES = 16


class Entrance:
    """The bootstrap addresses of one `join`.

    Args:
        asker: sends the probes.
        timers: those of the machine.
        rng: draws the pauses.
        enter: looks for our own place; its argument is the time.
        tell: reports `JoinFailed`.
    """

    def __init__(
        self,
        asker: KrpcAsker,
        timers: Timers[DhtTimer],
        rng: random.Random,
        enter: Callable[[float], object],
        tell: Callable[[DhtEvent], None],
    ) -> None:
        self._asker, self._enter, self._tell = asker, enter, tell
        self._retries = Retries(rng, timers, DhtTimer.JOIN)
        self._addresses: tuple[Address, ...] = ()
        self._waiting: deque[Address] = deque()
        self._awaited: set[Address] = set()
        self._has_entered = False
        self._attempt = 0  # which one this is, of all joins

    def start(self, addresses: Iterable[Address], now: float, within_s: float = 0.0) -> None:
        """Probes the addresses.

        Args:
            addresses: where nodes may be.
            now: the time, in seconds.
            within_s: for how many seconds another try may begin.

        Raises:
            UsageError: there is no address, or one of them is not of a peer, or not of the others' family.
        """
        self._addresses = bootstrap_addresses(addresses)
        self._has_entered = False
        self._retries.start(now, within_s)
        self.again(now)

    def again(self, now: float) -> None:
        """Probes all of the addresses once more. Rule 2."""
        self._waiting, self._awaited = deque(self._addresses), set()
        self._attempt += 1
        self._ask(now)

    def probed(self, probe: Probe, has_answered: bool, now: float) -> None:
        """A bootstrap address has answered, or has failed to."""
        is_awaited = probe.attempt == self._attempt and probe.address in self._awaited
        if is_awaited:
            self._awaited.discard(probe.address)
            self._ask(now)
        if has_answered and not self._has_entered:
            self._has_entered = True
            self._retries.stop()
            self._enter(now)
        elif is_awaited and not self._awaited and not self._has_entered and not self._retries.failed(now):
            self._tell(JoinFailed(self._addresses))

    def _ask(self, now: float) -> None:
        while self._waiting and len(self._awaited) < PROBES:
            address = self._waiting.popleft()
            self._awaited.add(address)
            probe = Probe(address, self._attempt)
            self._asker.ask(FindNodeQuery, address, probe, now, PROBE_TRIES, target=self._asker.own_id)
