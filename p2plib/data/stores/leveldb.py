"""LevelDB itself behind the interface of an ordered store, through plyvel.

It needs the extra `leveldb`, which has no wheel for every Python; `p2plib.data.stores.log_structured` is
the same idea without it, and `leveldb_files` reads LevelDB's files without it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from p2plib.data.stores.base import CheckedStore, Pair, Snapshot
from p2plib.data.stores.interfaces import Change, Put
from p2plib.errors import NotFound, StoreCorrupt, StoreError, StoreFull, StoreLocked, UsageError

BITS_PER_KEY = 10  # of LevelDB's Bloom filters; without a number it makes none


class LevelDbStore(CheckedStore):
    """An `OrderedStore` in a directory of LevelDB's.

    Args:
        path: of the directory, which is made if it is not there.

    Raises:
        UsageError: plyvel is not installed.
        StoreLocked: another process or object has it open.
        StoreCorrupt: LevelDB says so.
        StoreFull: the disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import plyvel
        except ImportError as error:
            raise UsageError("LevelDB needs plyvel: install p2plib[leveldb]") from error
        super().__init__(str(Path(path).resolve()))
        self._plyvel: Any = plyvel
        with self._translated():
            self._database: Any = plyvel.DB(
                self.name, create_if_missing=True, paranoid_checks=True, bloom_filter_bits=BITS_PER_KEY
            )

    def _get(self, key: bytes) -> bytes:
        with self._translated():
            value: bytes | None = self._database.get(key, verify_checksums=True)
        if value is None:
            raise NotFound(f"the store {self.name} has no key {key!r:.60}")
        return value

    def _write(self, changes: list[Change], durable: bool) -> None:
        with self._translated(), self._database.write_batch(transaction=True, sync=durable) as batch:
            for change in changes:
                if isinstance(change, Put):
                    batch.put(change.key, change.value)
                else:
                    batch.delete(change.key)

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        walk: Any = self._database.raw_iterator(verify_checksums=True)
        return (self._down if reverse else self._up)(walk, start, end), walk.close

    # plyvel 1.5.1's own ranges are not used: one that goes down and holds its first key alone finds nothing.

    def _up(self, walk: Any, start: bytes, end: bytes | None) -> Iterator[Pair]:
        with self._translated():
            walk.seek(start)
        while pair := self._here(walk):
            if end is not None and pair[0] >= end:
                return
            yield pair
            with self._translated():
                walk.next()

    def _down(self, walk: Any, start: bytes, end: bytes | None) -> Iterator[Pair]:
        with self._translated():
            if end is not None:
                walk.seek(end)
            if end is not None and walk.valid():
                walk.prev()
            else:
                walk.seek_to_last()
        while (pair := self._here(walk)) and pair[0] >= start:
            yield pair
            with self._translated():
                walk.prev()

    def _here(self, walk: Any) -> Pair | None:
        with self._translated():
            return walk.item() if walk.valid() else None

    def _close(self) -> None:
        self._database.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """LevelDB's errors in our words; it tells them apart by their text alone."""
        try:
            yield
        except self._plyvel.CorruptionError as error:
            raise StoreCorrupt(f"LevelDB says: {error}", self.name) from error
        except self._plyvel.IOError as error:
            text = str(error)
            if "IO error: lock " in text:
                raise StoreLocked(f"{self.name} is open already: a store is opened once ({text})") from error
            raise StoreFull(f"the disk of the store {self.name} refuses: {text}") from error
        except self._plyvel.Error as error:
            raise StoreError(f"LevelDB cannot use the store {self.name}: {error}") from error
