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

    A batch comes in by one call that Python does not interrupt, so whatever breaks off a write (Ctrl-C), a
    reader sees the batch whole or not at all. The keys are put in order when somebody asks for a range.

    Attributes:
        size_bytes: of its keys and values, with `ENTRY_BYTES` for each.
    """

    def __init__(self) -> None:
        self.size_bytes = 0
        self._values: dict[bytes, bytes | None] = {}
        self._sorted: list[bytes] = []  # the keys that were there when a range was last asked for

    def __len__(self) -> int:
        return len(self._values)

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in the changes of a batch, in their order."""
        new = {change.key: change.value if isinstance(change, Put) else None for change in changes}
        for key, value in new.items():
            self.size_bytes += len(value or b"") - len(self._values.get(key) or b"")
            if key not in self._values:
                self.size_bytes += len(key) + ENTRY_BYTES
        self._values.update(new)

    def find(self, key: bytes) -> Entry | None:
        """The entry of a key, which may be a tombstone; None where nothing is known of the key."""
        return (key, self._values[key]) if key in self._values else None

    def entries(self, start: bytes = b"", end: bytes | None = None) -> list[Entry]:
        """A copy of a range, in order; tombstones are in it."""
        if len(self._sorted) < len(self._values):  # a dictionary keeps its keys in the order of their coming
            self._sorted = sorted([*self._sorted, *islice(self._values, len(self._sorted), None)])
        last = len(self._sorted) if end is None else bisect_left(self._sorted, end)
        return [(key, self._values[key]) for key in self._sorted[bisect_left(self._sorted, start) : last]]
