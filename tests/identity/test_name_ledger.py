"""A ledger of names: commitments, forks, and how many confirmations cost what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity import name_ledger, zooko
from p2plib.identity.name_ledger import Chain, Claim, commitment, key_of


def test_front_running_is_stopped_by_a_commitment() -> None:
    assert zooko.front_running(commit_first=False) == "mallory"
    assert zooko.front_running(commit_first=True) == "alice"


@pytest.mark.parametrize(
    ("confirmations", "branch_blocks", "owner"),
    [(0, 2, "alice"), (0, 3, "mallory"), (6, 8, "alice"), (6, 9, "mallory"), (100, 103, "mallory")],
)
def test_a_longer_branch_takes_the_name(confirmations: int, branch_blocks: int, owner: str) -> None:
    assert zooko.reorganisation(confirmations, branch_blocks) == owner


@given(st.integers(0, 30), st.integers(2, 40))
def test_confirmations_make_it_dearer_and_not_impossible(confirmations: int, branch_blocks: int) -> None:
    stolen = zooko.reorganisation(confirmations, branch_blocks) == "mallory"
    assert stolen == (branch_blocks > confirmations + 2)


def test_a_cut_network_gives_one_name_twice() -> None:
    assert zooko.partition(1, 2) == ("alice", "bob", "bob")
    assert zooko.partition(2, 1) == ("alice", "bob", "alice")


@pytest.mark.parametrize("call", [lambda: zooko.reorganisation(-1, 2), lambda: zooko.reorganisation(0, 1)])
def test_numbers_of_blocks_that_cannot_be(call: object) -> None:
    assert callable(call)
    with pytest.raises(UsageError):
        call()
    with pytest.raises(UsageError):
        zooko.partition(-1, 0)


def test_a_commitment_in_the_same_block_is_too_late() -> None:
    owner = key_of("alice")
    chain = Chain(commit_first=True)
    chain.add(Claim(owner, commitment=commitment(owner, "alice", b"salt")), Claim(owner, "alice", b"salt"))
    assert chain.owners() == {}
    chain.add(Claim(owner, "alice", b"salt"))
    assert chain.owners() == {"alice": owner}


def test_a_copied_commitment_is_of_no_use() -> None:
    alice, mallory = key_of("alice"), key_of("mallory")
    secret = commitment(alice, "alice", b"salt")
    chain = Chain(commit_first=True)
    chain.add(Claim(mallory, commitment=secret))
    chain.add(Claim(mallory, "alice", b"salt"), Claim(alice, "alice", b"salt"))
    assert chain.owners() == {"alice": alice}


def test_of_equal_chains_the_first_counts() -> None:
    one, other = Chain(), Chain()
    assert name_ledger.longest(one, other) is one
    other.add()
    assert name_ledger.longest(one, other) is other
