"""Ring: each peer keeps a link to the next, and to some after that in case it dies. A machine.

The idea of webrtc-ring and the lower half of Chord: Stoica et al., "Chord" (IEEE/ACM ToN, 2003), section IV,
with the corrections of Zave, "Using Lightweight Modeling to Understand Chord" (2012) and "Reasoning about
Identifier Spaces: How to Make Chord Correct" (2017), who showed that the published operations can lose peers
forever.

Rules
    1. Join: a peer looks up its own id. The member before that id responds with its list of successors, which
       becomes ours, whole, before we are a member. (As published, a joiner knew one successor, and if that
       died, the joiner was lost.) If the first on the list has our own id, the id is taken, and we stay out
       (F099). Its holder is asked at once whether it is there: most likely it is ourselves, before a restart
       on another port. A join that fails is tried again after a while (`p2plib.machine.retries`).
    2. Stabilise, every `stabilise_s`: ask the first successor for its neighbours. If it is dead, drop it and
       ask the next at once. Our list is then that peer, followed by its list without the last. If its
       predecessor lies between us, ask that one too, and if it is alive, it becomes our first successor; and
       so on, back to where no peer lies between. (As published, a round takes one step back: when many joined
       at once, it took many rounds.)
    3. Then notify the first successor. It takes us for its predecessor if we lie between, or if the
       predecessor that it has is dead, which it finds out by asking. (As published, it trusted a timer for
       that.)
    4. A peer that says that it is another's predecessor must answer a ping before it is believed.
    5. Check, every `check_s`: ask a peer that is *not* next to us who owns our own id. It should be us. If
       not, the ring is split or loopy, or does not know us: that is reported, and we stabilise with the peer
       that was found (F098). Stabilising alone can never repair a loopy or split ring, for in those every
       peer agrees with its neighbours.
    6. Leave: tell both neighbours who their new neighbours are. It is a courtesy; they would find out.

What cannot be promised: if all peers on a peer's list die between two stabilisations, it has lost the ring.
It reports this (`Lost`), and comes back through the members that it remembers.

The machine is put together from parts, each in a module of its own; it does joining, leaving and dispatch
itself::

    core            who we are, requests under way, addresses of members met
    neighbours      successors and predecessor, and which keys lie next to us
    searches        walks under way, and how they end
    stabilisation   rules 2, 3 and 4
    split_check     rule 5
    fingers         in Chord alone

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
from p2plib.machine.retries import Retries
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.fingers import Fingers
from p2plib.topology.ring.messages import (
    CODEC,
    ID_TAKEN,
    NOT_A_MEMBER,
    Done,
    Leaving,
    Nearer,
    Neighbours,
    NeighboursAre,
    Notify,
    Owner,
    Ping,
    Pong,
    Refused,
    RingRequest,
    RingResponse,
    Step,
)
from p2plib.topology.ring.neighbours import Neighbourhood, as_list, from_list
from p2plib.topology.ring.parts import (
    FindDone,
    FindFailed,
    Holder,
    IdTaken,
    Joined,
    JoinFailed,
    Left,
    Notification,
    Probe,
    Purpose,
    Rectify,
    RingSettings,
    Stabilise,
    Timer,
    Visit,
)
from p2plib.topology.ring.searches import Found, GaveUp, Outcome, Searches, SearchKind, Taken
from p2plib.topology.ring.split_check import SplitCheck
from p2plib.topology.ring.stabilisation import Stabilisation

DEFAULTS = RingSettings()
FIRST_FINGERS = 10  # how many times sooner the first fingers are looked up, after joining


class Ring(Core):
    """One peer of a ring.

    Args:
        own: its id and the address that others reach it at.
        rng: see `p2plib.machine.machine`.
        settings: see `RingSettings`.
        has_fingers: whether it routes by fingers as well; `p2plib.topology.ring.chord.Chord` does.

    Attributes:
        member: whether it is in a ring.
        neighbours: its successors and its predecessor.
        fingers: its fingers, or None.
        searches: its searches under way.
    """

    def __init__(
        self,
        own: Contact,
        rng: random.Random,
        *,
        settings: RingSettings = DEFAULTS,
        has_fingers: bool = False,
    ) -> None:
        super().__init__(own, rng, settings)
        self.member = False
        self._bootstrap: list[Address] = []
        self._retries = Retries(rng, self.timers, Timer.JOIN)
        self.neighbours = Neighbourhood(self)
        self.fingers = Fingers(self, self.neighbours) if has_fingers else None
        self.searches = Searches(self, self.neighbours, self.fingers, self._search_ended)
        self._stabilisation = Stabilisation(self, self.neighbours)
        self._split_check = SplitCheck(self, self.neighbours, self.searches, self._stabilisation)

    @property
    def successors(self) -> list[Contact]:
        """The next peers clockwise, nearest first, at most r."""
        return self.neighbours.successors

    @property
    def predecessor(self) -> Contact | None:
        """The peer before us; None if we know none."""
        return self.neighbours.predecessor

    # What the owner calls ---------------------------------------------------------------------------------

    def create(self, now: float, others: Iterable[Contact] = ()) -> None:
        """Creates a ring, alone, or with others that do the same with the same list.

        Zave's proof needs r + 1 founders that know each other; a ring that grows from one peer is right as
        long as none dies before there are that many.
        """
        ring = sorted(
            dict.fromkeys([*others, self.own]), key=lambda peer: (peer.id - self.own.id) % self.size
        )
        self.neighbours.predecessor = ring[-1] if len(ring) > 1 else None
        self.neighbours.set_successors(ring[1:])
        self._become_member(now)

    def join(self, addresses: Iterable[Address], now: float, within_s: float = 0.0) -> None:
        """Enters the ring through any of these bootstrap addresses. `Joined`, `JoinFailed` or `IdTaken`
        follows.

        Args:
            addresses: where members may be.
            now: the time, in seconds.
            within_s: for how many seconds another try may begin, if this one fails.

        Raises:
            UsageError: there is no address.
        """
        bootstrap = list(dict.fromkeys(addresses))
        if not bootstrap:
            raise UsageError("joining needs at least one bootstrap address")
        self.remember(bootstrap)
        self._bootstrap = bootstrap
        self.searches.forget(SearchKind.JOIN)  # one that the owner did not wait for would end this one
        self._retries.start(now, within_s)
        self._join_again(now)

    def _join_again(self, now: float) -> None:
        bootstrap = list(self._bootstrap)
        self.searches.start_at(bootstrap, SearchKind.JOIN, self.own.id, now)

    def leave(self, now: float) -> None:
        """Says goodbye to both neighbours (rule 6), and does nothing after that; a join under way fails."""
        before = as_list(self.predecessor)
        for neighbour in dict.fromkeys([*before, *self.successors[:1]]):
            message = Leaving(*self.header(), before, tuple(self.successors))
            self.ask(message, neighbour.address, Notification(neighbour), now)
        self.member = False
        self._retries.stop()
        for timer in (Timer.STABILISE, Timer.CHECK, Timer.FINGERS):
            self.timers.cancel(timer)
        self.tell(Left())
        self.searches.give_up(SearchKind.JOIN, now)

    def find(self, key: int, now: float) -> int:
        """Looks for the owner of a key. `FindDone` or `FindFailed` with the number that is returned follows.

        Raises:
            UsageError: the key is not an id, or we are not in the ring.
        """
        if not 0 <= key < self.size or not self.member:
            raise UsageError("a key must be an id, and only a member can look for it: join first")
        return self.searches.start(SearchKind.FIND, key, now)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self.ignore("malformed")
        if message.sender >= self.size:
            return self.ignore("id out of range")
        if not self.is_told(message, address):
            return None
        sender = Contact(message.sender, address)
        if isinstance(message, RingRequest):
            return self._send(CODEC.encode(self._respond(message, sender, now)), address)
        return self._answered(message, sender, now)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, transaction in self.timers.due(now):
            match timer:
                case Timer.REQUEST:
                    purpose = self.late(transaction, now)
                    if purpose is not None:
                        self._not_answered(purpose, now)
                case Timer.JOIN:
                    self._join_again(now)
                case _ if not self.member:
                    pass  # a search that was under way when we left has set it again
                case Timer.STABILISE:
                    self._stabilisation.stabilise(now)
                case Timer.CHECK:
                    self._split_check.check(now)
                case Timer.FINGERS:
                    self._look_up_fingers(now)
                case _:
                    assert_never(timer)

    # Requests of others -----------------------------------------------------------------------------------

    def _respond(self, message: RingRequest, sender: Contact, now: float) -> RingResponse:
        header = message.transaction, self.own.id
        if not self.member:
            return Refused(*header, NOT_A_MEMBER)
        if sender.id == self.own.id:
            return Refused(*header, ID_TAKEN)
        match message:
            case Ping():
                return Pong(*header)
            case Step(key=key):
                if key == sender.id:
                    self._stabilisation.claimed(sender, now)
                owners = self.neighbours.owners(key)
                if owners:
                    return Owner(*header, owners)
                return Nearer(*header, self.searches.preceding(key), self.neighbours.beyond(key))
            case Neighbours():
                return NeighboursAre(*header, as_list(self.predecessor), tuple(self.successors))
            case Notify():
                return self._stabilisation.notified(message, sender, now)
            case Leaving():
                self._left(sender, message, now)
                return Done(*header)
            case _:
                assert_never(message)

    def _left(self, sender: Contact, message: Leaving, now: float) -> None:
        """Rule 6. Only a neighbour is believed; the peer that it names is asked before it counts."""
        neighbours = self.neighbours
        if sender == neighbours.predecessor:
            neighbours.predecessor = None
            before = from_list(message.predecessor)
            if before is not None:
                self._stabilisation.ping(before, before, now)
        if neighbours.successors == [sender]:
            neighbours.set_successors(message.successors)  # a list of one has no room for both
            self.timers.set(Timer.STABILISE, now)
            neighbours.successors = neighbours.successors or [sender]
        if sender in neighbours.successors:
            self._drop(sender, now)

    # Responses --------------------------------------------------------------------------------------------

    def _answered(self, message: RingResponse, sender: Contact, now: float) -> None:
        purpose = self.answered(message, sender.address, now)
        if purpose is None:
            return self.ignore("unexpected response")
        if self._is_over(purpose):
            return None
        if not isinstance(purpose, Probe) and purpose.contact != sender:
            self.ignore("another id than expected")
            return self._not_answered(purpose, now)
        match purpose:
            case Probe() | Visit():
                self.searches.answered(purpose.search, sender, message, now)
            case Stabilise() if isinstance(message, NeighboursAre):
                self._stabilisation.stabilised(purpose, message, now)
            case Rectify() if isinstance(message, Pong):
                self._stabilisation.rectify(purpose)
            case Holder():
                pass
            case Stabilise() | Rectify():
                self._not_answered(purpose, now)
            case Notification():
                if isinstance(message, Refused) and message.reason == ID_TAKEN:
                    self.tell(IdTaken(sender.address))
            case _:
                assert_never(purpose)
        return None

    def _is_over(self, purpose: Purpose) -> bool:
        """Whether a request was there to keep our place in the ring, and we left since."""
        return not self.member and isinstance(purpose, Stabilise | Rectify | Holder)

    def _not_answered(self, purpose: Purpose, now: float) -> None:
        if self._is_over(purpose):
            return
        match purpose:
            case Probe():
                self.searches.not_answered(purpose, now)
            case Visit():
                self._drop(purpose.contact, now)
                self.searches.not_answered(purpose, now)
            case Stabilise(head=Contact() as head):
                self._stabilisation.notify(head, now)
            case Stabilise() | Holder():
                self._drop(purpose.contact, now)
            case Rectify():
                self._stabilisation.not_rectified(purpose, now)
            case Notification():
                pass  # the next stabilisation will find out
            case _:
                assert_never(purpose)

    def _drop(self, contact: Contact, now: float) -> None:
        """A contact has gone."""
        if self.fingers is not None:
            self.fingers.drop(contact)
        self.neighbours.drop(contact, now)

    # Searches that have ended -----------------------------------------------------------------------------

    def _search_ended(self, outcome: Outcome, now: float) -> None:
        match outcome.search.kind:
            case SearchKind.FIND:
                self._find_ended(outcome)
            case SearchKind.JOIN:
                self._join_ended(outcome, now)
            case SearchKind.CHECK:
                if isinstance(outcome, Found):
                    self._split_check.checked(outcome.owners, now)
            case SearchKind.FINGER:
                if isinstance(outcome, Found) and self.fingers is not None:
                    self.fingers.found(outcome.search.finger, outcome.owners[0])
            case _:
                assert_never(outcome.search.kind)

    def _find_ended(self, outcome: Outcome) -> None:
        number, walk = outcome.search.number, outcome.search.walk
        match outcome:
            case Found(owners=owners):
                self.tell(FindDone(number, walk.key, owners, walk.hops, walk.timeouts))
            case GaveUp() | Taken():
                self.tell(FindFailed(number, walk.key, walk.hops, walk.timeouts))
            case _:
                assert_never(outcome)

    def _join_ended(self, outcome: Outcome, now: float) -> None:
        """Rule 1."""
        match outcome:
            case Found(owners=(first, *others)):
                if first == self.own and others:
                    first, *others = others  # we were here before, and no peer has noticed that we died
                if first.id != self.own.id:
                    return self._enter([first, *others], outcome.by, now)
                failure: JoinFailed | IdTaken = JoinFailed() if first == self.own else IdTaken(first.address)
            case Taken(address=address):
                failure = IdTaken(address)
            case _:
                failure = JoinFailed()
        if not self._retries.failed(now):
            self.tell(failure)
        return None

    def _enter(self, owners: list[Contact], by: Contact, now: float) -> None:
        self._retries.stop()
        self.neighbours.set_successors(owners)
        self.neighbours.predecessor = None if by in (self.own, owners[0]) else by
        self._become_member(now)
        self.tell(Joined(owners[0]))

    def _become_member(self, now: float) -> None:
        self.member = True
        self.timers.set(Timer.STABILISE, now)
        self.set_again(Timer.CHECK, self.settings.check_s, now)
        if self.fingers is not None:
            self.set_again(Timer.FINGERS, self.settings.fingers_s / FIRST_FINGERS, now)

    def _look_up_fingers(self, now: float) -> None:
        """Rule 2 of `p2plib.topology.ring.chord`. A plain ring never sets the timer."""
        self.set_again(Timer.FINGERS, self.settings.fingers_s, now)
        if self.fingers is not None:
            for i, key in self.fingers.to_look_up():
                self.searches.start(SearchKind.FINGER, key, now, finger=i)
