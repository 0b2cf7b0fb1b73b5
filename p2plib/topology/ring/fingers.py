"""Fingers: contacts far round the circle, which make lookups fast. A part that Chord has and a plain ring
does not.

The rules are in `p2plib.topology.ring.chord`.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.machine.addresses import Contact
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.neighbours import Neighbourhood


class Fingers:
    """The fingers of one peer.

    Attributes:
        table: by i, finger i, which owns the id 2**i after ours.
    """

    def __init__(self, core: Core, neighbours: Neighbourhood) -> None:
        self._core, self._neighbours = core, neighbours
        self.table: dict[int, Contact] = {}

    def to_look_up(self) -> Iterator[tuple[int, int]]:
        """Which fingers to look up and the key of each, the farthest first (rules 1 and 2).

        It is a generator, so that later searches can use the fingers that earlier ones found.
        """
        first = self._neighbours.first
        if first is None:
            return
        own_id, size = self._core.own.id, self._core.size
        reach = (first.id - own_id) % size
        for i in reversed(range(self._core.settings.bits)):
            if 1 << i <= reach:
                self.table.pop(i, None)
            else:
                yield i, (own_id + (1 << i)) % size

    def found(self, i: int, owner: Contact) -> None:
        """A search has found the owner of the key of finger i."""
        if owner == self._core.own:
            self.table.pop(i, None)
        else:
            self.table[i] = owner
            self._core.remember([owner.address])

    def drop(self, contact: Contact) -> None:
        """Rule 3: a contact did not answer."""
        for i in [i for i, finger in self.table.items() if finger == contact]:
            del self.table[i]
