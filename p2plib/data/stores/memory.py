"""A store in memory: a dictionary, and its keys in order. For tests, and for what need not outlive a program.

It keeps the contract of `interfaces` except that nothing survives its end, and serves as the judge of the
other stores: it is too short to be wrong.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from p2plib.data.stores.base import CheckedStore, Snapshot, let_go_of_nothing
from p2plib.data.stores.interfaces import Change, Put
from p2plib.errors import NotFound


class MemoryStore(CheckedStore):
    """An ordered store that forgets everything when it is closed."""

    def __init__(self) -> None:
        super().__init__("in memory")
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def _get(self, key: bytes) -> bytes:
        try:
            return self._values[key]
        except KeyError:
            raise NotFound(f"the store {self.name} has no key {key!r:.60}") from None

    def _write(self, changes: list[Change], durable: bool) -> None:
        for change in changes:
            if isinstance(change, Put):
                if change.key not in self._values:
                    insort(self._keys, change.key)
                self._values[change.key] = change.value
            elif self._values.pop(change.key, None) is not None:
                del self._keys[bisect_left(self._keys, change.key)]

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        last = len(self._keys) if end is None else bisect_left(self._keys, end)
        keys = self._keys[bisect_left(self._keys, start) : last]
        if reverse:
            keys.reverse()
        return iter([(key, self._values[key]) for key in keys[:limit]]), let_go_of_nothing

    def _close(self) -> None:
        self._values.clear()
        self._keys.clear()
