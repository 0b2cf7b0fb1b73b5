"""Searches: the lookups that a node has under way. A machine part.

A search is a lookup (`p2plib.topology.kademlia.lookup`) with messages. Each step asks one node; the response
goes into the lookup, which says whom to ask next. When nobody is left to ask, `ended` is called with the
search. What each is for::

    JOIN      of our own id: then every bucket farther than the nearest node is refreshed
    REFRESH   of a random id in a bucket: nothing
    FIND      of an id that the owner asked for: the nodes found are reported
    PEERS     of an info_hash: the peers that nodes name are reported as they come
    ANNOUNCE  the same; then each of the nearest nodes is told that we are a peer
    ITEM      of a target: the item is reported (BEP 44)
    PUT       the same; then the item goes to each of the nearest nodes

Rules
    1. Peers are reported as soon as they are named, each once, and at most `MAX_PEERS` in one search. What no
       peer can have as its address is left out. Nothing proves that they exist.
    2. An item proves itself, by its hash or its signature. The first that fits an immutable target ends the
       search. For a mutable one all nodes are asked, and the highest number counts: others may have missed
       the latest. A node that sends a value with another hash, or with a signature that is not valid, has
       lied, and is taken out of the table (F078).
    3. Where the nodes round a key are denser than chance allows (`p2plib.topology.kademlia.density`), the
       search is made again with a wider lookup, unless it has an immutable item: peers cannot be checked, and
       the crowd may be hiding the newest version of a mutable item (F076).
    4. When fewer than k have answered a search that stores, those that failed are asked once more.
    5. A contact that is ourselves, by id or by address, is never asked: some nodes name the asker to itself.
       Nor is one whose id does not belong to its address, where that is enforced (F072).
    6. Disjoint paths are for keys alone, for only there can a liar gain by leading us astray (F075).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from p2plib.discovery.mainline import items, node_id
from p2plib.discovery.mainline.asking import KrpcAsker
from p2plib.discovery.mainline.items import ImmutableItem, MutableItem
from p2plib.discovery.mainline.messages import (
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcResponse,
)
from p2plib.discovery.mainline.parts import DhtEvent, DhtPeers, DhtSettings, OtherFamily
from p2plib.errors import RemoteError, UsageError
from p2plib.machine.addresses import Address, Contact, acceptable, is_ipv6
from p2plib.topology.kademlia.asking import Step
from p2plib.topology.kademlia.density import WIDER, Density
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.table import RoutingTable

BITS = 160
MAX_PEERS = 1000  # of one search
WIDE_QUERIES_PER_K = 2  # the way to the region is known by then, and liars must not keep us busy


class DhtSearchKind(Enum):
    """What a search is for."""

    JOIN = "join"
    REFRESH = "refresh"
    FIND = "find"
    PEERS = "peers"
    ANNOUNCE = "announce"
    ITEM = "item"
    PUT = "put"


STORING = frozenset({DhtSearchKind.ANNOUNCE, DhtSearchKind.PUT})
OF_PEERS = frozenset({DhtSearchKind.PEERS, DhtSearchKind.ANNOUNCE})
OF_ITEMS = frozenset({DhtSearchKind.ITEM, DhtSearchKind.PUT})
FOR_KEYS = OF_PEERS | OF_ITEMS


@dataclass(slots=True)
class DhtSearch:
    """A lookup, and what it is for.

    Args:
        number: identifies it in events.
        kind: what it is for.
        lookup: how far it has come.
        salt: of the mutable item that is looked for.
        item: the best item found so far.
        tokens: those of the nodes that answered, by id.
        peers: those that were reported.
    """

    number: int
    kind: DhtSearchKind
    lookup: Lookup
    salt: bytes = b""
    item: ImmutableItem | MutableItem | None = None
    tokens: dict[int, bytes] = field(default_factory=dict)
    peers: set[Address] = field(default_factory=set)


class DhtSearches:
    """The searches of one node that have not ended.

    Args:
        settings: k, alpha, paths, and whether ids are enforced.
        table: where lookups begin.
        density: says where a lookup must be wider.
        asker: sends what they ask.
        own: whether an address is our own.
        ended: called with each search that has ended, and the time.
        tell: reports peers, and contacts of the other family.
        ignore: counts what is of no use, by reason.

    Attributes:
        table: see above.
        density: see above.
        want: the families of contacts that are asked for; empty for our own alone.
    """

    def __init__(
        self,
        settings: DhtSettings,
        table: RoutingTable,
        density: Density,
        asker: KrpcAsker,
        own: Callable[[Address], bool],
        ended: Callable[[DhtSearch, float], None],
        tell: Callable[[DhtEvent], None],
        ignore: Callable[[str], None],
    ) -> None:
        self._settings, self.table, self.density, self._asker = settings, table, density, asker
        self._is_own, self._ended, self._tell, self._ignore = own, ended, tell, ignore
        self.want: tuple[bytes, ...] = ()
        self._searches: dict[int, DhtSearch] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._searches)

    def reserved(self) -> int:
        """A number that no search has had, for one that is to start."""
        self._last_number += 1
        return self._last_number

    def start(
        self,
        kind: DhtSearchKind,
        target: int,
        now: float,
        salt: bytes = b"",
        number: int | None = None,
        kept: ImmutableItem | MutableItem | Iterable[Address] = (),
        named: Iterable[Contact] = (),
    ) -> int:
        """Starts a search, which ends at once if there is nobody to ask.

        Args:
            kind: what it is for.
            target: an id, an info_hash, or the target of an item.
            now: the time, in seconds.
            salt: of a mutable item.
            number: what `reserved` gave; None for a new one.
            kept: what we keep ourselves, an item or peers.
            named: whom to ask if our table is empty.

        Returns:
            Its number.

        Raises:
            UsageError: the target is no number of 160 bits.
        """
        if target < 0 or target >> BITS:
            raise UsageError(f"a target is an id, from 0 to 2**{BITS} - 1")
        number = self.reserved() if number is None else number
        search = DhtSearch(number, kind, self._lookup(kind, target, self._settings.k, named), salt)
        self._searches[search.number] = search
        if isinstance(kept, ImmutableItem | MutableItem):
            search.item = kept
        else:
            self.found(search, kept, None)
        if target != self.table.own_id:
            self.table.bucket_of(target).looked_up = now
        self._advance(search, now)
        return search.number

    def stop(self, number: int) -> None:
        """Drops a search: nobody waits for it any more."""
        self._searches.pop(number, None)

    def answered(self, step: Step, response: KrpcResponse, now: float) -> bool:
        """A node that a search asked has answered.

        Returns:
            Whether the answer was an honest one, as far as can be checked: if not, its sender is a liar.
        """
        search = self._searches.get(step.search)
        if search is None:
            return True
        teller = step.contact.address
        if search.kind in OF_PEERS:
            self.found(search, response.peers, teller)
        is_honest = search.kind not in OF_ITEMS or self._take(search, response)
        if not is_honest:
            self._ignore("an item that is none")
            search.lookup.failed(step.contact.id)
        else:
            if response.token is not None:
                search.tokens[step.contact.id] = response.token
            search.lookup.answered(step.contact, self.named(response, teller))
            if search.kind is DhtSearchKind.ITEM and isinstance(search.item, ImmutableItem):  # rule 2
                self._end(search, now)
                return True
        self._advance(search, now)
        return is_honest

    def failed(self, step: Step, now: float) -> None:
        """A node that a search asked did not answer, or with an error."""
        search = self._searches.get(step.search)
        if search is not None:
            search.lookup.failed(step.contact.id)
            self._advance(search, now)

    def of(self, number: int) -> DhtSearch:
        """The search with a number, which has not ended."""
        return self._searches[number]

    # What a response holds --------------------------------------------------------------------------------

    def found(self, search: DhtSearch, peers: Iterable[Address], teller: Address | None) -> None:
        """Reports the peers that are new to a search. Rule 1.

        Args:
            search: which one.
            peers: those that were named.
            teller: who named them; None if they are kept here.
        """
        fresh = []
        for peer in peers:
            if teller is not None and not acceptable(peer, teller):
                self._ignore("address of no peer")
            elif peer not in search.peers and len(search.peers) < MAX_PEERS:
                search.peers.add(peer)
                fresh.append(peer)
        if fresh and search.kind is DhtSearchKind.PEERS:
            self._tell(DhtPeers(search.number, search.lookup.target, tuple(fresh), teller))

    def _take(self, search: DhtSearch, response: KrpcResponse) -> bool:
        """Keeps the item in a response if it is better than what we have; False if it is a lie. Rule 2."""
        if response.value is None:
            return True
        target, best = search.lookup.target.to_bytes(20, "big"), search.item
        try:
            if response.key is None or response.seq is None or response.signature is None:
                search.item = items.answered_immutable(target, response.value)
                return True
            if items.target_of(response.key, search.salt) != target:
                self._ignore("an item of another key or salt")  # no lie, if we were given the wrong salt
                return True
            item = items.answered_mutable(
                target, search.salt, response.key, response.seq, response.value, response.signature
            )
        except (RemoteError, UsageError):
            return False
        if not isinstance(best, MutableItem) or item.seq > best.seq:
            search.item = item
        return True

    def named(self, response: KrpcResponse, teller: Address) -> list[Contact]:
        """The contacts in a response that may be asked. Rule 5."""
        ours, others = response.nodes or (), response.nodes6 or ()
        if is_ipv6(teller):
            ours, others = others, ours
        if others and self.want:
            self._tell(OtherFamily(others[: self._settings.k]))  # as many as `Lookup` takes of ours
        return [contact for contact in ours if self.may_ask(contact)]

    def may_ask(self, contact: Contact) -> bool:
        """Whether a contact that somebody has named is another node. Rule 5."""
        if contact.id == self.table.own_id or self._is_own(contact.address):
            return False
        if self._settings.enforces_ids and not node_id.is_of(contact.id, contact.address[0]):
            self._ignore("id not of its address")
            return False
        return True

    # How a search goes on ---------------------------------------------------------------------------------

    def _lookup(self, kind: DhtSearchKind, target: int, width: int, named: Iterable[Contact] = ()) -> Lookup:
        settings, table = self._settings, self.table
        seeds = table.closest(target, width)
        seeds = seeds or table.closest(target, width, doubtful=True)  # our own link may have been down
        seeds = seeds or list(named)
        paths = settings.paths if kind in FOR_KEYS else 1
        return Lookup(
            target,
            seeds,
            own_id=table.own_id,
            bits=BITS,
            k=width,
            alpha=settings.alpha,
            paths=paths,
            max_queries=None if width == settings.k else WIDE_QUERIES_PER_K * width,
        )

    def _advance(self, search: DhtSearch, now: float) -> None:
        lookup, want = search.lookup, self.want
        for contact in lookup.next():
            step = Step(search.number, contact)
            if search.kind in OF_PEERS:
                ask = self._asker.ask
                ask(GetPeersQuery, contact.address, step, now, info_hash=lookup.target, want=want)
            else:
                kind = GetQuery if search.kind in OF_ITEMS else FindNodeQuery
                self._asker.ask(kind, contact.address, step, now, target=lookup.target, want=want)
        if lookup.done:
            self._finish(search, now)

    def _finish(self, search: DhtSearch, now: float) -> None:
        """Nobody is left to ask."""
        lookup = search.lookup
        if search.kind in STORING and lookup.ask_again(self._settings.k):  # rule 4
            self._advance(search, now)
            return
        if search.kind in FOR_KEYS and self.density.must_widen(lookup):  # rule 3
            search.lookup = self._lookup(search.kind, lookup.target, WIDER * lookup.k)
            self._advance(search, now)
            return
        self.density.looked_up(lookup)
        self._end(search, now)

    def _end(self, search: DhtSearch, now: float) -> None:
        del self._searches[search.number]
        self._ended(search, now)
