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
       is told to leave it. And a second one is asked, in time or not, only as far as the budget of
       `p2plib.data.blocks.bitswap.copies` goes: so what comes twice has a bound.
    4. When the block is there, everybody else who heard of it is told that it is not wanted any more.
    5. A peer that lacks a block keeps our want, and sends the block when it gets it.
    6. A peer that was late twice in a row is asked only for what nobody else can send.
    7. Of `max_active` blocks at a time peers hear something, as they keep a limited number of our wants. All
       others wait in the backlog.
    8. At the end, when all that is missing has been asked for and a peer has nothing left to do, nobody gets
       more time than `IDLE_PATIENCE` times what that peer would get.
    9. The first message to a peer says that it has all our wants, even if there are none. A peer that does so
       a second time is another exchange of the same node, which knows nothing of our wants.
    10. Nobody is blamed for answering an earlier life of ours: rule 6 of `p2plib.data.blocks.bitswap.remote`.

Vocabulary::

    key      the multihash of a block: what peers match by
    open     a block at which no peer is at work in time
    session  blocks that belong together, so that who has one is likely to have the others
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from itertools import islice

from p2plib.data.blocks.bitswap.copies import Copies
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
from p2plib.data.blocks.bitswap.sessions import Sessions
from p2plib.data.blocks.bitswap.want_list import Want, WantList
from p2plib.data.dag.block import Block
from p2plib.errors import UsageError
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

MAX_LINES = 1024  # of our list in one message
IDLE_PATIENCE = 2.0  # rule 8
SILENCE = 2  # `Copies` rule 4


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
        self.sessions = Sessions()
        self.copies = Copies(limits)
        self._wants = WantList(limits.max_active)

    def __len__(self) -> int:
        return len(self._wants)

    def __contains__(self, cid: Cid) -> bool:
        return cid.multihash in self._wants

    # What the side above says.

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
            self._wants.add(Want(cid, priority, session))
            self._begin_some(now)

    def _begin_some(self, now: float) -> None:
        """Rule 7: wants come out of the backlog while there is room."""
        while (key := self._wants.begin_next()) is not None:
            self._assign(now)
            if self.sessions.is_unled(self._wants[key].session):
                self._probe(key, self.peers.values(), now)

    def drop(self, cid: Cid, now: float) -> None:
        """A block is not wanted any more."""
        is_active = self._wants.get(cid.multihash) is not None
        self._wants.remove(cid.multihash)
        if is_active:
            self.copies.drop(cid.multihash)
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
                self._probe(key, [remote], now)

    def left(self, name: str, now: float) -> None:
        """A peer is gone, and with it what it owed us."""
        remote = self.peers.pop(name, None)
        if remote is None:
            return
        self.former.add(remote)
        self.sessions.forget(name)
        self.copies.forget(name)
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
            remote.has_answered = True
            self.copies.answered(key, name, each.presence)
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
                    self._probe(key, self.peers.values(), now)
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
            self._doubt(remote, payload, "it sent a block, and we wanted none of it", now)
            return
        try:
            block = payload.block()
        except UsageError as error:
            self._strike(remote, str(error), now)
            return
        key = block.cid.multihash
        if (want := self._wants.remove(key)) is not None:
            self._take(remote, want, block.data, now)
        elif remote.may_send(key):
            remote.ledger.double_blocks += 1
            remote.ledger.double_bytes += len(payload.data)
            self.copies.doubled(name)
        else:
            size = len(payload.data)
            self._doubt(remote, payload, f"it sent {size} bytes that are no block that we want", now)

    # Time.

    def timer(self) -> float | None:
        """When `handle_timer` is to be called, in seconds; None if nothing waits."""
        first = min((remote.judged_at for remote in self.peers.values()), default=float("inf"))
        if self._wants:
            first = min(first, self._next_late_at())
        return None if first == float("inf") else first

    def _next_late_at(self) -> float:
        patience_s = self._patience_s()
        ends = [remote.next_late_at(patience_s) for remote in self.peers.values()]
        for key in self._wants.in_order():
            ends += [self._retry_at(name, at) for name, at in self._wants[key].late.items()]
        if self._wants.has_open and self.copies.is_used_up:
            ends += map(self._silent_at, self.peers.values())
            ends += [at for _, _, at in self._late_requests()]
        return min(ends, default=float("inf"))

    def handle_timer(self, now: float) -> None:
        """Sees who is late, silent or a liar, and asks others."""
        patience_s = self._patience_s()
        for remote in list(self.peers.values()):
            if self._silent_at(remote) <= now:
                self.copies.forget(remote.name)
            self._is_late(remote, remote.overdue(now, patience_s), now)
            if remote.judged_at <= now:
                blocks, remote.has_answered = remote.ledger.unasked_blocks, True
                reason = f"it sent {blocks} blocks that we did not ask for, and none that we did"
                self._strike(remote, reason, now, strikes=blocks)
        for key in self._wants.in_order():
            late = self._wants[key].late
            for name in [name for name, at in late.items() if self._retry_at(name, at) <= now]:
                del late[name]
                self.peers[name].owes.pop(key, None)  # or it would fill its window with itself
                self.copies.end_request(key, name)
        for key, name, at in self._late_requests():
            if at <= now and self.copies.is_used_up:
                self.copies.end_request(key, name)
        self._assign(now)

    def _silent_at(self, remote: RemotePeer) -> float:
        silence = SILENCE if remote.has_answered else 1
        silence_s = silence * remote.usual_timeout_s
        return self.copies.silent_at(remote.name, remote.heard_at, remote.useful_at, silence_s)

    def _late_requests(self) -> list[tuple[Multihash, str, float]]:
        """Requests for what is open, of whom, and when each is over though its peer is not silent."""
        return [
            (key, name, at + self.limits.max_timeout_s)
            for key in self._wants.in_order()
            for name, at in self._wants[key].late.items()
            if self.copies.is_asked(key, name)
        ]

    def _retry_at(self, name: str, late_at: float) -> float:
        """When a peer that is late may be asked again."""
        return max(late_at, self.peers[name].heard_at) + self.limits.retry_s

    def _patience_s(self) -> float:
        """Rule 8: how long to wait for any peer at most."""
        if self._wants.has_open:
            return float("inf")
        idle = (remote.usual_timeout_s for remote in self.peers.values() if remote.is_idle)
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
        for key in self._wants.in_order() if among is None else among:
            if not free:
                return
            if not self._wants.is_open(key) or not self.copies.may_ask(key, WantKind.BLOCK):
                continue
            remote = self._best(free, self._wants[key])
            if remote is None:
                self._probe(key, self.peers.values(), now)
                continue
            self._ask(remote, key, now)
            if not remote.has_room:
                free.remove(remote)

    def _reopen(self, key: Multihash) -> None:
        if key in self._wants and not self._is_in_time(key):
            self._wants.open(key)

    def _best(self, free: list[RemotePeer], want: Want) -> RemotePeer | None:
        """Whom to ask; None if there is nobody yet."""
        suppliers = self.sessions.suppliers(want.session)
        able = [one for one in free if one.name not in want.lacks and one.name not in want.late]
        return min(able, key=lambda one: one.rank(one.name in want.has, one.name in suppliers), default=None)

    def _ask(self, remote: RemotePeer, key: Multihash, now: float) -> None:
        at_work = [other for other in self.peers.values() if key in other.owes and other is not remote]
        for other in at_work[: max(0, len(at_work) + 1 - self.limits.max_copies)]:
            other.cancel(key, self._wants[key].cid)  # rule 3
        self._wants.shut(key)
        remote.ask(key, now)
        self._tell(remote, key, WantKind.BLOCK, now)

    def _probe(self, key: Multihash, remotes: Iterable[RemotePeer], now: float) -> None:
        """Asks those of some peers that do not know of a want yet whether they have the block."""
        for remote in islice((one for one in remotes if one.may_be_probed(key)), self.limits.probes):
            if not self.copies.may_ask(key, WantKind.HAVE):
                return
            self._tell(remote, key, WantKind.HAVE, now)

    def _tell(self, remote: RemotePeer, key: Multihash, kind: WantKind, now: float) -> None:
        self.copies.ask(key, remote.name, kind, now)
        remote.asked_at = min(remote.asked_at, now)
        remote.tell(key, self._line(remote, self._wants[key], kind))

    def _line(self, remote: RemotePeer, want: Want, kind: WantKind) -> WantEntry:
        return WantEntry(want.cid, want.priority, kind, asks_dont_have=remote.speaks_have)

    def _take(self, remote: RemotePeer, want: Want, data: bytes, now: float) -> None:
        key = want.cid.multihash
        self.copies.deliver(key, remote.name, len(data))
        remote.has_answered = True
        remote.useful_at = now
        remote.deliver(key, now)
        remote.ledger.useful_blocks += 1
        remote.ledger.useful_bytes += len(data)
        self.sessions.supplied(want.session, remote.name)
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
                self._probe(key, self.peers.values(), now)

    def _doubt(self, remote: RemotePeer, payload: Payload, reason: str, now: float) -> None:
        """It sent what no line of ours explains: is that a strike?"""
        if remote.may_be_left_over(len(payload.data)):
            remote.ledger.unasked_blocks += 1
            remote.ledger.unasked_bytes += len(payload.data)
            self._ask_others(remote, now)
        else:
            self._strike(remote, reason, now)

    def _ask_others(self, remote: RemotePeer, now: float) -> None:
        """Perhaps it was for what it owes us longest: somebody else is asked for that."""
        self._is_late(remote, [key for key, ask in remote.owes.items() if not ask.is_late][:1], now)
        self._assign(now)

    def _strike(self, remote: RemotePeer, reason: str, now: float, *, strikes: int = 1) -> None:
        """It did what it must not."""
        remote.ledger.strikes += strikes
        is_over = remote.ledger.strikes >= self.limits.max_strikes
        self.events.append(PeerBlamed(remote.name, reason, remote.ledger.strikes, is_over))
        if not is_over:
            self._ask_others(remote, now)
            return
        owed = list(remote.owes)
        remote.give_up()
        self.sessions.forget(remote.name)
        self.copies.forget(remote.name)
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
