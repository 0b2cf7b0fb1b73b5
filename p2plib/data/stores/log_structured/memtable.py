"""What the write-ahead log says, in memory and in order. It becomes a table when it is large enough.

A key that was deleted has a *tombstone*, None, as its value: older tables may still have the key, and the
tombstone is what hides it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import islice

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
        return len(self._values)

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in the changes of a batch, in their order; all at one stroke, whenever Ctrl-C comes."""
        fresh = {change.key: change.value if isinstance(change, Put) else None for change in changes}
        for key, value in fresh.items():
            is_new = key not in self._values
            self.size_bytes += len(key) + ENTRY_BYTES if is_new else -len(self._values[key] or b"")
            self.size_bytes += len(value or b"")
        self._values.update(fresh)

    def find(self, key: bytes) -> Entry | None:
        """The entry of a key, which may be a tombstone; None where nothing is known of the key."""
        return (key, self._values[key]) if key in self._values else None

    def entries(self, start: bytes = b"", end: bytes | None = None) -> list[Entry]:
        """A copy of a range, in order; tombstones are in it."""
        keys = self._in_order()
        last = len(keys) if end is None else bisect_left(keys, end)
        return [(key, self._values[key]) for key in keys[bisect_left(keys, start) : last]]

    def _in_order(self) -> list[bytes]:
        """Its keys. None ever goes, so those that came since the last time are the dictionary's last ones."""
        if len(self._keys) < len(self._values):
            self._keys = sorted([*self._keys, *islice(self._values, len(self._keys), None)])
        return self._keys
