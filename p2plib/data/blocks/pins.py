"""Pins: which graphs of blocks are wanted, and the removal of all other blocks. Around any store.

A **pin** wants a block (direct), or a block and all that can be reached from it by links (recursive), under a
label that says for whom or for what. Pins are kept in an ordered store, so they outlive the process as the
blocks do. A **sweep** marks what is wanted, by walking from every pin, and then removes the rest.

A sweep never removes
    1. what is pinned, whenever the pin came: a pin that comes during a sweep is walked before the next
       removal;
    2. what is under a block that is `held`: somebody is walking or fetching it;
    3. what was put since the sweep began, and what was put inside `adding`, until that has ended: a graph is
       put leaves first, and its pin comes last.

The rule of gaps: where a block under a recursive pin, or under a hold, is missing or damaged, or its links
cannot be read, nobody knows what is under it; it could be any block of the store. Then a sweep removes
**nothing** (`StoreError`), until the block is put again or the pin is taken away. Only a raw block that is
missing does not matter so: a raw block has no links. `gaps` lists them.

A walk has no recursion, and goes through each block once, so a deep graph and one whose links meet again
cost no more than their blocks.

Vocabulary, as records of the ordered store::

    prefix ‖ size of cid ‖ cid ‖ label → "recursive" or "direct"
    "block pin" 00 24 01711220... "album 7" → "recursive"
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from p2plib.data.blocks.base import BlocksAround, holds_itself, raw_cid, size_here
from p2plib.data.blocks.ordered import end_of
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag import codecs
from p2plib.data.dag.block import Block
from p2plib.data.stores.interfaces import Delete, OrderedStore, Put
from p2plib.errors import DecodeError, NotFound, StoreCorrupt, StoreError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

PINS_PREFIX = b"block pin\0"
MAX_LABEL_BYTES = 255
MAX_GAPS = 100  # of a list of them: one is enough to stop a sweep
RECURSIVE, DIRECT = b"recursive", b"direct"

LinksOf = Callable[[Block], Iterable[Cid]]


@dataclass(frozen=True, slots=True, order=True)
class BlockPin:
    """One pin of a block.

    Args:
        label: for whom or what: 1 to 255 bytes of UTF-8.
        is_recursive: whether it wants what is under the block, too.
    """

    label: str
    is_recursive: bool = True


@dataclass(frozen=True, slots=True)
class BlockGap:
    """A block that a walk could not go through.

    Args:
        cid: which.
        reason: why not, as a sentence.
    """

    cid: Cid
    reason: str


@dataclass(frozen=True, slots=True)
class SweptBlock:
    """A block that a sweep has removed.

    Args:
        multihash: what it hashes to.
        size_bytes: how large it was; 0 if it was damaged so that the store could not say.
    """

    multihash: Multihash
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SweptBlocks:
    """What a sweep has removed in all.

    Args:
        blocks: how many.
        size_bytes: how large they were together.
    """

    blocks: int
    size_bytes: int


@dataclass(slots=True, eq=False)
class _Walk:
    """What was reached so far. A block may be reached under two codecs, and have links under one of them."""

    reached: set[Multihash] = field(default_factory=set)
    seen: set[tuple[int, Multihash]] = field(default_factory=set)
    waiting: list[Cid] = field(default_factory=list)

    def want(self, cid: Cid) -> None:
        self.reached.add(cid.multihash)
        if (cid.codec, cid.multihash) not in self.seen:
            self.seen.add((cid.codec, cid.multihash))
            self.waiting.append(cid)


def _encoded_label(label: str) -> bytes:
    try:
        raw = label.encode("utf8")
    except UnicodeEncodeError:
        raise UsageError("the label of a pin is text that can be written as UTF-8") from None
    if not 1 <= len(raw) <= MAX_LABEL_BYTES:
        raise UsageError(f"the label of a pin has 1 to {MAX_LABEL_BYTES} bytes, not {len(raw)}")
    return raw


class PinnedBlocks(BlocksAround):
    """A `BlockStore` that knows which of its blocks are wanted. Closing it closes the store of blocks within.

    Args:
        store: where the blocks are; nobody else may write into it.
        pins: where the pins are kept. It stays open when this is closed, for it may hold other things, too.
        links: gives the links of a block; DecodeError or UsageError where it cannot tell them.
        prefix: what the records of the pins begin with there.

    Raises:
        StoreCorrupt: a record with the prefix is no pin.
    """

    def __init__(
        self,
        store: BlockStore,
        pins: OrderedStore,
        links: LinksOf = codecs.links,
        prefix: bytes = PINS_PREFIX,
    ) -> None:
        super().__init__(store)
        self._records = pins
        self._links = links
        self._prefix = prefix
        self._lock = threading.RLock()
        self._pins: dict[Cid, dict[str, bool]] = {}
        self._holds: Counter[Cid] = Counter()
        self._sweeping: list[_Walk] = []  # the marks of the sweeps that go on
        self._adding = 0
        self._fresh: set[Multihash] = set()  # what was put while a sweep or an adding went on
        for record, kind in pins.scan(prefix, end_of(prefix)):
            cid, label = self._parsed(record, kind)
            self._pins.setdefault(cid, {})[label] = kind == RECURSIVE

    def _record(self, cid: Cid, label: str) -> bytes:
        raw = cids.encode_bytes(cid)
        return self._prefix + bytes([len(raw)]) + raw + _encoded_label(label)

    def _parsed(self, record: bytes, kind: bytes) -> tuple[Cid, str]:
        rest = record[len(self._prefix) :]
        try:
            cid = cids.decode_bytes(rest[1 : 1 + rest[0]])
            label = rest[1 + rest[0] :].decode("utf8")
        except (DecodeError, UnicodeDecodeError, IndexError):
            label = ""
        if not label or kind not in (RECURSIVE, DIRECT):
            raise StoreCorrupt(f"{record[:60]!r} is no record of a pin", "the store of pins")
        return cid, label

    # Pins

    def pin(self, cid: Cid, label: str, *, is_recursive: bool = True) -> None:
        """Want a block from now on, and all that is under it; repeating it does nothing.

        It walks the whole graph, so that a pin is a promise about what is there now.

        Args:
            cid: the block.
            label: for whom or what: 1 to 255 bytes of UTF-8.
            is_recursive: whether what is under it is wanted, too. The last pin of a label counts.

        Raises:
            NotFound: it is not there, or something under it is not.
            StoreCorrupt: the disk has changed it, or something under it.
            DecodeError: the links of something under it cannot be read.
            UsageError: the label is none, or a codec has no links that this library knows.
            StoreFull: the pin could not be written down.
        """
        self._demand_open()
        record = self._record(cid, label)
        with self._lock:
            for each in self.walk(cid) if is_recursive else [cid]:
                if not self._store.has(each):  # a raw block is not read by a walk
                    raise NotFound(f"{cids.to_text(each)} is not there, and {label[:60]!a} would pin it")
            self._records.write([Put(record, RECURSIVE if is_recursive else DIRECT)])
            self._pins.setdefault(cid, {})[label] = is_recursive
            self._wanted_now(cid, is_recursive)

    def _wanted_now(self, cid: Cid, is_recursive: bool) -> None:
        for marks in self._sweeping:
            if is_recursive:
                marks.want(cid)
            else:
                marks.reached.add(cid.multihash)

    def unpin(self, cid: Cid, label: str) -> None:
        """Take a pin away; one that is not there stays so. The blocks stay until the next sweep."""
        self._demand_open()
        record = self._record(cid, label)
        with self._lock:
            self._records.write([Delete(record)])
            labels = self._pins.get(cid, {})
            labels.pop(label, None)
            if not labels:
                self._pins.pop(cid, None)

    def pins(self, cid: Cid) -> tuple[BlockPin, ...]:
        """The pins of a block itself, in the order of their labels."""
        self._demand_open()
        with self._lock:
            return tuple(sorted(BlockPin(*entry) for entry in self._pins.get(cid, {}).items()))

    def pinned(self) -> tuple[Cid, ...]:
        """All blocks that have a pin of their own."""
        self._demand_open()
        with self._lock:
            return tuple(self._pins)

    @contextlib.contextmanager
    def held(self, cid: Cid) -> Iterator[None]:
        """Keep a block and all that is under it while the `with` block runs, whether all of it is there or
        not; for somebody that walks a graph, or fetches one."""
        self._demand_open()
        with self._lock:
            self._holds[cid] += 1
            self._wanted_now(cid, True)
        try:
            yield
        finally:
            with self._lock:
                self._holds[cid] -= 1
                self._holds += Counter()  # drops those at 0

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Keep whatever is put, or put again, while the `with` block runs; at its end pin what is wanted.

        Put every block of the graph, even one that is there: a block that is not put is not kept.
        """
        self._demand_open()
        with self._lock:
            self._adding += 1
        try:
            yield
        finally:
            with self._lock:
                self._adding -= 1
                self._forget_fresh()

    def _forget_fresh(self) -> None:
        if not self._adding and not self._sweeping:
            self._fresh.clear()

    # Walking

    def walk(self, root: Cid) -> Iterator[Cid]:
        """The block and all that is under it, each once (twice if it is linked under two codecs).

        A block is read when the walk asks for what comes after it; raw blocks are not read.

        Args:
            root: where it begins.

        Raises:
            NotFound: a block is not there.
            StoreCorrupt: the disk has changed one.
            DecodeError: the links of one cannot be read.
            UsageError: the links of its codec are not known.
        """
        walk = _Walk()
        walk.want(root)
        while walk.waiting:
            cid = walk.waiting.pop()
            yield cid
            self._follow(walk, cid)

    def _follow(self, walk: _Walk, cid: Cid) -> None:
        if cid.codec != multicodec.RAW:
            for link in self._links(Block(cid, self._store.get(cid))):
                walk.want(link)

    def _mark(self, walk: _Walk) -> Iterator[BlockGap]:
        """Goes through all that waits, and gives what it could not go through."""
        while walk.waiting:
            cid = walk.waiting.pop()
            try:
                self._follow(walk, cid)
            except (NotFound, StoreError, DecodeError, UsageError) as error:
                yield BlockGap(cid, str(error))

    def _walk_of_all(self) -> _Walk:
        walk = _Walk()
        for cid, labels in self._pins.items():
            walk.reached.add(cid.multihash)
            if any(labels.values()):
                walk.want(cid)
        for cid in self._holds:
            walk.want(cid)
        return walk

    def gaps(self) -> tuple[BlockGap, ...]:
        """The blocks under pins and holds that nobody can look under, at most `MAX_GAPS`."""
        self._demand_open()
        with self._lock:
            found = self._mark(self._walk_of_all())
            return tuple(gap for gap, _ in zip(found, range(MAX_GAPS), strict=False))

    # Sweeping

    def sweep(self) -> Iterator[SweptBlock]:
        """Remove the blocks that nobody wants, one with each step, so that others may work in between.

        Raises:
            StoreError: of a step: there is a gap under a pin or a hold, so from here on nothing is removed.
        """
        self._demand_open()
        return self._swept()

    def _swept(self) -> Iterator[SweptBlock]:
        with self._lock:
            self._demand_open()
            marks = self._walk_of_all()
            self._sweeping.append(marks)
        try:
            for multihash in list(self._store.hashes()):
                with self._lock:
                    self._demand_open()
                    swept = self._drop(multihash, marks)
                if swept is not None:
                    yield swept
        finally:
            with self._lock:
                self._sweeping.remove(marks)
                self._forget_fresh()

    def _drop(self, multihash: Multihash, marks: _Walk) -> SweptBlock | None:
        """Removes a block if it may go; the lock is held."""
        for gap in self._mark(marks):
            raise StoreError(
                f"nothing is removed, for nobody can see what is under {cids.to_text(gap.cid)}, "
                f"which is pinned or held: {gap.reason}"
            )
        if multihash in marks.reached or multihash in self._fresh:
            return None
        try:
            swept = SweptBlock(multihash, size_here(self._store, multihash))
        except NotFound:  # somebody removed it meanwhile
            return None
        self._store.remove(raw_cid(multihash))
        return swept

    def collect(self) -> SweptBlocks:
        """Sweep to the end, at once; see `sweep`."""
        sizes = [swept.size_bytes for swept in self.sweep()]
        return SweptBlocks(len(sizes), sum(sizes))

    # A block store

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`. A sweep that goes on does not remove them."""
        self._demand_open()
        with self._lock:
            self._store.put(self._noted(blocks), durable=durable)

    def _noted(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            if (self._sweeping or self._adding) and not holds_itself(block.cid):
                self._fresh.add(block.cid.multihash)
            yield block

    def remove(self, cid: Cid) -> None:
        """Take a block out of the store; one that is not there stays so.

        What is merely under a recursive pin can be removed: that leaves a gap, and sweeps stop at it.

        Raises:
            UsageError: it has a pin of its own; take that away first.
        """
        self._demand_open()
        with self._lock:
            for pinned, labels in self._pins.items():
                if pinned.multihash == cid.multihash:
                    raise UsageError(f"{cids.to_text(cid)} is pinned for {', '.join(labels)[:80]!a}")
            self._store.remove(cid)
