"""What we want, and in which order: a list of wants. A machine, and a part of the one in
`p2plib.data.blocks.bitswap.wants`.

Vocabulary::

    key      the multihash of a block: what peers match by
    active   peers hear of it
    backlog  what nobody has heard of yet
    open     active, and no peer is at work at it in time
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


@dataclass(slots=True)
class Want:
    """A block that we want.

    Attributes:
        cid: as it was asked for.
        priority: the larger, the sooner.
        session: to which it belongs.
        has: peers that say that they have it.
        lacks: peers that say that they do not.
        late: peers that were late with it, and since when.
        is_told: whether we have said that nobody has it.
    """

    cid: Cid
    priority: int
    session: int
    has: set[str] = field(default_factory=set)
    lacks: set[str] = field(default_factory=set)
    late: dict[str, float] = field(default_factory=dict)
    is_told: bool = False


class WantList:
    """All wants.

    Args:
        most: how many are active at a time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._active: dict[Multihash, Want] = {}
        self._backlog: dict[Multihash, Want] = {}
        self._open: dict[int, dict[Multihash, None]] = {}  # by priority; the inner ones are ordered sets

    def __len__(self) -> int:
        return len(self._active) + len(self._backlog)

    def __contains__(self, key: Multihash) -> bool:
        return key in self._active or key in self._backlog

    def __getitem__(self, key: Multihash) -> Want:
        """One that is active.

        Raises:
            KeyError: it is not.
        """
        return self._active[key]

    def get(self, key: Multihash) -> Want | None:
        """One that is active; None if it is not."""
        return self._active.get(key)

    def values(self) -> Iterable[Want]:
        """Those that are active, the oldest first."""
        return self._active.values()

    def items(self) -> Iterable[tuple[Multihash, Want]]:
        """The same with their keys."""
        return self._active.items()

    @property
    def has_open(self) -> bool:
        """Whether something is open, or waits in the backlog."""
        return bool(self._open or self._backlog)

    def add(self, want: Want) -> None:
        """One more, behind the others of the backlog."""
        self._backlog[want.cid.multihash] = want

    def begin_next(self) -> Multihash | None:
        """Makes the first of the backlog active, and open; None if there is none, or no room."""
        if not self._backlog or len(self._active) >= self.most:
            return None
        key = next(iter(self._backlog))
        self._active[key] = self._backlog.pop(key)
        self.open(key)
        return key

    def remove(self, key: Multihash) -> Want | None:
        """It is not wanted any more; returns it if it was, active or not."""
        if key in self._active:
            self.shut(key)
            return self._active.pop(key)
        return self._backlog.pop(key, None)

    def open(self, key: Multihash) -> None:
        """Nobody is at work at it in time."""
        self._open.setdefault(self._active[key].priority, {})[key] = None

    def shut(self, key: Multihash) -> None:
        """Somebody is at work at it."""
        priority = self._active[key].priority
        same = self._open.get(priority, {})
        same.pop(key, None)
        if not same:
            self._open.pop(priority, None)

    def is_open(self, key: Multihash) -> bool:
        """Whether nobody is at work at it in time."""
        return key in self._open.get(self._active[key].priority, ())

    def in_order(self) -> Iterator[Multihash]:
        """What is open, by priority; among equals what was wanted first."""
        for priority in sorted(self._open, reverse=True):
            yield from tuple(self._open.get(priority, ()))
