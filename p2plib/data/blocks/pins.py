"""Pins: which graphs of blocks are wanted, and the removal of all other blocks. Wraps any store.

A **pin** keeps a block (direct), or a block and all that can be reached from it by links (recursive), under a
label that says for whom or for what. Pins are kept in an ordered store, so they outlive the process as the
blocks do. A **sweep** marks what is wanted, by walking from every pin, and then removes the rest.

A pin is recorded only after all that it keeps is durable, so it never outlives its blocks. What that costs is
what is not known to be durable: a block that was put durably inside the `adding` that goes on is read for its
links alone, and a raw one not at all; every other block is read, checked, and put again. So pin inside the
`adding` that puts the graph.

A sweep never removes
    1. what is pinned, whenever it was pinned: a pin that is set during a sweep is walked before the next
       removal;
    2. what is under a block that is `held`: somebody is walking or fetching it;
    3. what was put since the sweep began, and what was put inside `adding`, until that ends: a graph is put
       leaves first, and its pin comes last.

The rule of gaps: where a block under a recursive pin, or under a hold, is missing or damaged, or its links
cannot be read, nobody knows what is under it; it could be any block of the store. Then a sweep removes
**nothing** (`StoreError`), until the block is put again or the pin is removed. A missing raw block is not a
gap, as raw blocks have no links. `gaps` lists the gaps.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from p2plib.data.blocks.base import BlocksAround, raw_cid, size_here
from p2plib.data.blocks.marks import BlockGap, BlockMarks, LinksOf
from p2plib.data.blocks.pin_records import PINS_PREFIX, BlockPin, PinRecords
from p2plib.data.blocks.recent import PutCall, RecentPuts
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag import codecs
from p2plib.data.dag.block import Block
from p2plib.data.stores.interfaces import OrderedStore
from p2plib.errors import NotFound, StoreError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

MAX_GAPS = 100  # in a list of them: one is enough to stop a sweep


@dataclass(frozen=True, slots=True)
class SweptBlock:
    """A block that a sweep has removed.

    Args:
        multihash: its hash.
        size_bytes: its size; 0 if it was damaged.
    """

    multihash: Multihash
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SweptBlocks:
    """What a sweep has removed in all.

    Args:
        blocks: how many blocks.
        size_bytes: their total size.
    """

    blocks: int
    size_bytes: int


class PinnedBlocks(BlocksAround):
    """A `BlockStore` that knows which of its blocks are wanted. Closing it closes the inner store of blocks.

    Args:
        store: where the blocks are; nobody else may write to it.
        pins: where the pins are kept. It stays open when this is closed, as it may hold other things too.
        links: returns the links of a block; raises DecodeError or UsageError where it cannot read them.
        prefix: what the keys of the pins in it begin with.

    Raises:
        StoreCorrupt: a record with the prefix is not a pin; to ignore it could cost the blocks it kept.
        UsageError: the prefix is empty, or ends with ff.
    """

    def __init__(
        self,
        store: BlockStore,
        pins: OrderedStore,
        links: LinksOf = codecs.links,
        prefix: bytes = PINS_PREFIX,
    ) -> None:
        super().__init__(store)
        self._links = links
        self._lock = threading.RLock()
        self._pins = PinRecords(pins, prefix)
        self._holds: Counter[Cid] = Counter()
        self._sweeping: list[BlockMarks] = []  # the marks of the sweeps under way
        self._recent = RecentPuts()

    # Pins

    def pin(self, cid: Cid, label: str, *, is_recursive: bool = True) -> None:
        """Keep a block from now on, and all that is under it; repeating it changes nothing.

        What is pinned is there, whole, and survives a power failure, however it was put. What was put durably
        inside an `adding` under way is so already; everything else is read, and put again. What another
        program wrote without a sync stays as it is: see `p2plib.data.blocks.files`.

        Args:
            cid: the block. Pins are kept by identifier: `unpin` takes the same version and codec.
            label: for whom or what: 1 to 255 bytes of UTF-8.
            is_recursive: whether what is under it is kept too. The last pin under a label counts.

        Raises:
            NotFound: it is not there, or something under it is not.
            StoreCorrupt: the disk has changed it, or something under it.
            DecodeError: the links of something under it cannot be read.
            UsageError: the label is empty or too long, or this library cannot read the links of a codec.
            StoreFull: there was no room for the pin, or the blocks could not be made durable.
        """
        self._demand_open()
        self._pins.demand_label(label)
        with self._lock:
            self._store.put(self._perhaps_not_durable(cid, is_recursive), durable=True)
            self._pins.add(cid, BlockPin(label, is_recursive))
            self._wanted_now(cid, is_recursive)

    def _perhaps_not_durable(self, root: Cid, is_recursive: bool) -> Iterator[Block]:
        """Walks as a pin does, and yields the blocks that are not known to be durable."""
        marks = BlockMarks(self._store, self._links)
        marks.want(root)
        for cid in marks.waiting():
            is_durable = self._recent.is_durable(cid.multihash)
            has_links = is_recursive and cid.codec != multicodec.RAW
            if is_durable and not has_links:
                continue
            block = Block(cid, self._store.get(cid))
            if not is_durable:
                yield block
            if has_links:
                marks.want_links(block)

    def _wanted_now(self, cid: Cid, is_recursive: bool) -> None:
        for marks in self._sweeping:
            if is_recursive:
                marks.want(cid)
            else:
                marks.reached.add(cid.multihash)

    def unpin(self, cid: Cid, label: str) -> None:
        """Remove a pin, if it is there. The blocks stay until the next sweep."""
        self._demand_open()
        with self._lock:
            self._pins.remove(cid, label)

    def pins(self, cid: Cid) -> tuple[BlockPin, ...]:
        """The pins of a block itself, in the order of their labels."""
        self._demand_open()
        with self._lock:
            return self._pins.of(cid)

    def pinned(self) -> tuple[Cid, ...]:
        """All blocks that have a pin of their own."""
        self._demand_open()
        with self._lock:
            return tuple(self._pins)

    @contextlib.contextmanager
    def held(self, cid: Cid) -> Iterator[None]:
        """Keep a block and all that is under it while the `with` block runs, even if some of it is missing.

        For a caller that walks a graph, or fetches one.
        """
        self._demand_open()
        with self._lock:
            self._holds[cid] += 1
            self._wanted_now(cid, True)
        try:
            yield
        finally:
            with self._lock:
                self._holds[cid] -= 1
                if not self._holds[cid]:
                    del self._holds[cid]

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Keep whatever is put, or put again, while the `with` block runs; at its end pin what is wanted.

        Put every block of the graph, even one that is already there: a block that is not put is not kept.
        """
        self._demand_open()
        with self._lock:
            number = self._recent.begin_adding()
        try:
            yield
        finally:
            with self._lock:
                self._recent.end(number)

    # Walking

    def walk(self, root: Cid) -> Iterator[Cid]:
        """The block and all that is under it, each once (twice if it is linked under two codecs).

        A block is read only when the caller asks for the one after it; raw blocks are not read.

        Args:
            root: where it begins.

        Raises:
            NotFound: a block is not there.
            StoreCorrupt: the disk has changed a block.
            DecodeError: the links of a block cannot be read.
            UsageError: this library does not know a block's codec.
        """
        marks = BlockMarks(self._store, self._links)
        marks.want(root)
        for cid in marks.waiting():
            yield cid
            marks.follow(cid)

    def _marks_of_all(self) -> BlockMarks:
        marks = BlockMarks(self._store, self._links)
        for cid in self._pins:
            marks.reached.add(cid.multihash)
            if self._pins.is_recursive(cid):
                marks.want(cid)
        for cid in self._holds:
            marks.want(cid)
        return marks

    def gaps(self) -> tuple[BlockGap, ...]:
        """The blocks under pins and holds whose links cannot be read, at most `MAX_GAPS`."""
        self._demand_open()
        with self._lock:
            found = self._marks_of_all().gaps()
            return tuple(gap for gap, _ in zip(found, range(MAX_GAPS), strict=False))

    # Sweeping

    def sweep(self) -> Iterator[SweptBlock]:
        """Remove the blocks that nobody wants, one with each step, so that others may work in between.

        Raises:
            StoreError: there is a gap under a pin or a hold, so nothing more is removed; a step raises it.
        """
        self._demand_open()
        return self._swept()

    def _swept(self) -> Iterator[SweptBlock]:
        with self._lock:
            self._demand_open()
            marks = self._marks_of_all()
            number = self._recent.begin_sweep()
            self._sweeping.append(marks)
        try:
            for multihash in list(self._store.hashes()):
                with self._lock:
                    self._demand_open()
                    swept = self._drop(multihash, marks, number)
                if swept is not None:
                    yield swept
        finally:
            with self._lock:
                self._sweeping.remove(marks)
                self._recent.end(number)

    def _drop(self, multihash: Multihash, marks: BlockMarks, number: int) -> SweptBlock | None:
        """Removes a block if it may go; the lock is held."""
        for gap in marks.gaps():
            raise StoreError(
                f"nothing is removed, because nobody can see what is under {cids.to_text(gap.cid)}, "
                f"which is pinned or held: {gap.reason}"
            )
        if multihash in marks.reached or self._recent.is_recent(multihash, number):
            return None
        try:
            swept = SweptBlock(multihash, size_here(self._store, multihash))
        except NotFound:  # somebody removed it meanwhile
            return None
        self._remove(raw_cid(multihash))
        return swept

    def collect(self) -> SweptBlocks:
        """Sweep to the end, at once; see `sweep`."""
        sizes = [swept.size_bytes for swept in self.sweep()]
        return SweptBlocks(len(sizes), sum(sizes))

    # A block store

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        """Keep some blocks; see `BlockStore`. A sweep under way does not remove them."""
        self._demand_open()
        with self._lock:
            call = PutCall()
            self._store.put(self._recent.noted(blocks, call), durable=durable)
            call.is_durable = durable

    def remove(self, cid: Cid) -> None:
        """Remove a block from the store, if it is there.

        A block that is only under another's recursive pin can be removed: the gap that is left stops sweeps.

        Raises:
            UsageError: it has a pin of its own; remove that first.
        """
        self._demand_open()
        with self._lock:
            if labels := ", ".join(self._pins.labels(cid.multihash)):
                raise UsageError(f"{cids.to_text(cid)} is pinned for {labels[:80]!a}")
            self._remove(cid)

    def _remove(self, cid: Cid) -> None:
        self._recent.forget_durable(cid.multihash)
        self._store.remove(cid)
