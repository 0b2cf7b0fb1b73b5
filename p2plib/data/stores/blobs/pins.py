"""Pins: which blobs of a store are wanted, and the removal of all others. Around any store.

A blob is wanted as long as it has a **pin**: a label that says for whom or for what, such as "album 7". It
may have several. Pins are kept in an ordered store, so they outlive the process as the blobs do. A
**sweep** removes the blobs that have none.

While a sweep goes on, others write, read and pin. What it never removes::

    a blob with a pin
    a blob that a reader has open, or that a writer is about to replace
    a blob that was finished since the sweep began

Between `finish` and `pin` a sweep may begin, and remove the blob in between; then `pin` raises `NotFound`. To
have no such moment, give the pin to `write`: it holds as soon as the blob is there.

Vocabulary, as records of the ordered store::

    prefix ‖ key ‖ 00 ‖ label → nothing      "pin" 00 "2cf2...9824" 00 "album 7"
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.stores.blobs.lifetime import ClosableBlobs
from p2plib.data.stores.blobs.names import demand_key, why_no_key
from p2plib.data.stores.blobs.store import BlobInfo, BlobReader, BlobStore, BlobWriter
from p2plib.data.stores.interfaces import Delete, OrderedStore, Put
from p2plib.errors import NotFound, StoreCorrupt, UsageError

PREFIX = b"pin\0"
MAX_LABEL_BYTES = 255


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has removed.

    Args:
        blobs: how many.
        size_bytes: how large they were together.
    """

    blobs: int
    size_bytes: int


class _PinSink:
    def __init__(self, store: PinnedBlobs, writer: BlobWriter, label: str | None) -> None:
        self._store = store
        self._writer = writer
        self._label = label

    def append(self, data: bytes) -> None:
        self._writer.write(data)

    def commit(self, durable: bool) -> str:
        return self._store._finish(self._writer, self._label, durable)

    def discard(self) -> None:
        self._writer.discard()


def _demand_label(label: str) -> None:
    try:
        raw = label.encode("utf8")
    except UnicodeEncodeError:
        raise UsageError("the label of a pin is text that can be written as UTF-8") from None
    if not 1 <= len(raw) <= MAX_LABEL_BYTES or b"\0" in raw:
        raise UsageError(
            f"the label of a pin has 1 to {MAX_LABEL_BYTES} bytes without NUL, not {label[:40]!a}"
        )


class PinnedBlobs(ClosableBlobs):
    """A `BlobStore` that knows which of its blobs are wanted. Closing it closes the store of blobs within.

    Args:
        store: where the blobs are; nobody else may write into it.
        pins: where the pins are kept. It stays open when this is closed, for it may hold other things, too.
        prefix: what the records of the pins begin with there.

    Raises:
        StoreCorrupt: a record with the prefix is no pin.
    """

    def __init__(self, store: BlobStore, pins: OrderedStore, prefix: bytes = PREFIX) -> None:
        super().__init__()
        if not prefix or prefix[-1] == 0xFF:
            raise UsageError("a prefix of records has at least one byte, and its last is not ff")
        self._store = store
        self._pins = pins
        self._prefix = prefix
        self._lock = threading.RLock()
        self._labels: dict[str, set[str]] = {}
        self._targets: weakref.WeakKeyDictionary[BlobWriter, str] = weakref.WeakKeyDictionary()
        self._sweeps = 0
        self._fresh: set[str] = set()  # what was finished while a sweep went on
        for record, _ in pins.scan(prefix, prefix[:-1] + bytes([prefix[-1] + 1])):
            key, label = self._parsed(record)
            self._labels.setdefault(key, set()).add(label)

    def _record(self, key: str, label: str) -> bytes:
        return self._prefix + key.encode() + b"\0" + label.encode()

    def _parsed(self, record: bytes) -> tuple[str, str]:
        try:
            key, label = record[len(self._prefix) :].decode().split("\0")
        except ValueError:
            raise StoreCorrupt(f"{record[:60]!r} is no record of a pin", "the store of pins") from None
        if why_no_key(key) or not label:
            raise StoreCorrupt(f"{record[:60]!r} is no record of a pin", "the store of pins")
        return key, label

    # Pins

    def pin(self, key: str, label: str) -> None:
        """Want a blob from now on; repeating it does nothing.

        Args:
            key: its name.
            label: for whom or what: 1 to 255 bytes of UTF-8 without NUL.

        Raises:
            NotFound: it is not there (any more).
            UsageError: the key or the label is none.
            StoreFull: the pin could not be written down.
        """
        self._demand_open()
        _demand_label(label)
        with self._lock:
            if not self._store.exists(key):
                raise NotFound(f"there is no blob {key!a} to be pinned: write it again, with a pin")
            self._want(key, label, durable=True)

    def _want(self, key: str, label: str, *, durable: bool) -> None:
        self._pins.write([Put(self._record(key, label), b"")], durable=durable)
        self._labels.setdefault(key, set()).add(label)

    def unpin(self, key: str, label: str) -> None:
        """Take a pin away; one that is not there stays so. The blob stays until the next sweep."""
        self._demand_open()
        demand_key(key)
        _demand_label(label)
        with self._lock:
            self._pins.write([Delete(self._record(key, label))])
            labels = self._labels.get(key, set())
            labels.discard(label)
            if not labels:
                self._labels.pop(key, None)

    def labels(self, key: str) -> tuple[str, ...]:
        """The pins of a blob, in order."""
        self._demand_open()
        with self._lock:
            return tuple(sorted(self._labels.get(key, ())))

    def lost(self) -> tuple[str, ...]:
        """The keys that have a pin and no blob: written without durability, or removed by others."""
        self._demand_open()
        with self._lock:
            return tuple(key for key in sorted(self._labels) if not self._store.exists(key))

    # Sweeping

    def sweep(self) -> Iterator[BlobInfo]:
        """Remove the blobs that nobody wants, one with each step, so that others may work in between."""
        self._demand_open()
        return self._swept()

    def _swept(self) -> Iterator[BlobInfo]:
        with self._lock:
            if not self._sweeps:
                self._fresh.clear()
            self._sweeps += 1
        try:
            for key in list(self._store.keys()):
                with self._lock:
                    self._demand_open()
                    info = self._drop(key)
                if info is not None:
                    yield info
        finally:
            with self._lock:
                self._sweeps -= 1

    def _drop(self, key: str) -> BlobInfo | None:
        """Removes a blob if it may go; the lock is held."""
        reading = (reader.info.key for reader in self._open_readers if reader.is_open)
        writing = (target for writer, target in self._targets.items() if writer.is_open)
        if key in self._labels or key in self._fresh or key in reading or key in writing:
            return None
        try:
            info = BlobInfo(key, self._store.size(key))
        except NotFound:  # somebody removed it meanwhile
            return None
        self._store.remove(key)
        return info

    def collect(self) -> Swept:
        """Sweep to the end, at once."""
        sizes = [info.size_bytes for info in self.sweep()]
        return Swept(len(sizes), sum(sizes))

    # A blob store

    def write(
        self, key: str | None = None, *, size_bytes: int | None = None, pin: str | None = None
    ) -> BlobWriter:
        """Begin to write a blob; see `BlobStore`.

        Args:
            key: as there.
            size_bytes: as there.
            pin: a label that the blob has from the moment it is there; None for no pin. If the pin cannot be
                written down, `finish` raises, and the blob may stay until the next sweep.
        """
        self._demand_open()
        if pin is not None:
            _demand_label(pin)
        within = self._store.write(key, size_bytes=size_bytes)
        writer = BlobWriter(_PinSink(self, within, pin))
        if key is not None:
            with self._lock:
                self._targets[writer] = key
        return self._opened_writer(writer)

    def _finish(self, writer: BlobWriter, label: str | None, durable: bool) -> str:
        with self._lock:
            key = writer.finish(durable=durable).key
            if self._sweeps:
                self._fresh.add(key)
            if label is not None:
                self._want(key, label, durable=durable)
            return key

    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        """Begin to read a blob, or a part of it; see `BlobStore`. No sweep removes it meanwhile."""
        self._demand_open()
        with self._lock:
            return self._opened_reader(self._store.read(key, start, end))

    def exists(self, key: str) -> bool:
        """Whether a blob of this name is there; it may still turn out to be damaged."""
        self._demand_open()
        return self._store.exists(key)

    def size(self, key: str) -> int:
        """How large a blob is, in bytes; raises NotFound if it is not there."""
        self._demand_open()
        return self._store.size(key)

    def remove(self, key: str) -> None:
        """Take a blob out of the store; one that is not there stays so.

        Raises:
            UsageError: it has a pin; take that away first.
        """
        self._demand_open()
        with self._lock:
            if labels := self.labels(key):
                raise UsageError(f"the blob {key[:70]!a} is pinned for {', '.join(labels)[:80]!a}")
            self._store.remove(key)

    def keys(self) -> Iterator[str]:
        """The names of all blobs, in order."""
        self._demand_open()
        return self._store.keys()

    def _let_go(self) -> None:
        self._store.close()
