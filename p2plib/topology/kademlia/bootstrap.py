"""Bootstrap: entering a Kademlia network through addresses that we were given. A machine part.

Rules
    1. All of the addresses are asked for the peers nearest to our own id, `PROBES` at a time. A peer that
       responds goes into the table, like any other that responds. So the table of an earlier life, given as
       bootstrap addresses, becomes our table again, as far as its peers are still there.
    2. The first response that is not a refusal lets us in: then we look for our own place (a search of kind
       JOIN). The rest of the addresses are asked all the same, for rule 1.
    3. If all of the addresses fail, they are asked again after a pause, which doubles each time up to
       `MAX_PAUSE_S`. Our link may be down for a moment, or another peer may have our id: ourselves, before a
       restart on another port, until others notice. The pause is drawn between half and the whole of it, so
       that peers that were cut off together do not come back together. When no time is left for another try,
       joining has failed.
    4. A caller that gives up waiting may join again. A probe of the earlier join can still let us in then,
       but its failure says nothing about the new join, which has only just asked.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable

from p2plib.machine.addresses import Address, bootstrap_addresses
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.asking import Asker, Probe
from p2plib.topology.kademlia.messages import FindNode
from p2plib.topology.kademlia.parts import Event, JoinFailed, Timer

PROBE_TRIES = 3
PROBES = 16  # each response may be a full datagram, so these are 20 KB at once, whatever the table's size
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0


class Bootstrap:
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
        asker: Asker,
        timers: Timers[Timer],
        rng: random.Random,
        enter: Callable[[float], object],
        tell: Callable[[Event], None],
    ) -> None:
        self._asker, self._timers, self._rng, self._enter, self._tell = asker, timers, rng, enter, tell
        self._addresses: tuple[Address, ...] = ()
        self._waiting: deque[Address] = deque()
        self._awaited: set[Address] = set()
        self._has_entered = self._are_clients = False
        self._attempt = 0  # which one this is, of all joins
        self._until = self._pause_s = 0.0

    def start(self, addresses: Iterable[Address], now: float, within_s: float = 0.0) -> None:
        """Probes the addresses.

        Args:
            addresses: where members of the network may be.
            now: the time, in seconds.
            within_s: for how many seconds another try may begin.

        Raises:
            UsageError: there is no address, or one of them is not of a peer, or not of the others' family.
        """
        self._addresses = bootstrap_addresses(addresses)
        self._until, self._pause_s = now + within_s, FIRST_PAUSE_S
        self._has_entered = self._are_clients = False
        self.again(now)

    def again(self, now: float) -> None:
        """Probes all of the addresses once more. Rule 3."""
        self._timers.cancel(Timer.JOIN)
        self._waiting, self._awaited = deque(self._addresses), set()
        self._attempt += 1
        self._ask(now)

    def met_client(self) -> None:
        """A client has answered at a bootstrap address: it serves nobody, which is worth saying."""
        self._are_clients = True

    def probed(self, probe: Probe, is_welcome: bool, now: float) -> None:
        """A bootstrap address has responded, or has failed.

        Args:
            probe: which.
            is_welcome: whether it responded, with something other than a refusal.
            now: the time, in seconds.
        """
        is_awaited = probe.attempt == self._attempt and probe.address in self._awaited
        if is_awaited:
            self._awaited.discard(probe.address)
            self._ask(now)
        if is_welcome and not self._has_entered:
            self._has_entered = True
            self._timers.cancel(Timer.JOIN)
            self._enter(now)
        elif is_awaited and not self._awaited and not self._has_entered:
            self._failed(now)

    def _ask(self, now: float) -> None:
        own_id = self._asker.own_id
        while self._waiting and len(self._awaited) < PROBES:
            address = self._waiting.popleft()
            self._awaited.add(address)
            request = FindNode(self._asker.transaction(), own_id, own_id, self._asker.is_client)
            self._asker.ask(request, address, Probe(address, self._attempt), now, PROBE_TRIES)

    def _failed(self, now: float) -> None:
        """Rule 3."""
        if now + self._pause_s > self._until:
            self._tell(JoinFailed(self._addresses, self._are_clients))
            return
        self._timers.set(Timer.JOIN, now + self._pause_s * self._rng.uniform(0.5, 1.0))
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
