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
    5. An id has one address, and the first to claim it keeps it (F099).

Vocabulary::

    link      two members that ask each other now and then whether they are there
    suspect   a member that did not answer, and about whom others were asked
    digest    64 bits of a hash of the sorted ids; equal digests mean the same members
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.machine.timers import TimerName
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

CAP = 50  # about as many WebRTC connections as a browser can hold; 1,225 links
PING_S = 10.0
PROBERS = 3  # SWIM's k
TRIES = 3


class Timer(TimerName):
    """What a member sets timers for."""

    REQUEST = "a response is late; about its transaction"
    PING = "ask every member whether it is there"


@dataclass(frozen=True, slots=True)
class Entered:
    """A new member, and our link to it."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Gone:
    """A member is gone: it said so, or none of those asked reaches it."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class LinkLost:
    """Others reach this member, and we do not."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class LinkBack:
    """This member answers us again."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class JoinRejected:
    """The peer at this address did not let us in; `reason` is FULL or ID_TAKEN of `messages`."""

    address: Address
    reason: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No peer answered at a bootstrap address."""

    address: Address


Event = Entered | Gone | LinkLost | LinkBack | JoinRejected | NoAnswer


class LinkState(Enum):
    """The state of a link."""

    UP = "up"
    SUSPECT = "suspect"
    LOST = "lost"


@dataclass(slots=True)
class Member:
    """A member, and our link to it."""

    contact: Contact
    link: LinkState = LinkState.UP
    asked: set[int] = field(default_factory=set)  # the others that have yet to say whether they reach it


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for: the member asked, the request, and the member for which we ask, if any."""

    contact: Contact | None
    request: MeshRequest
    asker: tuple[int, Address] | None = None


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
    """

    def __init__(
        self, own: Contact, rng: random.Random, *, now: float = 0.0, cap: int = CAP, ping_s: float = PING_S
    ) -> None:
        super().__init__()
        if not 2 <= cap <= 1000:
            raise UsageError("the cap of a mesh is 2 to 1000 members")
        self.own, self.rng, self.cap, self.ping_s = own, rng, cap, ping_s
        self.members: dict[int, Member] = {}
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self.left = False
        self._greeted: set[Address] = set()
        self._digest: int | None = None
        self.timers.set(Timer.PING, now + ping_s * rng.random())

    # What the owner calls ---------------------------------------------------------------------------------

    def join(self, addresses: Iterable[Address], now: float) -> None:
        """Says hello at some addresses; `Entered` for each member, `JoinRejected` or `NoAnswer` follows."""
        for address in addresses:
            self._greet(address, now)

    def leave(self) -> None:
        """Says goodbye to all members, and does nothing after that."""
        for member in self.members.values():
            goodbye = Goodbye(self.requests.transaction(), self.own.id)
            self._send(CODEC.encode(goodbye), member.contact.address)
        self.members, self._digest, self.left = {}, None, True
        self.timers.cancel(Timer.PING)

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
                case Timer.REQUEST:
                    self._expired(transaction, now)
                case _:
                    assert_never(timer)

    def _expired(self, transaction: int, now: float) -> None:
        request, again = self.requests.expired(transaction, now)
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

    def _greet(self, address: Address, now: float) -> None:
        if address not in self._greeted and address != self.own.address:
            self._greeted.add(address)
            self._ask(Hello(self.requests.transaction(), self.own.id), address, None, now)

    # Requests of others -----------------------------------------------------------------------------------

    def _respond(self, message: MeshRequest, sender: Contact, now: float) -> MeshResponse | None:
        header = message.transaction, self.own.id
        if isinstance(message, Hello):
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

    def _enter(self, contact: Contact) -> None:
        if contact.id not in self.members:
            self.members[contact.id], self._digest = Member(contact), None
            self._tell(Entered(contact))

    def _remove(self, contact: Contact | None) -> None:
        if contact is not None and contact.id in self.members and self.members[contact.id].contact == contact:
            del self.members[contact.id]
            self._digest = None
            self._greeted.discard(contact.address)
            self._tell(Gone(contact))

    def _compare(self, contact: Contact, skip: int, now: float) -> None:
        self._ask(Who(self.requests.transaction(), self.own.id, skip), contact.address, contact, now)

    # Responses --------------------------------------------------------------------------------------------

    def _answered(self, purpose: Purpose, message: MeshResponse, sender: Contact, now: float) -> None:
        if isinstance(purpose.request, Hello):
            self._greeted.discard(sender.address)
        match purpose.request, message:
            case Hello(), Welcome():
                if self._why_not(sender):
                    return self._ignore("no room for the peer that welcomed us")
                self._enter(sender)
                self._compare(sender, 0, now)
            case Hello(), Refused(reason=reason):
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
                self._greeted.discard(address)
                self._tell(NoAnswer(address))
            case Ping() if purpose.asker:
                pass  # the member that asked us asks again, and so do we; one lost ping says little
            case Ping() if purpose.contact and (member := self.members.get(purpose.contact.id)):
                self._suspect(member, now)
            case Probe(about=ident):
                self._probed(ident, purpose.contact, False)
            case _:
                pass

    def _is_up(self, contact: Contact) -> None:
        member = self.members.get(contact.id)
        if member:
            if member.link is LinkState.LOST:
                self._tell(LinkBack(contact))
            member.link = LinkState.UP
            member.asked.clear()

    def _suspect(self, member: Member, now: float) -> None:
        """Rule 4."""
        if member.link is LinkState.UP:
            member.link = LinkState.SUSPECT
        if member.asked:
            return
        others = [
            other for other in self.members.values() if other is not member and other.link is LinkState.UP
        ]
        chosen = self.rng.sample(others, min(PROBERS, len(others)))
        member.asked = {prober.contact.id for prober in chosen}
        if not chosen:
            self._remove(member.contact)
        for prober in chosen:
            probe = Probe(self.requests.transaction(), self.own.id, member.contact.id)
            self._ask(probe, prober.contact.address, prober.contact, now)

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
            self._remove(member.contact)
