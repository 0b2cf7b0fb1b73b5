"""What a store has open, so that closing the store ends it: the common part of all blob stores."""

from __future__ import annotations

import weakref

from p2plib.data.stores.blobs.store import BlobReader, BlobWriter
from p2plib.data.stores.closable import Closable


class ClosableBlobs(Closable):
    """A store of blobs that can be closed once. It does not hold readers and writers that were dropped."""

    kind = "blob store"

    def __init__(self) -> None:
        super().__init__()
        self._open_readers: weakref.WeakSet[BlobReader] = weakref.WeakSet()
        self._open_writers: weakref.WeakSet[BlobWriter] = weakref.WeakSet()

    def _opened_reader(self, reader: BlobReader) -> BlobReader:
        self._open_readers.add(reader)
        return reader

    def _opened_writer(self, writer: BlobWriter) -> BlobWriter:
        self._open_writers.add(writer)
        return writer

    def _end_all(self) -> None:
        for writer in list(self._open_writers):
            writer.discard("was discarded when its store was closed")
        for reader in list(self._open_readers):
            reader.close("was closed with its store")
