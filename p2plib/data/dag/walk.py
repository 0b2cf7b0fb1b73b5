"""A walk over linked blocks: which are needed, in which order, and when it is too much. A machine.

It asks for blocks and is given them, from a store or from strangers, and never fetches anything itself::

    walk = DagWalk(root)
    while not walk.is_done:
        for cid in walk.wanted(16):          ask somebody for these
        for visit in walk.receive(block):    and give it what comes, in any order, checked

Rules
    1. A block is visited once, however many links lead to it: a graph of a hundred blocks can have 2**100
       ways through it. A selector that reaches a block again with another note has a reason to, and it is
       visited once for each note.
    2. Blocks are wanted depth first (in the order of the links, which is that of a file's bytes) or breadth
       first, and visited as they come.
    3. Nothing recurses, and nothing that a block says is believed: the walk counts blocks, bytes, depth and
       what it has yet to read, and raises `OverBudget` before it holds more than it may. It is over then.
    4. Identity links have their block in them. They are visited at once, are never wanted, and count.

Vocabulary::

    selector   a function that says which blocks a block leads to: `every_link`, or those of
               `p2plib.data.dag.unixfs.selecting` that follow a path or a range of bytes
    note       what a selector knows of a block before it is there, such as which of its bytes are asked for
    unread     blocks that are known and have not come
"""

from __future__ import annotations

import enum
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag import codecs
from p2plib.data.dag.block import Block
from p2plib.errors import OverBudget, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


@dataclass(frozen=True, slots=True)
class DagStep:
    """A block to visit.

    Args:
        cid: its identifier.
        note: what the selector will be told when it is there.
    """

    cid: Cid
    note: Hashable = None


@dataclass(frozen=True, slots=True)
class DagVisit:
    """A block that was visited.

    Args:
        cid: its identifier, as the link to it had it.
        data: its bytes.
        depth: how many links away from the root it was first seen.
        note: what the selector was told.
    """

    cid: Cid
    data: bytes
    depth: int
    note: Hashable = None


Selector: TypeAlias = Callable[[Cid, bytes, Hashable], Iterable[DagStep]]


class DagOrder(enum.Enum):
    """In which order blocks are wanted."""

    DEPTH_FIRST = "depth first"
    BREADTH_FIRST = "breadth first"


@dataclass(frozen=True, slots=True)
class DagBudget:
    """What a walk may take.

    Args:
        blocks: visits.
        size_bytes: of all blocks visited.
        depth: links between the root and a block.
        unread: blocks that are known and have not come.
    """

    blocks: int = 1_000_000
    size_bytes: int = 2**34
    depth: int = 1_000
    unread: int = 100_000


def every_link(cid: Cid, raw: bytes, note: Hashable = None) -> Iterator[DagStep]:
    """The selector that follows every link of a block.

    Args:
        cid: which says how the block is written.
        raw: the block.
        note: not used.

    Raises:
        DecodeError: the block breaks a rule of its codec, or nobody here can read it.
    """
    for link in codecs.links(Block(cid, raw)):
        yield DagStep(link)


@dataclass(frozen=True, slots=True)
class _Key:
    """Two links to the same bytes, read the same way and for the same reason, are one block to visit."""

    multihash: Multihash
    codec: int
    note: Hashable


@dataclass(frozen=True, slots=True)
class _Pending:
    step: DagStep
    depth: int


class DagWalk:
    """A walk from a root.

    Args:
        root: where it begins.
        selector: which links it follows.
        note: what the selector is told about the root.
        order: in which order blocks are wanted.
        budget: what it may take.
    """

    def __init__(
        self,
        root: Cid,
        selector: Selector = every_link,
        *,
        note: Hashable = None,
        order: DagOrder = DagOrder.DEPTH_FIRST,
        budget: DagBudget = DagBudget(),  # noqa: B008 - it is frozen
    ) -> None:
        self._selector = selector
        self._is_depth_first = order is DagOrder.DEPTH_FIRST
        self._budget = budget
        self._seen: set[_Key] = set()
        self._unread: OrderedDict[_Key, _Pending] = OrderedDict()  # the last is next if it is depth first
        self._wanting: dict[Multihash, list[_Key]] = {}
        self._in_hand: deque[_Pending] = deque()  # identity links, which need not be waited for
        self._blocks = self._bytes = 0
        self._schedule([DagStep(root, note)], 0)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to visit."""
        return not self._unread and not self._in_hand

    @property
    def visited_blocks(self) -> int:
        """How many blocks were visited."""
        return self._blocks

    @property
    def visited_bytes(self) -> int:
        """How many bytes the blocks visited had."""
        return self._bytes

    @property
    def unread(self) -> int:
        """How many blocks are known and have not come."""
        return len(self._unread)

    def wanted(self, most: int = 1) -> tuple[Cid, ...]:
        """The next blocks to get, the most urgent first; each once, and the same again until it came.

        Args:
            most: how many to name, at least 1.
        """
        if most < 1:
            raise UsageError(f"at least one block can be named, not {most}")
        queue = reversed(self._unread.values()) if self._is_depth_first else iter(self._unread.values())
        found: dict[Multihash, Cid] = {}
        for pending in queue:
            found.setdefault(pending.step.cid.multihash, pending.step.cid)
            if len(found) == most:
                break
        return tuple(found.values())

    def receive(self, block: Block) -> tuple[DagVisit, ...]:
        """Take a block that came, and give what was visited with it: nothing if it was not wanted.

        Args:
            block: made with `checked` if it came from a stranger.

        Raises:
            OverBudget: the walk would take more than it may; it is over then.
            DecodeError: the block is not what its codec or the selector demands; it counts as visited.
        """
        pending = [self._unread.pop(key) for key in self._wanting.pop(block.cid.multihash, ())]
        visits = [self._visit(each, block.data) for each in pending]
        return (*visits, *self.start())

    def start(self) -> tuple[DagVisit, ...]:
        """Visit what needs no block: identity links. `receive` does it too; the root may be one."""
        visits = []
        while self._in_hand:
            pending = self._in_hand.popleft()
            visits.append(self._visit(pending, pending.step.cid.multihash.digest))
        return tuple(visits)

    def skip(self, cid: Cid) -> None:
        """Give up a block that nobody has, and all that only it would have led to.

        Args:
            cid: one that was wanted; any other changes nothing.
        """
        for key in self._wanting.pop(cid.multihash, ()):
            del self._unread[key]

    def _visit(self, pending: _Pending, raw: bytes) -> DagVisit:
        self._blocks += 1
        self._bytes += len(raw)
        if self._blocks > self._budget.blocks:
            raise OverBudget(f"the walk would visit more than {self._budget.blocks} blocks")
        if self._bytes > self._budget.size_bytes:
            raise OverBudget(f"the walk would read more than {self._budget.size_bytes} bytes")
        step = pending.step
        self._schedule(self._selector(step.cid, raw, step.note), pending.depth + 1)
        return DagVisit(step.cid, raw, pending.depth, step.note)

    def _schedule(self, steps: Iterable[DagStep], depth: int) -> None:
        """Want what is new. Depth first, the first of these links is the next to be read."""
        fresh: dict[_Key, _Pending] = {}
        for step in steps:
            key = _Key(step.cid.multihash, step.cid.codec, step.note)
            if key in self._seen or key in fresh:
                continue
            if depth > self._budget.depth:
                raise OverBudget(
                    f"the walk would go deeper than {self._budget.depth} links, to {cids.to_text(step.cid)}"
                )
            if len(self._unread) + len(self._in_hand) + len(fresh) >= self._budget.unread:
                raise OverBudget(f"the walk would have more than {self._budget.unread} blocks yet to read")
            fresh[key] = _Pending(step, depth)
        self._seen.update(fresh)
        for key in reversed(fresh) if self._is_depth_first else fresh:
            if key.multihash.code == multicodec.IDENTITY:
                self._in_hand.append(fresh[key])
            else:
                self._unread[key] = fresh[key]
                self._wanting.setdefault(key.multihash, []).append(key)


def walk_store(store: BlockStore, walk: DagWalk) -> Iterator[DagVisit]:
    """Walk over blocks that are all in a store.

    Args:
        store: which has them.
        walk: one that has not begun, or one to go on with.

    Raises:
        NotFound: a block is not there; the walk still wants it.
        OverBudget: see `DagWalk.receive`.
        DecodeError: see `DagWalk.receive`.
    """
    yield from walk.start()
    while not walk.is_done:
        (cid,) = walk.wanted()
        yield from walk.receive(Block(cid, store.get(cid)))


def walk_locally(store: BlockStore, walk: DagWalk, most: int = 16) -> tuple[list[DagVisit], tuple[Cid, ...]]:
    """Walk as far as a store has the blocks: what was visited, and what has to be asked of somebody else.

    Args:
        store: which may have some of them.
        walk: to go on with.
        most: how many missing blocks to name at a time; what lies behind them waits.

    Raises:
        OverBudget: see `DagWalk.receive`.
        DecodeError: see `DagWalk.receive`.
    """
    visits = list(walk.start())
    while True:
        wanted = walk.wanted(most)
        here = [cid for cid in wanted if store.has(cid)]
        if not here:
            return visits, wanted
        visits += itertools.chain.from_iterable(walk.receive(Block(cid, store.get(cid))) for cid in here)
