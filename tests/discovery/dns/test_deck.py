"""Decks: everybody is dealt in turn, and no asker can be in step with a deck."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.dns.deck import Deck, chi_square
from p2plib.errors import UsageError

PEERS, HAND, ASKED = 24, 4, 2_000
LIMIT = 49.7  # of chi-square with 23 degrees of freedom: one fair run in a thousand is beyond it


class Counting:
    """The bad example: the next hand begins one further round the list."""

    def __init__(self, cards: list[int]) -> None:
        self.cards, self.turn = cards, 0

    def deal(self, count: int) -> list[int]:
        self.turn += count
        return [self.cards[(self.turn + at) % len(self.cards)] for at in range(count)]


def in_step(dealer: Deck[int] | Counting) -> Counter[int]:
    """What one resolver gets that asks every third time, and whose users take the first address."""
    seen: Counter[int] = Counter(dict.fromkeys(range(PEERS), 0))
    for turn in range(3 * ASKED):
        hand = dealer.deal(HAND)
        if turn % 3 == 0:
            seen[hand[0]] += 1
    return seen


@pytest.mark.fault("F065")
@pytest.mark.parametrize("seed", range(5))
def test_an_asker_in_step_with_others_still_meets_everybody(seed: int) -> None:
    fair = in_step(Deck(random.Random(seed), range(PEERS)))
    assert min(fair.values()) > 0
    assert chi_square(fair.values()) < LIMIT
    unfair = in_step(Counting(list(range(PEERS))))
    assert sum(count > 0 for count in unfair.values()) == 2
    assert chi_square(unfair.values()) > 100 * LIMIT


@pytest.mark.fault("F065")
def test_over_all_answers_the_counts_differ_by_two_at_most() -> None:
    deck = Deck(random.Random(1), range(PEERS))
    seen = Counter(card for _ in range(ASKED) for card in deck.deal(5))
    assert max(seen.values()) - min(seen.values()) <= 2


def test_a_hand_by_hand() -> None:
    """Three cards and hands of two: a hand that reaches into the next round has no card twice."""
    deck = Deck(random.Random(3), "abc")
    hands = ["".join(deck.deal(2)) for _ in range(6)]
    assert all(len(set(hand)) == 2 for hand in hands)
    assert Counter("".join(hands)) == {"a": 4, "b": 4, "c": 4}


@given(st.integers(1, 12), st.integers(0, 15), st.integers(0, 2**32))
def test_whatever_the_sizes_hands_are_full_and_fair(cards: int, count: int, seed: int) -> None:
    deck = Deck(random.Random(seed), range(cards))
    hands = [deck.deal(count) for _ in range(30)]
    assert all(len(hand) == len(set(hand)) == min(count, cards) for hand in hands)
    seen = Counter(dict.fromkeys(range(cards), 0))
    seen.update(card for hand in hands for card in hand)
    assert max(seen.values()) - min(seen.values()) <= 2


@given(
    st.lists(st.tuples(st.sampled_from(["add", "remove", "deal"]), st.integers(0, 8)), max_size=60),
    st.integers(0, 99),
)
def test_cards_come_and_go(steps: list[tuple[str, int]], seed: int) -> None:
    deck: Deck[int] = Deck(random.Random(seed))
    there: set[int] = set()
    for step, number in steps:
        match step:
            case "add":
                assert deck.add(number) == (number not in there)
                there.add(number)
            case "remove":
                assert deck.remove(number) == (number in there)
                there.discard(number)
            case _:
                hand = deck.deal(number)
                assert set(hand) <= there
                assert len(hand) == len(set(hand)) == min(number, len(there))
        assert set(deck) == there
        assert len(deck) == len(there)
        assert (number in deck) == (number in there)


def test_a_newcomer_need_not_wait_for_the_next_round() -> None:
    """It is in what is left of this one, so it is dealt in the next 101 cards at the latest, nobody twice."""
    deck = Deck(random.Random(5), range(200))
    deck.deal(100)
    deck.add(200)
    assert 200 in {card for _ in range(101) for card in deck.deal(1)}


def test_chi_square_by_hand() -> None:
    assert chi_square([10, 10, 10]) == 0
    assert chi_square([0, 20]) == 20
    with pytest.raises(UsageError, match="nothing was dealt"):
        chi_square([0, 0])


def test_a_negative_hand_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="0 cards or more"):
        Deck(random.Random(1), "ab").deal(-1)
