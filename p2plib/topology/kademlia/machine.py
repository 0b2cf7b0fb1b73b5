"""Kademlia: a peer of a distributed hash table. A machine.

Follows Maymounkov and Mazières, "Kademlia" (2002): `routing_table` has sections 2.1, 2.2 and 4.1, `lookup`
section 2.3; here they are joined by messages, with storing and republishing (2.5).

Rules
    1. Every question is answered, unless its sender has our own id or one that somebody else has (F099).
    2. Who asks us is not known yet. If the table has room for it, it is asked whether it is there, and put in
       when it answers. If its bucket is full, the oldest of the bucket is asked, once in `fresh_s` at most.
    3. An answer that nobody waits for is dropped. One that comes under another id than expected is the answer
       of somebody else: whom we asked is gone.
    4. A bucket that no lookup touched for `refresh_s` is refreshed by looking up a random id in it. After
       joining, all buckets farther than the nearest peer are. With the refresh, some forgotten peers are
       asked whether they are back.
    5. A value is stored at the k nearest peers; each hands it on every `republish_s`, unless somebody did
       within that time. Who published it renews it before it expires.
    6. When the peers round a key are denser than chance allows (`density`), storing and fetching go on with
       the nearest 3 k, 9 k or 27 k, until those reach as far as k peers would by chance: a *region*, in which
       there are about k honest peers however many Sybils there are as well. (Storing by region is the remedy
       of Sridhar et al., 2024.)

Left out: caching of values along the path of a lookup, which mutable values would make stale.

How to use it: `join` once, then `find`, `get` and `put`. Each of the three returns a number at once; the
event with that number says later how it went.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.topology.kademlia.messages import (
    BAD_TOKEN,
    CODEC,
    ID_TAKEN,
    NOT_STORED,
    Answer,
    FindNode,
    FindValue,
    Found,
    Nodes,
    Ping,
    Pong,
    Question,
    Refused,
    Store,
    Stored,
)
from p2plib.topology.kademlia.parts import (
    Check,
    Copy,
    GetDone,
    IdTaken,
    JoinFailed,
    Kind,
    Knock,
    Settings,
    Step,
    Timer,
)
from p2plib.topology.kademlia.searches import Searches
from p2plib.topology.kademlia.store import EXPIRE_S, MAX_VALUE_BYTES, Tokens
from p2plib.topology.kademlia.table import Verdict

DEFAULTS = Settings()
PUBLISH_AGAIN_S = EXPIRE_S - 3600.0  # section 2.5 says 24 hours, which is when it has just expired
MAX_CHECKS = 64  # pings of rule 2 under way; a flood of strangers gets no more answers than that
CALL_BACK = 3  # forgotten peers asked at each refresh
JOIN_TRIES, CHECK_TRIES = 3, 2


class Kademlia(Searches):
    """One peer.

    Args:
        own_id: its id.
        rng: see `p2plib.machine.machine`.
        now: the time.
        settings: see there.

    Raises:
        UsageError: k is larger than what an answer has room for, or the id than the settings say.
    """

    def __init__(
        self, own_id: int, rng: random.Random, *, now: float = 0.0, settings: Settings = DEFAULTS
    ) -> None:
        super().__init__(own_id, rng, now, settings)
        self.published: dict[int, bytes] = {}
        self._tokens = Tokens(rng.randbytes(16))
        self._checking: set[Address] = set()
        self._knocking: list[Address] = []
        self._knocked: tuple[Address, ...] = ()
        self._let_in = False

    # What the owner calls ---------------------------------------------------------------------------------

    def join(self, addresses: Iterable[Address], now: float) -> None:
        """Enters the network through any of these addresses. `Joined` or `JoinFailed` follows.

        Raises:
            UsageError: there is no address.
        """
        self._knocked = tuple(dict.fromkeys(addresses))
        self._knocking, self._let_in = list(self._knocked), False
        if not self._knocked:
            raise UsageError("to join, at least one address is needed")
        for address in self._knocked:
            message = FindNode(self.requests.transaction(), self.own_id, self.own_id)
            self._ask(message, address, Knock(), now, JOIN_TRIES)

    def find(self, target: int, now: float) -> int:
        """Looks for the k peers nearest to an id. `FindDone` with the number returned follows."""
        return self._search(Kind.FIND, target, now)

    def get(self, key: int, now: float) -> int:
        """Looks for a value. `GetDone` with the number returned follows, at once if it is kept here.

        Where values can change, all of the k nearest are asked, and the best of what they have counts.
        """
        kept = self.values.get(key, now)
        if kept is not None and self.settings.rule.better is None:
            number = self._number()
            self._tell(GetDone(number, key, kept.data, 0, 0))
            return number
        return self._search(Kind.GET, key, now, kept.data if kept else None)

    def put(self, key: int, value: bytes, now: float) -> int:
        """Publishes a value, and renews it until `forget`. `PutDone` with the number returned follows.

        Raises:
            UsageError: it is too large, or the rule of this network forbids it under this key.
        """
        if len(value) > MAX_VALUE_BYTES:
            raise UsageError(f"a value of {len(value)} bytes, where {MAX_VALUE_BYTES} is the most")
        if not self.settings.rule.valid(key, value, self.settings.bits):
            raise UsageError("the rule of this network does not allow this value under this key")
        self.published[key] = value
        self.timers.set(Timer.PUBLISH, now + PUBLISH_AGAIN_S, key)
        return self._search(Kind.PUT, key, now, value)

    def forget(self, key: int) -> None:
        """Stops renewing a value; the others drop it within a day."""
        self.published.pop(key, None)
        self.timers.cancel(Timer.PUBLISH, key)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message = CODEC.decode(data)
        except DecodeError:
            return self._ignore("malformed")
        if message.sender >> self.settings.bits:
            return self._ignore("id out of range")
        if isinstance(message, Question):
            return self._question(message, Contact(message.sender, address), now)
        return self._answer(message, Contact(message.sender, address), now)

    def on_timer(self, now: float) -> None:
        """Does what is due."""
        for timer, about in self.timers.due(now):
            match timer:
                case Timer.REQUEST:
                    self._expired(about, now)
                case Timer.REPUBLISH:
                    self._hand_on(about, now)
                case Timer.PUBLISH:
                    self.put(about, self.published[about], now)
                case Timer.REFRESH:
                    self._refresh(now)
                    self._call_back(now)
                case _:
                    assert_never(timer)

    # Questions --------------------------------------------------------------------------------------------

    def _question(self, message: Question, sender: Contact, now: float) -> None:
        verdict = self.table.may_enter(sender)
        if verdict is Verdict.OWN_ID or verdict is Verdict.ID_TAKEN:  # rule 1
            self._send(CODEC.encode(Refused(message.transaction, self.own_id, ID_TAKEN)), sender.address)
        else:
            self._send(CODEC.encode(self._reply(message, sender, now)), sender.address)
        self._met(sender, verdict, now)

    def _reply(self, message: Question, sender: Contact, now: float) -> Answer:
        about = message.transaction, self.own_id
        match message:
            case Ping():
                return Pong(*about)
            case FindNode(target=target):
                return self._nodes(message.transaction, target, sender, now)
            case FindValue(key=key):
                kept = self.values.get(key, now)
                return Found(*about, kept.data) if kept else self._nodes(about[0], key, sender, now)
            case Store():
                if not self._tokens.accept(message.token, sender.address, now):
                    return Refused(*about, BAD_TOKEN)
                if not self.values.put(message.key, message.value, message.lifetime_s, now):
                    return Refused(*about, NOT_STORED)
                self._republish_later(message.key, now)
                return Stored(*about)

    def _nodes(self, transaction: int, target: int, sender: Contact, now: float) -> Nodes:
        near = self.table.closest(target, self.settings.k + 1)
        named = tuple(one for one in near if one.id != sender.id)[: self.settings.k]
        return Nodes(transaction, self.own_id, self._tokens.give(sender.address, now), named)

    def _met(self, contact: Contact, verdict: Verdict, now: float) -> None:
        """Rule 2."""
        match verdict:
            case Verdict.KNOWN:
                pass
            case Verdict.ADDED:
                self._check(contact, now)
            case Verdict.FULL:
                self.table.wait(contact)
                self._check_oldest(contact.id, now)
            case Verdict.ID_TAKEN:
                holder = self.table.find(contact.id)
                if holder and holder.heard + self.settings.fresh_s <= now:
                    self._check(holder.contact, now)
                self._ignore(verdict.value)
            case _:
                if verdict is Verdict.OWN_ID:
                    self._tell(IdTaken(contact.address))
                self._ignore(verdict.value)

    def _call_back(self, now: float) -> None:
        """Rule 4: some of those who stopped answering may be there again."""
        forgotten = list(self.table.forgotten.values())
        for contact in self.rng.sample(forgotten, min(CALL_BACK, len(forgotten))):
            self._check(contact, now)

    def _check_oldest(self, ident: int, now: float) -> None:
        oldest = self.table.oldest(ident)
        if oldest and oldest.heard + self.settings.fresh_s <= now:
            self._check(oldest.contact, now)

    def _check(self, contact: Contact, now: float) -> None:
        if contact.address in self._checking or len(self._checking) >= MAX_CHECKS:
            return
        self._checking.add(contact.address)
        message = Ping(self.requests.transaction(), self.own_id)
        self._ask(message, contact.address, Check(contact), now, CHECK_TRIES)

    # Answers ----------------------------------------------------------------------------------------------

    def _answer(self, message: Answer, sender: Contact, now: float) -> None:
        request = self.requests.answered(message.transaction, sender.address, now)
        if request is None:
            self._ignore("unexpected answer")
            return
        purpose = request.purpose
        if isinstance(purpose, Check):
            self._checking.discard(sender.address)
        if isinstance(message, Refused) and message.reason == ID_TAKEN:
            self._tell(IdTaken(sender.address))
        if isinstance(purpose, Step | Check | Copy) and purpose.contact.id != sender.id:
            self._ignore("another id than expected")  # rule 3
            self._give_up(purpose, now)
        verdict = self.table.answered(sender, now)
        if verdict in (Verdict.FULL, Verdict.ID_TAKEN):
            self._met(sender, verdict, now)
        match purpose:
            case Knock():
                self._knock_ends(sender.address, not isinstance(message, Refused), now)
            case Step(search=number, contact=contact) if contact.id == sender.id:
                self._stepped(number, contact, message, now)
            case Copy(search=number, contact=contact) if contact.id == sender.id:
                self._copied(number, isinstance(message, Stored))
            case _:
                pass

    def _expired(self, transaction: int, now: float) -> None:
        request, again = self.requests.expired(transaction, now)
        if again:
            self._send(request.data, request.address)
            return
        if isinstance(request.purpose, Knock):
            self._knock_ends(request.address, False, now)
        if isinstance(request.purpose, Check):
            self._checking.discard(request.address)
        self._give_up(request.purpose, now)

    def _give_up(self, purpose: object, now: float) -> None:
        """A contact did not answer, or somebody else did in its place."""
        if not isinstance(purpose, Step | Check | Copy):
            return
        spare = self.table.failed(purpose.contact.id)
        if spare:
            self._check(spare, now)
        if isinstance(purpose, Step) and purpose.search in self._searches:
            search = self._searches[purpose.search]
            search.lookup.failed(purpose.contact.id)
            self._advance(search, now)
        if isinstance(purpose, Copy):
            self._copied(purpose.search, False)

    def _knock_ends(self, address: Address, answered: bool, now: float) -> None:
        """The first who answers lets us in: then we look for our own place."""
        if address in self._knocking:
            self._knocking.remove(address)
        if answered and not self._let_in:
            self._let_in = True
            self._search(Kind.JOIN, self.own_id, now)
        elif not self._knocking and not self._let_in:
            self._tell(JoinFailed(self._knocked))
