"""Deck: who comes next when each answer has room for a few of many. A pure data structure.

A name server that lists a thousand peers hands out a few at a time. Counting round the list looks fair, and
is not: an asker whose questions come in step with others' sees the same few peers again and again, and the
rest get no visitors. So the peers are dealt like cards, from a shuffled deck.

Rules
    1. Every card is dealt once before any is dealt a second time: that is a round. Its order is drawn anew.
    2. A hand never holds a card twice. Where a hand reaches into the next round, a card that it holds already
       is put back on top, for the next hand.
    3. A card that is added goes to a random place in what is left of the round; one that is removed is gone
       at once.
    4. Whoever can guess the random numbers can guess the hands: on a real network they come from
       `random.SystemRandom()`.

Vocabulary::

    hand     the cards of one deal, such as 8 addresses for one answer
    round    one pass through all the cards
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from p2plib.errors import UsageError

C = TypeVar("C", bound=Hashable)


class Deck(Generic[C]):
    """Cards that are dealt fairly, a hand at a time.

    Args:
        rng: shuffles; see rule 4.
        cards: what it begins with; each once.
    """

    def __init__(self, rng: random.Random, cards: Iterable[C] = ()) -> None:
        self._rng = rng
        self._cards: dict[C, None] = dict.fromkeys(cards)
        self._left: list[C] = []  # of this round; the top is at the end

    def __len__(self) -> int:
        return len(self._cards)

    def __contains__(self, card: C) -> bool:
        return card in self._cards

    def __iter__(self) -> Iterator[C]:
        """The cards, in the order in which they were added."""
        return iter(self._cards)

    def add(self, card: C) -> bool:
        """Adds a card; returns whether it is new (rule 3)."""
        if card in self._cards:
            return False
        self._cards[card] = None
        if self._left:
            self._left.insert(self._rng.randrange(len(self._left) + 1), card)
        return True

    def remove(self, card: C) -> bool:
        """Takes a card out; returns whether it was there."""
        if card not in self._cards:
            return False
        del self._cards[card]
        if card in self._left:
            self._left.remove(card)
        return True

    def deal(self, count: int) -> list[C]:
        """The next hand.

        Args:
            count: how many cards, 0 or more; if there are fewer, all of them are dealt.

        Raises:
            UsageError: a negative count.
        """
        if count < 0:
            raise UsageError(f"a hand has 0 cards or more, not {count}")
        hand: dict[C, None] = {}
        kept_back: list[C] = []
        while len(hand) < min(count, len(self._cards)):
            if not self._left:
                self._left = list(self._cards)
                self._rng.shuffle(self._left)
            card = self._left.pop()
            if card in hand:
                kept_back.append(card)  # rule 2
            else:
                hand[card] = None
        self._left += kept_back
        return list(hand)


def chi_square(counts: Iterable[int]) -> float:
    """How far counts are from being equal: Pearson's χ², the sum of (count − mean)² / mean.

    If every card had the same chance in every deal, the result would be near the number of cards less one; a
    result many times that says that some cards are favoured. One near 0 says that they are dealt in turn.

    Args:
        counts: how often each card was dealt, those that never were included.

    Raises:
        UsageError: there are no counts, or all of them are 0.
    """
    seen = list(counts)
    total = sum(seen)
    if not total:
        raise UsageError("nothing was dealt, so nothing can be said about it")
    mean = total / len(seen)
    return sum((count - mean) ** 2 for count in seen) / mean
