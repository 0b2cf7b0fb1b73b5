"""Pins: which graphs of blocks are wanted, and the removal of all other blocks. Wraps any store.

A **pin** keeps a block (direct), or a block and all that can be reached from it by links (recursive), under a
label that says for whom or for what. Pins are kept in an ordered store, so they outlive the process as the
blocks do. A **sweep** marks what is wanted, by walking from every pin, and then removes the rest.

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

A walk does not recurse, and visits each block once, so a deep graph, or one with shared blocks, costs no more
than its blocks.

Vocabulary, as records of the ordered store::

    prefix ‖ size of cid ‖ cid ‖ label → "recursive" or "direct"
    "block pin" 00 24 01711220... "album 7" → "recursive"
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, OrderedDict
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
MAX_GAPS = 100  # in a list of them: one is enough to stop a sweep
RECURSIVE, DIRECT = b"recursive", b"direct"

LinksOf = Callable[[Block], Iterable[Cid]]


@dataclass(frozen=True, slots=True, order=True)
class BlockPin:
    """One pin of a block.

    Args:
        label: for whom or what: 1 to 255 bytes of UTF-8.
        is_recursive: whether it keeps what is under the block too.
    """

    label: str
    is_recursive: bool = True


@dataclass(frozen=True, slots=True)
class BlockGap:
    """A block whose links a walk could not follow.

    Args:
        cid: its identifier.
        reason: why not, as a sentence.
    """

    cid: Cid
    reason: str


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


@dataclass(slots=True, eq=False)
class _Walk:
    """What was reached so far. A block may be reached under two codecs, and have links under one of them."""

    began: int = 0  # for the marks of a sweep: when it began
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
        self._records = pins
        self._links = links
        self._prefix = prefix
        self._lock = threading.RLock()
        self._pins: dict[Cid, dict[str, bool]] = {}
        self._pinned_as: dict[Multihash, set[Cid]] = {}  # the keys of `_pins`, by their hash
        self._holds: Counter[Cid] = Counter()
        self._sweeping: list[_Walk] = []  # the marks of the sweeps under way
        self._adding: list[int] = []  # when the addings under way began, the oldest first
        self._fresh: OrderedDict[Multihash, int] = (
            OrderedDict()
        )  # what was put during them, and when, in order
        self._now = 0  # the number of the last sweep or adding
        for record, kind in pins.scan(prefix, end_of(prefix)):
            cid, label = self._parsed(record, kind)
            self._note(cid, label, kind == RECURSIVE)

    def _note(self, cid: Cid, label: str, is_recursive: bool) -> None:
        self._pins.setdefault(cid, {})[label] = is_recursive
        self._pinned_as.setdefault(cid.multihash, set()).add(cid)

    def _forget(self, cid: Cid, label: str) -> None:
        labels = self._pins.get(cid, {})
        labels.pop(label, None)
        if not labels and self._pins.pop(cid, None) is not None:
            self._pinned_as[cid.multihash].remove(cid)
            if not self._pinned_as[cid.multihash]:
                del self._pinned_as[cid.multihash]

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
        is_label = 1 <= len(label.encode()) <= MAX_LABEL_BYTES
        if not is_label or kind not in (RECURSIVE, DIRECT):
            raise StoreCorrupt(f"{record[:60]!r} is not the record of a pin", "the store of pins")
        return cid, label

    # Pins

    def pin(self, cid: Cid, label: str, *, is_recursive: bool = True) -> None:
        """Keep a block from now on, and all that is under it; repeating it does nothing.

        It reads the whole graph and puts it again, durably: what is pinned is there, whole, and survives a
        power failure, however it was put.

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
        record = self._record(cid, label)
        with self._lock:
            self._store.put(self._read(cid, is_recursive), durable=True)
            self._records.write([Put(record, RECURSIVE if is_recursive else DIRECT)])
            self._note(cid, label, is_recursive)
            self._wanted_now(cid, is_recursive)

    def _read(self, root: Cid, is_recursive: bool) -> Iterator[Block]:
        """As `walk`, but reads raw blocks too."""
        walk = _Walk()
        walk.want(root)
        while walk.waiting:
            cid = walk.waiting.pop()
            block = Block(cid, self._store.get(cid))
            yield block
            if is_recursive and cid.codec != multicodec.RAW:
                for link in self._links(block):
                    walk.want(link)

    def _wanted_now(self, cid: Cid, is_recursive: bool) -> None:
        for marks in self._sweeping:
            if is_recursive:
                marks.want(cid)
            else:
                marks.reached.add(cid.multihash)

    def unpin(self, cid: Cid, label: str) -> None:
        """Remove a pin, if it is there. The blocks stay until the next sweep."""
        self._demand_open()
        record = self._record(cid, label)
        with self._lock:
            self._records.write([Delete(record)])
            self._forget(cid, label)

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
            self._now += 1
            self._adding.append(began := self._now)
        try:
            yield
        finally:
            with self._lock:
                self._adding.remove(began)
                self._forget_fresh()

    def _forget_fresh(self) -> None:
        """What was put before every sweep and adding under way matters to none of them."""
        since = min([*self._adding[:1], *(marks.began for marks in self._sweeping)], default=self._now + 1)
        while self._fresh and next(iter(self._fresh.values())) < since:
            self._fresh.popitem(last=False)

    def _is_fresh(self, multihash: Multihash, marks: _Walk) -> bool:
        return self._fresh.get(multihash, -1) >= min([marks.began, *self._adding[:1]])

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
        """Follows all links that wait, and yields the blocks whose links it could not follow."""
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
        """The blocks under pins and holds whose links cannot be read, at most `MAX_GAPS`."""
        self._demand_open()
        with self._lock:
            found = self._mark(self._walk_of_all())
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
            marks = self._walk_of_all()
            self._now += 1
            marks.began = self._now
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
                f"nothing is removed, because nobody can see what is under {cids.to_text(gap.cid)}, "
                f"which is pinned or held: {gap.reason}"
            )
        if multihash in marks.reached or self._is_fresh(multihash, marks):
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
        """Keep some blocks; see `BlockStore`. A sweep under way does not remove them."""
        self._demand_open()
        with self._lock:
            self._store.put(self._noted(blocks), durable=durable)

    def _noted(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            if (self._sweeping or self._adding) and not holds_itself(block.cid):
                self._fresh[block.cid.multihash] = self._now
                self._fresh.move_to_end(block.cid.multihash)
            yield block

    def remove(self, cid: Cid) -> None:
        """Remove a block from the store, if it is there.

        A block that is only under another's recursive pin can be removed: the gap that is left stops sweeps.

        Raises:
            UsageError: it has a pin of its own; remove that first.
        """
        self._demand_open()
        with self._lock:
            for pinned in self._pinned_as.get(cid.multihash, ()):
                labels = ", ".join(self._pins[pinned])
                raise UsageError(f"{cids.to_text(cid)} is pinned for {labels[:80]!a}")
            self._store.remove(cid)
