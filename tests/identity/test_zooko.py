"""Zooko's triangle: what each scheme gives up comes out of its trials; three ways to lose a ledger's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import Closed, UsageError
from p2plib.identity import name_ledger, zooko
from p2plib.identity.name_ledger import Chain, Claim, commitment, key_of
from p2plib.identity.zooko import Row


def test_what_comes_out_of_the_trials() -> None:
    assert zooko.experiments() == (
        Row("registry", True, "refused", True, False, True, 5),
        Row("self-chosen", True, "both have it", False, True, False, 5),
        Row("fingerprint", False, "other name", True, True, False, 95),
        Row("ledger", True, "refused", True, True, True, 5),
        Row("petnames", True, "refused", False, True, False, 5),
    )


def test_no_scheme_has_all_three_corners() -> None:
    for row in zooko.experiments("zooko"):
        nobodys_permission = row.works_alone and not row.can_be_taken
        assert not (row.meaningful and row.same_for_all and nobodys_permission)
        assert row.meaningful + row.same_for_all + nobodys_permission == 2


def test_the_table_has_a_line_for_each_scheme() -> None:
    lines = zooko.table().split("\n")
    assert [line.split()[0] for line in lines] == [
        "scheme",
        "registry",
        "self-chosen",
        "fingerprint",
        "ledger",
        "petnames",
    ]
    assert max(len(line) for line in lines) <= 78
    assert zooko.table(zooko.experiments()[:1]).count("\n") == 1


def test_a_registry_dies_with_its_server() -> None:
    registry = zooko.Registry()
    registry.claim("alice", "alice")
    assert registry.look_up("anybody", "alice") == {key_of("alice")}
    assert registry.look_up("anybody", "bob") == set()
    registry.helper_dies()
    with pytest.raises(Closed):
        registry.look_up("anybody", "alice")
    with pytest.raises(Closed):
        registry.claim("bob", "bob")


def test_petnames_are_refused_to_lookalikes_too() -> None:
    petnames = zooko.Petnames()
    petnames.claim("alice", "alice")
    with pytest.raises(zooko.NameTaken):
        petnames.claim("mallory", "аlice")  # with a Cyrillic a
    assert petnames.look_up("asker", "alice") == {key_of("alice")}
    assert petnames.look_up("other asker", "alice") != {key_of("alice")}


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
