"""Both sides of Bitswap with any number of peers: what we want of them, and what they want of us. A machine.

::

    exchange = Bitswap(store)
    exchange.joined("ana", now)                     a connection is there
    exchange.want(cid, now)
    exchange.next_message("ana")                    to be sent to her; None if there is nothing
    exchange.receive("ana", message, now)           she sent one
    exchange.next_event()                           BlockCame(...): put it into the store, then say `stored`
    exchange.timer()                                when `handle_timer` is to be called

Rules
    1. The side that wants keeps those of `p2plib.data.blocks.bitswap.wants`, the side that serves those of
       `p2plib.data.blocks.bitswap.serving`.
    2. Asking for the next message takes it: whoever asks sends it, and asks again when that is done.
    3. What went between us and a peer is remembered when it leaves, so that a peer that was given up stays so
       when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterable

from p2plib.data.blocks.bitswap.events import DEFAULT_LIMITS, BitswapEvent, BitswapLimits
from p2plib.data.blocks.bitswap.messages import BitswapMessage
from p2plib.data.blocks.bitswap.remote import Ledger
from p2plib.data.blocks.bitswap.serving import Serving
from p2plib.data.blocks.bitswap.wants import Wants
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag import hashes
from p2plib.errors import UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import SECURE_BYTES

REMEMBERED = 4  # ledgers, for each peer that there may be


class Bitswap:
    """An exchange of blocks with any number of peers.

    Args:
        store: what we have, and serve. Whoever drives the machine puts into it what comes.
        limits: what it may cost, and how patient it is.

    Attributes:
        wants: what we want.
        serving: what peers want of us.
        ledgers: what went between us and each peer, those that left included.
    """

    def __init__(self, store: BlockStore, limits: BitswapLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.wants = Wants(limits)
        self.serving = Serving(store, limits)
        self.ledgers: dict[str, Ledger] = {}

    @property
    def peers(self) -> tuple[str, ...]:
        """The peers that there are, in the order in which they came."""
        return tuple(self.wants.peers)

    @property
    def has_room(self) -> bool:
        """Whether one more peer may come."""
        return len(self.wants.peers) < self.limits.max_peers

    def joined(self, peer: str, now: float, *, speaks_have: bool = True, round_trip_s: float = 0.0) -> None:
        """A peer is there.

        Args:
            peer: its peer id.
            now: the time in seconds.
            speaks_have: whether it understands version 1.2.
            round_trip_s: how long it took to say anything at all; 0 if nobody knows.

        Raises:
            UsageError: it was there already, or there are as many as there may be.
        """
        if peer in self.wants.peers or not self.has_room:
            raise UsageError(f"{peer} is here already" if self.has_room else f"there is no room for {peer}")
        ledger = self.ledgers.pop(peer, Ledger())
        self.ledgers[peer] = ledger
        self.serving.joined(peer, ledger)
        self.wants.joined(peer, now, speaks_have=speaks_have, ledger=ledger, round_trip_s=round_trip_s)
        self._forget_some()

    def _forget_some(self) -> None:
        """Rule 3 has a bound: the oldest of those that are gone are forgotten."""
        too_many = len(self.ledgers) - REMEMBERED * self.limits.max_peers
        if too_many > 0:
            gone = [name for name in self.ledgers if name not in self.wants.peers]
            for name in gone[:too_many]:
                del self.ledgers[name]

    def left(self, peer: str, now: float) -> None:
        """A peer is gone."""
        self.serving.left(peer)
        self.wants.left(peer, now)

    def receive(self, peer: str, message: BitswapMessage, now: float) -> None:
        """A peer sent a message. One of a peer that is not here, any more or yet, says nothing."""
        if peer not in self.wants.peers:
            return
        self.serving.receive(peer, message)
        if message.is_full:
            self.wants.heard_full(peer)
        for payload in message.payload:
            self.wants.receive(peer, payload, now)
        if message.presences:
            self.wants.presences(peer, message.presences, now)

    def want(self, cid: Cid, now: float, *, priority: int = 1, session: int = 0) -> None:
        """A block is wanted from now on; see `Wants.want`.

        Raises:
            UsageError: an identity CID holds its block itself, so nobody is asked for it; or its hash is one
                that we cannot check blocks by, and would blame whoever sends them.
        """
        code, digest = cid.multihash.code, cid.multihash.digest
        if code == multicodec.IDENTITY:
            raise UsageError("an identity CID holds its block itself: nobody is asked for it")
        if code not in hashes.FUNCTIONS or len(digest) != SECURE_BYTES[code]:
            raise UsageError(f"we cannot check blocks by {cid.multihash.name} of {len(digest)} bytes")
        self.wants.want(cid, now, priority=priority, session=session)

    def drop(self, cid: Cid, now: float) -> None:
        """A block is not wanted any more."""
        self.wants.drop(cid, now)

    def stored(self, cids: Iterable[Cid]) -> list[str]:
        """Blocks are in the store now that were not before; returns the peers that get some of them."""
        return self.serving.stored(cids)

    def heard(self, peer: str, now: float) -> None:
        """A part of a message came that is too long to be anything but blocks (`Wants` rule 2)."""
        if peer in self.wants.peers:
            self.wants.peers[peer].heard_at = now

    def relist(self, peer: str, now: float, *, round_trip_s: float = 0.0) -> None:
        """A peer may have lost our list, but not we its: all of ours is sent again.

        Args:
            peer: its peer id; one that is not here is left alone.
            now: the time in seconds.
            round_trip_s: as for `joined`.
        """
        remote = self.wants.peers.get(peer)
        if remote is not None:
            self.wants.left(peer, now)
            self.wants.joined(
                peer, now, speaks_have=remote.speaks_have, ledger=remote.ledger, round_trip_s=round_trip_s
            )

    def has_message(self, peer: str) -> bool:
        """Whether something is to be sent to a peer."""
        return peer in self.wants.peers and (self.wants.has_lines(peer) or self.serving.has_answers(peer))

    def next_message(self, peer: str) -> BitswapMessage | None:
        """What is to be sent to a peer next, as sent now; None if there is nothing."""
        if not self.has_message(peer):
            return None
        lines, is_full = self.wants.take_lines(peer)
        payload, presences, pending = self.serving.take_answers(peer)
        message = BitswapMessage(lines, is_full, payload, presences, pending)
        return None if message.is_empty else message

    def next_event(self) -> BitswapEvent | None:
        """What happened next; None if nothing more has."""
        return self.wants.events.popleft() if self.wants.events else None

    def timer(self) -> float | None:
        """When `handle_timer` is to be called, in seconds; None if nothing waits."""
        return self.wants.timer()

    def handle_timer(self, now: float) -> None:
        """Sees who is late, and asks others."""
        self.wants.handle_timer(now)
