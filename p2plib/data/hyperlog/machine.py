"""HyperlogSync: the exchange that brings two replicas to the same nodes. Machine.

npm's `hyperlog` 4.12.1, `lib/replicate.js`. Both sides do the same, at the same time::

    handshake      what each is going to do: sync, push (send only) or pull (take only)
    have*          where each of my logs ends, then sentHeads
    want*          for each log of theirs that ends later than mine: from where to send
    node*          what was wanted, in the order in which it went in here, so causes come first
    sentWants      I have got everything; a side that has sent and heard both ends of it is done

With `live` the two stay connected, and send every node that goes in later.

Rules, where npm has none or others
    1. All logs are named by `have`. npm names those of the heads, and those that a sent node links to just
       before it sends the node: both ways reach the same.
    2. A node is sent once, from the logs that were named, up to where they ended when the exchange began.
       A log is named once, and wanted once; a second `want` would have us send everything again.
    3. What the other side has, or has sent, is not sent back to it in live mode. (npm sends it, and its
       receiver keeps such echoes in memory.)
    4. Before both have said `sentWants` no node may come that was not wanted. Nodes whose links are missing
       wait in `p2plib.data.hyperlog.waiting`, with its caps.
    5. What the other side sends against the rules raises a `RemoteError`, and the exchange is over: the
       replica keeps what had gone in, which was whole.

Use: send what `next_message` gives, until it gives None; give `receive` what comes; ask again after each;
`close` at the end.
When `is_done`, end your side of the stream.
"""

from __future__ import annotations

import collections
import heapq
from dataclasses import dataclass
from typing import assert_never

from p2plib.data.hyperlog import nodes
from p2plib.data.hyperlog.graph import Hyperlog, LogEntry
from p2plib.data.hyperlog.messages import (
    MODES,
    HyperlogHandshake,
    HyperlogHave,
    HyperlogMessage,
    HyperlogSend,
    HyperlogWant,
    SentHeads,
    SentWants,
)
from p2plib.data.hyperlog.nodes import HyperlogNode
from p2plib.data.hyperlog.waiting import MAX_WAITING_BYTES, MAX_WAITING_NODES, WaitingNodes
from p2plib.errors import DecodeError, InvalidEntry, UsageError


@dataclass(frozen=True, slots=True)
class HyperlogLimits:
    """What the other side may make us keep in one exchange.

    Args:
        logs: how many logs it may name.
        new_nodes: how many nodes it may send, whether new to us or not.
        waiting_nodes: how many may wait for what they link to.
        waiting_bytes: how many bytes those may have.
    """

    logs: int = 65_536
    new_nodes: int = 1_000_000
    waiting_nodes: int = MAX_WAITING_NODES
    waiting_bytes: int = MAX_WAITING_BYTES


DEFAULT_LIMITS = HyperlogLimits()


@dataclass(slots=True)
class HyperlogStats:
    """What an exchange did so far.

    Args:
        sent: nodes that we sent.
        received: nodes that came and went in.
        repeated: nodes that came and were here already.
    """

    sent: int = 0
    received: int = 0
    repeated: int = 0


class HyperlogSync:
    """Our side of one exchange.

    Args:
        graph: our replica; what comes goes in there.
        mode: "sync", "push" or "pull".
        live: whether to go on after both have the same, until the stream ends. (npm goes on if either side
            says so; we only if we do.)
        metadata: the application's own bytes for the handshake.
        limits: what the other side may make us keep.

    Attributes:
        remote: the other side's handshake, when it has come.
        stats: what was done so far.
    """

    def __init__(
        self,
        graph: Hyperlog,
        *,
        mode: str = "sync",
        live: bool = False,
        metadata: bytes | None = None,
        limits: HyperlogLimits = DEFAULT_LIMITS,
    ) -> None:
        if mode not in MODES:
            raise UsageError(f"there is no mode {mode!r}; there are {', '.join(MODES)}")
        self.remote: HyperlogHandshake | None = None
        self.stats = HyperlogStats()
        self._graph = graph
        self._mode = mode
        self._live = live
        self._limits = limits
        self._waiting = WaitingNodes(graph, max_nodes=limits.waiting_nodes, max_bytes=limits.waiting_bytes)
        self._outgoing: list[HyperlogMessage] = [HyperlogHandshake(mode, live, metadata)]
        self._next = 0  # of `_outgoing`
        # What we send.
        self._named: dict[str, int] = {}  # our logs, and where they ended when the exchange began
        self._sending: list[tuple[int, str, int]] = []  # a heap: change, log, seq
        self._was_wanted: set[str] = set()
        self._they_have: dict[str, int] = {}
        self._tail: collections.deque[LogEntry] = collections.deque()  # what went in since, for the live part
        # What we take.
        self._wanted: dict[str, int] = {}  # their logs, and up to where we want them
        self._lacking: set[str] = set()  # those that do not reach so far yet
        self._came = 0  # nodes, whatever became of them
        # How far it is.
        self._we_named = self._they_named = False  # sentHeads
        self._we_got = self._they_got = False  # sentWants

    @property
    def is_synced(self) -> bool:
        """Whether both sides have what they wanted: the exchange is done, or its live part begins."""
        return self._we_named and self._they_named and self._we_got and self._they_got

    @property
    def is_live(self) -> bool:
        """Whether we go on when both have the same."""
        return self._live

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be sent, ever."""
        return self.is_synced and not self._live and self._next >= len(self._outgoing) and not self._sending

    @property
    def missing(self) -> int:
        """How many entries that we asked for have not come yet."""
        return sum(self._wanted[log] - self._graph.head_seq(log) for log in self._lacking)

    # What goes out

    def next_message(self) -> HyperlogMessage | None:
        """What to send next; None if nothing is to be sent now.

        Nodes are looked up only here, so a slow reader does not fill our memory.
        """
        if self._next < len(self._outgoing):
            message = self._outgoing[self._next]
            self._next += 1
            if self._next == len(self._outgoing):
                self._outgoing, self._next = [], 0
            return message
        if self._sending:
            _, log, seq = heapq.heappop(self._sending)
            self._schedule(log, seq + 1)
            return self._send(self._graph.entry(log, seq))
        while self.is_synced and self._tail:
            entry = self._tail.popleft()
            if entry.node.seq > self._they_have.get(entry.node.log, 0):
                return self._send(entry)
        return None

    def added(self, entry: LogEntry) -> None:
        """Tell it what has gone into the replica since the exchange began, if it is live: `Hyperlog.watch`
        does."""
        pulls = self._mode == "pull" or (self.remote is not None and self.remote.mode == "push")
        if self._live and not pulls and entry.node.seq > self._they_have.get(entry.node.log, 0):
            self._tail.append(entry)

    def close(self) -> None:
        """Call it when the exchange is over, however it ended: what the other side claimed is forgotten."""
        self._graph.claims.pop(self, None)

    def _send(self, entry: LogEntry) -> HyperlogSend:
        self.stats.sent += 1
        self._they_now_have(entry.node.log, entry.node.seq)
        return HyperlogSend(entry.node, entry.change)

    def _schedule(self, log: str, seq: int) -> None:
        if seq <= self._named.get(log, 0):
            heapq.heappush(self._sending, (self._graph.entry(log, seq).change, log, seq))

    def _they_now_have(self, log: str, seq: int) -> None:
        if seq > self._they_have.get(log, 0):
            self._they_have[log] = seq

    # What comes in

    def receive(self, message: HyperlogMessage) -> list[LogEntry]:
        """Takes the next message.

        Returns:
            The entries that went into the replica because of it, in their order.

        Raises:
            DecodeError: it must not come now.
            InvalidEntry: a node breaks a rule, or a limit is reached.
            SignatureError: the replica's `verify` does not accept a node.
            Forked: a log has another node under its number.
        """
        if isinstance(message, HyperlogHandshake):
            self._begin(message)
            return []
        if self.remote is None:
            raise DecodeError("the first message is the handshake")
        match message:
            case HyperlogHave(log, seq):
                self._hear_have(log, seq)
            case HyperlogWant(log, seq):
                self._hear_want(log, seq)
            case HyperlogSend(node):
                return self._take(node)
            case SentHeads():
                self._hear_sent_heads()
            case SentWants():
                if self._they_got:
                    raise DecodeError("a second sentWants, or one of a side that only pushes")
                self._they_got = True
            case _:
                assert_never(message)
        return []

    def _begin(self, theirs: HyperlogHandshake) -> None:
        if self.remote is not None:
            raise DecodeError("a second handshake")
        if self._mode == theirs.mode != "sync":
            raise DecodeError(f"both sides want to {self._mode}, and nothing would ever come")
        self.remote = theirs
        we_take = self._mode != "push" and theirs.mode != "pull"
        they_take = self._mode != "pull" and theirs.mode != "push"
        self._we_got = self._they_named = not we_take
        self._they_got = self._we_named = not they_take
        if not self._we_named:
            self._named = self._graph.logs()
            self._outgoing += [HyperlogHave(log, seq) for log, seq in self._named.items()]
            self._outgoing.append(SentHeads())
            self._we_named = True

    def _hear_have(self, log: str, seq: int) -> None:
        if self._we_got:
            raise DecodeError("have, after the exchange was over or from a side that only pulls")
        if log in self._wanted:
            raise DecodeError(f"log {log[:80]!r} was named twice")
        if len(self._wanted) >= self._limits.logs:
            raise InvalidEntry(f"more than {self._limits.logs} logs in one exchange")
        nodes.check_log(log)
        self._wanted[log] = seq
        self._they_now_have(log, seq)
        ours = self._graph.head_seq(log)
        if seq > ours:
            self._lacking.add(log)
            if log == self._graph.log:
                self._graph.claims[self] = seq
            self._outgoing.append(HyperlogWant(log, ours))

    def _hear_want(self, log: str, seq: int) -> None:
        if log not in self._named:
            raise DecodeError(f"log {log[:80]!r} was wanted, and we had not named it")
        if log in self._was_wanted:
            raise DecodeError(f"log {log[:80]!r} was wanted twice")
        self._was_wanted.add(log)
        self._they_now_have(log, seq)
        self._schedule(log, seq + 1)

    def _hear_sent_heads(self) -> None:
        if self._they_named:
            raise DecodeError("a second sentHeads, or one of a side that only pulls")
        self._they_named = True
        self._look_whether_all_came()

    def _take(self, node: HyperlogNode) -> list[LogEntry]:
        if not self.is_synced and not self._was_asked_for(node):
            raise InvalidEntry(f"number {node.seq} of log {node.log[:80]!r} was sent, and nobody wanted it")
        if self._mode == "push":
            raise DecodeError("a node for a side that only pushes")
        self._came += 1
        if self._came > self._limits.new_nodes:
            raise InvalidEntry(f"more than {self._limits.new_nodes} nodes in one exchange")
        if self._graph.has_entry(node):
            self.stats.repeated += 1  # somebody else may have brought it meanwhile
        went_in = self._waiting.offer(node)
        self._they_now_have(node.log, node.seq)
        self.stats.received += len(went_in)
        if not self._we_got:
            for log in {node.log, *(entry.node.log for entry in went_in)}:
                if self._graph.head_seq(log) >= self._wanted.get(log, 0):
                    self._lacking.discard(log)
            self._look_whether_all_came()
        return went_in

    def _was_asked_for(self, node: HyperlogNode) -> bool:
        return node.seq <= self._wanted.get(node.log, 0)

    def _look_whether_all_came(self) -> None:
        if self._they_named and not self._lacking and not self._we_got:
            self._we_got = True
            self._outgoing.append(SentWants())
