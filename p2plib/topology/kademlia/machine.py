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
    reachability do strangers reach this peer, or must it be a client?
    handover     what a peer does with the values it keeps before it leaves
    asker        the requests that are under way (`asking`)

Rules
    1. Every request is answered, unless its sender has our own id or the id of another peer: then it is
       refused (F099). What comes from where no peer can be is dropped (see `acceptable`), and so is what
       holds an id or a key with more bits than those of the network.
    2. A response that no request waits for is dropped. One from another id than expected comes from a
       different peer: the one that we asked is gone.
    3. A client is in no table: it says in each request what it is, and a peer that a client asks does not ask
       it in turn. It refuses all requests, and keeps no values. Its id need not be unique.
    4. A peer in mode AUTO begins as a client. When it has entered, it tests whether strangers reach it,
       before it looks for its place; again whenever no stranger has come for `STRANGERS_S`. As soon as one
       comes it is a server. If a test decides nothing, it stays what it is, or becomes a server if its own
       address is the one that others see: then there is no NAT. A client tests again after `TEST_AGAIN_S`,
       when most of the peers that it asked as it entered are strangers to its NAT again. A server that
       becomes a client hands its values on, and so does one that leaves; that one is a client until it joins
       again.

Left out: caching of values along the path of a lookup, which mutable values would make stale.

How to use it: `join` once, then `find`, `get` and `put`. Each of those three returns a number at once; later
an event with that number says how it went.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import assert_never

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, acceptable, contact_of
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.kademlia.asking import LATELY_S, Asker, Check, Copy, PassOn, Probe, Purpose, Reach, Step
from p2plib.topology.kademlia.bootstrap import Bootstrap
from p2plib.topology.kademlia.checks import Checks
from p2plib.topology.kademlia.copies import Copies
from p2plib.topology.kademlia.density import Density
from p2plib.topology.kademlia.handover import Handover
from p2plib.topology.kademlia.maintenance import Maintenance
from p2plib.topology.kademlia.messages import (
    BAD_TOKEN,
    BUSY,
    CLIENT,
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
    subject_of,
)
from p2plib.topology.kademlia.parts import (
    REFRESH_S,
    Event,
    FindDone,
    GetDone,
    IdTaken,
    Joined,
    Mode,
    ReachTested,
    Settings,
    Timer,
)
from p2plib.topology.kademlia.reachability import Reachability
from p2plib.topology.kademlia.searches import Search, Searches, SearchKind
from p2plib.topology.kademlia.store import MAX_VALUE_BYTES, Tokens, Values
from p2plib.topology.kademlia.table import RoutingTable, Verdict

DEFAULTS = Settings()
TEST_AGAIN_S = LATELY_S + 60.0
STRANGERS_S = 2 * REFRESH_S  # each peer asks a part of all others in an hour
REQUESTS = FindNode, FindValue, Store, Ping, DialBack, DialBackFor
NO_PLACE = Verdict.OWN_ID, Verdict.ID_TAKEN  # for a sender whose id is ours or another peer's


class Kademlia(Base[Event, Timer]):
    """One peer.

    Args:
        own_id: its id.
        rng: see `p2plib.machine.machine`.
        now: the time.
        settings: see `p2plib.topology.kademlia.parts.Settings`.
        address: where its socket is, if that is known. Only what lies as far out, and is of the same family,
            gets into the table.

    Raises:
        UsageError: k is larger than a response has room for, or the id longer than the settings say.
    """

    def __init__(
        self,
        own_id: int,
        rng: random.Random,
        *,
        now: float = 0.0,
        settings: Settings = DEFAULTS,
        address: Address | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= settings.k <= MAX_CONTACTS:
            raise UsageError(f"k is 1 to {MAX_CONTACTS}: a response has no room for more contacts")
        self.settings, self.own_id, self.rng, self.address = settings, own_id, rng, address
        self.table = table = RoutingTable(
            own_id, bits=settings.bits, k=settings.k, limits=settings.limits, now=now
        )
        self.values = Values(own_id, settings.bits, settings.validator, settings.max_values)
        self.tokens = Tokens(rng.randbytes(16))
        self.requests = Requests(rng, self.timers, Timer.REQUEST)
        self.asker = asker = Asker(own_id, self.requests, self._send)
        asker.is_client = int(settings.mode is not Mode.SERVER)
        self.checks = Checks(table, asker, settings.fresh_s, self._tell, self._ignore)
        self.density = Density(table, self._tell)
        self.searches = Searches(settings, table, self.density, asker, self.timers, self._ended, self._ignore)
        self.maintenance = Maintenance(
            settings, rng, self.timers, table, self.values, self.searches, self.checks, now
        )
        self.handover = Handover(self.values, self.searches, self.timers, self._tell)
        self.copies = Copies(
            self.values, asker, self.maintenance.republish_later, self._tell, self.handover.over
        )
        self.reachability = Reachability(
            table, asker, self.checks, self.timers, rng, address, self._reach_tested
        )
        self._is_entering = self._has_left = False
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
        self._has_left = False
        mode = self.settings.mode
        if mode is Mode.SERVER or (mode is Mode.AUTO and self.reachability.is_reachable):
            self.asker.is_client = 0  # after `leave`

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

    def leave(self, now: float) -> None:
        """Takes leave: hands on the values that are kept here and those of our own, and refuses requests from
        now on, which takes us out of the tables of others. `Left` follows; then the peer can be closed.
        """
        self._has_left, self.asker.is_client = True, 1
        self.searches.start(SearchKind.REFRESH, self.own_id, now)  # so that those nearby notice
        self.handover.start(self.maintenance.published, now, is_leaving=True)

    def test_reachability(self, now: float) -> None:
        """Finds out whether the requests of strangers reach us. `ReachTested` follows."""
        self.reachability.test(now)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message: KademliaRequest | KademliaResponse = CODEC.decode(data)
        except DecodeError:
            self._ignore("malformed")
            return
        sender = contact_of((message.sender, address))
        if isinstance(message, REQUESTS):
            if (sender.id | subject_of(message)) >> self.settings.bits:
                self._ignore("id out of range")
            else:
                self._requested(message, sender, now)
        elif sender.id >> self.settings.bits:
            self._ignore("id out of range")
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
                case Timer.HEDGE:
                    self.searches.slow(about, now)
                case Timer.REACH:
                    self.reachability.over(about, now)
                case Timer.STALLED:
                    self.handover.stalled()
                case Timer.TEST_AGAIN:
                    self._test_again(now)
                case Timer.KEEP_OPEN:
                    self.reachability.keep_open(now)
                case Timer.REFRESH:
                    self.maintenance.refresh(now)
                    if self.settings.mode is Mode.AUTO and self.reachability.reached + STRANGERS_S <= now:
                        self.reachability.test(now)
                case _:
                    assert_never(timer)

    # Requests ---------------------------------------------------------------------------------------------

    def _requested(self, request: KademliaRequest, sender: Contact, now: float) -> None:
        verdict, address = self.table.may_enter(sender), sender.address
        if verdict is not Verdict.KNOWN and not acceptable(address, address):
            self._ignore("address of no peer")
            return
        self.reachability.requested(address, now)
        if self.asker.is_client:  # rule 3
            response: KademliaResponse = Refused(request.transaction, self.own_id, CLIENT, address)
        elif verdict in NO_PLACE and not request.is_client:  # rule 1
            response = Refused(request.transaction, self.own_id, ID_TAKEN, address)
        else:
            response = self.respond(request, sender, now)
        self._send(CODEC.encode(response), address)
        if request.is_client:
            self.checks.is_client(sender, verdict, now)
        elif verdict is not Verdict.KNOWN and acceptable(address, self.address or address):
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
            case DialBack():
                return self._agreed(transaction, self.reachability.pass_on(sender, now), observed)
            case DialBackFor(contact=contact):
                agrees = self.reachability.dial_back(contact, sender, now)
                return self._agreed(transaction, agrees, observed)
            case _:
                assert_never(request)

    def _agreed(self, transaction: int, agrees: bool, observed: Address) -> KademliaResponse:
        if agrees:
            return Pong(transaction, self.own_id, observed)
        return Refused(transaction, self.own_id, BUSY, observed)

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
        if response.observed is not None:
            self.reachability.told(response.observed, sender.address, now)
        if isinstance(response, Refused):
            if response.reason == ID_TAKEN:
                self._tell(IdTaken(sender.address))
            elif response.reason == CLIENT:  # rule 3
                self.checks.serves_no_more(sender, now)
                if isinstance(purpose, Probe):
                    self.bootstrap.met_client()
                self._failed(purpose, now)
                return
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
                self.copies.over(purpose, isinstance(response, Stored), now)
            case Probe():
                self.bootstrap.probed(purpose, not isinstance(response, Refused), now)
            case Reach():
                self.reachability.passed_on(purpose, isinstance(response, Pong))
            case PassOn():
                self.reachability.was_passed_on(purpose)
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
                self.checks.failed(purpose.contact, now, is_gone=purpose.is_holder)
            case Step():
                self.checks.failed(purpose.contact, now)
                self.searches.failed(purpose, now)
            case Copy():
                self.checks.failed(purpose.contact, now)
                self.copies.over(purpose, False, now)
            case Reach():
                self.checks.failed(purpose.contact, now)
            case PassOn():
                self.checks.failed(purpose.contact, now)
                self.reachability.was_passed_on(purpose)
            case _:
                assert_never(purpose)

    # What the parts call ----------------------------------------------------------------------------------

    def _enter(self, now: float) -> None:
        if self.settings.mode is Mode.AUTO and self.reachability.is_reachable is None:  # rule 4
            self._is_entering, self.asker.is_client = True, 1
            self.reachability.test(now)
        else:
            self.searches.start(SearchKind.JOIN, self.own_id, now)

    def _reach_tested(self, is_reachable: bool | None, now: float) -> None:
        """A test is over, or a stranger has come. Rule 4."""
        outer = self.reachability.outer
        self._tell(ReachTested(is_reachable, outer))
        if self.settings.mode is Mode.AUTO:
            if is_reachable is not None:
                self._serve(is_reachable, now)
            elif outer is not None and outer == self.address:
                self._serve(True, now)
            elif self.asker.is_client:
                self.timers.set(Timer.TEST_AGAIN, now + TEST_AGAIN_S)
        if self._is_entering:
            self._is_entering = False
            self.searches.start(SearchKind.JOIN, self.own_id, now)

    def _test_again(self, now: float) -> None:
        """Nobody but friends and neighbours has come so far. Rule 4."""
        if self.settings.mode is Mode.AUTO:
            is_reachable = self.reachability.is_reachable
            if is_reachable is None:
                self._serve(False, now)
            if not is_reachable:
                self.reachability.test(now)

    def _serve(self, serves: bool, now: float) -> None:
        """Becomes a server or a client, if it is not that already, and has not left."""
        if self._has_left or serves != bool(self.asker.is_client):
            return
        self.asker.is_client = int(not serves)
        if not self._is_entering:
            self.searches.start(SearchKind.REFRESH, self.own_id, now)  # so that those nearby notice
        if not serves:
            self.handover.start({}, now, is_leaving=False)

    def _ended(self, search: Search, now: float) -> None:
        """A search has ended: does what it was for."""
        lookup = search.lookup
        counts = lookup.queries, lookup.failures
        match search.kind:
            case SearchKind.PUT | SearchKind.REPUBLISH | SearchKind.HAND_ON:
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
