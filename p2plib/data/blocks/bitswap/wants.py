"""Which peer is asked for which block, and when the next one is: the side that wants. A machine.

Rules
    1. A block of which nothing is known: the most promising peer is asked for the block at once, and the
       others whether they have it. In a session, peers that sent its earlier blocks are asked first, and
       nobody else as long as they do not disappoint. Before there are any, everybody is asked about
       its first `MAX_UNLED` blocks, and not about each: a small block comes at once from all that are asked.
    2. No block waits for one slow peer. When a peer is late (`p2plib.data.blocks.bitswap.remote` says when),
       says that it lacks the block, leaves, or is given up, the next one is asked.
       A late one is asked again `retry_s` after that and after its last bytes: they may be the block's.
    3. At most `max_copies` peers are at work on a block: if one more is asked, the one that was asked first
       is told to leave it. So there are few duplicates, and they have a bound.
    4. When the block is there, everybody else who heard of it is told that it is not wanted any more.
    5. A peer that lacks a block keeps our want, and sends the block when it gets it.
    6. A peer that was late twice in a row is asked only for what nobody else can send.
    7. Of `max_active` blocks at a time peers hear something, as they keep a limited number of our wants. All
       others wait in the backlog.
    8. At the end, when all that is missing has been asked for and a peer has nothing left to do, nobody gets
       more time than `IDLE_PATIENCE` times what that peer would get.
    9. The first message to a peer says that it has all our wants, even if there are none. A peer that does so
       a second time is another exchange of the same node, which knows nothing of our wants.

Vocabulary::

    key      the multihash of a block: what peers match by
    open     a block at which no peer is at work in time
    session  blocks that belong together, so that who has one is likely to have the others
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from p2plib.data.blocks.bitswap.events import (
    DEFAULT_LIMITS,
    BitswapEvent,
    BitswapLimits,
    BlockCame,
    NobodyHas,
    PeerBlamed,
)
from p2plib.data.blocks.bitswap.messages import BlockPresence, Payload, Presence, WantEntry, WantKind
from p2plib.data.blocks.bitswap.remote import FormerPeers, Ledger, RemotePeer
from p2plib.data.dag.block import Block
from p2plib.errors import UsageError
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

MAX_LINES = 1024  # of our list in one message
MAX_UNLED = 8  # rule 1
IDLE_PATIENCE = 2.0  # rule 8


@dataclass(slots=True)
class Want:
    """A block that we want.

    Attributes:
        cid: as it was asked for.
        priority: the larger, the sooner.
        session: to which it belongs.
        has: peers that say that they have it.
        lacks: peers that say that they do not.
        late: peers that were late with it, and since when.
        is_told: whether we have said that nobody has it.
    """

    cid: Cid
    priority: int
    session: int
    has: set[str] = field(default_factory=set)
    lacks: set[str] = field(default_factory=set)
    late: dict[str, float] = field(default_factory=dict)
    is_told: bool = False


class Wants:
    """Our wants, and the peers that we ask.

    Args:
        limits: what it may cost, and how patient we are.

    Attributes:
        peers: those that there are, by name.
        former: those that left.
        events: what happened, the oldest first; whoever drives this takes them out.
    """

    def __init__(self, limits: BitswapLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.peers: dict[str, RemotePeer] = {}
        self.former = FormerPeers(limits.max_peers)
        self.events: deque[BitswapEvent] = deque()
        self._wants: dict[Multihash, Want] = {}
        self._backlog: dict[Multihash, Want] = {}  # what nobody has heard of yet
        self._open: dict[int, dict[Multihash, None]] = {}  # by priority; the inner ones are ordered sets
        self._suppliers: dict[int, dict[str, None]] = {}
        self._unled: dict[int, int] = {}  # how many of its blocks were begun
        self._sessions = 0

    def __len__(self) -> int:
        return len(self._wants) + len(self._backlog)

    def __contains__(self, cid: Cid) -> bool:
        return cid.multihash in self._wants or cid.multihash in self._backlog

    # What the side above says.

    def new_session(self) -> int:
        """A number for blocks that belong together; give it back with `end_session`."""
        self._sessions += 1
        self._suppliers[self._sessions] = {}
        self._unled[self._sessions] = 0
        return self._sessions

    def end_session(self, session: int) -> None:
        """Nothing more will be wanted in a session."""
        self._suppliers.pop(session, None)
        self._unled.pop(session, None)

    def want(self, cid: Cid, now: float, *, priority: int = 1, session: int = 0) -> None:
        """A block is wanted from now on. One that is wanted already stays so.

        Args:
            cid: of the block.
            now: the time in seconds.
            priority: the larger, the sooner: 1 to 2**31 - 1.
            session: to which it belongs; 0 is no session.
        """
        if not 0 < priority < 2**31:
            raise UsageError(f"a priority is 1 to 2**31 - 1, not {priority}")
        if cid not in self:
            self._backlog[cid.multihash] = Want(cid, priority, session)
            self._begin_some(now)

    def _begin_some(self, now: float) -> None:
        """Rule 7: wants come out of the backlog while there is room."""
        while self._backlog and len(self._wants) < self.limits.max_active:
            key = next(iter(self._backlog))
            want = self._wants[key] = self._backlog.pop(key)
            self._reopen(key)
            self._assign(now)
            if self._is_unled(want.session):
                self._probe(key, want, self.peers.values())

    def _is_unled(self, session: int) -> bool:
        """Whether everybody is to be asked about one more block of a session."""
        if session not in self._suppliers:
            return True
        self._unled[session] += 1
        return not self._suppliers[session] and self._unled[session] <= MAX_UNLED

    def drop(self, cid: Cid, now: float) -> None:
        """A block is not wanted any more."""
        self._backlog.pop(cid.multihash, None)
        want = self._wants.pop(cid.multihash, None)
        if want is not None:
            self._shut(cid.multihash, want)
            self._tell_cancel(cid)
            self._assign(now)
            self._begin_some(now)

    def is_lacked(self, cid: Cid) -> bool:
        """Whether there are peers, and every one of them says that it does not have a block that we want."""
        want = self._wants.get(cid.multihash)
        if want is None or not want.lacks:
            return False
        if not all(name in want.lacks or remote.is_given_up for name, remote in self.peers.items()):
            return False
        return any(not self.peers[name].is_given_up for name in want.lacks)

    # What peers do.

    def joined(
        self,
        name: str,
        now: float,
        *,
        speaks_have: bool = True,
        ledger: Ledger | None = None,
        round_trip_s: float = 0.0,
    ) -> None:
        """A peer is there; everything that is open is asked of it.

        Args:
            name: its peer id.
            now: the time in seconds.
            speaks_have: whether it understands version 1.2.
            ledger: where to count what goes between us.
            round_trip_s: how long it took to say anything at all; 0 if nobody knows.
        """
        remote = RemotePeer(name, speaks_have, self.limits, ledger or Ledger(), round_trip_s)
        self.peers[name] = remote
        if (former := self.former.pop(name)) is not None:
            remote.succeeds(former)
        remote.is_given_up = remote.ledger.strikes >= self.limits.max_strikes
        self._assign(now)
        in_time = {key for one in self.peers.values() for key, ask in one.owes.items() if not ask.is_late}
        for key, want in self._wants.items():
            want.is_told = False
            if key not in in_time:
                self._probe(key, want, [remote])

    def left(self, name: str, now: float) -> None:
        """A peer is gone, and with it what it owed us."""
        remote = self.peers.pop(name, None)
        if remote is None:
            return
        self.former.add(remote)
        for suppliers in self._suppliers.values():
            suppliers.pop(name, None)
        for key in remote.owes:
            self._reopen(key)
        self._assign(now)
        for want in self._wants.values():
            want.has.discard(name)
            want.lacks.discard(name)
            want.late.pop(name, None)
            self._see_whether_nobody(want)

    def presences(self, name: str, presences: Iterable[BlockPresence], now: float) -> None:
        """A peer says what it has and what it lacks."""
        remote = self.peers[name]
        if remote.is_given_up:
            return
        news: dict[Multihash, None] = {}
        has_more_room = False
        for each in presences:
            key = each.cid.multihash
            want = self._wants.get(key)
            if want is None or not remote.knows(key):
                continue
            said, other = (want.has, want.lacks) if each.presence is Presence.HAVE else (want.lacks, want.has)
            if name in said:
                continue
            said.add(name)
            other.discard(name)
            news[key] = None
            if said is want.lacks:
                if remote.owes.pop(key, None) is not None:
                    has_more_room = True
                    self._reopen(key)
                    self._probe(key, want, self.peers.values())
                self._see_whether_nobody(want)
        self._assign(now, None if has_more_room else news)  # saying it again and again costs us little

    def receive(self, name: str, payload: Payload, now: float) -> None:
        """A peer sends a block."""
        remote = self.peers[name]
        remote.heard_at = now
        remote.ledger.came_blocks += 1
        remote.ledger.came_bytes += len(payload.data)
        if remote.is_given_up:
            return
        if remote.expects_nothing:
            self._strike(remote, "it sent a block, and we wanted none of it", now)
            return
        try:
            block = payload.block()
        except UsageError as error:
            self._strike(remote, str(error), now)
            return
        key = block.cid.multihash
        if key in self._wants:
            self._take(remote, key, block.data, now)
        elif remote.may_send(key):
            remote.ledger.double_blocks += 1
            remote.ledger.double_bytes += len(payload.data)
        else:
            self._strike(remote, f"it sent {len(payload.data)} bytes that are no block that we want", now)

    # Time.

    def timer(self) -> float | None:
        """When `handle_timer` is to be called, in seconds; None if nothing waits."""
        if not self._wants:
            return None
        patience_s = self._patience_s()
        ends = (remote.next_late_at(patience_s) for remote in self.peers.values())
        first = min(ends, default=float("inf"))
        for key in self._in_order():
            for name, at in self._wants[key].late.items():
                first = min(first, self._retry_at(name, at))
        return None if first == float("inf") else first

    def handle_timer(self, now: float) -> None:
        """Sees who is late, and asks others."""
        patience_s = self._patience_s()
        for remote in list(self.peers.values()):
            self._is_late(remote, remote.overdue(now, patience_s), now)
        for key in self._in_order():
            late = self._wants[key].late
            for name in [name for name, at in late.items() if self._retry_at(name, at) <= now]:
                del late[name]
                self.peers[name].owes.pop(key, None)  # or it would fill its window with itself
        self._assign(now)

    def _retry_at(self, name: str, late_at: float) -> float:
        """When a peer that is late may be asked again."""
        return max(late_at, self.peers[name].heard_at) + self.limits.retry_s

    def _patience_s(self) -> float:
        """Rule 8: how long to wait for any peer at most."""
        if self._open or self._backlog:
            return float("inf")
        idle = (remote.timeout_s for remote in self.peers.values() if remote.is_idle)
        return IDLE_PATIENCE * min(idle, default=float("inf"))

    # What is sent.

    def has_lines(self, name: str) -> bool:
        """Whether something of our list is to be sent to a peer."""
        remote = self.peers[name]
        return bool(remote.outbox) or not (remote.has_been_told_all or remote.is_given_up)

    def take_lines(self, name: str) -> tuple[tuple[WantEntry, ...], bool]:
        """What is to be sent to a peer of our list, and whether that is all of it. It counts as sent."""
        remote = self.peers[name]
        entries = remote.take_entries(MAX_LINES)
        is_full = not (remote.has_been_told_all or remote.is_given_up)
        remote.has_been_told_all |= is_full
        return entries, is_full

    def heard_full(self, name: str) -> None:
        """A peer said all that it wants: if not for the first time, our list is said again (rule 9)."""
        remote = self.peers[name]
        if not remote.has_told_all:
            remote.has_told_all = True
            return
        for key in [key for key in remote.listed if key not in remote.outbox and key in self._wants]:
            kind = WantKind.BLOCK if key in remote.owes else WantKind.HAVE
            remote.tell(key, self._line(remote, self._wants[key], kind))

    # How it works.

    def _assign(self, now: float, among: Collection[Multihash] | None = None) -> None:
        """Asks for what is open, or for a part of that, as far as somebody has room for it."""
        free = [remote for remote in self.peers.values() if remote.has_room]
        if not free:
            return
        for key in self._in_order() if among is None else among:
            want = self._wants[key]
            if key not in self._open.get(want.priority, ()):
                continue
            remote = self._best(free, key, want)
            if remote is None:
                self._probe(key, want, self.peers.values())
                continue
            self._ask(remote, key, want, now)
            if not remote.has_room:
                free.remove(remote)
                if not free:
                    return

    def _in_order(self) -> Iterator[Multihash]:
        """What is open, by priority; among equals what was wanted first."""
        for priority in sorted(self._open, reverse=True):
            yield from tuple(self._open[priority])

    def _reopen(self, key: Multihash) -> None:
        want = self._wants.get(key)
        if want is not None and not self._is_in_time(key):
            self._open.setdefault(want.priority, {})[key] = None

    def _shut(self, key: Multihash, want: Want) -> None:
        """Somebody is at work on it, or it is not wanted any more."""
        same = self._open.get(want.priority, {})
        same.pop(key, None)
        if not same:
            self._open.pop(want.priority, None)

    def _best(self, free: list[RemotePeer], key: Multihash, want: Want) -> RemotePeer | None:
        """Whom to ask; None if there is nobody yet."""
        suppliers = self._suppliers.get(want.session, {})
        able = [one for one in free if one.name not in want.lacks and one.name not in want.late]
        return min(able, key=lambda one: one.rank(one.name in want.has, one.name in suppliers), default=None)

    def _ask(self, remote: RemotePeer, key: Multihash, want: Want, now: float) -> None:
        at_work = [other for other in self.peers.values() if key in other.owes and other is not remote]
        for other in at_work[: max(0, len(at_work) + 1 - self.limits.max_copies)]:
            other.cancel(key, want.cid)  # rule 3
        self._shut(key, want)
        remote.ask(key, now)
        remote.tell(key, self._line(remote, want, WantKind.BLOCK))

    def _probe(self, key: Multihash, want: Want, remotes: Iterable[RemotePeer]) -> None:
        """Asks those of some peers that do not know of a want yet whether they have the block."""
        for remote in islice((one for one in remotes if one.may_be_probed(key)), self.limits.probes):
            remote.tell(key, self._line(remote, want, WantKind.HAVE))

    def _line(self, remote: RemotePeer, want: Want, kind: WantKind) -> WantEntry:
        return WantEntry(want.cid, want.priority, kind, asks_dont_have=remote.speaks_have)

    def _take(self, remote: RemotePeer, key: Multihash, data: bytes, now: float) -> None:
        want = self._wants.pop(key)
        self._shut(key, want)
        remote.deliver(key, now)
        remote.ledger.useful_blocks += 1
        remote.ledger.useful_bytes += len(data)
        if want.session in self._suppliers:
            self._suppliers[want.session][remote.name] = None
        self._tell_cancel(want.cid)
        self.events.append(BlockCame(Block(want.cid, data), remote.name))
        self._assign(now)
        self._begin_some(now)

    def _tell_cancel(self, cid: Cid) -> None:
        for remote in self.peers.values():
            if remote.knows(cid.multihash):
                remote.cancel(cid.multihash, cid)

    def _is_in_time(self, key: Multihash) -> bool:
        return any(key in one.owes and not one.owes[key].is_late for one in self.peers.values())

    def _is_late(self, remote: RemotePeer, keys: list[Multihash], now: float) -> None:
        if keys:
            remote.miss(keys)
            for key in keys:
                self._wants[key].late[remote.name] = now
                self._reopen(key)
                self._probe(key, self._wants[key], self.peers.values())

    def _strike(self, remote: RemotePeer, reason: str, now: float) -> None:
        """It did what it must not, perhaps for what it owes us longest: somebody else is asked for that."""
        remote.ledger.strikes += 1
        is_over = remote.ledger.strikes >= self.limits.max_strikes
        self.events.append(PeerBlamed(remote.name, reason, remote.ledger.strikes, is_over))
        if not is_over:
            self._is_late(remote, [key for key, ask in remote.owes.items() if not ask.is_late][:1], now)
            self._assign(now)
            return
        owed = list(remote.owes)
        remote.give_up()
        for suppliers in self._suppliers.values():
            suppliers.pop(remote.name, None)
        for want in self._wants.values():
            want.has.discard(remote.name)
            self._see_whether_nobody(want)
        for key in owed:
            self._reopen(key)
        self._assign(now)

    def _see_whether_nobody(self, want: Want) -> None:
        if not want.is_told and self.is_lacked(want.cid):
            want.is_told = True
            there = sum(not remote.is_given_up for remote in self.peers.values())
            self.events.append(NobodyHas(want.cid, there))
