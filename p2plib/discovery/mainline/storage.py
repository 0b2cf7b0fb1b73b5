"""Storage: what a Mainline node keeps for others, for how long, and how much of it. Machine parts.

BEP 5 is about peers, BEP 44 about items. A node stores whatever a stranger with a valid token asks it to. So
everything runs out by itself, and each store has room for so much and no more: of one key, of one network,
and in all.

Rules
    1. A peer is forgotten half an hour after it announced itself, an item two hours after it was last put.
       Whoever wants them kept says so again in time.
    2. The addresses of one /24, or of one /48 in IPv6, count as one host, because one attacker gets all of
       them. A host has a share of each store; beyond it, its own oldest entry makes room.
    3. Where a key has as many peers as it may, the network that has the most of them makes room.
    4. With no room in all, the key that is farthest from our own id goes: nearer nodes keep it, too. A key
       that would itself be the farthest is refused.
    5. An item is replaced by a higher seq only, and if a cas is given, only if it is the seq that is here.
       The same item again is kept for two hours more.

Vocabulary::

    key       an info_hash or a target, 20 bytes
    share     how many entries of a store one host may have
    entry     one peer under one info_hash, or one item
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from p2plib.discovery.mainline.items import (
    CAS_MISMATCH,
    SEQ_TOO_LOW,
    SERVER_ERROR,
    ImmutableItem,
    MutableItem,
    PutRefused,
    verify,
)
from p2plib.machine.addresses import Address, network_of

PEER_EXPIRE_S = 1800.0  # BEP 5 leaves it open; clients announce every 15 minutes or so
REANNOUNCE_S = 900.0
ITEM_EXPIRE_S = 7200.0  # BEP 44: items "MAY expire in 2 hours", and are put again "once an hour"
REPUBLISH_S = 3600.0

MAX_HASHES = 2000  # with MAX_PEERS_OF_HASH each, some 40 MB in Python at the very most
MAX_PEERS_OF_HASH = 200
MAX_PEERS_OF_HOST = 256
MAX_PEERS_TOLD = 50  # in one response: 400 bytes of it, and more than anybody dials at once
MAX_ITEMS = 2000
MAX_ITEMS_OF_HOST = 128


class _Shares:
    """How many entries each host has, and which is its oldest."""

    def __init__(self) -> None:
        self._of: dict[bytes, dict[tuple[bytes, Address | None], None]] = {}

    def add(self, host: str, key: bytes, address: Address | None = None) -> None:
        """Notes an entry as the newest of its host."""
        entries = self._of.setdefault(network_of(host), {})
        entries.pop((key, address), None)
        entries[key, address] = None

    def remove(self, host: str, key: bytes, address: Address | None = None) -> None:
        """Forgets an entry."""
        network = network_of(host)
        entries = self._of[network]
        del entries[key, address]
        if not entries:
            del self._of[network]

    def beyond(self, host: str, share: int) -> tuple[bytes, Address | None] | None:
        """The oldest entry of a host that has more than its share."""
        entries = self._of.get(network_of(host), {})
        return next(iter(entries)) if len(entries) > share else None


class _Farthest:
    """Which of many keys is the farthest from an id: looked for once for each that is put out."""

    def __init__(self, own_id: int) -> None:
        self._own_id = own_id
        self._known: bytes | None = None

    def of(self, keys: Collection[bytes]) -> bytes:
        """The farthest of these keys, of which there is at least one."""
        if self._known not in keys:
            self._known = max(keys, key=self.distance)
        assert self._known is not None
        return self._known

    def distance(self, key: bytes) -> int:
        """How far a key is from the id."""
        return int.from_bytes(key, "big") ^ self._own_id

    def added(self, key: bytes) -> None:
        """Notes a new key."""
        if self._known is not None and self.distance(key) > self.distance(self._known):
            self._known = key


class PeerStorage:
    """Peers by info_hash.

    Args:
        own_id: the node's id.
        max_hashes: how many info_hashes in all.
        max_of_hash: how many peers of one info_hash.
        max_of_host: how many entries of one host.
    """

    def __init__(
        self,
        own_id: int,
        *,
        max_hashes: int = MAX_HASHES,
        max_of_hash: int = MAX_PEERS_OF_HASH,
        max_of_host: int = MAX_PEERS_OF_HOST,
    ) -> None:
        self.max_hashes, self.max_of_hash, self.max_of_host = max_hashes, max_of_hash, max_of_host
        self._kept: dict[bytes, dict[Address, float]] = {}  # until when, the oldest announce first
        self._shares = _Shares()
        self._farthest = _Farthest(own_id)

    def __len__(self) -> int:
        """How many info_hashes there are."""
        return len(self._kept)

    def moved(self, own_id: int) -> None:
        """Our node has a new id, and from now on that is what keys are near to or far from."""
        self._farthest = _Farthest(own_id)

    def info_hashes(self) -> list[bytes]:
        """All info_hashes with a peer that was not seen to have expired."""
        return list(self._kept)

    def announce(self, info_hash: bytes, address: Address, now: float) -> None:
        """Keeps a peer; one that is kept already is kept for longer.

        Args:
            info_hash: 20 bytes.
            address: the host that announced, and the port that it named.
            now: the time, in seconds.

        Raises:
            PutRefused: 202, there is no room, and the key is farther from our id than all that we have.
        """
        peers = self._kept.get(info_hash)
        if peers is None:
            self._make_room(info_hash, now)
            peers = self._kept[info_hash] = {}
            self._farthest.added(info_hash)
        peers.pop(address, None)
        peers[address] = now + PEER_EXPIRE_S
        self._shares.add(address[0], info_hash, address)
        if len(peers) > self.max_of_hash:
            self._drop(info_hash, self._one_too_many(peers))
        beyond = self._shares.beyond(address[0], self.max_of_host)
        if beyond is not None and beyond[1] is not None:
            self._drop(beyond[0], beyond[1])

    def peers(
        self, info_hash: bytes, now: float, rng: random.Random, limit: int = MAX_PEERS_TOLD
    ) -> list[Address]:
        """Some of the peers of an info_hash, at random, so that all of them are found by somebody.

        Args:
            info_hash: 20 bytes.
            now: the time, in seconds.
            rng: which ones.
            limit: how many at most.
        """
        self._expire(info_hash, now)
        peers = list(self._kept.get(info_hash, ()))
        return rng.sample(peers, limit) if len(peers) > limit else peers

    def forget_expired(self, now: float) -> None:
        """Lets go of all peers that have expired; once a minute is enough, because nobody is told of them."""
        for info_hash in list(self._kept):
            self._expire(info_hash, now)

    def _make_room(self, info_hash: bytes, now: float) -> None:
        if len(self._kept) < self.max_hashes:
            return
        farthest = self._farthest.of(self._kept)
        if self._farthest.distance(info_hash) > self._farthest.distance(farthest):
            self.forget_expired(now)
            if len(self._kept) >= self.max_hashes:
                raise PutRefused(SERVER_ERROR, "no room: all that is here is nearer to this node")
            return
        for address in list(self._kept[farthest]):
            self._drop(farthest, address)

    def _expire(self, info_hash: bytes, now: float) -> None:
        for address, expires in list(self._kept.get(info_hash, {}).items()):
            if expires > now:
                break  # those that follow were announced later
            self._drop(info_hash, address)

    def _drop(self, info_hash: bytes, address: Address) -> None:
        peers = self._kept[info_hash]
        del peers[address]
        if not peers:
            del self._kept[info_hash]
        self._shares.remove(address[0], info_hash, address)

    @staticmethod
    def _one_too_many(peers: dict[Address, float]) -> Address:
        """The oldest peer of the network with the most of them. Rule 3."""
        networks = Counter(network_of(address[0]) for address in peers)
        most = max(networks.values())
        return next(address for address in peers if networks[network_of(address[0])] == most)


@dataclass(slots=True)
class KeptItem:
    """An item that we keep.

    Args:
        item: the item, verified.
        host: where this version came from.
        expires: until when.
    """

    item: ImmutableItem | MutableItem
    host: str
    expires: float


class ItemStorage:
    """Items by target.

    Args:
        own_id: the node's id.
        max_items: how many in all.
        max_of_host: how many of one host.
    """

    def __init__(
        self, own_id: int, *, max_items: int = MAX_ITEMS, max_of_host: int = MAX_ITEMS_OF_HOST
    ) -> None:
        self.max_items, self.max_of_host = max_items, max_of_host
        self._kept: dict[bytes, KeptItem] = {}
        self._shares = _Shares()
        self._farthest = _Farthest(own_id)

    def __len__(self) -> int:
        return len(self._kept)

    def moved(self, own_id: int) -> None:
        """Our node has a new id, and from now on that is what keys are near to or far from."""
        self._farthest = _Farthest(own_id)

    def targets(self) -> list[bytes]:
        """The targets of all items that were not seen to have expired."""
        return list(self._kept)

    def put(self, item: ImmutableItem | MutableItem, host: str, now: float, cas: int | None = None) -> None:
        """Keeps an item if the rules allow it.

        Args:
            item: the item, as it came.
            host: where it came from; its token has been looked at.
            now: the time, in seconds.
            cas: the seq that it is to replace, if its publisher named one.

        Raises:
            PutRefused: 203, 205, 206 or 207 as `verify` has it; 301 for a cas that is not the seq that is
                here; 302 for a seq that is too low; 202 where there is no room.
        """
        kept = self._current(item.target, now)
        if kept is None or kept.item != item:
            verify(item)
        if kept is not None and isinstance(item, MutableItem) and isinstance(kept.item, MutableItem):
            _check_order(item, kept.item, cas)
        if kept is not None and kept.item == item:
            kept.expires = now + ITEM_EXPIRE_S
            if network_of(host) == network_of(kept.host):
                self._shares.add(kept.host, item.target)
            return
        if kept is not None:
            self._drop(item.target)
        self._make_room(item.target, now)
        self._kept[item.target] = KeptItem(item, host, now + ITEM_EXPIRE_S)
        self._farthest.added(item.target)
        self._shares.add(host, item.target)
        beyond = self._shares.beyond(host, self.max_of_host)
        if beyond is not None:
            self._drop(beyond[0])

    def get(self, target: bytes, now: float) -> ImmutableItem | MutableItem | None:
        """The item of a target, if we have it."""
        kept = self._current(target, now)
        return None if kept is None else kept.item

    def forget_expired(self, now: float) -> None:
        """Lets go of all items that have expired; once a minute is enough, because nobody is told of them."""
        for target in list(self._kept):
            self._current(target, now)

    def _current(self, target: bytes, now: float) -> KeptItem | None:
        kept = self._kept.get(target)
        if kept is not None and kept.expires <= now:
            self._drop(target)
            return None
        return kept

    def _make_room(self, target: bytes, now: float) -> None:
        if len(self._kept) < self.max_items:
            return
        farthest = self._farthest.of(self._kept)
        if self._farthest.distance(target) > self._farthest.distance(farthest):
            self.forget_expired(now)
            if len(self._kept) >= self.max_items:
                raise PutRefused(SERVER_ERROR, "no room: all that is here is nearer to this node")
            return
        self._drop(farthest)

    def _drop(self, target: bytes) -> None:
        self._shares.remove(self._kept.pop(target).host, target)


def _check_order(new: MutableItem, kept: MutableItem, cas: int | None) -> None:
    """Rule 5."""
    if cas is not None and cas != kept.seq:
        raise PutRefused(CAS_MISMATCH, f"the seq here is {kept.seq}, not {cas}: read again")
    if new.seq < kept.seq:
        raise PutRefused(SEQ_TOO_LOW, f"seq {new.seq} is less than {kept.seq}, which is here")
    if new.seq == kept.seq and new != kept:
        raise PutRefused(SEQ_TOO_LOW, f"seq {new.seq} is here already, with another value")
