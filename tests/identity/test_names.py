"""Names: who may call whom what, and what an impostor may not."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity import names
from p2plib.identity.names import Contacts, look_alike
from tests.identity.tricks import ALICE, BOB, CAROL, MALLORY, TRICKS, key


@pytest.fixture
def contacts() -> Contacts:
    mine = Contacts()
    mine.assign(ALICE, "alice")
    mine.assign(BOB, "Bob")
    return mine


def test_the_four_ways_to_show_a_key(contacts: Contacts) -> None:
    assert str(contacts.display(ALICE)) == "‘alice’"
    assert contacts.display(CAROL).text == names.short_key(CAROL)
    assert contacts.display(CAROL).kind == "key"
    assert contacts.heard(CAROL, "caz") == ()
    assert str(contacts.display(CAROL)) == "«caz» (unconfirmed)"
    assert contacts.introduce(BOB, CAROL, "Carol") == ()
    assert str(contacts.display(CAROL)) == "Bob's ‘Carol’"
    contacts.assign(CAROL, "Carol from the choir")
    assert contacts.display(CAROL) == names.Shown("‘Carol from the choir’", "petname")


def test_what_others_say_never_changes_a_petname(contacts: Contacts) -> None:
    contacts.heard(ALICE, "Queen of Hearts")
    contacts.introduce(BOB, ALICE, "Ally")
    assert str(contacts.display(ALICE)) == "‘alice’"
    assert contacts.resolve("alice") == ALICE
    with pytest.raises(UsageError, match="no contact ‘Queen of Hearts’"):
        contacts.resolve("Queen of Hearts")


@pytest.mark.fault("F016")
@pytest.mark.parametrize("nickname", ["alice", *(trick for trick, _ in TRICKS)])
def test_an_impersonation_is_flagged(contacts: Contacts, nickname: str) -> None:
    flags = contacts.heard(MALLORY, nickname)
    shown = contacts.display(MALLORY)
    assert shown.flags == flags
    assert shown.kind == "nickname"
    assert "looks like your contact ‘alice’ and is another key" in [flag.note for flag in flags]
    assert "looks like your contact ‘alice’" in str(shown)
    assert contacts.resolve("alice") == ALICE
    assert contacts.display(ALICE).flags == ()


@pytest.mark.fault("F016")
def test_an_impersonation_by_introduction_is_flagged(contacts: Contacts) -> None:
    flags = contacts.introduce(BOB, MALLORY, "аlice")
    assert [flag.kind for flag in flags] == ["mixed scripts", "lookalike"]
    assert contacts.display(MALLORY).flags == flags


@pytest.mark.fault("F016")
def test_third_parties_of_one_name_stay_two(contacts: Contacts) -> None:
    assert contacts.heard(CAROL, "sam") == ()
    assert [flag.kind for flag in contacts.heard(MALLORY, "Sаm")] == ["mixed scripts", "duplicate"]
    assert contacts.display(CAROL).flags[0].note == "1 other key of this or a similar nickname"
    assert contacts.display(CAROL).text != contacts.display(MALLORY).text


@pytest.mark.fault("F016")
def test_petnames_stay_apart_to_the_eye(contacts: Contacts) -> None:
    for name in ("alice", "Alice", "аlice", "aIice", "alicé"):
        with pytest.raises(UsageError, match=r"your name for .*, ‘alice’"):
            contacts.assign(MALLORY, name)
    contacts.assign(ALICE, "Alice")  # the same key may
    contacts.assign(ALICE, "Ally")
    contacts.assign(MALLORY, "alice")  # and now the name is free
    assert contacts.resolve("alice") == MALLORY


@pytest.mark.fault("F016")
@pytest.mark.parametrize(
    "name", ["", " ", "a\u200b", "\u202ea", "a\nb", "x" * 65, "x" * 10_000, " a", "a\ue000"]
)
def test_what_cannot_be_a_petname(contacts: Contacts, name: str) -> None:
    with pytest.raises(UsageError, match="is no petname"):
        contacts.assign(CAROL, name)
    assert contacts.display(CAROL).kind == "key"


def test_a_name_is_resolved_exactly_or_not_at_all(contacts: Contacts) -> None:
    contacts.assign(CAROL, unicodedata.normalize("NFD", "Zoë"))
    assert contacts.resolve("Zoë") == CAROL
    with pytest.raises(UsageError, match="it looks like ‘alice’ and is written differently"):
        contacts.resolve("аlice")
    with pytest.raises(UsageError, match=re.escape("no contact ‘[U+202E]dave’")):
        contacts.resolve("\u202edave")


def test_bobs_alice_is_not_my_alice(contacts: Contacts) -> None:
    contacts.introduce(BOB, CAROL, "Alice")
    assert contacts.resolve("Bob", "Alice") == CAROL
    assert contacts.resolve("alice") == ALICE
    assert contacts.display(CAROL).text == "Bob's ‘Alice’"
    assert "looks like your contact ‘alice’" in str(contacts.display(CAROL))
    with pytest.raises(UsageError, match="calls nobody ‘Dave’"):
        contacts.resolve("Bob", "Dave")


@pytest.mark.fault("F016")
def test_two_bearers_of_one_edge_name(contacts: Contacts) -> None:
    contacts.introduce(BOB, CAROL, "Sam")
    contacts.introduce(BOB, MALLORY, "Sam")
    with pytest.raises(UsageError, match="calls 2 keys ‘Sam’"):
        contacts.resolve("Bob", "Sam")
    assert contacts.display(CAROL).flags[0].note == "Bob calls 1 more the same or nearly so"


def test_only_somebody_with_a_name_introduces(contacts: Contacts) -> None:
    with pytest.raises(UsageError, match="you have no name for it"):
        contacts.introduce(MALLORY, CAROL, "Carol")
    with pytest.raises(UsageError, match="is a nickname"):
        contacts.introduce(BOB, BOB, "Bob")


def test_who_is_forgotten_introduces_nobody(contacts: Contacts) -> None:
    contacts.introduce(BOB, CAROL, "Carol")
    contacts.forget(BOB)
    assert contacts.display(CAROL).kind == "key"
    with pytest.raises(UsageError, match="no contact"):
        contacts.forget(BOB)
    contacts.assign(MALLORY, "Bob")
    assert contacts.display(CAROL).kind == "key"


def test_the_first_introducer_in_the_alphabet_is_shown(contacts: Contacts) -> None:
    contacts.introduce(BOB, CAROL, "Caz")
    contacts.introduce(ALICE, CAROL, "Carrie")
    assert contacts.display(CAROL).text == "Bob's ‘Caz’"  # capitals sort first
    contacts.assign(BOB, "bob")
    assert contacts.display(CAROL).text == "alice's ‘Carrie’"


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([t for t, _ in TRICKS] + ["bob", "alice"])), max_size=8
    )
)
def test_no_two_petnames_ever_look_alike(wishes: list[tuple[int, str]]) -> None:
    mine, given_names = Contacts(), {}
    for number, name in wishes:
        who = key(str(number))
        try:
            mine.assign(who, name)
        except UsageError:
            continue
        given_names[who] = name
    taken = list(given_names.items())
    for place, (who, name) in enumerate(taken):
        assert mine.resolve(name) == who
        assert not [other for _, other in taken[:place] if look_alike(name, other)]
