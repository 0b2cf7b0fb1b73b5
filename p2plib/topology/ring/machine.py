"""Ring: each peer keeps a line to the next, and to some after the next in case it dies. A machine.

The idea of webrtc-ring and the lower half of Chord: Stoica et al., "Chord" (IEEE/ACM ToN, 2003), section IV,
with the corrections of Zave, "Using Lightweight Modeling to Understand Chord" (2012) and "Reasoning about
Identifier Spaces: How to Make Chord Correct" (2017), who showed that the published operations can lose peers
for ever.

Rules
    1. Join: a peer looks up its own id. The member before that id answers with its list of successors, which
       becomes ours, whole, before we are a member. (As published, a joiner knew one successor, and if that
       died it was lost.) If the first of the list has our own id, the place is taken, and we stay out (F099).
    2. Stabilise, every `stabilise_s`: ask the first successor for its neighbours. If it is dead, drop it and
       ask the next at once. Our list becomes it, and its list without the last. If its predecessor lies
       between us, ask that one too, and if it lives it is our first successor; and so on,
       back to where nobody lies between. (As published, one step back in each round: many who joined at once
       took many rounds.)
    3. Then notify the first successor. It takes us for its predecessor if we lie between, or if the one that
       it has is dead, which it finds out by asking it. (As published, it trusted a timer for that.)
    4. Who says that it is somebody's predecessor must answer a ping before it is believed.
    5. Check, every `check_s`: ask somebody who is *not* next to us who owns our own id. It should be us. If
       not, the ring is split, loopy, or does not know us: that is reported, and what was found is used to
       stabilise with (F098). Stabilising alone can never mend a loopy or a split ring, for in those everybody
       agrees with their neighbours.
    6. Leave: tell both neighbours who their new neighbours are. It is a courtesy; they would find out.

What cannot be promised: if all peers of somebody's list die between two stabilisations, it has lost the ring.
It says so (`Lost`), and comes back through whom it remembers.

Vocabulary::

    successors   the next peers clockwise, nearest first, at most r
    r            how many of them are kept
    owner        of a key: the first peer at it or after it
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.topology.ring.messages import (
    CODEC,
    ID_TAKEN,
    NOT_A_MEMBER,
    Answer,
    Done,
    Leaving,
    Nearer,
    Neighbours,
    NeighboursAre,
    Notify,
    Owner,
    Ping,
    Pong,
    Question,
    Refused,
    Step,
)
from p2plib.topology.ring.parts import (
    IdTaken,
    Knock,
    Left,
    Lost,
    Place,
    Rectify,
    RingSettings,
    Stabilise,
    Tell,
    Timer,
    Visit,
)
from p2plib.topology.ring.searches import RingSearches
from p2plib.topology.ring.space import between

DEFAULTS = RingSettings()
MAX_STEPS_BACK = 64  # in one round of rule 2
JITTER = 0.1  # peers that began together should not go on together


class Ring(RingSearches):
    """One peer of a ring.

    Args:
        own: its id and the address that others reach it at.
        rng: see `p2plib.machine.machine`.
        settings: see there.
    """

    def __init__(self, own: Contact, rng: random.Random, *, settings: RingSettings = DEFAULTS) -> None:
        super().__init__(own, rng, settings)

    # What the owner calls ---------------------------------------------------------------------------------

    def found(self, now: float, others: Iterable[Contact] = ()) -> None:
        """Begins a ring, alone, or with others that do the same with the same list.

        Zave's proof needs r + 1 founders who know each other; a ring that grows from one is right as long as
        nobody dies before there are that many.
        """
        ring = sorted({*others, self.own}, key=lambda one: (one.id - self.own.id) % self.size)
        self.predecessor = ring[-1] if len(ring) > 1 else None
        self._set_successors(ring[1:])
        self._become_member(now)

    def join(self, addresses: Iterable[Address], now: float) -> None:
        """Enters the ring through any of these addresses. `Joined`, `JoinFailed` or `IdTaken` follows.

        Raises:
            UsageError: there is no address.
        """
        doors = list(dict.fromkeys(addresses))
        if not doors:
            raise UsageError("to join, at least one address is needed")
        self._remember(doors)
        search = self._begin(Place.JOIN, self.own.id)
        search.doors = doors
        self._knock(search, now)

    def leave(self, now: float) -> None:
        """Says goodbye to both neighbours (rule 6) and does nothing more."""
        before = () if self.predecessor is None else (self.predecessor,)
        for neighbour in dict.fromkeys([*before, *self.successors[:1]]):
            message = Leaving(self.requests.transaction(), self.own.id, before, tuple(self.successors))
            self._ask(message, neighbour.address, Tell(neighbour), now)
        self.member = False
        for timer in (Timer.STABILISE, Timer.CHECK, Timer.FINGERS):
            self.timers.cancel(timer)
        self._tell(Left())

    def find(self, key: int, now: float) -> int:
        """Looks for the owner of a key. `FindDone` or `FindFailed` with the number returned follows.

        Raises:
            UsageError: the key is no id, or we are not in the ring.
        """
        if not 0 <= key < self.size or not self.member:
            raise UsageError("a key is an id, and only a member can look for it")
        return self._start(Place.FIND, key, now)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        if message.sender >= self.size:
            return self._ignore("id out of range")
        if isinstance(message, Question):
            reply = self._reply(message, Contact(message.sender, address), now)
            return self._send(CODEC.encode(reply), address)
        return self._answer(message, Contact(message.sender, address), now)

    def on_timer(self, now: float) -> None:
        """Does what is due."""
        for timer, about in self.timers.due(now):
            match timer:
                case Timer.REQUEST:
                    self._expired(about, now)
                case Timer.STABILISE:
                    self._stabilise(now)
                case Timer.CHECK:
                    self._check(now)
                case Timer.FINGERS:
                    self._find_fingers(now)
                case _:
                    assert_never(timer)

    def _find_fingers(self, now: float) -> None:
        """A ring alone has none, and never sets the timer; Chord has."""

    def _again(self, timer: Timer, seconds: float, now: float) -> None:
        self.timers.set(timer, now + seconds * self.rng.uniform(1 - JITTER, 1 + JITTER))

    # Questions --------------------------------------------------------------------------------------------

    def _reply(self, message: Question, sender: Contact, now: float) -> Answer:
        about = message.transaction, self.own.id
        if not self.member:
            return Refused(*about, NOT_A_MEMBER)
        if sender.id == self.own.id:
            return Refused(*about, ID_TAKEN)
        match message:
            case Ping():
                return Pong(*about)
            case Step(key=key):
                owners = self._owners(key)
                return (
                    Owner(*about, owners)
                    if owners
                    else Nearer(*about, self._preceding(key), self._beyond(key))
                )
            case Neighbours():
                before = () if self.predecessor is None else (self.predecessor,)
                return NeighboursAre(*about, before, tuple(self.successors))
            case Notify():
                return self._notified(message, sender, now)
            case Leaving():
                self._left(sender, message, now)
                return Done(*about)

    def _notified(self, message: Notify, sender: Contact, now: float) -> Answer:
        """Rule 3."""
        before, about = self.predecessor, (message.transaction, self.own.id)
        if before == sender:
            return Done(*about)
        if before is not None and before.id == sender.id:
            self._ping(before, sender, now)
            return Refused(*about, ID_TAKEN)
        if before is None or between(before.id, sender.id, self.own.id):
            self._ping(sender, sender, now)  # rule 4
        else:
            self._ping(before, sender, now)
        return Done(*about)

    def _left(self, sender: Contact, message: Leaving, now: float) -> None:
        """Rule 6. Believed only from a neighbour; whom it names is asked before it counts."""
        if sender == self.predecessor:
            self.predecessor = None
            for contact in message.predecessor:
                self._ping(contact, contact, now)
        if self.successors == [sender]:
            self._set_successors(message.successors)  # not beside it: a list of one has no room for both
            self.timers.set(Timer.STABILISE, now)
            self.successors = self.successors or [sender]
        if sender in self.successors:
            self._dead(sender, now)

    # Answers ----------------------------------------------------------------------------------------------

    def _ping(self, contact: Contact, candidate: Contact, now: float) -> None:
        message = Ping(self.requests.transaction(), self.own.id)
        self._ask(message, contact.address, Rectify(contact, candidate), now)

    def _notify(self, contact: Contact, now: float) -> None:
        message = Notify(self.requests.transaction(), self.own.id)
        self._ask(message, contact.address, Tell(contact), now)

    def _answer(self, message: Answer, sender: Contact, now: float) -> None:
        request = self.requests.answered(message.transaction, sender.address, now)
        if request is None:
            return self._ignore("unexpected answer")
        purpose = request.purpose
        if not isinstance(purpose, Knock) and getattr(purpose, "contact", sender) != sender:
            self._ignore("another id than expected")
            return self._no_answer(purpose, now)
        match purpose:
            case Knock(search=number):
                return self._visited(number, sender, message, now)
            case Visit(search=number):
                return self._visited(number, sender, message, now)
            case Stabilise() if isinstance(message, NeighboursAre):
                return self._stabilised(purpose, message, now)
            case Rectify() if isinstance(message, Pong):
                return self._rectify(purpose)
            case Tell() if isinstance(message, Refused) and message.reason == ID_TAKEN:
                return self._tell(IdTaken(sender.address))
            case Tell():
                return None
            case _:
                return self._no_answer(purpose, now)

    def _expired(self, transaction: int, now: float) -> None:
        request, again = self.requests.expired(transaction, now)
        if again:
            self._send(request.data, request.address)
        else:
            self._no_answer(request.purpose, now)

    def _no_answer(self, purpose: object, now: float) -> None:
        match purpose:
            case Knock(search=number) if number in self._searches:
                self._knock(self._searches[number], now)
            case Visit(search=number, contact=contact):
                self._dead(contact, now)
                if number in self._searches:
                    self._searches[number].walk.timeouts += 1
                    self._go_on(self._searches[number], now)
            case Stabilise(head=Contact() as head):
                self._notify(head, now)
            case Stabilise(contact=contact):
                self._dead(contact, now)
            case Rectify(contact=contact, candidate=candidate) if contact != candidate:
                if self.predecessor == contact:
                    self.predecessor = None
                    self._ping(candidate, candidate, now)

    # Looking after the ring -------------------------------------------------------------------------------

    def _become_member(self, now: float) -> None:
        self.member = True
        self.timers.set(Timer.STABILISE, now)
        self._again(Timer.CHECK, self.settings.check_s, now)

    def _stabilise(self, now: float) -> None:
        """Rule 2. A ring of one that somebody joined has a predecessor, which is its successor too."""
        self._again(Timer.STABILISE, self.settings.stabilise_s, now)
        head = self.successors[0] if self.successors else self.predecessor
        if head is not None:
            self._ask(
                Neighbours(self.requests.transaction(), self.own.id), head.address, Stabilise(head), now
            )

    def _stabilised(self, purpose: Stabilise, message: NeighboursAre, now: float) -> None:
        contact, head, steps = purpose.contact, purpose.head, purpose.steps
        first = self.successors[0] if self.successors else None
        if first not in (None, contact, head):
            return None  # something else happened in the meantime
        self._set_successors([contact, *message.successors])
        for one in message.predecessor:
            if one.id == self.own.id and one.address != self.own.address:
                self._tell(IdTaken(one.address))
            elif steps < MAX_STEPS_BACK and one != self.own and between(self.own.id, one.id, contact.id):
                question = Neighbours(self.requests.transaction(), self.own.id)
                return self._ask(question, one.address, Stabilise(one, contact, steps + 1), now)
        return self._notify(contact, now)

    def _rectify(self, purpose: Rectify) -> None:
        """Rule 3: somebody is alive. If it is who wants to be our predecessor, and lies between, it is."""
        contact, before = purpose.contact, self.predecessor
        if contact == purpose.candidate and (before is None or between(before.id, contact.id, self.own.id)):
            self.predecessor = contact
            self._remember([contact.address])

    def _dead(self, contact: Contact, now: float) -> None:
        """Forgets somebody who did not answer; it stays in `known`, for it may be the line that is dead."""
        if contact == self.predecessor:
            self.predecessor = None
        if contact in self.successors:
            self.successors.remove(contact)
            self.timers.set(Timer.STABILISE, now)
            if not self.successors:
                self._tell(Lost())
                self.timers.set(Timer.CHECK, now)

    def _check(self, now: float) -> None:
        """Rule 5."""
        self._again(Timer.CHECK, self.settings.check_s, now)
        near = {one.address for one in (self.predecessor, *self.successors[:1]) if one}
        far = [address for address in self.known if address not in near and address != self.own.address]
        if far:
            search = self._begin(Place.CHECK, self.own.id)
            search.doors = self.rng.sample(far, min(3, len(far)))
            self._knock(search, now)
