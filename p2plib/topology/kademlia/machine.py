"""Kademlia: a peer of a distributed hash table. A machine.

Follows Maymounkov and Mazières, "Kademlia" (2002), sections 2 and 4.1. A peer is put together from parts,
each in a module of this package with rules of its own; this one passes what arrives to the part concerned::

    table        the peers that this one knows
    checks       asking whether a peer is there, before it is admitted to the table
    bootstrap    entering the network
    searches     the lookups that are under way (and `lookup`, one of them without its messages)
    copies       the second half of a put: a copy to each of the peers that a search found
    values       what the peer keeps for others (`store`), and tokens for peers that want to store
    maintenance  what it does at set times: refresh, republish, publish
    density      are there more peers round a key than chance allows?
    asker        the requests that are under way (`asking`)

Rules
    1. Every request is answered, unless its sender has our own id or the id of another peer: then it is
       refused (F099).
    2. A response that no request waits for is dropped. One from another id than expected comes from a
       different peer: the one that we asked is gone.

Left out: caching of values along the path of a lookup, which mutable values would make stale.

How to use it: `join` once, then `find`, `get` and `put`. Each of those three returns a number at once; later
an event with that number says how it went.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, contact_of
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.kademlia.asking import Asker, Check, Copy, Probe, Purpose, Step
from p2plib.topology.kademlia.bootstrap import Bootstrap
from p2plib.topology.kademlia.checks import Checks
from p2plib.topology.kademlia.copies import Copies
from p2plib.topology.kademlia.density import Density
from p2plib.topology.kademlia.maintenance import Maintenance
from p2plib.topology.kademlia.messages import (
    BAD_TOKEN,
    BUSY,
    CODEC,
    ID_TAKEN,
    MAX_CONTACTS,
    NOT_STORED,
    DialBack,
    DialBackFor,
    FindNode,
    FindValue,
    Found,
    KademliaRequest,
    KademliaResponse,
    Nodes,
    Ping,
    Pong,
    Refused,
    Store,
    Stored,
)
from p2plib.topology.kademlia.parts import (
    Event,
    FindDone,
    GetDone,
    IdTaken,
    Joined,
    Settings,
    Timer,
)
from p2plib.topology.kademlia.searches import Search, Searches, SearchKind
from p2plib.topology.kademlia.store import MAX_VALUE_BYTES, Tokens, Values
from p2plib.topology.kademlia.table import RoutingTable, Verdict

DEFAULTS = Settings()
REQUESTS = FindNode, FindValue, Store, Ping, DialBack, DialBackFor
NO_PLACE = Verdict.OWN_ID, Verdict.ID_TAKEN  # for a sender whose id is ours or another peer's


class Kademlia(Base[Event, Timer]):
    """One peer.

    Args:
        own_id: its id.
        rng: see `p2plib.machine.machine`.
        now: the time.
        settings: see `p2plib.topology.kademlia.parts.Settings`.

    Raises:
        UsageError: k is larger than a response has room for, or the id longer than the settings say.
    """

    def __init__(
        self, own_id: int, rng: random.Random, *, now: float = 0.0, settings: Settings = DEFAULTS
    ) -> None:
        super().__init__()
        if not 1 <= settings.k <= MAX_CONTACTS:
            raise UsageError(f"k is 1 to {MAX_CONTACTS}: a response has no room for more contacts")
        self.settings, self.own_id, self.rng = settings, own_id, rng
        self.table = table = RoutingTable(
            own_id, bits=settings.bits, k=settings.k, limits=settings.limits, now=now
        )
        self.values = Values(own_id, settings.bits, settings.validator, settings.max_values)
        self.tokens = Tokens(rng.randbytes(16))
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self.asker = asker = Asker(own_id, self.requests, self._send)
        self.checks = Checks(table, asker, settings.fresh_s, self._tell, self._ignore)
        self.density = Density(table, self._tell)
        self.searches = Searches(settings, table, self.density, asker, self._ended, self._ignore)
        self.maintenance = Maintenance(
            settings, rng, self.timers, table, self.values, self.searches, self.checks, now
        )
        self.copies = Copies(self.values, asker, self.maintenance.republish_later, self._tell)
        self.bootstrap = Bootstrap(asker, self.timers, rng, self._enter, self._tell)

    # What the owner calls ---------------------------------------------------------------------------------

    def join(self, addresses: Iterable[Address], now: float, within_s: float = 0.0) -> None:
        """Enters the network through any of these bootstrap addresses. `Joined` or `JoinFailed` follows.

        Args:
            addresses: where members may be.
            now: the time, in seconds.
            within_s: for how many seconds another try may begin, if all of the addresses fail.

        Raises:
            UsageError: there is no address, or one of them is not of a peer, or not of the others' family.
        """
        self.bootstrap.start(addresses, now, within_s)

    def restore(self, published: Mapping[int, bytes]) -> None:
        """Takes up the values that this peer published in an earlier life; they are published after joining.

        Args:
            published: the values, by key.
        """
        self.maintenance.published.update(published)

    def find(self, target: int, now: float) -> int:
        """Looks for the k peers nearest to an id. `FindDone` with the number that is returned follows."""
        return self.searches.start(SearchKind.FIND, target, now)

    def get(self, key: int, now: float) -> int:
        """Looks for a value. `GetDone` with the number that is returned follows, at once if the value is kept
        here.

        Where values can change, all of the k nearest are asked, and the best value that any of them has is
        the result.
        """
        kept = self.values.get(key, now)
        if kept is not None and self.settings.validator.better is None:
            number = self.searches.number()
            self._tell(GetDone(number, key, kept.data, 0, 0))
            return number
        return self.searches.start(SearchKind.GET, key, now, kept.data if kept else None)

    def put(self, key: int, value: bytes, now: float) -> int:
        """Publishes a value, again and again until `forget`. `PutDone` with the number that is returned
        follows.

        Raises:
            UsageError: it is too large, or the validator of this network forbids it under this key.
        """
        if len(value) > MAX_VALUE_BYTES:
            raise UsageError(f"a value of {len(value)} bytes, where {MAX_VALUE_BYTES} is the most")
        if not self.settings.validator.valid(key, value, self.settings.bits):
            raise UsageError("the validator of this network does not allow this value under this key")
        return self.maintenance.publish(key, value, now)

    def forget(self, key: int) -> None:
        """Stops publishing a value; the peers that keep it drop it within a day."""
        self.maintenance.forget(key)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message: KademliaRequest | KademliaResponse = CODEC.decode(data)
        except DecodeError:
            self._ignore("malformed")
            return
        sender = contact_of((message.sender, address))
        if sender.id >> self.settings.bits:
            self._ignore("id out of range")
        elif isinstance(message, REQUESTS):
            self._requested(message, sender, now)
        else:
            self._responded(message, sender, now)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, about in self.timers.due(now):
            match timer:
                case Timer.REQUEST:
                    purpose = self.asker.late(about, now)
                    if purpose is not None:
                        self._failed(purpose, now)
                case Timer.JOIN:
                    self.bootstrap.again(now)
                case Timer.REPUBLISH:
                    self.maintenance.republish(about, now)
                case Timer.PUBLISH:
                    self.maintenance.publish_again(about, now)
                case Timer.REFRESH:
                    self.maintenance.refresh(now)
                case _:
                    assert_never(timer)

    # Requests ---------------------------------------------------------------------------------------------

    def _requested(self, request: KademliaRequest, sender: Contact, now: float) -> None:
        verdict = self.table.may_enter(sender)
        if verdict in NO_PLACE:  # rule 1
            response: KademliaResponse = Refused(request.transaction, self.own_id, ID_TAKEN, sender.address)
        else:
            response = self.respond(request, sender, now)
        self._send(CODEC.encode(response), sender.address)
        if verdict is not Verdict.KNOWN:
            self.checks.met(sender, verdict, now)

    def respond(self, request: KademliaRequest, sender: Contact, now: float) -> KademliaResponse:
        """Our response to a request."""
        transaction, own_id, observed = request.transaction, self.own_id, sender.address
        match request:
            case FindNode():
                return self._nodes(transaction, request.target, sender, now)
            case FindValue():
                kept = self.values.get(request.key, now)
                if kept is None:
                    return self._nodes(transaction, request.key, sender, now)
                return Found(transaction, own_id, kept.data, observed)
            case Store():
                if not self.tokens.accept(request.token, sender.address, now):
                    return Refused(transaction, own_id, BAD_TOKEN, observed)
                if not self.values.put(request.key, request.value, request.lifetime_s, now):
                    return Refused(transaction, own_id, NOT_STORED, observed)
                self.maintenance.republish_later(request.key, now)
                return Stored(transaction, own_id, observed)
            case Ping():
                return Pong(transaction, own_id, observed)
            case DialBack() | DialBackFor():
                return Refused(transaction, own_id, BUSY, observed)
            case _:
                assert_never(request)

    def _nodes(self, transaction: int, target: int, sender: Contact, now: float) -> Nodes:
        named = self.table.closest(target, self.settings.k, without=sender.id)
        token = self.tokens.give(sender.address, now)
        return Nodes(transaction, self.own_id, token, tuple(named), sender.address)

    # Responses --------------------------------------------------------------------------------------------

    def _responded(self, response: KademliaResponse, sender: Contact, now: float) -> None:
        purpose = self.asker.answered(response.transaction, sender.address, now)
        if purpose is None:
            self._ignore("unexpected response")
            return
        if isinstance(response, Refused) and response.reason == ID_TAKEN:
            self._tell(IdTaken(sender.address))
        if isinstance(purpose, Check):
            self.checks.over(purpose)
        is_the_one = isinstance(purpose, Probe) or purpose.contact.id == sender.id
        if not is_the_one:  # rule 2
            self._ignore("another id than expected")
            self._failed(purpose, now)
        self.checks.answered(sender, now)
        if is_the_one:
            self._answered(purpose, response, now)

    def _answered(self, purpose: Purpose, response: KademliaResponse, now: float) -> None:
        """The response of the peer that was asked."""
        match purpose:
            case Step():
                self.searches.answered(purpose, response, now)
            case Copy():
                self.copies.over(purpose, isinstance(response, Stored))
            case Probe():
                self.bootstrap.probed(purpose, not isinstance(response, Refused), now)
            case Check():
                pass
            case _:
                assert_never(purpose)

    def _failed(self, purpose: Purpose, now: float) -> None:
        """No response has come, or one from another peer."""
        match purpose:
            case Probe():
                self.bootstrap.probed(purpose, False, now)
            case Check():
                self.checks.over(purpose)
                self.checks.failed(purpose.contact, now)
            case Step():
                self.checks.failed(purpose.contact, now)
                self.searches.failed(purpose, now)
            case Copy():
                self.checks.failed(purpose.contact, now)
                self.copies.over(purpose, False)
            case _:
                assert_never(purpose)

    # What the parts call ----------------------------------------------------------------------------------

    def _enter(self, now: float) -> None:
        self.searches.start(SearchKind.JOIN, self.own_id, now)

    def _ended(self, search: Search, now: float) -> None:
        """A search has ended: does what it was for."""
        lookup = search.lookup
        counts = lookup.queries, lookup.failures
        match search.kind:
            case SearchKind.PUT | SearchKind.REPUBLISH:
                self.copies.send(search, now)
            case SearchKind.GET:
                self._tell(GetDone(search.number, lookup.target, search.value, *counts))
            case SearchKind.FIND:
                self._tell(FindDone(search.number, lookup.target, tuple(lookup.closest), *counts))
            case SearchKind.JOIN:
                self.maintenance.joined(now)
                self._tell(Joined(len(self.table)))
            case SearchKind.REFRESH:
                pass
            case _:
                assert_never(search.kind)
