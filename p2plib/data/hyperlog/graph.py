"""Hyperlog: one replica of a graph of nodes that many writers extend. A machine without a driver.

Rules, as npm's `hyperlog` 4.12.1 keeps them unless it is said otherwise
    1. A node goes in after everything that it links to. So the order in which nodes went in (their *change*
       numbers, from 1, each replica's own) is a causal order, and `walk` never gives an effect before its
       cause.
    2. A log has no gaps: entry `seq` goes in after entry `seq - 1`.
    3. The *heads* are the nodes that nothing links to. `append` links to all of them, and so merges what two
       writers did without knowing of each other.
    4. A node that is there already, under another log, is not kept twice: the log gets an entry that points
       to it.
    5. Two different nodes cannot both be number `seq` of one log: `Forked`. (npm does not notice. It keeps
       the second one waiting for a place that never comes.)
    6. A log of our own that is longer elsewhere was restored from an old copy. While a peer names more of
       it than is here, `add` raises `WouldFork`: take the rest back first.
    7. With `verify` given, a node that it does not accept is refused before anything is kept, and before
       anybody is accused of a fork: the proof in `Forked` is both entries, as messages.
    8. `append` links to 1024 heads at most, the newest and our own last node. Others may make as many heads
       as they like, and we can still write.

    >>> log = Hyperlog("alice")
    >>> hello = log.append(b"hello")
    >>> log.append(b"world").links == (hello.key,)
    True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from p2plib.data.hyperlog import messages, nodes
from p2plib.data.hyperlog.messages import HyperlogSend
from p2plib.data.hyperlog.nodes import HyperlogNode
from p2plib.errors import Forked, InvalidEntry, NotFound, UsageError, WouldFork

Sign = Callable[[HyperlogNode], HyperlogNode]
Verify = Callable[[HyperlogNode], None]
Keep = Callable[["LogEntry"], object]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Where an entry of a log is kept.

    Args:
        node: the entry itself, with the name of this log and its number in it.
        change: which node it was that went in here, from 1; that of the first copy if it came twice.
    """

    node: HyperlogNode
    change: int


def fork_of(one: HyperlogNode, other: HyperlogNode) -> Forked:
    """The error for two nodes under one number of a log: its proof is both, as two messages."""
    proof = messages.frame(HyperlogSend(one, 0)) + messages.frame(HyperlogSend(other, 0))
    return Forked(f"log {one.log!r} has two different nodes with number {one.seq}", proof)


class Hyperlog:
    """One replica.

    Args:
        log: the name of our own log; other replicas have other names, or logs fork.
        sign: gives our own nodes `identity` and `signature`; nothing is signed if it is not given.
        verify: returns if another writer's node is signed as it must be, and raises SignatureError if not;
            everything passes if it is not given.
        keep: called with each entry before it goes in, to write it down; if it raises, nothing has changed.

    Attributes:
        log: the name of our own log.
        claims: how far each connected peer says that our own log goes.
    """

    def __init__(
        self, log: str, *, sign: Sign | None = None, verify: Verify | None = None, keep: Keep | None = None
    ) -> None:
        try:
            nodes.check_log(log)
        except InvalidEntry as error:
            raise UsageError(error.reason) from None
        self.log = log
        self._sign = sign
        self._verify = verify
        self.keep = keep
        self.claims: dict[object, int] = {}
        self._first: list[LogEntry] = []  # the entry under which each node first went in, by change
        self._change: dict[str, int] = {}  # by key
        self._logs: dict[str, list[LogEntry]] = {}
        self._in_order: list[LogEntry] = []
        self._heads: dict[str, None] = {}  # keys, in the order in which they went in
        self._watchers: list[Callable[[LogEntry], object]] = []

    def __repr__(self) -> str:
        return f"Hyperlog({self.log!r}, {self.changes} nodes in {len(self._logs)} logs)"

    def __contains__(self, key: str) -> bool:
        return key in self._change

    @property
    def changes(self) -> int:
        """How many different nodes are here; the change number of the last one."""
        return len(self._first)

    # Writing

    def append(self, value: bytes) -> HyperlogNode:
        """Adds a node after everything that is here: it links to all heads, or to the newest 1024.

        Raises:
            UsageError: the value breaks a limit.
        """
        heads = list(self.heads())
        if len(heads) > nodes.MAX_LINKS and self.log in self._logs:
            own = self._logs[self.log][-1].node.key
            heads = [key for key in heads if key != own] + [own]
        return self.add(heads[-nodes.MAX_LINKS :], value)

    def add(self, links: Iterable[str | HyperlogNode], value: bytes) -> HyperlogNode:
        """Adds a node to our own log.

        Args:
            links: the nodes that it comes after, or their keys; all must be here.
            value: what it says.

        Returns:
            The node. If our log has the very same one already, that one, and nothing is added: npm would give
            our log a second entry for it.

        Raises:
            NotFound: something that it links to is not here.
            UsageError: it breaks a limit.
            WouldFork: a peer says that our log is longer than what is here.
        """
        keys = [link.key if isinstance(link, HyperlogNode) else link for link in links]
        node = nodes.make(keys, value, self.log, self.head_seq(self.log) + 1)
        for key in node.links:
            if key not in self:
                raise NotFound(f"a node cannot link to {key}, which is not here")
        if node.key in self and (known := self._first[self._change[node.key] - 1].node).log == self.log:
            return known
        if max(self.claims.values(), default=0) >= node.seq:
            raise WouldFork(
                f"a peer says that log {self.log!r} is longer: was it restored from an old copy? "
                "Replicate first"
            )
        if self._sign is not None:
            node = self._sign(node)
        return self._keep(node).node

    def insert(self, node: HyperlogNode) -> LogEntry | None:
        """Takes a node that came from elsewhere. Ask `missing` first.

        Returns:
            The entry that it has become; None if it was here already.

        Raises:
            InvalidEntry: it breaks a limit, or its key is not the one of its links and value.
            SignatureError: `verify` does not accept it.
            Forked: the log has another node under that number.
            UsageError: `missing` says that it cannot go in yet.
        """
        nodes.check(node)
        if self.has_entry(node):
            return None
        self.check(node)
        if self.missing(node) or node.seq != self.head_seq(node.log) + 1:
            raise UsageError(f"number {node.seq} of {node.log} cannot go in before what it follows")
        return self._keep(node)

    def check(self, node: HyperlogNode) -> None:
        """Returns if a node from elsewhere may go in, once what it follows is here.

        Raises:
            InvalidEntry: it breaks a limit, or its key is not the one of its links and value.
            SignatureError: `verify` does not accept it.
        """
        nodes.check(node)
        if self._verify is not None:
            self._verify(node)

    def has_entry(self, node: HyperlogNode) -> bool:
        """Whether this very entry is here.

        Raises:
            Forked: the log has another node under its number.
            InvalidEntry: it is another, and breaks a limit, so it accuses nobody: see `check`.
            SignatureError: it is another, and its writer has not signed it: see `check`.
        """
        entries = self._logs.get(node.log, ())
        if node.seq > len(entries):
            return False
        ours = entries[node.seq - 1].node
        if ours.key != node.key:
            self.check(node)
            raise fork_of(ours, node)
        return True

    def missing(self, node: HyperlogNode) -> tuple[str, ...]:
        """The keys of the nodes that it links to and that are not here."""
        return tuple(key for key in dict.fromkeys(node.links) if key not in self._change)

    def _keep(self, node: HyperlogNode) -> LogEntry:
        is_new = node.key not in self._change
        entry = LogEntry(node, self.changes + 1 if is_new else self._change[node.key])
        if self.keep is not None:
            self.keep(entry)
        if is_new:
            self._change[node.key] = entry.change
            for key in node.links:
                self._heads.pop(key, None)
            self._heads[node.key] = None
            self._first.append(entry)
        self._logs.setdefault(node.log, []).append(entry)
        self._in_order.append(entry)
        for watcher in tuple(self._watchers):
            watcher(entry)
        return entry

    # Reading

    def heads(self) -> tuple[str, ...]:
        """The keys of the nodes that nothing links to, in the order in which they went in."""
        return tuple(self._heads)

    def logs(self) -> dict[str, int]:
        """The number of the last entry of every log."""
        return {log: len(entries) for log, entries in self._logs.items()}

    def head_seq(self, log: str) -> int:
        """The number of the last entry of a log; 0 if there is none."""
        return len(self._logs.get(log, ()))

    def entry(self, log: str, seq: int) -> LogEntry:
        """One entry of one log.

        Raises:
            NotFound: the log has no such entry here.
        """
        if not 1 <= seq <= self.head_seq(log):
            raise NotFound(f"there is no number {seq} of log {log!r} here")
        return self._logs[log][seq - 1]

    def get(self, key: str) -> HyperlogNode:
        """The node that has a key.

        Raises:
            NotFound: it is not here.
        """
        if key not in self._change:
            raise NotFound(f"node {key} is not here")
        return self._first[self._change[key] - 1].node

    def walk(self, since: int = 0) -> Iterator[HyperlogNode]:
        """The nodes that went in after a change, causes before effects; those that go in meanwhile, too."""
        while since < len(self._first):
            yield self._first[since].node
            since += 1

    def ancestors(self, keys: Sequence[str]) -> set[str]:
        """All keys that can be reached from some nodes by their links, those themselves included. Each is
        looked at once, however many ways lead to it.

        Raises:
            NotFound: one of them is not here.
        """
        seen, open_keys = set(keys), list(keys)
        while open_keys:
            for key in self.get(open_keys.pop()).links:
                if key not in seen:
                    seen.add(key)
                    open_keys.append(key)
        return seen

    def watch(self, watcher: Callable[[LogEntry], object]) -> Callable[[], None]:
        """Has something called for every entry that goes in from now on.

        Returns:
            What ends it.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    # Keeping

    def save(self) -> list[HyperlogNode]:
        """Every entry of every log, in the order in which they went in: `restore` takes them."""
        return [entry.node for entry in self._in_order]

    def restore(self, saved: Iterable[HyperlogNode]) -> None:
        """Takes up again what `save` gave; this replica must be empty.

        Raises:
            UsageError: it is not empty.
            InvalidEntry: a node is not what was saved.
        """
        if self._first:
            raise UsageError("only an empty replica can take up what was saved")
        for node in saved:
            self.insert(node)
