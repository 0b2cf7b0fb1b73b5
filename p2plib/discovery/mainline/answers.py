"""Answers: what a node of the Mainline DHT says when it is asked. A machine part.

Rules
    1. Whoever asks for a target is told the contacts nearest to it, without the asker itself: a node that is
       handed its own contact asks itself. They are of our family, or of those that the asker wants, as far as
       we know any (BEP 32).
    2. A query that we do not know is answered as `find_node` if it has a target (BEP 5), otherwise with the
       error 204.
    3. Nothing is stored for a node that does not show a token which we gave to its host in the last minutes
       (F071). Whether its id belongs to its address does not matter here: BEP 42 is about whom we let store
       something for us, and has every question answered.
    4. What is stored, how long and how much, is the business of `p2plib.discovery.mainline.storage`; its
       refusals become errors (BEP 44).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import assert_never

from p2plib.discovery.mainline.compact import id_bytes
from p2plib.discovery.mainline.items import ImmutableItem, MutableItem, PutRefused
from p2plib.discovery.mainline.messages import (
    METHOD_UNKNOWN,
    PROTOCOL,
    VERSION,
    WANT_IPV4,
    WANT_IPV6,
    AnnounceQuery,
    AnyQuery,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcResponse,
    PingQuery,
    PutQuery,
    SampleQuery,
    UnknownQuery,
)
from p2plib.discovery.mainline.parts import DhtSettings
from p2plib.discovery.mainline.samples import Samples
from p2plib.discovery.mainline.storage import ItemStorage, PeerStorage
from p2plib.discovery.mainline.tokens import Tokens
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.table import RoutingTable


class Answers:
    """What one node knows and keeps for others.

    Args:
        table: the contacts that it knows.
        settings: k, and whether ids are enforced.
        rng: draws secrets and samples.
        is_ipv6: which family is ours.

    Attributes:
        table: see above.
        other: the contacts near a target of our node in the network of the other family, if we have one.
        peers: what was announced here.
        items: what was put here.
        tokens: those that we give.
    """

    def __init__(self, table: RoutingTable, settings: DhtSettings, rng: random.Random, is_ipv6: bool) -> None:
        self.table, self._settings, self._rng = table, settings, rng
        self._ours, self._theirs = (WANT_IPV6, WANT_IPV4) if is_ipv6 else (WANT_IPV4, WANT_IPV6)
        self.other: Callable[[int, int], list[Contact]] | None = None
        self.tokens = Tokens(rng.randbytes)
        self.peers, self.items = PeerStorage(table.own_id), ItemStorage(table.own_id)
        self.samples = Samples(self.peers, rng)

    def moved(self, table: RoutingTable) -> None:
        """Our node has a new id, and so a new table."""
        self.table = table
        self.peers.moved(table.own_id)
        self.items.moved(table.own_id)

    def answer(self, query: AnyQuery, sender: Contact, now: float) -> KrpcResponse | KrpcError:
        """What to answer.

        Args:
            query: what was asked.
            sender: who asked, if the datagram is not forged.
            now: the time, in seconds.
        """
        try:
            response = self._answer(query, sender, now)
        except PutRefused as refusal:
            return KrpcError(
                query.transaction, refusal.code, refusal.sentence, sender.address, version=VERSION
            )
        response.observed = sender.address
        return response

    def _answer(self, query: AnyQuery, sender: Contact, now: float) -> KrpcResponse:
        response = KrpcResponse(query.transaction, self.table.own_id, version=VERSION)
        match query:
            case PingQuery():
                return response
            case FindNodeQuery():
                self._name(response, query.target, query.want, sender)
            case GetPeersQuery():
                self._name(response, query.info_hash, query.want, sender)
                response.token = self.tokens.token_for(sender.address[0], now)
                response.peers = tuple(self.peers.peers(id_bytes(query.info_hash), now, self._rng))
            case AnnounceQuery():
                self._may_store(query.token, sender, now)
                host, port = sender.address
                port = port if query.implied_port else query.port
                self.peers.announce(id_bytes(query.info_hash), (host, port), now)
            case GetQuery():
                self._name(response, query.target, query.want, sender)
                response.token = self.tokens.token_for(sender.address[0], now)
                self._item(response, query, now)
            case PutQuery():
                self._may_store(query.token, sender, now)
                self.items.put(_item_of(query), sender.address[0], now, query.cas)
            case SampleQuery():
                self._name(response, query.target, query.want, sender)
                sample = self.samples.sample(now)
                response.samples = tuple(int.from_bytes(one, "big") for one in sample.info_hashes)
                response.interval, response.total = sample.interval_s, sample.num
            case UnknownQuery():  # rule 2
                if query.target is None:
                    name = query.method[:32].decode(errors="replace")
                    raise PutRefused(METHOD_UNKNOWN, f"no such query: {name}")
                self._name(response, query.target, query.want, sender)
            case _:
                assert_never(query)
        return response

    def _name(self, response: KrpcResponse, target: int, want: tuple[bytes, ...], sender: Contact) -> None:
        """Names the contacts near a target. Rule 1."""
        k, ours, theirs = self._settings.k, None, None
        if not want or self._ours in want:
            ours = tuple(self.table.closest(target, k, without=sender.id))
        if self.other is not None and self._theirs in want:
            theirs = tuple(self.other(target, k))
        response.nodes, response.nodes6 = (theirs, ours) if self._ours == WANT_IPV6 else (ours, theirs)

    def _item(self, response: KrpcResponse, query: GetQuery, now: float) -> None:
        item = self.items.get(id_bytes(query.target), now)
        if isinstance(item, ImmutableItem):
            response.value = item.value
        elif isinstance(item, MutableItem):
            response.seq = item.seq
            if query.seq is None or item.seq > query.seq:
                response.value, response.key, response.signature = (
                    item.value,
                    item.public_key,
                    item.signature,
                )

    def _may_store(self, token: bytes, sender: Contact, now: float) -> None:
        """Returns if something may be stored for this node. Rule 3."""
        if not self.tokens.holds(token, sender.address[0], now):
            raise PutRefused(PROTOCOL, "bad token: ask first")


def _item_of(query: PutQuery) -> ImmutableItem | MutableItem:
    if query.key is None:
        return ImmutableItem(query.value)
    if query.seq is None or query.signature is None:
        raise PutRefused(PROTOCOL, "put: with k there are seq and sig")
    return MutableItem(query.key, query.salt, query.seq, query.value, query.signature)
