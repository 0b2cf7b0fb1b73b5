"""What we know of a peer that we ask for blocks: how fast it is, what it owes us, what it did wrong. A
machine, and a part of the one in `p2plib.data.blocks.bitswap.wants`.

Rules
    1. How long it takes is estimated as TCP does (RFC 6298): a smoothed time, its deviation, and a time-out
       of the one plus four times the other. The time goes from the want to the block, queues included.
    2. The time-out counts from the last block that came, if one came since the want was sent. So a peer that
       sends one block after the other is not late with the last of them.
    3. It may owe us `window` blocks: one more for each block in time, half as many after each that was late.
       At first that is `FIRST_WINDOW`, and less for one that is far away: what it owes at the end is asked of
       others as well, and then comes twice.
    4. Each line that was sent may be answered with a block, once, whatever we wanted afterwards: a cancel, or
       a second line, may have crossed the answer. A block that no line explains is a strike, and after
       `max_strikes` the peer is given up. Of lines that were cancelled long ago only the number is kept, so
       that a slow and honest peer is not blamed for more than we can remember.
    5. A peer of which nothing can come is not even hashed for.
    6. Before it has read our first message, a peer cannot know that we were restarted, and may go on with
       what it owed us in that earlier life, of which we know nothing. So until it answers something of ours,
       with a block or with word of one, what no line explains is only counted: up to `MAX_LEFT_OVER` blocks
       of `MAX_LEFT_OVER_BYTES` together. If we ask it for something, and it answers nothing for as long as no
       peer may take, they are strikes.
       (A peer of an older version may have nothing to say: it is not judged by that.)

Vocabulary::

    owes       blocks that we asked it for, and for which it has not said that it lacks them
    late       it owes the block and its time is over; somebody else was asked, and it may still come
    listed     what stands on the list that the peer has of us, whether we want the block or to hear of it,
               and how often it may come
    outbox     what is to be changed in that list, and was not sent yet
    cancelled  it is not on that list any more, and may be on its way; how often
    forgotten  how many lines were cancelled so long ago that only their number is kept
"""

from __future__ import annotations

from dataclasses import dataclass, field

from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.messages import WantEntry
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

FIRST_WINDOW = 8
NEAR_S = 0.1  # the first window of a peer that is farther away is as much smaller: rule 3
MAX_CANCELLED = 1024  # remembered
MAX_FORGOTTEN = 16 * 1024  # counted, beyond those that are remembered
MAX_LEFT_OVER = 1024  # no earlier life left more: peers keep that many of our wants
MAX_LEFT_OVER_BYTES = 4 * 1024 * 1024  # what may be under way before our first message arrives
DOUBTFUL_MISSES = 2  # `Wants` rule 6
DEVIATIONS = 4
FIRST_ROUND_TRIPS = 3  # RFC 6298: the first measure plus four times half of it
SMOOTHING, DEVIATION_SMOOTHING = 1 / 8, 1 / 4  # RFC 6298


@dataclass(slots=True)
class Ledger:
    """What went between us and a peer, in blocks and in bytes of blocks.

    Attributes:
        sent_blocks: to it.
        sent_bytes: in them.
        came_blocks: from it, whatever they were.
        came_bytes: in them.
        useful_blocks: those of them that we wanted and did not have.
        useful_bytes: in them.
        double_blocks: those that came after another peer had sent them.
        double_bytes: in them.
        unasked_blocks: those that no line of ours explains, and that may have been for a life of ours before
            this one: rule 6 of the module.
        unasked_bytes: in them.
        strikes: those that it must not have sent.
        late: how often it was late with one.
    """

    sent_blocks: int = 0
    sent_bytes: int = 0
    came_blocks: int = 0
    came_bytes: int = 0
    useful_blocks: int = 0
    useful_bytes: int = 0
    double_blocks: int = 0
    double_bytes: int = 0
    unasked_blocks: int = 0
    unasked_bytes: int = 0
    strikes: int = 0
    late: int = 0


@dataclass(slots=True)
class Ask:
    """That we asked a peer for a block.

    Attributes:
        at: when, in seconds.
        is_late: whether its time is over.
    """

    at: float
    is_late: bool = False


@dataclass(slots=True)
class RemotePeer:
    """One peer, as the side that asks sees it.

    Args:
        name: its peer id.
        speaks_have: whether it understands version 1.2. Others are only asked for blocks.
        limits: how patient we are.
        ledger: what went between us.
        round_trip_s: how long it took to say anything at all; 0 if nobody knows.
    """

    name: str
    speaks_have: bool
    limits: BitswapLimits
    ledger: Ledger = field(default_factory=Ledger)
    round_trip_s: float = 0.0
    owes: dict[Multihash, Ask] = field(default_factory=dict)
    listed: dict[Multihash, int] = field(default_factory=dict)
    outbox: dict[Multihash, WantEntry] = field(default_factory=dict)
    is_given_up: bool = False
    has_been_told_all: bool = False
    has_told_all: bool = False
    window: int = FIRST_WINDOW
    misses: int = 0  # blocks that it was late with since the last one in time
    heard_at: float = float("-inf")  # when it last sent something of a block
    useful_at: float = float("-inf")  # when it last sent a block that we wanted
    asked_at: float = float("inf")  # when it was asked for the first time
    has_answered: bool = False  # and rightly
    _cancelled: dict[Multihash, int] = field(default_factory=dict)
    _forgotten: int = 0
    _smoothed_s: float = 0.0
    _deviation_s: float = 0.0
    _delivered_at: float = float("-inf")

    def __post_init__(self) -> None:
        usual = FIRST_WINDOW
        if self.round_trip_s > NEAR_S:
            usual = max(1, int(FIRST_WINDOW * NEAR_S / self.round_trip_s))
        self.window = min(usual, self.limits.max_window)

    @property
    def latency_s(self) -> float:
        """How long it takes for a block; before the first, a round trip, or how long it may take."""
        return self._smoothed_s or self.round_trip_s or self.limits.first_timeout_s

    @property
    def usual_timeout_s(self) -> float:
        """How long it may take for a block, if it was not late with the last one."""
        limits = self.limits
        first_s = max(limits.first_timeout_s, FIRST_ROUND_TRIPS * self.round_trip_s)
        usual_s = self._smoothed_s + DEVIATIONS * self._deviation_s or first_s
        return min(limits.max_timeout_s, max(limits.min_timeout_s, usual_s))

    @property
    def timeout_s(self) -> float:
        """How long it may take for a block; twice as long after each miss."""
        backed_off: float = self.usual_timeout_s * 2 ** min(self.misses, 10)
        return min(self.limits.max_timeout_s, backed_off)

    @property
    def has_room(self) -> bool:
        """Whether it may owe us one more."""
        return not self.is_given_up and len(self.owes) < self.window

    @property
    def is_idle(self) -> bool:
        """Whether it has shown how fast it is, and nothing is asked of it now."""
        return bool(self._smoothed_s) and not self.owes and not self.misses and not self.is_given_up

    def may_be_left_over(self, size: int) -> bool:
        """Whether a block that no line of ours explains may answer one of a life of ours before this one.

        Args:
            size: of the block in bytes.
        """
        blocks, size_bytes = self.ledger.unasked_blocks, self.ledger.unasked_bytes + size
        return not self.has_answered and blocks < MAX_LEFT_OVER and size_bytes <= MAX_LEFT_OVER_BYTES

    @property
    def judged_at(self) -> float:
        """When blocks that we did not ask for become strikes, if it answers nothing by then: rule 6."""
        if self.has_answered or self.is_given_up or not self.speaks_have or not self.ledger.unasked_blocks:
            return float("inf")
        return self.asked_at + self.limits.max_timeout_s

    def rank(self, has_it: bool, is_supplier: bool) -> tuple[bool, bool, bool, float]:
        """The smaller, the more promising it is to ask it for a block.

        Args:
            has_it: whether it says that it has the block.
            is_supplier: whether it sent others of the same session.
        """
        wait_s = self.latency_s * (1 + len(self.owes)) * 2**self.misses
        return self.misses >= DOUBTFUL_MISSES, not has_it, not is_supplier, wait_s

    def late_at(self, key: Multihash, patience_s: float) -> float:
        """When a block that it owes will be late; in the past if it is already.

        Args:
            key: of the block.
            patience_s: how long to wait at most, even if it usually takes longer.
        """
        ask = self.owes[key]
        return max(ask.at, self._delivered_at) + min(self.timeout_s, patience_s)

    def ask(self, key: Multihash, now: float) -> None:
        """It owes a block from now on."""
        self.owes.pop(key, None)  # so that the oldest stays the first
        self.owes[key] = Ask(now)

    def overdue(self, now: float, patience_s: float) -> list[Multihash]:
        """What it owes and should have sent by now; `late_at` has the arguments."""
        owed = [key for key, ask in self.owes.items() if not ask.is_late]
        return [key for key in owed if self.late_at(key, patience_s) <= now]

    def next_late_at(self, patience_s: float) -> float:
        """When something that it owes will be late; infinity if nothing will."""
        first = next((key for key, ask in self.owes.items() if not ask.is_late), None)
        return float("inf") if first is None else self.late_at(first, patience_s)

    def miss(self, keys: list[Multihash]) -> None:
        """It is late with some blocks, all at once: that counts once."""
        for key in keys:
            self.owes[key].is_late = True
        self.ledger.late += len(keys)
        self.misses += 1
        self.window = max(1, self.window // 2)

    def deliver(self, key: Multihash, now: float) -> None:
        """A block came that we had asked for; we asked for it, or only whether the peer has it."""
        ask = self.owes.pop(key, None)
        self._count_off(key)
        self._unlist(key)
        self.outbox.pop(key, None)
        if ask is None:
            return
        self._delivered_at = now
        self.misses = 0
        self._measure(now - ask.at)
        if not ask.is_late:
            self.window = min(self.limits.max_window, self.window + 1)

    def _measure(self, took_s: float) -> None:
        if not self._smoothed_s:
            self._smoothed_s, self._deviation_s = took_s, took_s / 2
            return
        off = abs(self._smoothed_s - took_s)
        self._deviation_s += DEVIATION_SMOOTHING * (off - self._deviation_s)
        self._smoothed_s += SMOOTHING * (took_s - self._smoothed_s)

    def tell(self, key: Multihash, entry: WantEntry) -> None:
        """Puts a line into the outbox."""
        self.outbox[key] = entry

    def knows(self, key: Multihash) -> bool:
        """Whether it has heard, or will hear, that we want something of a block."""
        line = self.outbox.get(key)
        return key in self.listed if line is None else not line.is_cancel

    def may_be_probed(self, key: Multihash) -> bool:
        """Whether to ask it whether it has a block."""
        return self.speaks_have and not self.is_given_up and not self.knows(key)

    def cancel(self, key: Multihash, cid: Cid) -> None:
        """We do not want a block of it any more. If it has heard that we did, the block may be on its way."""
        self.owes.pop(key, None)
        if key in self.listed:
            self.outbox[key] = WantEntry(cid, 0, is_cancel=True)
        else:
            self.outbox.pop(key, None)

    def _unlist(self, key: Multihash) -> None:
        """A block stands on its list no more, and may be on its way all the same."""
        self._expect(key, self.listed.pop(key, 0))

    def _expect(self, key: Multihash, times: int) -> None:
        if times:
            self._cancelled[key] = self._cancelled.pop(key, 0) + times
        if len(self._cancelled) > MAX_CANCELLED:
            oldest = next(iter(self._cancelled))
            self._forgotten = min(MAX_FORGOTTEN, self._forgotten + self._cancelled.pop(oldest))

    def succeeds(self, former: RemotePeer) -> None:
        """It was here before: what it was asked for then may still be on its way."""
        self.has_answered |= former.has_answered
        self._forgotten = min(MAX_FORGOTTEN, self._forgotten + former._forgotten)
        for expected in (former._cancelled, former.listed):
            for key, times in expected.items():
                self._expect(key, times)

    def take_entries(self, most: int) -> tuple[WantEntry, ...]:
        """What is to be sent next of our list, and counts as sent now."""
        keys = [key for key, _ in zip(self.outbox, range(most), strict=False)]
        entries = tuple(self.outbox.pop(key) for key in keys)
        for key, entry in zip(keys, entries, strict=True):
            if entry.is_cancel:
                self._unlist(key)
            else:
                self.listed[key] = self.listed.get(key, 0) + self._cancelled.pop(key, 0) + 1
        return entries

    def give_up(self) -> None:
        """It gets no more wants, and what it sends is not looked at."""
        self.is_given_up = True
        for part in (self.owes, self.listed, self.outbox, self._cancelled):
            part.clear()
        self._forgotten = 0

    def may_send(self, key: Multihash) -> bool:
        """Whether a block that nobody waits for may come of it; asked once for each that comes."""
        if self._count_off(key):
            if not self.listed.get(key, 1):  # it has answered all our lines: no cancel is needed
                self._unlist(key)
                self.outbox.pop(key, None)
            return True
        if self._forgotten:
            self._forgotten -= 1
            return True
        return False

    def _count_off(self, key: Multihash) -> bool:
        """A block came: whether some line of ours explains it, which it has answered now."""
        if self.listed.get(key):
            self.listed[key] -= 1
        elif key in self._cancelled:
            self._cancelled[key] -= 1
            if not self._cancelled[key]:
                del self._cancelled[key]
        else:
            return False
        return True

    @property
    def expects_nothing(self) -> bool:
        """Rule 5: whether no block at all may come of it."""
        return not self._cancelled and not self.listed and not self._forgotten


class FormerPeers:
    """Peers that left, of which something may still be on its way.

    Args:
        most: how many are remembered; whoever left first is forgotten first.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._peers: dict[str, RemotePeer] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def add(self, remote: RemotePeer) -> None:
        """A peer left."""
        self._peers.pop(remote.name, None)
        self._peers[remote.name] = remote
        if len(self._peers) > self.most:
            del self._peers[next(iter(self._peers))]

    def pop(self, name: str) -> RemotePeer | None:
        """A peer is back; None if it was never here, or is forgotten."""
        return self._peers.pop(name, None)

    def inherit(self, earlier: FormerPeers) -> None:
        """All that left our predecessor, an exchange of the same node, left us as well."""
        for remote in earlier._peers.values():
            self.add(remote)
