"""What the write-ahead log says, in memory and in order. It becomes a table when it is large enough.

A key that was deleted has a *tombstone*, None, as its value: older tables may still have the key, and the
tombstone is what hides it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from p2plib.data.stores.interfaces import Change, Put

Entry = tuple[bytes, bytes | None]  # a key with its value, or with None for its tombstone
ENTRY_BYTES = 100  # what a pair costs in memory besides its bytes, roughly


class Memtable:
    """The newest pairs.

    Attributes:
        size_bytes: of its keys and values, with `ENTRY_BYTES` for each.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._values: dict[bytes, bytes | None] = {}
        self._keys: list[bytes] = []

    def __len__(self) -> int:
        return len(self._keys)

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in the changes of a batch, in their order."""
        for change in changes:
            value = change.value if isinstance(change, Put) else None
            if change.key in self._values:
                self.size_bytes -= len(self._values[change.key] or b"")
            else:
                insort(self._keys, change.key)
                self.size_bytes += len(change.key) + ENTRY_BYTES
            self._values[change.key] = value
            self.size_bytes += len(value or b"")

    def find(self, key: bytes) -> Entry | None:
        """The entry of a key, which may be a tombstone; None where nothing is known of the key."""
        return (key, self._values[key]) if key in self._values else None

    def entries(self, start: bytes = b"", end: bytes | None = None) -> list[Entry]:
        """A copy of a range, in order; tombstones are in it."""
        last = len(self._keys) if end is None else bisect_left(self._keys, end)
        return [(key, self._values[key]) for key in self._keys[bisect_left(self._keys, start) : last]]
