"""A walk over linked blocks: which are needed, in which order, and when to stop. A machine.

It names the blocks it wants and is given them, from a store or from strangers; it never fetches anything
itself::

    walk = DagWalk(root)
    while not walk.is_done:
        for cid in walk.wanted(16):          ask somebody for these
        for visit in walk.receive(block):    and give it what comes, in any order, checked

Rules
    1. A block is visited once, however many links lead to it: a graph of a hundred blocks can have 2**100
       paths through it. Where a selector reaches a block again with another note, it has a reason to, and the
       block is visited once for each note.
    2. Blocks are wanted depth first (in the order of the links, which is that of a file's bytes) or breadth
       first, and visited as they come.
    3. Nothing recurses, and nothing that a block says is believed: the walk counts blocks, bytes, depth and
       what it has yet to read, and raises `OverBudget` before it exceeds its budget. Then the walk is over:
       it drops what it held, and every later call raises the same error.
    4. Identity links hold their block. They are visited at once, are never wanted, and count.
    5. A block that breaks a rule counts as visited, and changes nothing else: what the same call had visited
       before it is returned by the next call, and what it had yet to visit is still to come.

Vocabulary::

    selector   a function that says which blocks a block leads to: `every_link`, or those of
               `p2plib.data.dag.unixfs.selecting` that follow a path or a range of bytes
    note       what a selector knows about a block before it arrives, such as which of its bytes are wanted
    unread     blocks that are known and have not arrived
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
        note: what the selector will be told when it arrives.
    """

    cid: Cid
    note: Hashable = None


@dataclass(frozen=True, slots=True)
class DagVisit:
    """A block that was visited.

    Args:
        cid: its identifier, as in the link to it.
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
    """How much a walk may do.

    Args:
        blocks: how many visits.
        size_bytes: of all blocks visited.
        depth: how many links between the root and a block.
        unread: how many blocks that are known and have not arrived.
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
        DecodeError: the block breaks a rule of its codec, or this library does not read it.
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
        budget: how much it may do.
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
        # By hash, so that a block that is wanted for a thousand reasons is one entry for `wanted` to look at.
        self._unread: OrderedDict[Multihash, deque[_Pending]] = OrderedDict()  # depth first: the last is next
        self._unread_count = 0
        self._in_hand: deque[_Pending] = deque()  # identity links, whose blocks are already here
        self._undelivered: list[DagVisit] = []
        self._blocks = self._bytes = 0
        self._over = ""
        self._schedule([DagStep(root, note)], 0)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to visit; False for a walk that ran over its budget."""
        return not self._unread and not self._in_hand and not self._over

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
        """How many blocks are known and have not arrived."""
        return self._unread_count

    def wanted(self, most: int = 1) -> tuple[Cid, ...]:
        """The next blocks to get, the most urgent first; each is named again until it arrives.

        Args:
            most: the most blocks to name, at least 1.

        Raises:
            OverBudget: the walk is over.
            UsageError: `most` is less than 1.
        """
        if most < 1:
            raise UsageError(f"at least one block has to be asked for, not {most}")
        self._demand_budget()
        last = -1 if self._is_depth_first else 0
        queue = reversed(self._unread.values()) if self._is_depth_first else iter(self._unread.values())
        return tuple(pending[last].step.cid for pending in itertools.islice(queue, most))

    def receive(self, block: Block) -> tuple[DagVisit, ...]:
        """Take a block that arrived, and return what was visited with it: nothing if it was not wanted.

        Args:
            block: made with `checked` if it came from a stranger.

        Raises:
            OverBudget: the walk would exceed its budget; it is over then.
            DecodeError: the block breaks a rule of its codec or of the selector; it counts as visited.
            NotFound: the selector follows a path that leads nowhere.
        """
        self._demand_budget()
        multihash = block.cid.multihash
        while pending := self._unread.get(multihash):
            self._unread_count -= 1
            each = pending.popleft()
            if not pending:
                del self._unread[multihash]
            self._visit(each, block.data)
        return self.start()

    def start(self) -> tuple[DagVisit, ...]:
        """Visit what can be visited at once: identity links. `receive` does so too; the root may be one.

        Raises:
            OverBudget: see `receive`.
            DecodeError: see `receive`.
            NotFound: see `receive`.
        """
        self._demand_budget()
        while self._in_hand:
            pending = self._in_hand.popleft()
            self._visit(pending, pending.step.cid.multihash.digest)
        visits, self._undelivered = tuple(self._undelivered), []
        return visits

    def skip(self, cid: Cid) -> None:
        """Give up a block that nobody has, and all that only it would have led to.

        Args:
            cid: a block that was wanted; any other changes nothing.
        """
        self._unread_count -= len(self._unread.pop(cid.multihash, ()))

    def _demand_budget(self) -> None:
        if self._over:
            raise OverBudget(self._over)

    def _visit(self, pending: _Pending, raw: bytes) -> None:
        if self._blocks == self._budget.blocks:
            raise self._used_up(f"visit more than {self._budget.blocks} blocks")
        if self._bytes + len(raw) > self._budget.size_bytes:
            raise self._used_up(f"read more than {self._budget.size_bytes} bytes")
        self._blocks += 1
        self._bytes += len(raw)
        step = pending.step
        self._schedule(self._selector(step.cid, raw, step.note), pending.depth + 1)
        self._undelivered.append(DagVisit(step.cid, raw, pending.depth, step.note))

    def _used_up(self, what: str) -> OverBudget:
        """Let go of everything: whoever goes on after an error gets the same one again."""
        self._over = f"the walk would {what}"
        for held in (self._unread, self._in_hand, self._seen, self._undelivered):
            held.clear()
        self._unread_count = 0
        return OverBudget(self._over)

    def _schedule(self, steps: Iterable[DagStep], depth: int) -> None:
        """Want what is new. Depth first, the first of these links is the next to be read."""
        fresh: dict[_Key, _Pending] = {}
        for step in steps:
            key = _Key(step.cid.multihash, step.cid.codec, step.note)
            if key in self._seen or key in fresh:
                continue
            if depth > self._budget.depth:
                raise self._used_up(f"go deeper than {self._budget.depth} links, to {cids.to_text(step.cid)}")
            if self._unread_count + len(self._in_hand) + len(fresh) >= self._budget.unread:
                raise self._used_up(f"have more than {self._budget.unread} blocks yet to read")
            fresh[key] = _Pending(step, depth)
        self._seen.update(fresh)
        for key in reversed(fresh) if self._is_depth_first else fresh:
            if key.multihash.code == multicodec.IDENTITY:
                self._in_hand.append(fresh[key])
                continue
            self._unread.setdefault(key.multihash, deque()).append(fresh[key])
            self._unread_count += 1
            if self._is_depth_first:
                self._unread.move_to_end(key.multihash)


def walk_store(store: BlockStore, walk: DagWalk) -> Iterator[DagVisit]:
    """Walk over blocks that are all in a store.

    Args:
        store: where they are.
        walk: a new walk, or one to go on with.

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
    """Walk as far as a store has the blocks; returns what was visited, and which blocks to ask others for.

    Args:
        store: where some of the blocks are.
        walk: the walk to go on with.
        most: the most missing blocks to name at a time; what is below them waits.

    Raises:
        StoreCorrupt: a block is damaged; the walk still wants it.
        OverBudget: see `DagWalk.receive`.
        DecodeError: see `DagWalk.receive`.
    """
    visits = list(walk.start())
    try:
        while True:
            wanted = walk.wanted(most)
            here = [cid for cid in wanted if store.has(cid)]
            if not here:
                return visits, wanted
            for cid in here:
                visits += walk.receive(Block(cid, store.get(cid)))
    except Exception:
        walk._undelivered[:0] = visits  # the next call returns them
        raise
