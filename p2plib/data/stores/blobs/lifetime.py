"""What a store has open, so that closing the store ends it: the common part of all blob stores."""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Self

from p2plib.data.stores.blobs.store import BlobReader, BlobWriter
from p2plib.errors import Closed


class ClosableStore:
    """A store that can be closed once. A reader or a writer that was simply dropped is not held here."""

    def __init__(self) -> None:
        self._is_closed = False
        self._open_readers: weakref.WeakSet[BlobReader] = weakref.WeakSet()
        self._open_writers: weakref.WeakSet[BlobWriter] = weakref.WeakSet()

    def _demand_open(self) -> None:
        if self._is_closed:
            raise Closed("this blob store was closed")

    def _opened_reader(self, reader: BlobReader) -> BlobReader:
        self._open_readers.add(reader)
        return reader

    def _opened_writer(self, writer: BlobWriter) -> BlobWriter:
        self._open_writers.add(writer)
        return writer

    def close(self) -> None:
        """End all readers and writers, and let go of files and locks. Repeating it does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        for writer in list(self._open_writers):
            writer.discard("was discarded when its store was closed")
        for reader in list(self._open_readers):
            reader.close("was closed with its store")
        self._let_go()

    def _let_go(self) -> None:
        """Lets go of whatever else a store holds; for stores that hold something."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
