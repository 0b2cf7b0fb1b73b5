"""What every ordered store does alike: look at arguments, know whether it is open, end its scans.

A store inherits `CheckedStore` and fills in four methods, which then see whole arguments and an open store
alone. A new one is little more than they are; `memory` is the shortest.

Rules
    1. Arguments are looked at before anything is changed.
    2. A scan takes its snapshot when it is called, not at its first step, and lets go of it once: at its end,
       when it is closed or dropped, or when the store is closed.
    3. A fork of the process has no store: there it is closed, without a byte being written.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.errors import Closed, UsageError

Pair = tuple[bytes, bytes]
Snapshot = tuple[Iterator[Pair], Callable[[], None]]  # what a scan walks, and how to let go of it


def checked_key(key: bytes) -> bytes:
    """A key, if it is one; as plain bytes, even if it is of a class that inherits them.

    Raises:
        UsageError: it is empty or is not bytes.
    """
    if not isinstance(key, bytes) or not key:
        raise UsageError(f"a key is bytes, at least one, not {key!r:.40}")
    return plain(key)


def plain(data: bytes) -> bytes:
    """Plain bytes, whatever subclass came: somebody's own class may compare and hash in its own way."""
    return data if type(data) is bytes else bytes(data)


def checked_batch(batch: Iterable[Change]) -> list[Change]:
    """The changes of a batch, each looked at, in plain bytes.

    Raises:
        UsageError: something in it is no change, or has a key or value that none may have.
    """
    if isinstance(batch, Put | Delete):
        raise UsageError("a batch is several changes: put this one into a list")
    changes = list(batch)
    for number, change in enumerate(changes):
        if not isinstance(change, Put | Delete):
            raise UsageError(f"a batch is made of Put and Delete, not of {change!r:.40}")
        key = checked_key(change.key)
        if isinstance(change, Put) and not isinstance(change.value, bytes):
            raise UsageError(f"a value is bytes, not {change.value!r:.40}")
        if isinstance(change, Delete):
            changes[number] = change if key is change.key else Delete(key)
        elif key is not change.key or type(change.value) is not bytes:
            changes[number] = Put(key, plain(change.value))
    return changes


def checked_range(start: bytes, end: bytes | None, limit: int | None) -> None:
    """Looks at the arguments of a scan.

    Raises:
        UsageError: a bound is not bytes, or the limit is not a number from 0 on.
    """
    if not isinstance(start, bytes) or not isinstance(end, bytes | None):
        raise UsageError(f"the bounds of a scan are bytes, not {start!r:.40} and {end!r:.40}")
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise UsageError(f"the limit of a scan counts from 0, it is not {limit!r:.40}")


class Scan(Iterator[Pair]):
    """A walk over a snapshot: `next` gives the pairs, `close` lets go of the snapshot before the end."""

    def __init__(self, pairs: Iterator[Pair], release: Callable[[], None], limit: int | None) -> None:
        self._pairs = pairs
        self._release: Callable[[], None] | None = release
        self._left = limit
        self._is_cut_off = False

    def __next__(self) -> Pair:
        if self._is_cut_off:
            raise Closed("the store was closed while this scan was under way")
        if self._release is None:
            raise StopIteration
        try:
            pair = next(self._pairs)
        except BaseException:
            self.close()
            raise
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self.close()
        return pair

    def close(self) -> None:
        """Let go of the snapshot; the scan is at its end then."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def abandon(self) -> None:
        """Forget the snapshot without letting go of it: it belongs to another process."""
        self._is_cut_off, self._release = self._release is not None, None

    def cut_off(self) -> None:
        """Let go of the snapshot because the store is closed; if that was before the end, `next` says so."""
        self._is_cut_off = self._release is not None
        self.close()

    def __del__(self) -> None:
        self.close()


class CheckedStore(ABC):
    """An `OrderedStore` but for four methods, which its subclasses fill in.

    Args:
        name: what messages call it: a path, or some words.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_open = True
        self._why_closed = "is closed"
        self._scans: weakref.WeakSet[Scan] = weakref.WeakSet()
        _stores.add(self)

    @abstractmethod
    def _get(self, key: bytes) -> bytes:
        """The value of a key, or `NotFound`."""

    @abstractmethod
    def _write(self, changes: list[Change], durable: bool) -> None:
        """Make these changes, all or none; there is at least one, or `durable` is true."""

    @abstractmethod
    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        """What the store holds in a range now; the limit may be ignored, for the scan counts."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of files and locks; called once."""

    def get(self, key: bytes) -> bytes:
        """The value of a key, as `OrderedStore.get` says."""
        self._require_open()
        return self._get(checked_key(key))

    def write(self, batch: Iterable[Change], *, durable: bool = True) -> None:
        """Make all changes of a batch or none, as `OrderedStore.write` says.

        An empty batch that is durable waits for all that was written before it.
        """
        self._require_open()
        changes = checked_batch(batch)
        if changes or durable:
            self._require_open()  # the batch may have been made by code that closed it
            self._write(changes, durable)

    def scan(
        self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> Scan:
        """Walk a range of keys as it is now, as `OrderedStore.scan` says."""
        self._require_open()
        checked_range(start, end, limit)
        if limit == 0 or (end is not None and end <= start):
            return Scan(iter(()), let_go_of_nothing, 0)
        last = None if end is None else plain(end)
        scan = Scan(*self._snapshot(plain(start), last, reverse, limit), limit)
        self._scans.add(scan)
        return scan

    def close(self) -> None:
        """Let go of files and locks, and cut off the scans under way. Repeating it does nothing."""
        if self.is_open:
            self.is_open = False
            for scan in list(self._scans):
                scan.cut_off()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_open(self) -> None:
        if not self.is_open:
            raise Closed(f"the store {self.name} {self._why_closed}")

    def _abandon(self) -> None:
        """After a fork, in the child: two processes that write to the same files would destroy them."""
        for scan in list(self._scans):
            scan.abandon()
        self.is_open, self._why_closed = False, "belongs to the process that opened it, before a fork"


_stores: weakref.WeakSet[CheckedStore] = weakref.WeakSet()
_abandoned: list[
    CheckedStore
] = []  # kept, for what their libraries do when they are dropped would be a write


def _abandon_all() -> None:
    _abandoned.extend(store for store in list(_stores) if store.is_open)
    for store in _abandoned:
        store._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def let_go_of_nothing() -> None:
    """Where there is nothing to let go of."""
