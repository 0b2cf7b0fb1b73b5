"""Zooko's triangle: what each scheme gives up comes out of its trials."""

from __future__ import annotations

import pytest

from p2plib.errors import Closed
from p2plib.identity import zooko
from p2plib.identity.name_ledger import key_of
from p2plib.identity.zooko import Row


def test_what_comes_out_of_the_trials() -> None:
    assert zooko.experiments() == (
        Row("registry", True, "refused", True, False, True, 3),
        Row("self-chosen", True, "both have it", False, True, False, 3),
        Row("fingerprint", False, "other name", True, True, False, 95),
        Row("ledger", True, "refused", True, True, True, 3),
        Row("petnames", True, "refused", False, True, False, 3),
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
    registry.claim("ana", "ana")
    assert registry.look_up("anybody", "ana") == {key_of("ana")}
    assert registry.look_up("anybody", "ben") == set()
    registry.helper_dies()
    with pytest.raises(Closed):
        registry.look_up("anybody", "ana")
    with pytest.raises(Closed):
        registry.claim("ben", "ben")


def test_petnames_are_refused_to_lookalikes_too() -> None:
    petnames = zooko.Petnames()
    petnames.claim("ana", "ana")
    with pytest.raises(zooko.NameTaken):
        petnames.claim("mal", "аna")  # with a Cyrillic a
    assert petnames.look_up("asker", "ana") == {key_of("ana")}
    assert petnames.look_up("other asker", "ana") != {key_of("ana")}
