"""Deliveries: the second half of an announcement or a put. A machine part.

A search has found the nodes nearest to a key; now each of them is asked to keep something.

Rules
    1. Only a node whose token we have is asked, for any other would refuse.
    2. When each has answered or failed, it is over, and an event says how many nodes have accepted it. If
       some refused, it says what the last one said. If it is that another version is there, ours is no longer
       delivered again.
    3. What is ours is delivered again in time (`publish_again`), until `forget`. After joining, all of it is,
       one after the other.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from p2plib.discovery.mainline.asking import KrpcAsker
from p2plib.discovery.mainline.items import ImmutableItem, MutableItem
from p2plib.discovery.mainline.messages import CAS_MISMATCH, OLD_SEQ, AnnounceQuery, PutQuery
from p2plib.discovery.mainline.parts import DhtEvent, DhtSettings, DhtStored, DhtTimer
from p2plib.discovery.mainline.searches import DhtSearch, DhtSearches, DhtSearchKind
from p2plib.machine.addresses import Contact
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.asking import Copy

COPY_TRIES = 2
JITTER = 0.1  # so that what was announced together is not announced together forever
PUBLISH_PACE_S = 0.25


@dataclass(frozen=True, slots=True)
class Announcement:
    """That we are a peer.

    Args:
        info_hash: for what.
        port: where the peer listens.
        implied_port: whether nodes are to take the port that our queries come from instead.
    """

    info_hash: int
    port: int
    implied_port: bool = False

    @property
    def key(self) -> int:
        """Where it is stored."""
        return self.info_hash


@dataclass(frozen=True, slots=True)
class Item:
    """An item of ours.

    Args:
        item: the item, which is valid.
        cas: the number of the version that it replaces; None for any.
    """

    item: ImmutableItem | MutableItem
    cas: int | None = None

    @property
    def key(self) -> int:
        """Where it is stored."""
        return int.from_bytes(self.item.target, "big")


Goods = Announcement | Item


@dataclass(slots=True)
class Delivery:
    """One that is under way: what it has come to so far, and who has not answered yet."""

    number: int
    goods: Goods
    queries: int
    copies: int = 0
    asked: int = 0
    code: int | None = None
    sentence: str = ""
    awaited: set[Contact] = field(default_factory=set)


class Deliveries:
    """What one node has others keep.

    Args:
        settings: how often it is delivered again.
        rng: draws the jitter.
        timers: those of the machine.
        searches: look for the nodes that are to keep it.
        asker: sends it to them.
        tell: reports `DhtStored`.

    Attributes:
        ours: what is delivered again and again, by key.
    """

    def __init__(
        self,
        settings: DhtSettings,
        rng: random.Random,
        timers: Timers[DhtTimer],
        searches: DhtSearches,
        asker: KrpcAsker,
        tell: Callable[[DhtEvent], None],
    ) -> None:
        self._settings, self._rng, self._timers = settings, rng, timers
        self._searches, self._asker, self._tell = searches, asker, tell
        self.ours: dict[int, Goods] = {}
        self._waiting: dict[int, Goods] = {}  # by the number of the search that looks for the nodes
        self._under_way: dict[int, Delivery] = {}

    def publish(self, goods: Goods, now: float) -> int:
        """Delivers something now and, as long as it is ours, again in time.

        Returns:
            The number of the event `DhtStored` that follows.
        """
        self.ours[goods.key] = goods
        return self._begin(goods, now)

    def forget(self, key: int) -> None:
        """Stops delivering what is under a key; nodes that have it forget it when its time is over."""
        self.ours.pop(key, None)
        self._timers.cancel(DhtTimer.PUBLISH, key)

    def publish_again(self, key: int, now: float) -> None:
        """It is time to deliver this once more. Rule 3."""
        goods = self.ours.get(key)
        if isinstance(goods, Item) and goods.cas is not None:
            goods = self.ours[key] = Item(goods.item)  # what it was to replace, it has replaced
        if goods is not None:
            self._begin(goods, now)

    def joined(self, now: float) -> None:
        """Nodes are known now: delivers all that is ours. Rule 3."""
        for number, key in enumerate(self.ours, 1):
            self._timers.set(DhtTimer.PUBLISH, now + number * PUBLISH_PACE_S, key)

    def _begin(self, goods: Goods, now: float) -> int:
        is_item = isinstance(goods, Item)
        pause_s = self._settings.put_s if is_item else self._settings.announce_s
        again_s = pause_s * self._rng.uniform(1 - JITTER, 1)
        self._timers.set(DhtTimer.PUBLISH, now + again_s, goods.key)
        salt = goods.item.salt if isinstance(goods, Item) and isinstance(goods.item, MutableItem) else b""
        kind = DhtSearchKind.PUT if is_item else DhtSearchKind.ANNOUNCE
        number = self._searches.reserved()
        self._waiting[number] = goods  # before the search begins, which may end at once
        return self._searches.start(kind, goods.key, now, salt, number)

    def send(self, search: DhtSearch, now: float) -> None:
        """A search has found the nodes: asks each of them. Rule 1."""
        goods = self._waiting.pop(search.number)
        nearest = [contact for contact in search.lookup.closest if search.tokens.get(contact.id)]
        delivery = Delivery(search.number, goods, search.lookup.queries, asked=len(nearest))
        self._under_way[search.number] = delivery
        delivery.awaited = set(nearest)
        for contact in nearest:
            self._hand_over(goods, contact, search, now)
        if not nearest:
            self._done(delivery)

    def _hand_over(self, goods: Goods, contact: Contact, search: DhtSearch, now: float) -> None:
        copy, token = Copy(search.number, contact), search.tokens[contact.id]
        arguments: dict[str, object] = {"token": token}
        tries = COPY_TRIES
        if isinstance(goods, Announcement):
            kind: Callable[..., object] = AnnounceQuery
            arguments |= {"info_hash": goods.info_hash, "port": goods.port}
            arguments |= {"implied_port": goods.implied_port}
        else:
            kind = PutQuery
            arguments |= {"value": goods.item.value}
            if isinstance(goods.item, MutableItem):
                item = goods.item
                arguments |= {"key": item.public_key, "salt": item.salt, "seq": item.seq}
                arguments |= {"signature": item.signature, "cas": goods.cas}
                if goods.cas is not None:
                    tries = 1  # a second one would be refused if the first has arrived
        self._asker.ask(kind, contact.address, copy, now, tries, **arguments)

    def over(self, copy: Copy, is_kept: bool, code: int | None = None, sentence: str = "") -> None:
        """One node has accepted it, has refused it with a code, or has not answered. Rule 2."""
        delivery = self._under_way.get(copy.put)
        if delivery is None or copy.contact not in delivery.awaited:
            return
        delivery.awaited.discard(copy.contact)
        delivery.copies += is_kept
        if code is not None and delivery.code not in (CAS_MISMATCH, OLD_SEQ):
            delivery.code, delivery.sentence = code, _shown(sentence)
        if not delivery.awaited:
            self._done(delivery)

    def _done(self, delivery: Delivery) -> None:
        del self._under_way[delivery.number]
        key = delivery.goods.key
        if delivery.code in (CAS_MISMATCH, OLD_SEQ) and self._is_ours(delivery.goods):
            self.forget(key)
        found = delivery.copies, delivery.asked, delivery.queries, delivery.code, delivery.sentence
        self._tell(DhtStored(delivery.number, key, *found))

    def _is_ours(self, goods: Goods) -> bool:
        """Whether it is still this that is delivered again: a newer version may have taken its place."""
        kept = self.ours.get(goods.key)
        return kept == goods or (
            isinstance(kept, Item) and isinstance(goods, Item) and kept.item == goods.item
        )


def _shown(sentence: str) -> str:
    """What a stranger says, without what would move the cursor of a terminal or begin a line of a log."""
    return "".join(char if char.isprintable() else "\ufffd" for char in sentence)
