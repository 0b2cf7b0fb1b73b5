"""Lab 5: thousands of peers of one ring in memory, to be asked for the way to a key. Some are dead.

Everybody's successors and fingers are right as of the moment before the dead died: nobody has noticed yet. A
peer's fingers are found when it is first asked, from the points that the reader's `finger_points` gives, and
what it answers goes through the reader's `nearer`.

Vocabulary::

    message   one question to one peer; a peer that asks itself sends none
    answer    whom a peer knows before the key, and its successors from the key on
"""

from __future__ import annotations

import functools
import random
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from p2plib.errors import NotFound, PeerTimeout
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab05_ring import fingers

BITS, R = 32, 16
MOST_MESSAGES = 400  # of one lookup; 2,000 peers would be walked round in 2,000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer says when it is asked for a key.

    Args:
        nearer: whom it knows strictly between itself and the key, the nearest to the key first.
        beyond: those of its successors that lie at the key or after it, the nearest first.
    """

    nearer: tuple[int, ...]
    beyond: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a lookup took.

    Args:
        right: whether it found the owner.
        messages: questions asked.
        timeouts: those without an answer.
        path: who was asked, in order, the asker first.
    """

    right: bool
    messages: int
    timeouts: int
    path: tuple[int, ...]


class Crowd:
    """A ring of many.

    Args:
        count: how many peers.
        dead: which part of them is dead.
        seed: of the ids and the deaths.
        r: the length of the lists of successors.
        bits: there are 2**bits ids.
        finger_points, nearer: the reader's, or the library's.
    """

    def __init__(
        self,
        count: int = 2000,
        *,
        dead: float = 0.0,
        seed: int = 5,
        r: int = R,
        bits: int = BITS,
        finger_points: Callable[..., list[int]] = fingers.finger_points,
        nearer: Callable[..., list[int]] = fingers.nearer,
    ) -> None:
        self.rng = random.Random(seed)
        self.bits, self.r = bits, r
        self.ids = sorted(self.rng.sample(range(1 << bits), count))
        self.places = {peer: place for place, peer in enumerate(self.ids)}
        self.dead = frozenset(self.rng.sample(self.ids, round(dead * count)))
        self.living = [peer for peer in self.ids if peer not in self.dead]
        self._points, self._nearer = finger_points, nearer
        self._fingers: dict[int, list[int]] = {}

    def owner(self, key: int) -> int:
        """The first of the living at a key or after it."""
        return self.living[bisect_left(self.living, key) % len(self.living)]

    def successors(self, peer: int) -> list[int]:
        """A peer's list, from before the deaths."""
        place, size = self.places[peer], len(self.ids)
        return [self.ids[(place + k) % size] for k in range(1, min(self.r, size - 1) + 1)]

    def fingers(self, peer: int) -> list[int]:
        """A peer's fingers, from before the deaths, the farthest first."""
        if peer not in self._fingers:
            points = self._points(peer, self.successors(peer)[0], self.bits)
            owners = (self.ids[bisect_left(self.ids, point) % len(self.ids)] for point in points)
            self._fingers[peer] = list(dict.fromkeys(owners))
        return self._fingers[peer]

    def answer(self, peer: int, key: int) -> Answer:
        """What a peer says about a key."""
        after = self.successors(peer)
        before_key = set(fingers.nearer(peer, after, key))
        known = [*after, *self.fingers(peer)]
        return Answer(
            tuple(self._nearer(peer, known, key)), tuple(one for one in after if one not in before_key)
        )

    def keys(self, count: int, seed: int = 1) -> list[tuple[int, int]]:
        """Pairs of a living peer and a key that it is to look for."""
        rng = random.Random(seed)
        return [(rng.choice(self.living), rng.randrange(1 << self.bits)) for _ in range(count)]

    def cost(self, lookup: Callable[..., Any], own: int, key: int) -> Cost:
        """Let a lookup run, and see what it took."""
        asking = Asking(self, own, key)
        try:
            found = lookup(own, key, asking)
        except NotFound:
            found = None
        return Cost(found == self.owner(key), asking.messages, asking.timeouts, tuple(asking.path))


class Asking:
    """What a lookup asks through: `ask(peer)` gives an `Answer`, or raises PeerTimeout.

    Args:
        crowd: who can be asked.
        own: who asks.
        key: for what.

    Attributes:
        messages, timeouts: so far.
        path: who was asked, in order.
    """

    def __init__(self, crowd: Crowd, own: int, key: int) -> None:
        self.crowd, self.own, self.key = crowd, own, key
        self.messages = self.timeouts = 0
        self.path: list[int] = []
        self._named = {own}

    def __call__(self, peer: int) -> Answer:
        """Ask a peer, which somebody must have named before."""
        if peer not in self._named:
            what = f"it asked {describe(peer)}, whom nobody had named"
            raise Wrong(what, "ask yourself first, ask(own), and then whom the answers name")
        self.path.append(peer)
        if peer != self.own:
            self.messages += 1
        if self.messages > MOST_MESSAGES or len(self.path) > 2 * MOST_MESSAGES:
            raise Wrong(
                f"it asked more than {MOST_MESSAGES} times for one key",
                "a peer that was asked once need not be asked again, and every answer must bring you nearer",
            )
        if peer in self.crowd.dead:
            self.timeouts += 1
            raise PeerTimeout("a peer of the crowd does not answer")
        answer = self.crowd.answer(peer, self.key)
        self._named.update(answer.nearer, answer.beyond)
        return answer


@functools.cache
def the_crowd(count: int = 2000, dead: float = 0.0, seed: int = 5) -> Crowd:
    """A crowd of the library's own parts; made once."""
    return Crowd(count, dead=dead, seed=seed)


def mean(numbers: Iterable[float]) -> float:
    """The mean."""
    row = list(numbers)
    return sum(row) / len(row)
