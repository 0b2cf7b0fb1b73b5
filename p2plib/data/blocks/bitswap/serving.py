"""What peers want of us, and what they get in which order: the side of an exchange that serves. A machine.

Rules
    1. A want is kept until the block was sent, the peer cancels it, or the peer leaves. So a block that comes
       later is sent then. Wants match by multihash, and the block goes under the CID that was asked for.
    2. Of one peer `max_wants_kept` are kept. Those beyond are dropped; where that is true, we still say that
       we lack the block. Whoever floods us with wants spoils its own.
    3. A peer that wants to know whether we have a block gets the block if it is small (`inline_bytes`): that
       takes no more than the answer and the question that would follow.
    4. Nothing is read from the store before the peer's last message is gone. So a peer that does not read
       costs us its list of wants and one message; and each peer is served at its own pace, a message at a
       time, so that nobody with a thousand wants delays somebody with one.
    5. What the store cannot give, because it is damaged or closed, is as good as what it lacks. The peer is
       told so, its want is kept, and the block is sent when it was fetched anew.
    6. Within a peer's list the highest priority comes first, then what was wanted first. What takes no room
       (that we have a block, or lack it) comes before blocks.

Vocabulary::

    due    a want to which there is an answer that was not sent yet
    line   one entry of a list of wants
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from p2plib.data.blocks.bitswap.events import DEFAULT_LIMITS, BitswapLimits
from p2plib.data.blocks.bitswap.messages import (
    MAX_ENTRIES,
    BitswapMessage,
    BlockPresence,
    Payload,
    Presence,
    WantEntry,
    WantKind,
    payload_of,
)
from p2plib.data.blocks.bitswap.remote import Ledger
from p2plib.data.blocks.store import BlockStore
from p2plib.errors import Closed, NotFound, StoreError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

MAX_PRESENCES = 1024  # of one message


@dataclass(slots=True)
class Customer:
    """One peer, as the side that serves sees it.

    Attributes:
        ledger: what went between us.
        wants: what it wants of us, the oldest first.
        due: how many bytes each answer takes that is to be sent; 0 for one that is no block.
        lacking: what it is to be told that we do not have.
    """

    ledger: Ledger
    wants: dict[Multihash, WantEntry] = field(default_factory=dict)
    due: dict[Multihash, int] = field(default_factory=dict)
    lacking: dict[Multihash, Cid] = field(default_factory=dict)

    def forget(self, key: Multihash) -> None:
        """It does not want a block any more."""
        for part in (self.wants, self.due, self.lacking):
            part.pop(key, None)


class Serving:
    """The wants of all peers, and the store that they are served from.

    Args:
        store: where the blocks are.
        limits: what it may cost.

    Attributes:
        dropped: how many wants were dropped by rule 2.
    """

    def __init__(self, store: BlockStore, limits: BitswapLimits = DEFAULT_LIMITS) -> None:
        self.store = store
        self.limits = limits
        self.dropped = 0
        self._customers: dict[str, Customer] = {}

    def joined(self, name: str, ledger: Ledger | None = None) -> None:
        """A peer is there.

        Args:
            name: its peer id.
            ledger: where to count what goes between us.
        """
        self._customers[name] = Customer(ledger or Ledger())

    def left(self, name: str) -> None:
        """A peer is gone, and its wants with it."""
        self._customers.pop(name, None)

    def wants_of(self, name: str) -> tuple[WantEntry, ...]:
        """What a peer wants of us, the oldest first; nothing, if it is not here."""
        customer = self._customers.get(name)
        return () if customer is None else tuple(customer.wants.values())

    def receive(self, name: str, message: BitswapMessage) -> None:
        """A peer says what it wants, and what it does not want any more."""
        customer = self._customers[name]
        if message.is_full:
            for part in (customer.wants, customer.due, customer.lacking):
                part.clear()
        for line in message.wants:
            if line.is_cancel:
                customer.forget(line.cid.multihash)
            else:
                self._take_want(customer, line)

    def _take_want(self, customer: Customer, line: WantEntry) -> None:
        key = line.cid.multihash
        before = customer.wants.get(key)
        if before is not None and before.kind is WantKind.BLOCK and line.kind is WantKind.HAVE:
            return  # it wants the block already, which says more
        size = self._size(line.cid)
        is_known = before is not None
        if not is_known and len(customer.wants) >= self.limits.max_wants_kept:
            self.dropped += 1
            if size is None and line.asks_dont_have and len(customer.lacking) < self.limits.max_wants_kept:
                customer.lacking[key] = line.cid
            return
        customer.forget(key)
        customer.wants[key] = line
        if size is not None:
            self._make_due(customer, key, line, size)
        elif line.asks_dont_have:
            customer.lacking[key] = line.cid

    def _size(self, cid: Cid) -> int | None:
        """How large a block is; None if we do not have it."""
        if cid.multihash.code == multicodec.IDENTITY:
            return None  # its holder has it already
        try:
            return self.store.size(cid)
        except (NotFound, StoreError, Closed):
            return None

    def _make_due(self, customer: Customer, key: Multihash, line: WantEntry, size: int) -> None:
        is_block = line.kind is WantKind.BLOCK or size <= self.limits.inline_bytes
        customer.lacking.pop(key, None)
        customer.due[key] = max(1, size) if is_block else 0

    def stored(self, cids: Iterable[Cid]) -> list[str]:
        """Blocks are in the store now that were not before; returns the peers that want some of them."""
        found: dict[str, None] = {}
        for cid in cids:
            size: int | None = None
            for name, customer in self._customers.items():
                line = customer.wants.get(cid.multihash)
                if line is not None:
                    size = self._size(cid) if size is None else size
                    if size is not None:
                        self._make_due(customer, cid.multihash, line, size)
                        found[name] = None
        return list(found)

    def has_answers(self, name: str) -> bool:
        """Whether something is to be sent to a peer."""
        customer = self._customers[name]
        return bool(customer.due or customer.lacking)

    def take_answers(self, name: str) -> tuple[tuple[Payload, ...], tuple[BlockPresence, ...], int]:
        """What is to be sent to a peer next; it counts as sent.

        Returns:
            Blocks, what we have and lack, and how many bytes of blocks still wait.
        """
        customer = self._customers[name]
        presences: list[BlockPresence] = []
        for key in [key for key, size in customer.due.items() if not size][:MAX_PRESENCES]:
            presences.append(BlockPresence(customer.wants[key].cid, Presence.HAVE))
            customer.forget(key)
        payload = self._take_blocks(customer)
        lacking = list(customer.lacking)[: MAX_PRESENCES - len(presences)]
        presences += [BlockPresence(customer.lacking.pop(key), Presence.DONT_HAVE) for key in lacking]
        return tuple(payload), tuple(presences), min(2**31 - 1, sum(customer.due.values()))

    def _take_blocks(self, customer: Customer) -> list[Payload]:
        """Blocks for one message, as many as fit; the first one always does."""
        order = heapq.nsmallest(
            self.limits.message_bytes // max(1, min(customer.due.values(), default=1)) + 1,
            (
                (-customer.wants[key].priority, number, key)
                for number, (key, size) in enumerate(customer.due.items())
                if size
            ),
            key=lambda each: each[:2],
        )
        payload: list[Payload] = []
        room = self.limits.message_bytes
        for _, _, key in order:
            size, line = customer.due[key], customer.wants[key]
            if payload and (size > room or len(payload) >= MAX_ENTRIES):
                break
            try:
                data = self.store.get(line.cid)
            except (NotFound, StoreError, Closed):  # it was removed, or spoilt, meanwhile: still wanted
                del customer.due[key]
                if line.asks_dont_have:
                    customer.lacking[key] = line.cid
                continue
            payload.append(payload_of(line.cid, data))
            room -= len(data)
            customer.forget(key)
            customer.ledger.sent_blocks += 1
            customer.ledger.sent_bytes += len(data)
        return payload
