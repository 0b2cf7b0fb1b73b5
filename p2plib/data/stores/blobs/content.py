"""Blobs as files named by their content: the layout of npm's content-addressable-blob-store.

A blob whose SHA-256 is 2cf24d...9824 is the file 2c/f24d...9824 below the root (64 digits, cut after the
second). Scuttlebutt's multiblob keeps its blobs so, too, in a folder `sha256`.

Rules
    1. A key that is given to `write` is a promise. Content with another hash is discarded (`WrongContent`),
       so what strangers send can be written as it comes.
    2. A blob is hashed again whenever it is read, the whole of it even if a part is asked for, and the last
       piece is given out only when the hash was right. A file that the disk has changed is `StoreCorrupt`.
    3. Such a file is never taken for the blob: to write the blob again replaces it.

Rule 2 makes a part as expensive as the whole. A tree of hashes (a Merkle tree) would make it cheap.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from p2plib.data.stores.blobs.folder import OldFile, disk_errors
from p2plib.data.stores.blobs.names import demand_content_key
from p2plib.data.stores.blobs.plain_files import PlainFiles
from p2plib.errors import NotFound, StoreCorrupt

_FIRST = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")


class ContentFiles(PlainFiles):
    """Blobs in files named by the SHA-256 of their content, a `BlobStore`. Arguments: see `PlainFiles`."""

    NAMES_ARE_HASHES = True

    def _demand_key(self, key: str) -> None:
        demand_content_key(key)

    def _path_of(self, key: str) -> str:
        return f"{key[:2]}/{key[2:]}"

    def _pieces(self, file: OldFile, key: str, first: int, last: int) -> Iterator[bytes]:
        digest, at, held = hashlib.sha256(), 0, b""
        for piece in self._read_through(file, key):
            digest.update(piece)
            if part := piece[max(0, first - at) : max(0, last - at)]:
                if held:
                    yield held
                held = part
            at += len(piece)
        if digest.hexdigest() != key:
            raise StoreCorrupt(
                f"a blob on the disk has the SHA-256 {digest.hexdigest()}, not the one of its name",
                self._where(key),
            )
        if held:
            yield held

    def keys(self) -> Iterator[str]:
        """The names of all blobs, in order; those that come or go meanwhile may or may not be among them."""
        self._demand_open()
        return self._walk()

    def _walk(self) -> Iterator[str]:
        with disk_errors(self.folder, ""):
            folders = self.folder.entries("")
        for folder in folders:
            if not folder.is_folder or not _FIRST.fullmatch(folder.name):
                continue
            self._demand_open()
            with disk_errors(self.folder, folder.name):
                files = self.folder.entries(folder.name)
            for file in files:
                if not file.is_folder and _REST.fullmatch(file.name):
                    yield folder.name + file.name

    def damaged(self) -> Iterator[str]:
        """The keys of all blobs that the disk has changed: reads and hashes every one of them."""
        for key in self.keys():
            try:
                for _ in self.read(key):
                    pass
            except StoreCorrupt:
                yield key
            except NotFound:  # removed meanwhile
                continue
