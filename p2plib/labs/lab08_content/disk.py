"""Lab 8: a file on a disk that forgets what was not synced.

A real operating system keeps what was written in memory for a while. It is *seen* by all programs at once,
and *kept* through a crash of the machine only after `sync` (`os.fsync`) has returned. Of the rest, a crash
keeps here any number of bytes from its beginning.
"""

from __future__ import annotations


class ForgetfulFile:
    """A file that is appended to.

    Args:
        data: what is in it already, and kept.

    Attributes:
        seen: all that was written.
        kept: what a crash cannot take any more.
        syncs: how often it was synced.
    """

    def __init__(self, data: bytes = b"") -> None:
        self.seen = self.kept = data
        self.syncs = 0

    def write(self, data: bytes) -> None:
        """Put bytes at the end; a crash may still take them."""
        self.seen += bytes(data)

    def sync(self) -> None:
        """Wait until the disk has all that was written."""
        self.kept = self.seen
        self.syncs += 1

    def crashes(self) -> list[bytes]:
        """All that may be found in the file after a crash at this moment."""
        return [self.seen[:size] for size in range(len(self.kept), len(self.seen) + 1)]
