"""Stabilisation: asking the neighbours whether they are still the neighbours. A part of a ring's machine.

Rules 2, 3 and 4 of `p2plib.topology.ring.machine`.
"""

from __future__ import annotations

from p2plib.machine.addresses import Contact
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.messages import ID_TAKEN, Done, Neighbours, NeighboursAre, Notify, Ping, Refused
from p2plib.topology.ring.neighbours import Neighbourhood, as_list, from_list
from p2plib.topology.ring.parts import Holder, IdTaken, Notification, Rectify, Stabilise, Timer
from p2plib.topology.ring.space import between

MAX_STEPS_BACK = 64  # in one round of rule 2
HOLDER_S = 10.0  # a claim to an id makes us ask its holder no more often than this
MAX_UNDER_WAY = 512  # requests of one peer: a flood of strangers that notify gets no more pings than that


class Stabilisation:
    """What a peer does so that its neighbours are the right ones."""

    def __init__(self, core: Core, neighbours: Neighbourhood) -> None:
        self._core, self._neighbours = core, neighbours
        self._holders: dict[int, float] = {}  # when the holder of an id was asked last

    # Rule 2: our successors -------------------------------------------------------------------------------

    def stabilise(self, now: float) -> None:
        """Begins a round. In a ring of one that a peer has joined, the predecessor is the successor too."""
        self._core.set_again(Timer.STABILISE, self._core.settings.stabilise_s, now)
        head = self._neighbours.first or self._neighbours.predecessor
        if head is not None:
            self._ask_neighbours(Stabilise(head), now)

    def stabilised(self, purpose: Stabilise, message: NeighboursAre, now: float) -> None:
        """`contact` has answered, so we follow it; a peer between us is asked in turn, up to the limit."""
        own, contact, head, steps = self._core.own, purpose.contact, purpose.head, purpose.steps
        if self._neighbours.first not in (None, contact, head):
            return None  # something else happened in the meantime
        self._neighbours.set_successors([contact, *message.successors])
        before = from_list(message.predecessor)
        if before is not None and before != own:
            if before.id == own.id:
                self._core.tell(IdTaken(before.address))
            elif steps < MAX_STEPS_BACK and between(own.id, before.id, contact.id):
                return self._ask_neighbours(Stabilise(before, contact, steps + 1), now)
        return self.notify(contact, now)

    def notify(self, contact: Contact, now: float) -> None:
        """Tells a peer that we take it for our successor."""
        self._core.ask(Notify(*self._core.header()), contact.address, Notification(contact), now)

    def _ask_neighbours(self, purpose: Stabilise, now: float) -> None:
        self._core.ask(Neighbours(*self._core.header()), purpose.contact.address, purpose, now)

    # Rules 3 and 4: our predecessor -----------------------------------------------------------------------

    def notified(self, message: Notify, sender: Contact, now: float) -> Done | Refused:
        """A peer takes us for its successor; that one or our predecessor must answer a ping first."""
        before, header = self._neighbours.predecessor, (message.transaction, self._core.own.id)
        if before == sender:
            return Done(*header)
        if before is not None and before.id == sender.id:
            self.ping(before, sender, now)
            return Refused(*header, ID_TAKEN)
        if before is None or between(before.id, sender.id, self._core.own.id):
            self.ping(sender, sender, now)  # rule 4
        else:
            self.ping(before, sender, now)
        return Done(*header)

    def ping(self, contact: Contact, candidate: Contact, now: float) -> None:
        """Asks `contact` whether it is alive; depending on that, `candidate` may be our predecessor."""
        if len(self._core.requests) >= MAX_UNDER_WAY:
            return self._core.ignore("too many requests under way")
        self._core.ask(Ping(*self._core.header()), contact.address, Rectify(contact, candidate), now)
        return None

    def claimed(self, claimant: Contact, now: float) -> None:
        """A peer that wants to join has the id of a neighbour: that one is asked at once whether it is there.

        Most likely it is the same peer, restarted on another port. For an id this happens once in `HOLDER_S`.
        """
        self._holders = {ident: at for ident, at in self._holders.items() if at + HOLDER_S > now}
        near = [*as_list(self._neighbours.predecessor), *self._neighbours.successors]
        for holder in dict.fromkeys(near):
            if holder.id == claimant.id and holder != claimant and holder.id not in self._holders:
                self._holders[holder.id] = now
                self._core.ask(Ping(*self._core.header()), holder.address, Holder(holder), now)

    def rectify(self, purpose: Rectify) -> None:
        """`contact` is alive. If it is the one that wants to be our predecessor, and lies between, it is."""
        contact, before = purpose.contact, self._neighbours.predecessor
        if contact != purpose.candidate:
            return
        if before is None or between(before.id, contact.id, self._core.own.id):
            self._neighbours.predecessor = contact
            self._core.remember([contact.address])

    def not_rectified(self, purpose: Rectify, now: float) -> None:
        """`contact` did not answer. If it was our predecessor, the candidate is asked next."""
        if purpose.contact != purpose.candidate and self._neighbours.predecessor == purpose.contact:
            self._neighbours.predecessor = None
            self.ping(purpose.candidate, purpose.candidate, now)
