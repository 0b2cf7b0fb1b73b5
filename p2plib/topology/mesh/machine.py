"""Mesh: everybody keeps a link to everybody, up to a cap. A machine.

The simplest swarm, and the best for a dozen peers: every message takes one hop, and no peer depends on
another in the middle. Its limit is the n (n - 1) / 2 links: ten peers have 45, a thousand half a million.

Rules
    1. A member that has room welcomes a peer that says hello, and the two have a link. The newcomer asks the
       member that it joined through for the others, and says hello to each. A peer that others name is not a
       member until it answers.
    2. Every `ping_s` each member is asked whether it is there, and responds with a digest of the ids it
       knows. If the digests differ, the lists are compared: so two meshes become one as soon as there is one
       link between them.
    3. There are at most `cap` members, including ourselves. Any further peer is refused, and told why (F106).
    4. A member that does not answer is *suspected*: some others are asked whether it answers them. If it
       does, only the link is dead, which is reported once, and again when the link is back (F096). If not,
       the member is gone. (Suspicion and indirect probes are SWIM's: Das et al., 2002.)
    5. An id has one address, and the first to claim it keeps it (F099) for as long as it answers us: when
       another claims it, that member is asked at once whether it is there: most likely it was restarted and
       has another port now.
    6. A mesh may fall apart while the network is down. So each member says hello now and then at a *door*
       (`p2plib.machine.doors`): a bootstrap address, or one where a member was that fell silent.
    7. Nothing is sent to an address that a stranger may not name (`p2plib.machine.addresses`).

Vocabulary::

    link      two members that ask each other now and then whether they are there
    suspect   a member that did not answer, and about whom others were asked
    digest    64 bits of a hash of the sorted ids; equal digests mean the same members
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterable
from typing import assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, acceptable
from p2plib.machine.doors import Doors
from p2plib.machine.hearsay import Hearsay
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.machine.retries import Retries
from p2plib.topology.mesh.messages import (
    CODEC,
    FULL,
    ID_TAKEN,
    MAX_NAMED,
    STRANGER,
    Goodbye,
    Hello,
    Members,
    MeshRequest,
    MeshResponse,
    Ping,
    Pong,
    Probe,
    Probed,
    Refused,
    Welcome,
    Who,
)
from p2plib.topology.mesh.parts import (
    Entered,
    Event,
    Gone,
    JoinRejected,
    LinkBack,
    LinkLost,
    LinkState,
    Member,
    NoAnswer,
    Purpose,
    Timer,
)

CAP = 50  # about as many WebRTC connections as a browser can hold; 1,225 links
PING_S = 10.0
DOOR_S = 20.0
PROBERS = 3  # SWIM's k
TRIES = 3
HOLDER_S = 10.0  # a claim to a member's id makes us ask that member no more often than this
HEARSAY = Hearsay(CODEC)


def links(n: int) -> int:
    """How many links a mesh of n members has."""
    return n * (n - 1) // 2


class Mesh(Base[Event, Timer]):
    """One member.

    Args:
        own: its id and the address that others reach it at.
        rng: see `p2plib.machine.machine`.
        now: the time.
        cap: rule 3, 2 to 1000.
        ping_s: rule 2.
        door_s: seconds from joining to saying hello at a door for the first time; later pauses are longer.
            Infinity for never.
    """

    def __init__(
        self,
        own: Contact,
        rng: random.Random,
        *,
        now: float = 0.0,
        cap: int = CAP,
        ping_s: float = PING_S,
        door_s: float = DOOR_S,
    ) -> None:
        super().__init__()
        if not 2 <= cap <= 1000:
            raise UsageError("the cap of a mesh is 2 to 1000 members")
        self.own, self.rng, self.cap, self.ping_s = own, rng, cap, ping_s
        self.members: dict[int, Member] = {}
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self.left = False
        self._greeted: set[tuple[Address, bool]] = set()  # hellos under way, and whether by rule 6
        self._digest: int | None = None
        self._held: dict[int, float] = {}  # when a member was asked because another claimed its id
        self._bootstrap: tuple[Address, ...] = ()
        self._retries = Retries(rng, self.timers, Timer.JOIN)
        self.doors = Doors(rng, door_s)
        self.timers.set(Timer.PING, now + ping_s * rng.random())
        self.timers.set(Timer.DOOR, now + door_s)

    # What the owner calls ---------------------------------------------------------------------------------

    def join(self, addresses: Iterable[Address], now: float, within_s: float = 0.0) -> None:
        """Says hello at some addresses; `Entered` for each member, `JoinRejected` or `NoAnswer` follows.

        Args:
            addresses: where members may be; see `p2plib.machine.addresses.bootstrap_addresses`.
            now: the time, in seconds.
            within_s: for how many seconds another try may begin, while we have no member.

        Raises:
            UsageError: we have left.
        """
        if self.left:
            raise UsageError("a member that has left does not come back: open another")
        self._bootstrap = tuple(addresses)
        self.doors.given(self._bootstrap)
        self._retries.start(now, within_s)
        self._join_again(now)

    def _join_again(self, now: float) -> None:
        for address in self._bootstrap:
            self._greet(address, now)

    def leave(self, now: float) -> None:
        """Says goodbye to all members, and does nothing after that."""
        for member in self.members.values():
            goodbye = Goodbye(self.requests.transaction(), self.own.id)
            self._send(CODEC.encode(goodbye), member.contact.address)
        self.members, self._digest, self.left = {}, None, True
        self._retries.stop()
        for timer in (Timer.PING, Timer.DOOR):
            self.timers.cancel(timer)

    @property
    def digest(self) -> int:
        """Rule 2."""
        if self._digest is None:
            text = ",".join(f"{ident:x}" for ident in sorted([self.own.id, *self.members]))
            self._digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        return self._digest

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        if self.left:  # whoever did not hear our goodbye would greet us, and draw us in again
            return self._ignore("we left")
        sender = Contact(message.sender, address)
        for _ in range(HEARSAY.drop(message, address)):
            self._ignore("address of no peer")
        if isinstance(message, MeshRequest):
            response = self._respond(message, sender, now)
            return self._send(CODEC.encode(response), address) if response else None
        request = self.requests.answered(message.transaction, address, now)
        if request is None or not isinstance(request.purpose, Purpose):
            return self._ignore("unexpected response")
        purpose = request.purpose
        if isinstance(purpose.request, Ping | Who) and purpose.contact != sender:
            self._ignore("another id than expected")
            return self._remove(purpose.contact)
        return self._answered(purpose, message, sender, now)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, transaction in self.timers.due(now):
            match timer:
                case Timer.PING:
                    self.timers.set(Timer.PING, now + self.ping_s * self.rng.uniform(0.9, 1.1))
                    for member in list(self.members.values()):
                        self._ping(member.contact, now)
                case Timer.JOIN:
                    self._join_again(now)
                case Timer.DOOR:
                    self.timers.set(Timer.DOOR, now + self.doors.pause_s())
                    self._ask_outside(now)
                case Timer.REQUEST:
                    self._expired(transaction, now)
                case _:
                    assert_never(timer)

    def _expired(self, transaction: int, now: float) -> None:
        request, again = self.requests.expired(transaction, now)
        if self.left:
            return
        if again:
            self._send(request.data, request.address)
        elif isinstance(request.purpose, Purpose):
            self._not_answered(request.purpose, request.address, now)

    def _ask(self, request: MeshRequest, address: Address, contact: Contact | None, now: float) -> None:
        self._start(request, address, Purpose(contact, request), now, TRIES)

    def _start(
        self, request: MeshRequest, address: Address, purpose: Purpose, now: float, tries: int
    ) -> None:
        data = CODEC.encode(request)
        self.requests.start(request.transaction, data, address, purpose, now, tries)
        self._send(data, address)

    def _tell_asker(self, purpose: Purpose, alive: bool) -> None:
        if purpose.asker is not None:
            transaction, address = purpose.asker
            self._send(CODEC.encode(Probed(transaction, self.own.id, int(alive))), address)

    def _ping(self, contact: Contact, now: float) -> None:
        self._ask(Ping(self.requests.transaction(), self.own.id), contact.address, contact, now)

    def _greet(self, address: Address, now: float, is_outside: bool = False) -> None:
        # One by rule 6 that is under way does not stand in for one of `join`, whose end somebody waits for.
        if (address, is_outside) not in self._greeted and address != self.own.address:
            self._greeted.add((address, is_outside))
            hello = Hello(self.requests.transaction(), self.own.id)
            self._start(hello, address, Purpose(None, hello, is_outside=is_outside), now, TRIES)

    def _ask_outside(self, now: float) -> None:
        """Rule 6."""
        members = {member.contact.address for member in self.members.values()}
        for address in self.doors.chosen():
            if address not in members:
                self._greet(address, now, is_outside=True)

    # Requests of others -----------------------------------------------------------------------------------

    def _respond(self, message: MeshRequest, sender: Contact, now: float) -> MeshResponse | None:
        header = message.transaction, self.own.id
        if isinstance(message, Hello):
            if not acceptable(sender.address, self.own.address):
                self._ignore("address of no peer")
                return None
            self._check_holder(sender, now)
            reason = self._why_not(sender)
            if reason:
                return Refused(*header, reason)
            self._enter(sender)
            return Welcome(*header)
        member = self.members.get(sender.id)
        if member is None or member.contact != sender:
            return Refused(*header, STRANGER)
        match message:
            case Ping():
                return Pong(*header, self.digest)
            case Who(skip=skip):
                page = sorted(self.members)[skip : skip + MAX_NAMED]
                return Members(*header, len(self.members), tuple(self.members[i].contact for i in page))
            case Probe():
                return self._ask_for(message, sender, now)
            case Goodbye():
                self._remove(sender)
        return None

    def _ask_for(self, probe: Probe, sender: Contact, now: float) -> MeshResponse | None:
        """A member wants to know whether another answers us; what we last heard from it may be old."""
        member = self.members.get(probe.about)
        if member is None:
            return Probed(probe.transaction, self.own.id, 0)
        ping = Ping(self.requests.transaction(), self.own.id)
        purpose = Purpose(member.contact, ping, (probe.transaction, sender.address))
        self._start(ping, member.contact.address, purpose, now, tries=1)
        return None

    def _why_not(self, contact: Contact) -> int:
        """Rules 3 and 5: why a peer cannot be a member; 0 if it can or is."""
        known = self.members.get(contact.id)
        if contact.id == self.own.id or (known and known.contact != contact):
            return ID_TAKEN
        return FULL if known is None and len(self.members) + 1 >= self.cap else 0

    def _check_holder(self, sender: Contact, now: float) -> None:
        """Rule 5."""
        known = self.members.get(sender.id)
        self._held = {ident: at for ident, at in self._held.items() if at + HOLDER_S > now}
        if known is not None and known.contact != sender and sender.id not in self._held:
            self._held[sender.id] = now
            self._ping(known.contact, now)

    def _enter(self, contact: Contact) -> None:
        if contact.id not in self.members:
            self.members[contact.id], self._digest = Member(contact), None
            self._tell(Entered(contact))

    def _remove(self, contact: Contact | None) -> None:
        if contact is not None and contact.id in self.members and self.members[contact.id].contact == contact:
            del self.members[contact.id]
            self._digest = None
            self._greeted -= {(contact.address, True), (contact.address, False)}
            self._tell(Gone(contact))

    def _compare(self, contact: Contact, skip: int, now: float) -> None:
        self._ask(Who(self.requests.transaction(), self.own.id, skip), contact.address, contact, now)

    # Responses --------------------------------------------------------------------------------------------

    def _answered(self, purpose: Purpose, message: MeshResponse, sender: Contact, now: float) -> None:
        if isinstance(purpose.request, Hello):
            self._greeted.discard((sender.address, purpose.is_outside))
        match purpose.request, message:
            case Hello(), Welcome():
                if self._why_not(sender):
                    return self._ignore("no room for the peer that welcomed us")
                self._enter(sender)
                self._compare(sender, 0, now)
            case Hello(), Refused(reason=reason):
                if not purpose.is_outside and not self._tried_again(now):
                    self._tell(JoinRejected(sender.address, reason))
            case Ping(), Pong(digest=digest):
                self._is_up(sender)
                self._tell_asker(purpose, True)
                if digest != self.digest:
                    self._compare(sender, 0, now)
            case Ping(), Refused(reason=reason) if reason == STRANGER:
                self._greet(sender.address, now)  # it thought that we were gone
            case Who(skip=skip), Members(total=total, members=members):
                for contact in members:
                    if contact != self.own and not self._why_not(contact) and contact.id not in self.members:
                        self._greet(contact.address, now)  # rule 1
                if members and skip + len(members) < min(total, self.cap):
                    self._compare(sender, skip + len(members), now)
            case Probe(about=ident), Probed(alive=alive):
                self._probed(ident, purpose.contact, bool(alive))
            case _:
                self._ignore("useless response")
        return None

    def _not_answered(self, purpose: Purpose, address: Address, now: float) -> None:
        match purpose.request:
            case Hello():
                self._greeted.discard((address, purpose.is_outside))
                if not purpose.is_outside and not self._tried_again(now):
                    self._tell(NoAnswer(address))
            case Ping() if purpose.asker:
                pass  # the member that asked us asks again, and so do we; one lost ping says little
            case Ping() if purpose.contact and (member := self.members.get(purpose.contact.id)):
                self._suspect(member, now)
            case Probe(about=ident):
                self._probed(ident, purpose.contact, False)
            case _:
                pass

    def _tried_again(self, now: float) -> bool:
        """Whether there will be another try to join, since nobody let us in so far."""
        return not self.members and self._retries.failed(now)

    def _is_up(self, contact: Contact) -> None:
        member = self.members.get(contact.id)
        if member:
            if member.link is LinkState.LOST:
                self._tell(LinkBack(contact))
            member.link = LinkState.UP
            member.asked.clear()

    def _suspect(self, member: Member, now: float) -> None:
        """Rule 4; and 5: if another peer has claimed its id, that one would answer those we ask."""
        if self._held.get(member.contact.id, -math.inf) + HOLDER_S > now:
            return self._fell_silent(member.contact)
        if member.link is LinkState.UP:
            member.link = LinkState.SUSPECT
        if member.asked:
            return None
        others = [
            other for other in self.members.values() if other is not member and other.link is LinkState.UP
        ]
        chosen = self.rng.sample(others, min(PROBERS, len(others)))
        member.asked = {prober.contact.id for prober in chosen}
        if not chosen:
            self._fell_silent(member.contact)
        for prober in chosen:
            probe = Probe(self.requests.transaction(), self.own.id, member.contact.id)
            self._ask(probe, prober.contact.address, prober.contact, now)
        return None

    def _probed(self, ident: int, prober: Contact | None, alive: bool) -> None:
        member = self.members.get(ident)
        if member is None or prober is None or not member.asked:
            return
        is_awaited = prober.id in member.asked  # not one that was given up before, and counted then
        member.asked.discard(prober.id)
        if alive:
            if member.link is LinkState.SUSPECT:
                member.link = LinkState.LOST
                self._tell(LinkLost(member.contact))
            member.asked.clear()
        elif is_awaited and not member.asked:
            self._fell_silent(member.contact)

    def _fell_silent(self, contact: Contact) -> None:
        if self.requests.has_answered(contact.address):
            self.doors.silent(contact.address)
        self._remove(contact)
