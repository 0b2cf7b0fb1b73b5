"""Names: who may call whom what, and what an impostor may not."""

from __future__ import annotations

import contextlib
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity import names
from p2plib.identity.keys import PublicKey
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
    with pytest.raises(UsageError, match="cannot be a petname"):
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


NFC_NAME, NFD_NAME = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))


@pytest.mark.finding("K4")
@pytest.mark.parametrize(
    ("said", "asked"), [(NFC_NAME, NFD_NAME), (NFD_NAME, NFC_NAME), (NFD_NAME, NFD_NAME)]
)
def test_a_name_has_one_spelling_wherever_it_came_from(contacts: Contacts, said: str, asked: str) -> None:
    contacts.introduce(BOB, CAROL, said)
    assert contacts.resolve("Bob", asked) == CAROL
    assert contacts.display(CAROL).text == f"Bob's ‘{NFC_NAME}’"
    contacts.heard(MALLORY, said)
    assert contacts.display(MALLORY).text == f"«{NFC_NAME}» (unconfirmed)"
    contacts.assign(MALLORY, said)
    assert contacts.resolve(asked) == MALLORY


@pytest.mark.finding("K4")
def test_an_edge_name_is_found_by_all_of_it_and_by_what_is_kept_of_it(contacts: Contacts) -> None:
    flags = contacts.introduce(BOB, CAROL, "x" * 80)
    assert [flag.kind for flag in flags] == ["too long"]
    assert contacts.display(CAROL).flags == flags
    assert contacts.resolve("Bob", "x" * 80) == contacts.resolve("Bob", "x" * 64) == CAROL


@pytest.mark.finding("K3")
@pytest.mark.parametrize("name", ["Mum \u2764\ufe0f", "می\u200cخواهم", "ශ\u0dca\u200dරීමාල්", "葛\U000e0100城"])
def test_petnames_that_people_have(contacts: Contacts, name: str) -> None:
    contacts.assign(CAROL, name)
    assert str(contacts.display(CAROL)) == f"‘{name}’"
    assert contacts.resolve(name) == CAROL
    bare = re.sub("[\ufe0f\u200c\u200d\U000e0100]", "", name)
    with pytest.raises(UsageError, match="looks like your name for"):
        contacts.assign(MALLORY, bare)


# Many names


@pytest.mark.finding("K5")
@pytest.mark.parametrize("alike", [False, True])
def test_to_show_a_key_no_name_is_looked_at_again(alike: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Contacts()
    keys = [key(str(number)) for number in range(100)]
    mine.assign(BOB, "Bob")
    for number, one in enumerate(keys):
        name = "Sam" if alike else f"Sam {number:03}".translate(str.maketrans("0123456789", "abdefghkpq"))
        mine.heard(one, name)
        if number % 3 == 0:
            mine.introduce(BOB, one, name)

    def never(*_: object) -> None:
        raise AssertionError("a name was looked at")

    monkeypatch.setattr(names, "skeletons", never)
    monkeypatch.setattr(names, "inspect", never)
    for number, one in enumerate(keys):
        notes = [flag.note for flag in mine.display(one).flags]
        edges = ["Bob calls 33 more the same or nearly so"] * (number % 3 == 0)
        assert notes == (["99 other keys of this or a similar nickname", *edges] if alike else [])


class Plainly(Contacts):
    """The judge: the same doubts, by looking at every name of everybody."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[PublicKey, str] = {}
        self.mine: dict[PublicKey, str] = {}

    def doubts(self, one: PublicKey) -> list[str]:
        name = self.said[one]
        alike = sorted(mine for other, mine in self.mine.items() if other != one and look_alike(name, mine))
        others = [other for other in self.said if other != one and other not in self.mine]
        same = sum(look_alike(name, self.said[other]) for other in others)
        return [f"looks like your contact ‘{mine}’ and is another key" for mine in alike] + (
            [f"{same} other key{'s' * (same > 1)} of this or a similar nickname"] if same else []
        )


SAID = st.sampled_from(
    ["alice", "Alice", "aIice", "bob", "Bob", "ΒΟΒ", "вов", "B", "β", "Β", "carol", "modem", "modern"]
)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["assign", "heard", "forget"]), st.integers(0, 5), SAID), max_size=30
)


@pytest.mark.finding("K5")
@given(DEEDS)
def test_doubts_are_those_of_looking_at_everybody(deeds: list[tuple[str, int, str]]) -> None:
    judge = Plainly()
    for deed, number, name in deeds:
        who = key(str(number))
        if deed == "heard":
            judge.heard(who, name)
            judge.said[who] = name
        elif deed == "assign":
            with contextlib.suppress(UsageError):
                judge.assign(who, name)
                judge.mine[who] = name
        elif who in judge.mine:
            judge.forget(who)
            del judge.mine[who]
        for one in judge.said:
            if one not in judge.mine:
                notes = [
                    flag.note for flag in judge.display(one).flags if flag.kind in ("lookalike", "duplicate")
                ]
                assert notes == judge.doubts(one)
        for one, mine in judge.mine.items():
            assert judge.resolve(mine) == one
            taken = [
                other for other, theirs in judge.mine.items() if other != one and look_alike(theirs, mine)
            ]
            assert not taken


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
