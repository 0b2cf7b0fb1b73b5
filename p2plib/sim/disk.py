"""A host's disk: files that survive a crash, if they were synced.

Rules:

* A write is at once what a read returns, and on the platter only after `sync`. A power cut forgets what was
  not synced, as an operating system's cache does.
* What is not there raises FileNotFoundError, as a real disk has it.
"""

from __future__ import annotations


class Disk:
    """Files of bytes, by name."""

    def __init__(self) -> None:
        self._cache: dict[str, bytes] = {}
        self._platter: dict[str, bytes] = {}

    def write(self, name: str, data: bytes) -> None:
        """Make *data* the whole content of a file; it survives a crash only after `sync`."""
        self._cache[name] = bytes(data)

    def append(self, name: str, data: bytes) -> None:
        """Add *data* to the end of a file, which need not be there yet."""
        self._cache[name] = self._cache.get(name, b"") + bytes(data)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: there is none of that name.
        """
        if name not in self._cache:
            raise FileNotFoundError(f"there is no file {name!r} on this disk")
        return self._cache[name]

    def delete(self, name: str) -> None:
        """Remove a file.

        Raises:
            FileNotFoundError: there is none of that name.
        """
        self.read(name)
        del self._cache[name]

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return sorted(self._cache)

    def sync(self) -> None:
        """Bring all that was written and deleted to the platter."""
        self._platter = dict(self._cache)

    def cut_power(self, *, lost: bool) -> None:
        """Forget what was not synced; everything, if the disk itself is lost."""
        if lost:
            self._platter = {}
        self._cache = dict(self._platter)
