"""HyParView: no structure at all, and yet connected. A machine.

Follows Leitão, Pereira and Rodrigues, "HyParView: a membership protocol for reliable gossip-based broadcast"
(DSN 2007). Each peer has two views. The *active* view is small, and symmetric: a few neighbours, to which
messages are sent. The *passive* view is larger and costs nothing: it holds names to fall back on when
neighbours die.

Rules (the names are the paper's)
    1. Join: the peer asked takes the newcomer as a neighbour, dropping one at random if it has to, and sends
       a *forward join* to its other neighbours. That walks at random; after `active_walk` steps, or at a peer
       with a single neighbour, it ends, and that peer becomes a neighbour too. On the way, when
       `passive_walk` steps are left, the newcomer is noted in a passive view.
    2. When a neighbour is lost, a name from the passive view is asked to take its place. If it does not
       answer, it is struck out, and the next is asked. It may refuse if it has enough neighbours, unless we
       have none. A peer that has refused is not asked again until the next shuffle: where all others have
       enough neighbours, one free place would otherwise cost a request every round trip, forever.
    3. Shuffle, every `shuffle_s`: some names from both views walk at random to another peer, which takes them
       into its passive view and sends as many back. This is how passive views forget the dead and stay
       random.
    4. A neighbour that we drop is told, goes into our passive view, and drops us too.
    5. Walks are taken from neighbours only: a stranger cannot send one round. Nothing is sent to an address
       that a stranger may not name (`p2plib.machine.addresses`).
    6. Islands (not in the paper): when many peers join at once through one address, groups of them may end
       with links to each other alone. So each peer asks now and then at a *door*, an address outside its
       views (`p2plib.machine.doors`), for neighbours and names. If none of those neighbours is
       ours, the two may be on different islands; then one of those named is asked to be our neighbour, and
       must not refuse. If nothing comes of it (most hosts behind NATs hear no stranger), the door itself is
       asked, which has answered. The new neighbour takes the place of the one that was found like that
       before, so a door that lies gets one place. A peer without neighbours joins again through a door.
    7. An id has one address, and the first to claim it keeps it (F099) for as long as it answers: when
       another claims the id, our neighbour is asked at once whether it is there: most likely it was restarted
       and has another port now.

In the paper a broken TCP connection shows that a peer is dead. Datagrams do not break, so neighbours are
pinged every `ping_s`; a driver that knows sooner calls `broken`. The response says whether the two are still
neighbours, which repairs views that a lost datagram left one-sided.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import assert_never, cast

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, acceptable
from p2plib.machine.doors import Doors
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.hyparview.messages import (
    CODEC,
    MAX_NAMED,
    MAX_SAMPLE,
    MAX_TTL,
    Agreed,
    Disconnect,
    ForwardJoin,
    HyParViewResponse,
    Join,
    Names,
    Neighbour,
    Ping,
    Pong,
    Shuffle,
    Shuffled,
    Who,
)
from p2plib.topology.hyparview.parts import (
    Ask,
    Event,
    Isolated,
    NeighbourDown,
    NeighbourUp,
    Outside,
    Probe,
    Purpose,
    Timer,
    ViewSettings,
)

TRIES = 3
MAX_ASKING = 64  # whatever a neighbour names, no more peers are asked at once to be one
HOLDER_S = 10.0  # a claim to a neighbour's id makes us ask that neighbour no more often than this


DEFAULTS = ViewSettings()


class HyParView(Base[Event, Timer]):
    """One peer.

    Args:
        own: its id and the address that others reach it at.
        rng: see `p2plib.machine.machine`.
        now: the time.
        settings: see `ViewSettings`.
    """

    def __init__(
        self, own: Contact, rng: random.Random, *, now: float = 0.0, settings: ViewSettings = DEFAULTS
    ) -> None:
        super().__init__()
        if settings.active < 1 or 1 + settings.shuffle_active + settings.shuffle_passive > MAX_SAMPLE:
            raise UsageError(f"active is at least 1, and a shuffle has at most {MAX_SAMPLE} names")
        if not 0 <= settings.passive_walk <= settings.active_walk <= MAX_TTL:
            raise UsageError(f"walks have 0 <= passive_walk <= active_walk <= {MAX_TTL} steps")
        self.own, self.rng, self.settings = own, rng, settings
        self.active: dict[int, Contact] = {}
        self.passive: dict[int, Contact] = {}
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self.left = False
        self._asking: set[int] = set()  # peers that were asked to be neighbours and have not answered
        self._refused: set[int] = set()  # since the last shuffle, or since we lost our last neighbour
        self._shuffled: tuple[Contact, ...] = ()  # what we sent last: the first names to be forgotten
        self._bridge: int | None = None  # the neighbour that rule 6 found last
        self._held: dict[int, float] = {}  # when a neighbour was asked because another claimed its id
        self._is_alone = False
        self._unasked: list[Address] = []  # bootstrap addresses, for as long as we have no neighbour
        self.timers.set(Timer.SHUFFLE, now + settings.shuffle_s * rng.random())
        self.timers.set(Timer.PING, now + settings.ping_s * rng.random())
        self.doors = Doors(rng, settings.door_s)
        self.timers.set(Timer.DOOR, now + self.doors.pause_s())

    # What the owner calls ---------------------------------------------------------------------------------

    def join(self, addresses: Iterable[Address], now: float) -> None:
        """Asks at some bootstrap addresses; `NeighbourUp` follows if a peer is there, else `Isolated`.

        They are kept as doors, and asked again for as long as we have no neighbour. No more are asked at once
        than we can have neighbours, for each drops one to make room for us: a peer that comes back and knows
        forty would turn all their views over.

        Args:
            addresses: where members may be, the first of them to be asked first; see
                `p2plib.machine.addresses.bootstrap_addresses`.
            now: the time, in seconds.

        Raises:
            UsageError: we have left.
        """
        if self.left:
            raise UsageError("a peer that has left does not come back: open another")
        addresses = tuple(addresses)
        self.doors.given(addresses)
        self.timers.set(Timer.DOOR, now + self.doors.pause_s())
        self._unasked = list(addresses)
        for _ in range(self.settings.active):
            self._ask_next(now)

    def _ask_next(self, now: float) -> None:
        if self._unasked:
            self._ask_to_join(self._unasked.pop(0), now)

    def _ask_to_join(self, address: Address, now: float) -> None:
        self._ask(Join(self.requests.transaction(), self.own.id), address, Probe(address), now)

    def broken(self, contact: Contact, now: float) -> None:
        """The driver knows that a neighbour is dead."""
        if self.active.get(contact.id) == contact:
            self._lost(contact, now)

    def leave(self, now: float) -> None:
        """Says goodbye to the neighbours, and does nothing after that."""
        for contact in self.active.values():
            self._send(CODEC.encode(Disconnect(self.own.id)), contact.address)
        self.active, self.left = {}, True
        for timer in (Timer.SHUFFLE, Timer.PING, Timer.DOOR):
            self.timers.cancel(timer)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        if self.left:
            return self._ignore("we left")
        sender = Contact(message.sender, address)
        if sender.id == self.own.id:
            return self._ignore("it has our id")
        if isinstance(message, HyParViewResponse):
            return self._answered(message, sender, now)
        if self.active.get(sender.id) != sender and not acceptable(address, self.own.address):
            return self._ignore("address of no peer")
        match message:
            case Join(transaction=transaction):
                self._check_holder(sender, now)
                self._joined(transaction, sender)
            case Who(transaction=transaction):
                near, far = self._sample(self.active, MAX_NAMED), self._sample(self.passive, MAX_NAMED // 2)
                self._send(CODEC.encode(Names(transaction, self.own.id, tuple(near), tuple(far))), address)
            case Neighbour(transaction=transaction, high=high):
                self._check_holder(sender, now)
                accepted = bool(high) or sender.id in self.active or len(self.active) < self.settings.active
                if accepted:
                    accepted = self._take(sender)
                self._send(CODEC.encode(Agreed(transaction, self.own.id, int(accepted))), address)
            case Ping(transaction=transaction):
                neighbours = int(self.active.get(sender.id) == sender)
                self._send(CODEC.encode(Pong(transaction, self.own.id, neighbours)), address)
            case ForwardJoin() if self.active.get(sender.id) == sender:
                self._forward_join(message, sender, now)
            case Disconnect() if self.active.get(sender.id) == sender:
                self._drop(sender)
                self._name(sender)
                self._fill(now)
            case Shuffle() if self.active.get(sender.id) == sender:
                self._shuffle(message, sender)
            case Shuffled(sample=sample) if self._shuffled:
                self._learn(sample, address)
                self._shuffled = ()
            case _:
                self._ignore("unexpected")
        return None

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, transaction in self.timers.due(now):
            match timer:
                case Timer.SHUFFLE:
                    self.timers.set(Timer.SHUFFLE, now + self.settings.shuffle_s * self.rng.uniform(0.9, 1.1))
                    self._start_shuffle()
                    self._refused.clear()
                    self._fill(now)
                case Timer.PING:
                    self.timers.set(Timer.PING, now + self.settings.ping_s * self.rng.uniform(0.9, 1.1))
                    for contact in self.active.values():
                        ping = Ping(self.requests.transaction(), self.own.id)
                        self._ask(ping, contact.address, Ask(contact), now)
                case Timer.DOOR:
                    self.timers.set(Timer.DOOR, now + self.doors.pause_s())
                    self._ask_outside(now)
                case Timer.REQUEST:
                    self._expired(transaction, now)
                case _:
                    assert_never(timer)

    def _ask(
        self, message: Join | Neighbour | Ping | Who, address: Address, purpose: Purpose, now: float
    ) -> None:
        data = CODEC.encode(message)
        self.requests.start(message.transaction, data, address, purpose, now, TRIES)
        self._send(data, address)

    # Views ------------------------------------------------------------------------------------------------

    def _take(self, contact: Contact, instead_of: int | None = None) -> bool:
        """Makes a peer a neighbour, dropping another if need be; returns False if its id is taken."""
        known = self.active.get(contact.id)
        if known is not None:
            return known == contact
        while len(self.active) >= self.settings.active:
            loser = self.active.get(instead_of) if instead_of is not None else None
            loser = loser or self.rng.choice(list(self.active.values()))
            self._drop(loser)
            self._name(loser)
            self._send(CODEC.encode(Disconnect(self.own.id)), loser.address)  # rule 4
        self.passive.pop(contact.id, None)
        self.active[contact.id] = contact
        self._is_alone = False
        self._unasked.clear()
        self._tell(NeighbourUp(contact))
        return True

    def _drop(self, contact: Contact) -> None:
        del self.active[contact.id]
        if not self.active:
            self._refused.clear()  # now no peer may refuse us
        self._tell(NeighbourDown(contact))

    def _name(self, contact: Contact) -> None:
        """Puts a name into the passive view; one that we have just sent makes room, or a random one."""
        if contact.id in self.active or contact.id in self.passive or contact.id == self.own.id:
            return
        if len(self.passive) >= self.settings.passive:
            sent = [name.id for name in self._shuffled if name.id in self.passive]
            del self.passive[sent[0] if sent else self.rng.choice(list(self.passive))]
        self.passive[contact.id] = contact

    def _learn(self, sample: Iterable[Contact], teller: Address) -> None:
        for contact in sample:
            if acceptable(contact.address, teller):
                self._name(contact)

    def _sample(self, view: dict[int, Contact], count: int) -> list[Contact]:
        return self.rng.sample(list(view.values()), min(count, len(view)))

    def _other(self, *but: int) -> Contact | None:
        """A random neighbour other than these."""
        others = [neighbour for neighbour in self.active.values() if neighbour.id not in but]
        return self.rng.choice(others) if others else None

    # Rule 1 -----------------------------------------------------------------------------------------------

    def _joined(self, transaction: int, newcomer: Contact) -> None:
        accepted = self._take(newcomer)
        self._send(CODEC.encode(Agreed(transaction, self.own.id, int(accepted))), newcomer.address)
        message = CODEC.encode(ForwardJoin(self.own.id, newcomer, self.settings.active_walk))
        for contact in self.active.values() if accepted else ():
            if contact != newcomer:
                self._send(message, contact.address)

    def _forward_join(self, message: ForwardJoin, sender: Contact, now: float) -> None:
        newcomer, ttl = message.newcomer, message.ttl
        if newcomer.id == self.own.id:
            return None
        if not acceptable(newcomer.address, sender.address):
            return self._ignore("address of no peer")
        following = self._other(sender.id, newcomer.id)
        if ttl == 0 or len(self.active) <= 1 or following is None:
            if newcomer.id not in self.active:
                self._invite(newcomer, True, now)
            return None
        if ttl == self.settings.passive_walk:
            self._name(newcomer)
        self._send(CODEC.encode(ForwardJoin(self.own.id, newcomer, ttl - 1)), following.address)
        return None

    # Rule 2 -----------------------------------------------------------------------------------------------

    def _invite(self, contact: Contact, high: bool, now: float) -> None:
        self._invite_as(Ask(contact), high, now)

    def _invite_as(self, purpose: Ask, high: bool, now: float) -> None:
        contact = purpose.contact
        if contact.id not in self._asking and len(self._asking) < MAX_ASKING:
            self._asking.add(contact.id)
            message = Neighbour(self.requests.transaction(), self.own.id, int(high))
            self._ask(message, contact.address, purpose, now)

    def _fill(self, now: float) -> None:
        """Asks one more name for each empty place, as long as there are names."""
        free = self.settings.active - len(self.active) - len(self._asking)
        if free > 0:
            tried = self._asking | self._refused
            names = {ident: name for ident, name in self.passive.items() if ident not in tried}
            for contact in self._sample(names, free):
                self._invite(contact, not self.active, now)
        if not self.active and not self._asking:
            self._alone(now)

    def _alone(self, now: float) -> None:
        if self._unasked:
            return self._ask_next(now)
        self._tell(Isolated())
        if not self._is_alone:
            self._is_alone = True
            self.doors.alone()
            self.timers.set(Timer.DOOR, now + self.doors.pause_s())
        return None

    def _answered(self, message: HyParViewResponse, sender: Contact, now: float) -> None:
        request = self.requests.answered(message.transaction, sender.address, now)
        if request is None:
            return self._ignore("unexpected")
        if isinstance(request.purpose, Ask):
            expected = request.purpose.contact
            self._asking.discard(expected.id)
            if expected != sender:
                self._lost(expected, now)
                return self._no_bridge(request.purpose, now)
        match request.purpose, message:
            case Outside(), Names():
                self._named(message, sender, now)
            case Outside(), _:
                self._ignore("useless response")  # else a door that agrees would get a place each time
            case Ask(is_bridge=True), Agreed(accepted=1):
                self._bridged(sender)
            case _, Agreed(accepted=1):
                self._take(sender)
            case purpose, Agreed():
                self._refused.add(sender.id)
                self._fill(now)
                self._no_bridge(purpose, now)
            case _, Pong(neighbours=0) if self.active.get(sender.id) == sender:
                self._drop(sender)
                self._name(sender)
                self._fill(now)
            case _:
                pass
        return None

    def _expired(self, transaction: int, now: float) -> None:
        request, again = self.requests.expired(transaction, now)
        if again and not self.left:
            return self._send(request.data, request.address)
        purpose = cast(Purpose, request.purpose)  # `_ask` gives each request one
        match purpose:
            case _ if self.left:
                pass
            case Ask(contact=contact):
                self._asking.discard(contact.id)
                self._lost(contact, now)
                self._no_bridge(purpose, now)
            case Probe():
                if not self.active:
                    self._alone(now)
            case Outside():
                pass
            case _:
                assert_never(purpose)
        return None

    def _lost(self, contact: Contact, now: float) -> None:
        """A contact does not answer: it is not a neighbour any more, and not a name."""
        if self.active.get(contact.id) == contact:
            self._drop(contact)
            if self.requests.has_answered(contact.address):
                self.doors.silent(contact.address)
        if self.passive.get(contact.id) == contact:
            del self.passive[contact.id]
        self._fill(now)

    # Rule 3 -----------------------------------------------------------------------------------------------

    def _start_shuffle(self) -> None:
        to = self._other()
        if to is None:
            return
        settings = self.settings
        others = {ident: neighbour for ident, neighbour in self.active.items() if neighbour != to}
        names = self._sample(others, settings.shuffle_active) + self._sample(
            self.passive, settings.shuffle_passive
        )
        self._shuffled = tuple(names)
        message = Shuffle(self.own.id, self.own, settings.active_walk, (self.own, *names))
        self._send(CODEC.encode(message), to.address)

    def _shuffle(self, message: Shuffle, sender: Contact) -> None:
        if not acceptable(message.origin.address, sender.address):
            return self._ignore("address of no peer")
        following = self._other(sender.id, message.origin.id)
        if message.ttl > 1 and len(self.active) > 1 and following is not None:
            onward = Shuffle(self.own.id, message.origin, message.ttl - 1, message.sample)
            return self._send(CODEC.encode(onward), following.address)
        if message.origin.id == self.own.id:
            return None
        back = tuple(self._sample(self.passive, len(message.sample)))
        self._send(CODEC.encode(Shuffled(self.own.id, back)), message.origin.address)
        kept, self._shuffled = self._shuffled, back
        self._learn(message.sample, sender.address)
        self._shuffled = kept
        return None

    # Rules 6 and 7 ----------------------------------------------------------------------------------------

    def _ask_outside(self, now: float) -> None:
        for address in self.doors.chosen():
            if self.active:
                self._ask(Who(self.requests.transaction(), self.own.id), address, Outside(), now)
            else:
                self._ask_to_join(address, now)

    def _named(self, message: Names, sender: Contact, now: float) -> None:
        """What a door knows. If one of its neighbours is ours, there is a path, and all is well."""
        told = {contact.id: contact for contact in (*message.active, *message.passive)}
        self._learn(told.values(), sender.address)
        near = {sender.id, *(contact.id for contact in message.active)}
        if near & {self.own.id, *self.active}:
            return
        outside = [c for c in told.values() if c.id != self.own.id and acceptable(c.address, sender.address)]
        chosen = self.rng.choice(outside or [sender])
        self._invite_as(Ask(chosen, True, None if chosen == sender else sender), True, now)

    def _no_bridge(self, purpose: Purpose, now: float) -> None:
        """Nothing came of a request. If a door named the peer that was asked, the door is asked itself."""
        if isinstance(purpose, Ask) and purpose.named_by and purpose.named_by.id not in self.active:
            self._invite_as(Ask(purpose.named_by, True), True, now)

    def _bridged(self, contact: Contact) -> None:
        """A peer outside is our neighbour; if it, or another with its id, was one before, it is no bridge."""
        if contact.id not in self.active:
            self._take(contact, instead_of=self._bridge)
            self._bridge = contact.id

    def _check_holder(self, sender: Contact, now: float) -> None:
        known = self.active.get(sender.id)
        self._held = {ident: at for ident, at in self._held.items() if at + HOLDER_S > now}
        if known is not None and known != sender and known.id not in self._held:
            self._held[known.id] = now
            self._ask(Ping(self.requests.transaction(), self.own.id), known.address, Ask(known), now)
