"""Blobs as plain files under names that the caller gives: the layout of npm's fs-blob-store.

The key "albums/summer.jpg" is the file albums/summer.jpg below the root, and nothing else is in it. So a
file that another program changed is not noticed, unless it becomes shorter while it is read: where that
matters, names are made of content (`p2plib.data.stores.blobs.content`).

What `p2plib.data.stores.blobs.names` does not take as a key is refused, and files with such names, links,
pipes and devices are not seen. "a" and "a/b" cannot both be blobs here, for a file is no folder.

Two keys are two files only where the disk tells them apart. Those of macOS and Windows usually take "A" for
"a", and Windows reads "NUL" and "a:b" in its own way. For names that strangers choose, use names made of
content.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.data.stores.blobs.folder import OldFile, disk_errors
from p2plib.data.stores.blobs.names import demand_key, why_no_key
from p2plib.data.stores.blobs.plain_files import PlainFiles
from p2plib.data.stores.blobs.store import BlobWriter
from p2plib.errors import UsageError


class KeyedFiles(PlainFiles):
    """Blobs in plain files under names that the caller gives, a `BlobStore`. Arguments: see `PlainFiles`."""

    def _demand_key(self, key: str) -> None:
        demand_key(key)

    def _path_of(self, key: str) -> str:
        return key

    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        """Begin to write a blob; see `BlobStore`. It must have a key."""
        if key is None:
            self._demand_open()
            raise UsageError("a blob of this store needs a key: its names are not made of the content")
        return super().write(key, size_bytes=size_bytes)

    def _pieces(self, file: OldFile, key: str, first: int, last: int) -> Iterator[bytes]:
        at = 0
        for piece in self._read_through(file, key):
            if part := piece[max(0, first - at) : max(0, last - at)]:
                yield part
            at += len(piece)
            if at >= last:
                return

    def keys(self) -> Iterator[str]:
        """The names of all blobs, in order, as they were at the call."""
        self._demand_open()
        found, folders = [], [""]
        while folders:
            folder = folders.pop()
            with disk_errors(self.folder, folder):
                entries = self.folder.entries(folder)
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if why_no_key(path):
                    continue
                if entry.is_folder:
                    folders.append(path)
                else:
                    found.append(path)
        return iter(sorted(found))
