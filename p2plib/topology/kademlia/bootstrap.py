"""Bootstrap: entering a Kademlia network through addresses that we were given. A machine part.

Rules
    1. All of the addresses are asked at once for the peers nearest to our own id. A peer that responds goes
       into the table, like any other that responds.
    2. The first response that is not a refusal lets us in: then we look for our own place (a search of kind
       JOIN). If all of the addresses fail, joining has failed.
    3. A caller that gives up waiting may join again. A probe of the earlier join can still let us in then,
       but its failure says nothing about the new join, which has only just asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address
from p2plib.topology.kademlia.asking import Asker, Probe
from p2plib.topology.kademlia.messages import FindNode
from p2plib.topology.kademlia.parts import Event, JoinFailed

PROBE_TRIES = 3


class Bootstrap:
    """The bootstrap addresses of one `join`.

    Args:
        asker: sends the probes.
        enter: looks for our own place; its argument is the time.
        tell: reports `JoinFailed`.
    """

    def __init__(self, asker: Asker, enter: Callable[[float], object], tell: Callable[[Event], None]) -> None:
        self._asker, self._enter, self._tell = asker, enter, tell
        self._addresses: tuple[Address, ...] = ()
        self._awaited: set[Address] = set()
        self._has_entered = False
        self._join = 0  # which one this is

    def start(self, addresses: Iterable[Address], now: float) -> None:
        """Probes the addresses.

        Raises:
            UsageError: there is no address.
        """
        given = tuple(dict.fromkeys(addresses))
        if not given:
            raise UsageError("joining needs at least one bootstrap address")
        self._addresses, self._awaited, self._has_entered = given, set(given), False
        self._join += 1
        own_id = self._asker.own_id
        for address in given:
            request = FindNode(self._asker.transaction(), own_id, own_id, self._asker.is_client)
            self._asker.ask(request, address, Probe(address, self._join), now, PROBE_TRIES)

    def probed(self, probe: Probe, is_welcome: bool, now: float) -> None:
        """A bootstrap address has responded, or has failed.

        Args:
            probe: which.
            is_welcome: whether it responded, with something other than a refusal.
            now: the time, in seconds.
        """
        is_awaited = probe.join == self._join and probe.address in self._awaited
        if is_awaited:
            self._awaited.discard(probe.address)
        if is_welcome and not self._has_entered:
            self._has_entered = True
            self._enter(now)
        elif is_awaited and not self._awaited and not self._has_entered:
            self._tell(JoinFailed(self._addresses))
