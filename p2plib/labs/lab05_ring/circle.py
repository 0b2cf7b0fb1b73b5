"""Lab 5: a ring of some hundred peers in memory, in which people die and come, and rounds of repair.

No sockets and no clock: a round lets every living peer stabilise once, in a random order, and notify its
first successor, as the peers of `p2plib.topology.ring.machine` do every few seconds. Questions are counted.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise

from p2plib.errors import PeerTimeout
from p2plib.topology.ring.space import Shape, between, shape

BITS = 16

Neighbours = tuple[int | None, list[int]]  # the peer before one, and its successors
Round = Callable[..., list[int]]


class Circle:
    """A ring.

    Args:
        count: peers in the beginning, all of them right about each other; at least 2.
        seed: of ids, deaths and the order in a round.
        r: the length of the lists.
        ids: the peers' ids, instead of count random ones.

    Attributes:
        after, before: what each peer takes for its successors and its predecessor; also of the dead.
        dead: who is.
        questions: how many were asked.
    """

    def __init__(self, count: int = 300, *, seed: int = 5, r: int = 6, ids: list[int] | None = None) -> None:
        self.rng = random.Random(seed)
        self.r, self.questions = r, 0
        self.ids = sorted(ids or self.rng.sample(range(1 << BITS), count))
        size = len(self.ids)
        self.after = {
            peer: [self.ids[(i + k) % size] for k in range(1, min(r, size - 1) + 1)]
            for i, peer in enumerate(self.ids)
        }
        self.before: dict[int, int | None] = {peer: self.ids[i - 1] for i, peer in enumerate(self.ids)}
        self.dead: set[int] = set()

    def living(self) -> list[int]:
        """Who lives, in the order of ids."""
        return [peer for peer in self.ids if peer not in self.dead]

    def kill(self, part: float) -> None:
        """Let a part of the living die at once."""
        living = self.living()
        self.dead.update(self.rng.sample(living, round(part * len(living))))

    def join(self, count: int) -> None:
        """Let some come at once, each through somebody who lives, with that one's list.

        As Zave has it, a newcomer takes the whole list of the peer before it. Here it looks at the ring as it
        was before anybody of them came, so none of them knows another.
        """
        members = self.living()
        spare = [ident for ident in range(1 << BITS) if ident not in set(self.ids)]
        for ident in sorted(self.rng.sample(spare, count)):
            before = members[bisect_left(members, ident) - 1]
            self.add(ident, before)

    def add(self, ident: int, before: int) -> None:
        """Let one peer come, with the list of the peer before it."""
        self.ids = sorted([*self.ids, ident])
        self.after[ident] = list(self.after[before])
        self.before[ident] = None

    def ask(self, peer: int) -> Neighbours:
        """Who is before a peer, and its successors.

        Raises:
            PeerTimeout: it is dead.
        """
        self.questions += 1
        if peer in self.dead or peer not in self.after:
            raise PeerTimeout("somebody of the ring does not answer")
        return self.before[peer], list(self.after[peer])

    def round(self, stabilise: Round) -> None:
        """Every living peer stabilises, and notifies its first successor."""
        order = self.living()
        self.rng.shuffle(order)
        for peer in order:
            self.after[peer] = stabilise(peer, list(self.after[peer]), self.ask, self.r)
            if self.after[peer]:
                self.notify(self.after[peer][0], peer)

    def notify(self, peer: int, candidate: int) -> None:
        """A peer hears that somebody takes it for the next: that one is before it, if it lies between."""
        before = self.before.get(peer)
        if peer in self.dead or peer not in self.after or before == candidate:
            return
        if before is not None and not between(before, candidate, peer):
            self.questions += 1
            if before not in self.dead:
                return
        self.before[peer] = candidate

    def wrong(self) -> int:
        """How many of the living do not have the next of the living for their first successor."""
        living = self.living()
        return sum(
            self.after[peer][:1] != [then] for peer, then in pairwise([*living, living[0]])
        )  # fmt: skip

    def shape(self) -> Shape:
        """What following first successors gives, see `p2plib.topology.ring.space`."""
        return shape({peer: (self.after[peer] or [-1])[0] for peer in self.living()})
