"""Doors: addresses outside a peer's views, where it asks now and then. A part of HyParView's machine.

Nothing that a peer can see tells it that it is on an *island*, a part of the overlay without links to the
rest: there, each peer agrees with its neighbours, and shuffles bring names of the island alone. So no peer
tries to find out. Each asks outside, and rule 6 of `p2plib.topology.hyparview.machine` does the rest.

Rules
    1. The doors are the bootstrap addresses that our owner gave us, and the last `MAX_LOST` neighbours that
       fell silent: perhaps they are alive, and the path between us was cut. One that never answered is none:
       it may be a forged sender, a victim at whom we would knock forever.
    2. One of either kind is asked each time. The pauses double, since most islands are born when many peers
       join at once, and a million peers must not ask one bootstrap address every few seconds. A peer
       without neighbours does not wait so long.
    3. Two islands of which neither has a door on the other stay two forever, and neither can notice. Peers
       that are to be one overlay need a bootstrap address in common.
    4. Pauses are drawn between half and the whole, so that peers that were cut off together do not come
       back together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from p2plib.machine.addresses import Address

MAX_LOST = 16
LONGEST = 180  # first pauses; half an hour, if that is ten seconds
ALONE = 10  # how many times sooner a peer without neighbours asks


class Doors:
    """Where to ask, and when.

    Args:
        rng: draws doors and pauses.
        first_pause_s: seconds from joining to asking for the first time; infinity for never.

    Attributes:
        bootstrap: the addresses that our owner gave us.
        lost: the addresses of neighbours that fell silent, the latest last.
    """

    def __init__(self, rng: random.Random, first_pause_s: float) -> None:
        self._rng, self._first_pause_s, self._pause_s = rng, first_pause_s, first_pause_s
        self.bootstrap: dict[Address, None] = {}
        self.lost: dict[Address, None] = {}

    def given(self, addresses: Iterable[Address]) -> None:
        """Notes bootstrap addresses, and begins with short pauses again."""
        self.bootstrap |= dict.fromkeys(addresses)
        self._pause_s = self._first_pause_s

    def silent(self, address: Address) -> None:
        """Notes the address of a neighbour that no longer answers."""
        self.lost.pop(address, None)
        self.lost[address] = None
        if len(self.lost) > MAX_LOST:
            del self.lost[next(iter(self.lost))]

    def alone(self) -> None:
        """We have no neighbour: from now on pauses begin short."""
        self._pause_s = self._first_pause_s / ALONE

    def chosen(self) -> list[Address]:
        """The doors to ask this time. Rule 2."""
        kinds = [kind for kind in (self.bootstrap, self.lost) if kind]
        return list(dict.fromkeys(self._rng.choice(list(kind)) for kind in kinds))

    def pause_s(self) -> float:
        """How long to wait before asking again, in seconds; the next pause is twice as long."""
        pause_s = self._pause_s
        if math.isinf(pause_s):
            return pause_s
        self._pause_s = min(2 * pause_s, LONGEST * self._first_pause_s)
        return pause_s * self._rng.uniform(0.5, 1.0)
