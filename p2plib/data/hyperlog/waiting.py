"""Waiting: nodes that came before what they link to, or before the entry that they follow. A machine.

A good sender sends causes first, so little waits. A sender that lies can name links that nobody has, and its
nodes then wait forever: so every exchange has a queue of its own, with a cap, which is dropped with it.
"""

from __future__ import annotations

from p2plib.data.hyperlog import nodes
from p2plib.data.hyperlog.graph import Hyperlog, LogEntry, fork_of
from p2plib.data.hyperlog.nodes import HyperlogNode
from p2plib.errors import InvalidEntry

MAX_WAITING_NODES = 4096
MAX_WAITING_BYTES = 16 * 1024 * 1024
_OVERHEAD_BYTES = 512  # what a small node costs us beyond its value and links


class WaitingNodes:
    """The queue in front of one replica.

    Args:
        graph: the replica that they shall go into.
        max_nodes: how many may wait.
        max_bytes: how many bytes they may have together.

    Attributes:
        size_bytes: how many bytes wait.
    """

    def __init__(
        self, graph: Hyperlog, *, max_nodes: int = MAX_WAITING_NODES, max_bytes: int = MAX_WAITING_BYTES
    ) -> None:
        self._graph = graph
        self._max_nodes = max_nodes
        self._max_bytes = max_bytes
        self._nodes: dict[tuple[str, int], HyperlogNode] = {}
        self._for_key: dict[str, dict[tuple[str, int], None]] = {}  # who waits for a node
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def offer(self, node: HyperlogNode) -> list[LogEntry]:
        """Takes a node: it goes into the replica, and with it all that waited for it; or it waits.

        Returns:
            The entries that went in, in their order; none if it waits or was there already.

        Raises:
            InvalidEntry: the node breaks a rule, or too much waits already.
            SignatureError: the replica's `verify` does not accept the node.
            Forked: another node has its number.
        """
        nodes.check(node)
        place = (node.log, node.seq)
        went_in, ready = list[LogEntry](), list[HyperlogNode]()
        if self._graph.has_entry(node):  # another exchange may have brought it, and some here may wait for it
            ready = self._freed_by(node)
        elif place in self._nodes:
            if self._nodes[place].key != node.key:
                self._graph.check(node)
                raise fork_of(self._nodes[place], node)
        elif self._is_ready(node):
            ready = [node]
        else:
            self._graph.check(node)  # only what is signed as it must be may wait
            self._put(node)
        while ready:
            freed = ready.pop()
            entry = self._graph.insert(freed)
            if entry is not None:
                went_in.append(entry)
            ready += self._freed_by(freed)
        return went_in

    def _is_ready(self, node: HyperlogNode) -> bool:
        return node.seq == self._graph.head_seq(node.log) + 1 and not self._graph.missing(node)

    def _freed_by(self, node: HyperlogNode) -> list[HyperlogNode]:
        """The waiting nodes that nothing holds back any more, now that this one is in."""
        places = self._for_key.pop(node.key, {})
        places[(node.log, node.seq + 1)] = None
        freed = []
        for place in places:
            waiting = self._nodes.get(place)
            if waiting is None:
                continue
            if self._is_ready(waiting) or self._graph.has_entry(waiting):
                freed.append(self._take(place))
            else:
                self._wait_for_link(waiting)
        return freed

    def _put(self, node: HyperlogNode) -> None:
        size = _size(node)
        if len(self._nodes) >= self._max_nodes or self.size_bytes + size > self._max_bytes:
            raise InvalidEntry(
                f"{len(self._nodes)} nodes of {self.size_bytes} bytes wait for others that were not sent"
            )
        self._nodes[(node.log, node.seq)] = node
        self.size_bytes += size
        self._wait_for_link(node)

    def _wait_for_link(self, node: HyperlogNode) -> None:
        """Notes the first link that is missing; when that has come, the next one is looked for."""
        for key in self._graph.missing(node)[:1]:
            self._for_key.setdefault(key, {})[(node.log, node.seq)] = None

    def _take(self, place: tuple[str, int]) -> HyperlogNode:
        node = self._nodes.pop(place)
        self.size_bytes -= _size(node)
        return node


def _size(node: HyperlogNode) -> int:
    proofs = len(node.identity or b"") + len(node.signature or b"")
    return len(node.value) + len(node.links) * nodes.KEY_CHARACTERS + proofs + _OVERHEAD_BYTES
