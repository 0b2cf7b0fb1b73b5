"""Split check: asking a peer far away who owns our own id. A part of a ring's machine.

Rule 5 of `p2plib.topology.ring.machine`.
"""

from __future__ import annotations

from p2plib.machine.addresses import Contact
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.neighbours import Neighbourhood
from p2plib.topology.ring.parts import IdTaken, RingInconsistent, Timer
from p2plib.topology.ring.searches import Searches, SearchKind
from p2plib.topology.ring.space import between
from p2plib.topology.ring.stabilisation import Stabilisation

MAX_ASKED = 3  # how many distant peers a check may try to begin at


class SplitCheck:
    """Checks now and then whether the ring is in one piece, and in order."""

    def __init__(
        self, core: Core, neighbours: Neighbourhood, searches: Searches, stabilisation: Stabilisation
    ) -> None:
        self._core, self._neighbours = core, neighbours
        self._searches, self._stabilisation = searches, stabilisation

    def check(self, now: float) -> None:
        """Searches for our own id, beginning at a peer that is not next to us."""
        core = self._core
        core.set_again(Timer.CHECK, core.settings.check_s, now)
        near = {peer.address for peer in (self._neighbours.predecessor, self._neighbours.first) if peer}
        far = [address for address in core.known if address not in near and address != core.own.address]
        if far:
            asked = core.rng.sample(far, min(MAX_ASKED, len(far)))
            self._searches.start_at(asked, SearchKind.CHECK, core.own.id, now)

    def checked(self, owners: tuple[Contact, ...], now: float) -> None:
        """The search has ended. The owner of our own id should be us; if not, we stabilise with it."""
        core, owner, first = self._core, owners[0], self._neighbours.first
        if owner.id == core.own.id:
            if owner.address != core.own.address:
                core.tell(IdTaken(owner.address))
            return
        core.tell(RingInconsistent(owner))
        if first is None or between(core.own.id, owner.id, first.id):
            # Behind the owner stay those that we know: were it a lie, we would have lost the ring.
            self._neighbours.set_successors([owner, *(self._neighbours.successors or owners[1:])])
            core.timers.set(Timer.STABILISE, now)
        else:
            self._stabilisation.notify(owner, now)
