"""A ledger of names: commitments, forks, and how many confirmations cost what."""

from __future__ import annotations

import doctest
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity import name_ledger, zooko
from p2plib.identity.name_ledger import Chain, Claim, commitment, key_of


def test_front_running_is_stopped_by_a_commitment() -> None:
    assert zooko.front_running(commit_first=False) == "mal"
    assert zooko.front_running(commit_first=True) == "ana"


@pytest.mark.parametrize(
    ("confirmations", "branch_blocks", "owner"),
    [(0, 2, "ana"), (0, 3, "mal"), (6, 8, "ana"), (6, 9, "mal"), (100, 103, "mal")],
)
def test_a_longer_branch_takes_the_name(confirmations: int, branch_blocks: int, owner: str) -> None:
    assert zooko.reorganisation(confirmations, branch_blocks) == owner


@given(st.integers(0, 30), st.integers(2, 40))
def test_confirmations_make_it_dearer_and_not_impossible(confirmations: int, branch_blocks: int) -> None:
    stolen = zooko.reorganisation(confirmations, branch_blocks) == "mal"
    assert stolen == (branch_blocks > confirmations + 2)


def test_a_cut_network_gives_one_name_twice() -> None:
    assert zooko.partition(1, 2) == ("ana", "ben", "ben")
    assert zooko.partition(2, 1) == ("ana", "ben", "ana")


@pytest.mark.parametrize("call", [lambda: zooko.reorganisation(-1, 2), lambda: zooko.reorganisation(0, 1)])
def test_numbers_of_blocks_that_cannot_be(call: object) -> None:
    assert callable(call)
    with pytest.raises(UsageError):
        call()
    with pytest.raises(UsageError):
        zooko.partition(-1, 0)


def test_a_commitment_in_the_same_block_is_too_late() -> None:
    owner = key_of("ana")
    chain = Chain(commit_first=True)
    chain.add(Claim(owner, commitment=commitment(owner, "ana", b"salt")), Claim(owner, "ana", b"salt"))
    assert chain.owners() == {}
    chain.add(Claim(owner, "ana", b"salt"))
    assert chain.owners() == {"ana": owner}


def test_a_copied_commitment_is_of_no_use() -> None:
    ana, mal = key_of("ana"), key_of("mal")
    secret = commitment(ana, "ana", b"salt")
    chain = Chain(commit_first=True)
    chain.add(Claim(mal, commitment=secret))
    chain.add(Claim(mal, "ana", b"salt"), Claim(ana, "ana", b"salt"))
    assert chain.owners() == {"ana": ana}


def race(share: float, confirmations: int, rng: random.Random) -> bool:
    """One secret branch, block by block; a thief who is 60 behind gives up."""
    public, branch = 2, 0
    while public < 2 + confirmations or 0 <= public - branch < 60:
        if rng.random() < share:
            branch += 1
        else:
            public += 1
    return branch > public


@pytest.mark.parametrize(("share", "confirmations"), [(0.2, 0), (0.3, 1), (0.4, 6), (0.45, 2)])
def test_the_chance_of_a_takeover_is_what_comes_out_of_races(share: float, confirmations: int) -> None:
    rng, races = random.Random(1), 4000
    won = sum(race(share, confirmations, rng) for _ in range(races)) / races
    chance = name_ledger.takeover_chance(share, confirmations)
    assert abs(won - chance) < 4 * math.sqrt(chance * (1 - chance) / races)


def test_chances_that_can_be_worked_out_by_hand() -> None:
    assert name_ledger.takeover_chance(0.25, 0) == pytest.approx((1 / 3) ** 3)  # three blocks to gain
    # One block on top: k of his before it with chance 3/4 · 4**-k; then 4 - k to gain, each with chance 1/3.
    by_hand = sum(0.75 * 0.25**k * (1 / 3) ** (4 - k) for k in range(4)) + 0.25**4
    assert name_ledger.takeover_chance(0.25, 1) == pytest.approx(by_hand)
    assert name_ledger.takeover_chance(0, 6) == 0
    assert name_ledger.takeover_chance(0.5, 6) == name_ledger.takeover_chance(1, 100) == 1


@given(st.floats(0.01, 0.49), st.integers(0, 20))
def test_waiting_longer_helps(share: float, confirmations: int) -> None:
    shorter, longer = (name_ledger.takeover_chance(share, n) for n in (confirmations, confirmations + 1))
    assert 0 <= longer < shorter < 1


@pytest.mark.parametrize(("share", "confirmations"), [(-0.1, 1), (1.1, 1), (0.1, -1)])
def test_shares_and_waits_that_cannot_be(share: float, confirmations: int) -> None:
    with pytest.raises(UsageError):
        name_ledger.takeover_chance(share, confirmations)


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(name_ledger) == (0, 1)


def test_of_equal_chains_the_first_counts() -> None:
    one, other = Chain(), Chain()
    assert name_ledger.longest(one, other) is one
    other.add()
    assert name_ledger.longest(one, other) is other
