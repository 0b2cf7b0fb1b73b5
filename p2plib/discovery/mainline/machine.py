"""Mainline: a node of BitTorrent's distributed hash table. A machine.

Follows BEP 5, with BEP 32 (IPv6), 42 (ids that belong to addresses), 43 (nodes that only ask), 44 (items) and
51 (samples). The node is put together from parts, each in a module with rules of its own; those of the first
four are Kademlia's (`p2plib.topology.kademlia`)::

    table       the nodes that this one knows
    checks      asking whether a node is there, before it is admitted to the table
    density     are there more nodes round a key than chance allows?
    lookup      one lookup, without its messages
    entrance    getting in
    searches    the lookups that are under way
    deliveries  announcements and puts: what comes after a lookup
    answers     what it says when it is asked, and what it keeps for others
    limits      how much of what strangers ask is answered
    outside     our own address, as others see it

Rules
    1. A response counts if its transaction is awaited *and* it comes from the address that was asked (F070).
       One from another id than expected comes from a different node: the one that we asked is gone.
    2. The sender of a query is not put into the table: it is asked whether it is there, first (F074). A node
       that only asks is not even that (BEP 43).
    3. A contact whose id does not belong to its address gets no place in the table, is not asked in lookups,
       and nothing of ours is stored at it (F072). What it asks is answered (BEP 42). Local ones are exempt.
    4. A read-only node answers nobody, and says in its queries that it does not.
    5. When enough others see our queries come from a host that our id does not belong to, we take an id that
       does, and look for our new place.
    6. Whoever is ourselves, by id or by address, is never asked.

How to use it: `join` once, then `get_peers`, `announce`, `get`, `put` and `find`. Each returns a number at
once; later an event with that number says how it went.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import assert_never

from p2plib.discovery.mainline import krpc, node_id
from p2plib.discovery.mainline.answers import Answers
from p2plib.discovery.mainline.asking import DhtPurpose, KrpcAsker, Sampling
from p2plib.discovery.mainline.compact import id_bytes
from p2plib.discovery.mainline.deliveries import Announcement, Deliveries, Goods, Item
from p2plib.discovery.mainline.entrance import Entrance
from p2plib.discovery.mainline.items import ImmutableItem, MutableItem
from p2plib.discovery.mainline.krpc import BadQuery
from p2plib.discovery.mainline.limits import Limits
from p2plib.discovery.mainline.messages import (
    VERSION,
    WANT_IPV4,
    WANT_IPV6,
    AnnounceQuery,
    AnyKrpc,
    AnyQuery,
    KrpcError,
    KrpcQuery,
    KrpcResponse,
    PutQuery,
    SampleQuery,
)
from p2plib.discovery.mainline.outside import Outside
from p2plib.discovery.mainline.parts import (
    DhtEvent,
    DhtItemDone,
    DhtPeersDone,
    DhtSamples,
    DhtSettings,
    DhtTimer,
    MovedOutside,
)
from p2plib.discovery.mainline.searches import BITS, DhtSearch, DhtSearches, DhtSearchKind
from p2plib.errors import DecodeError
from p2plib.machine.addresses import Address, Contact, acceptable, contact_of, is_ipv6
from p2plib.machine.machine import Base
from p2plib.machine.requests import Requests
from p2plib.topology.kademlia import maintenance
from p2plib.topology.kademlia.asking import Check, Copy, Probe, Step
from p2plib.topology.kademlia.checks import Checks
from p2plib.topology.kademlia.density import Density
from p2plib.topology.kademlia.parts import FindDone, Joined
from p2plib.topology.kademlia.table import RoutingTable, Verdict

SAMPLING_TRIES = 2
DEFAULT_SETTINGS = DhtSettings()


class Mainline(Base[DhtEvent, DhtTimer]):
    """One node.

    Args:
        own_id: its id; `p2plib.discovery.mainline.node_id.node_id_for` makes one for an address.
        rng: see `p2plib.machine.machine`.
        now: the time.
        settings: see `p2plib.discovery.mainline.parts.DhtSettings`.
        address: where its socket is, if that is known. Only what lies as far out, and is of the same family,
            gets into the table.
    """

    def __init__(
        self,
        own_id: int,
        rng: random.Random,
        *,
        now: float = 0.0,
        settings: DhtSettings = DEFAULT_SETTINGS,
        address: Address | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.rng, self.address = settings, rng, address
        self.requests = Requests(rng, self.timers, DhtTimer.REQUEST)
        self.asker = asker = KrpcAsker(own_id, self.requests, self._send, settings.is_read_only)
        self.table, self.checks, self.density = self._made(own_id, now)
        self.is_ipv6 = address is not None and is_ipv6(address)
        self.answers = Answers(self.table, settings, rng, self.is_ipv6)
        self.limits, self.outside = Limits(), Outside()
        self.searches = DhtSearches(
            settings, self.table, self.density, asker, self._is_own, self._ended, self._tell, self._ignore
        )
        self.deliveries = Deliveries(settings, rng, self.timers, self.searches, asker, self._tell)
        self._way_in: list[Contact] = []  # named by the last bootstrap node that answered
        self.entrance = Entrance(asker, self.timers, rng, self._enter, self._tell)
        self.timers.set(DhtTimer.REFRESH, now + settings.refresh_s)

    def _made(self, own_id: int, now: float) -> tuple[RoutingTable, Checks, Density]:
        """The parts that depend on our id."""
        settings = self.settings
        table = RoutingTable(own_id, bits=BITS, k=settings.k, limits=settings.limits, now=now)
        checks = Checks(table, self.asker, settings.fresh_s, self._tell, self._ignore)
        return table, checks, Density(table, self._tell)

    # What the owner calls ---------------------------------------------------------------------------------

    @property
    def own_id(self) -> int:
        """Its id, which changes when rule 5 says so."""
        return self.table.own_id

    def join(self, addresses: Iterable[Address], now: float, within_s: float = 0.0) -> None:
        """Enters the DHT through any of these bootstrap addresses. `Joined` or `JoinFailed` follows.

        Args:
            addresses: where nodes may be.
            now: the time, in seconds.
            within_s: for how many seconds another try may begin, if all of the addresses fail.

        Raises:
            UsageError: there is no address, or one of them is not of a peer, or not of the others' family.
        """
        self.entrance.start(addresses, now, within_s)

    def restore(self, ours: Iterable[Goods]) -> None:
        """Takes up what this node announced and put in an earlier life; it is delivered after joining."""
        self.deliveries.ours.update({goods.key: goods for goods in ours})

    def pair(self, other: Mainline) -> None:
        """Lets this node name the contacts of another, in the network of the other family (BEP 32)."""
        self.answers.other = other.table_closest
        self.searches.want = WANT_IPV4, WANT_IPV6

    def table_closest(self, target: int, count: int) -> list[Contact]:
        """The contacts in our table that are nearest to a target."""
        return self.table.closest(target, count)

    def heard_of(self, contacts: Iterable[Contact], now: float) -> None:
        """Asks contacts that our node of the other family has heard of whether they are there."""
        for contact in contacts:
            is_reachable = acceptable(contact.address, self.address or contact.address)
            has_room = self.table.may_enter(contact) is Verdict.ADDED
            if is_reachable and has_room and self.searches.may_ask(contact):
                self.checks.check(contact, now)

    def find(self, target: int, now: float) -> int:
        """Looks for the k nodes nearest to an id. `FindDone` with the number that is returned follows."""
        return self.searches.start(DhtSearchKind.FIND, target, now)

    def get_peers(self, info_hash: int, now: float) -> int:
        """Looks for peers. `DhtPeers` with the number that is returned follow, and then `DhtPeersDone`."""
        kept = self.answers.peers.peers(id_bytes(info_hash), now, self.rng)
        return self.searches.start(DhtSearchKind.PEERS, info_hash, now, kept=kept)

    def announce(self, info_hash: int, port: int, now: float, implied_port: bool = False) -> int:
        """Tells the nodes nearest to an info_hash that we are a peer, again and again until `withdraw`.

        Returns:
            The number of the event `DhtStored` that follows.
        """
        return self.deliveries.publish(Announcement(info_hash, port, implied_port), now)

    def withdraw(self, key: int) -> None:
        """Stops announcing, or putting, what is under a key."""
        self.deliveries.forget(key)

    def get(self, target: int, now: float, salt: bytes = b"") -> int:
        """Looks for an item. `DhtItemDone` with the number that is returned follows."""
        kept = self.answers.items.get(id_bytes(target), now)
        if isinstance(kept, ImmutableItem):
            number = self.searches.reserved()
            self._tell(DhtItemDone(number, target, kept, 0, 0))
            return number
        return self.searches.start(DhtSearchKind.ITEM, target, now, salt, kept=kept or ())

    def put(self, item: ImmutableItem | MutableItem, now: float, cas: int | None = None) -> int:
        """Stores an item, again and again until `withdraw`.

        Args:
            item: a valid one.
            now: the time, in seconds.
            cas: the number of the version that it is to replace.

        Returns:
            The number of the event `DhtStored` that follows.
        """
        return self.deliveries.publish(Item(item, cas), now)

    def sample(self, address: Address, target: int, now: float) -> int:
        """Asks the node at an address for info_hashes. `DhtSamples` with the number returned follows."""
        sampling = Sampling(self.searches.reserved(), address)
        self.asker.ask(SampleQuery, address, sampling, now, SAMPLING_TRIES, target=target)
        return sampling.number

    def stop(self, number: int) -> None:
        """Drops a lookup that nobody waits for any more."""
        self.searches.stop(number)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived from an address."""
        try:
            message: AnyKrpc = krpc.decode(data)
        except BadQuery as bad:
            self._asked_wrongly(bad, data, address, now)
            return
        except DecodeError:
            self._ignore("malformed")
            return
        if isinstance(message, KrpcQuery):
            self._asked(message, data, contact_of((message.sender, address)), now)
        else:
            self._heard(message, address, now)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, about in self.timers.due(now):
            match timer:
                case DhtTimer.REQUEST:
                    purpose = self.asker.late(about, now)
                    if purpose is not None:
                        self._failed(purpose, now)
                case DhtTimer.JOIN:
                    self.entrance.again(now)
                case DhtTimer.REFRESH:
                    self._refresh(now)
                case DhtTimer.PUBLISH:
                    self.deliveries.publish_again(about, now)
                case _:
                    assert_never(timer)

    # Queries ----------------------------------------------------------------------------------------------

    def _asked(self, query: AnyQuery, data: bytes, sender: Contact, now: float) -> None:
        verdict, address = self.table.may_enter(sender), sender.address
        if verdict is not Verdict.KNOWN and not acceptable(address, address):
            self._ignore("address of no peer")
            return
        if self.settings.is_read_only:  # rule 4
            self._ignore("a query, and we are read-only")
            return
        if not self._may_ask(address, now):
            return
        answer = self.answers.answer(query, sender, now)
        if isinstance(query, AnnounceQuery | PutQuery) and isinstance(answer, KrpcResponse):
            self.limits.verified(address[0], now)  # it has read our token
        self._answer(answer, data, address, now)
        if query.is_read_only:  # rule 2
            self.checks.is_client(sender, verdict, now)
        elif self.settings.enforces_ids and not node_id.is_of(sender.id, address[0]):
            self._ignore("id not of its address")
        elif verdict is not Verdict.KNOWN and acceptable(address, self.address or address):
            self.checks.met(sender, verdict, now)

    def _asked_wrongly(self, bad: BadQuery, data: bytes, address: Address, now: float) -> None:
        self._ignore("bad query")
        if acceptable(address, address) and not self.settings.is_read_only and self._may_ask(address, now):
            error = KrpcError(bad.transaction, bad.code, bad.rule, address, version=VERSION)
            self._answer(error, data, address, now)

    def _may_ask(self, address: Address, now: float) -> bool:
        if self.settings.is_limited and not self.limits.may_ask(address[0], now):
            self._ignore("too many queries")
            return False
        return True

    def _answer(self, answer: KrpcResponse | KrpcError, query: bytes, address: Address, now: float) -> None:
        data = krpc.encode(answer)
        if self.settings.is_limited and not self.limits.may_answer(address[0], len(query), len(data), now):
            self._ignore("no answer: it might amplify")
            return
        self._send(data, address)

    # Responses --------------------------------------------------------------------------------------------

    def _heard(self, answer: KrpcResponse | KrpcError, address: Address, now: float) -> None:
        purpose = self.asker.answered(answer.transaction, address, now)
        if purpose is None:  # rule 1
            self._ignore("unexpected response")
            return
        if self.settings.is_limited:
            self.limits.verified(address[0], now)
        if answer.observed is not None:
            self._seen_at(answer.observed, address, now)
        if isinstance(purpose, Check):
            self.checks.over(purpose)
        if isinstance(answer, KrpcError):
            self._refused(purpose, answer, now)
            return
        sender = contact_of((answer.sender, address))
        if sender.id == self.own_id:  # rule 6
            self._ignore("our own id")
            self._failed(purpose, now)
            return
        is_the_one = isinstance(purpose, Probe | Sampling) or purpose.contact.id == sender.id
        if not is_the_one:  # rule 1
            self._ignore("another id than expected")
            self._failed(purpose, now)
        if self.settings.enforces_ids and not node_id.is_of(sender.id, address[0]):  # rule 3
            self._ignore("id not of its address")
        else:
            self.checks.answered(sender, now)
        if is_the_one:
            self._answered(purpose, answer, now)

    def _answered(self, purpose: DhtPurpose, response: KrpcResponse, now: float) -> None:
        """The response of the node that was asked."""
        match purpose:
            case Step():
                if not self.searches.answered(purpose, response, now):
                    self._lied(purpose.contact)
            case Copy():
                self.deliveries.over(purpose, True)
            case Probe():
                teller = purpose.address
                named = [
                    one for one in self.searches.named(response, teller) if acceptable(one.address, teller)
                ]
                self._way_in = named[: self.settings.k]
                self.entrance.probed(purpose, True, now)
            case Sampling():
                contacts = (response.nodes6 if self.is_ipv6 else response.nodes) or ()
                counts = response.total or 0, response.interval or 0
                found = DhtSamples(purpose.number, purpose.address, response.samples, *counts, contacts)
                self._tell(found)
            case Check():
                pass
            case _:
                assert_never(purpose)

    def _refused(self, purpose: DhtPurpose, error: KrpcError, now: float) -> None:
        """The node that was asked is there, and says no."""
        match purpose:
            case Step():
                self.searches.failed(purpose, now)
            case Copy():
                self.deliveries.over(purpose, False, error.code, error.sentence)
            case Probe():
                self.entrance.probed(purpose, False, now)
            case Sampling():
                self._tell(DhtSamples(purpose.number, purpose.address, None))
            case Check():
                pass
            case _:
                assert_never(purpose)

    def _failed(self, purpose: DhtPurpose, now: float) -> None:
        """No response has come, or one from another node."""
        match purpose:
            case Probe():
                self.entrance.probed(purpose, False, now)
            case Check():
                self.checks.over(purpose)
                self.checks.failed(purpose.contact, now, is_gone=purpose.is_holder)
            case Step():
                self.checks.failed(purpose.contact, now)
                self.searches.failed(purpose, now)
            case Copy():
                self.checks.failed(purpose.contact, now)
                self.deliveries.over(purpose, False)
            case Sampling():
                self._tell(DhtSamples(purpose.number, purpose.address, None, is_silent=True))
            case _:
                assert_never(purpose)

    # What the parts call ----------------------------------------------------------------------------------

    def _is_own(self, address: Address) -> bool:
        return address == self.address

    def _lied(self, contact: Contact) -> None:
        """A contact has sent an item that is none: it has no place with us."""
        if self.table.find(contact.id) is not None:
            self.table.remove(contact.id)

    def _enter(self, now: float) -> None:
        self.searches.start(DhtSearchKind.JOIN, self.own_id, now, named=self._way_in)

    def _refresh(self, now: float) -> None:
        """Looks up an id in each quiet bucket, asks some forgotten contacts, and forgets what has expired."""
        far, refresh_s = maintenance.far_buckets(self.table), self.settings.refresh_s
        due = maintenance.refresh_quiet_buckets(
            self.table, far, refresh_s, self.rng, lambda target: self._look_in(target, now), now
        )
        self.timers.set(DhtTimer.REFRESH, due)
        for contact in maintenance.to_call_back(self.table, self.rng):
            self.checks.check(contact, now)
        self.answers.peers.forget_expired(now)
        self.answers.items.forget_expired(now)

    def _look_in(self, target: int, now: float) -> None:
        self.searches.start(DhtSearchKind.REFRESH, target, now)

    def _seen_at(self, observed: Address, teller: Address, now: float) -> None:
        """A node says where our query came from. Rule 5."""
        self.outside.heard(observed[0], teller[0])
        host = self.outside.agreed
        if host is None or not self.settings.enforces_ids or node_id.is_of(self.own_id, host):
            return
        known = [entry.contact for entry in self.table]
        self.asker.own_id = own_id = node_id.node_id_for(host, self.rng)
        self.table, self.checks, self.density = self._made(own_id, now)
        self.answers.moved(self.table)
        self.searches.table, self.searches.density = self.table, self.density
        for contact in known:
            self.table.answered(contact, now)
        self._tell(MovedOutside(host, own_id))
        self._enter(now)

    def _ended(self, search: DhtSearch, now: float) -> None:
        """A search has ended: does what it was for."""
        lookup = search.lookup
        target, counts = lookup.target, (lookup.queries, lookup.failures)
        match search.kind:
            case DhtSearchKind.ANNOUNCE | DhtSearchKind.PUT:
                self.deliveries.send(search, now)
            case DhtSearchKind.PEERS:
                self._tell(DhtPeersDone(search.number, target, len(search.peers), *counts))
            case DhtSearchKind.ITEM:
                self._tell(DhtItemDone(search.number, target, search.item, *counts))
            case DhtSearchKind.FIND:
                self._tell(FindDone(search.number, target, tuple(lookup.closest), *counts))
            case DhtSearchKind.JOIN:
                maintenance.refresh_buckets(
                    self.table,
                    maintenance.far_buckets(self.table),
                    self.rng,
                    lambda target: self._look_in(target, now),
                )
                self.deliveries.joined(now)
                self._tell(Joined(len(self.table)))
            case DhtSearchKind.REFRESH:
                pass
            case _:
                assert_never(search.kind)
