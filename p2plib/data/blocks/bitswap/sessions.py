"""Blocks that belong together, so that a peer that has one of them is likely to have the others. A machine,
and a part of the one in `p2plib.data.blocks.bitswap.wants`.

Vocabulary::

    session   a number; 0 is no session
    supplier  a peer that sent blocks of a session
"""

from __future__ import annotations

from collections.abc import Collection

MAX_UNLED = 8  # `Wants` rule 1


class Sessions:
    """The sessions that go on, and who supplies each."""

    def __init__(self) -> None:
        self._suppliers: dict[int, dict[str, None]] = {}
        self._unled: dict[int, int] = {}  # how many of its blocks were begun
        self._last = 0

    def __len__(self) -> int:
        return len(self._suppliers)

    def begin(self) -> int:
        """A number for blocks that belong together; give it back with `end`."""
        self._last += 1
        self._suppliers[self._last] = {}
        self._unled[self._last] = 0
        return self._last

    def end(self, session: int) -> None:
        """Nothing more will be wanted in a session."""
        self._suppliers.pop(session, None)
        self._unled.pop(session, None)

    def suppliers(self, session: int) -> Collection[str]:
        """Who sent blocks of a session, whoever was first before the others."""
        return self._suppliers.get(session, {}).keys()

    def supplied(self, session: int, name: str) -> None:
        """A peer sent a block of a session."""
        if session in self._suppliers:
            self._suppliers[session][name] = None

    def forget(self, name: str) -> None:
        """A peer is gone, or given up."""
        for suppliers in self._suppliers.values():
            suppliers.pop(name, None)

    def is_unled(self, session: int) -> bool:
        """Whether everybody is to be asked about one more block; call it once for each block of a session."""
        if session not in self._suppliers:
            return True
        self._unled[session] += 1
        return not self._suppliers[session] and self._unled[session] <= MAX_UNLED
