"""Names: who may call whom what, and the tricks that are played with letters."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity import lookalikes, names
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.identity.names import Contacts, inspect, look_alike, skeleton, visible


def key(name: str) -> PublicKey:
    return SecretKey.from_seed(hashlib.sha256(name.encode()).digest()).public


ALICE, BOB, CAROL, MALLORY = key("alice"), key("bob"), key("carol"), key("mallory")
anything = st.text(max_size=80)

# One trick each, played on the name "alice", except where the name has other letters.
TRICKS = [
    ("аlice", "mixed scripts"),  # Cyrillic a
    ("alicе", "mixed scripts"),  # Cyrillic e
    ("αlice", "mixed scripts"),  # Greek alpha
    ("аӏісе", ""),  # Cyrillic throughout
    ("ALICE", ""),
    ("aIice", ""),  # capital i for l
    ("a1ice", ""),
    ("al\u200bice", "invisible"),
    ("alice\u200d", "invisible"),
    ("ali\u00adce", "invisible"),
    ("\ufeffalice", "invisible"),
    ("alice\U000e0041", "invisible"),
    ("alice\u202e", "direction"),
    ("\u2066alice\u2069", "direction"),
    ("alice\u200f", "direction"),
    ("alice\x00", "control"),
    ("alice\x1b", "control"),
    ("ali\nce", "control"),
    ("alice\u2028", "control"),
    (" alice", "space"),
    ("al  ice", "space"),
    ("alice\u00a0", "space"),
    ("al\u3000ice", "space"),
    ("ａｌｉｃｅ", "styled"),
    ("𝒶𝓁𝒾𝒸ℯ", "styled"),
    ("ⓐⓛⓘⓒⓔ", "styled"),
    ("alicé", ""),
    ("alice\u0301", ""),
    ("ali\u0327\u0301\u0302\u0308\u0301ce", "marks"),
]


# -- lookalikes ---------------------------------------------------------------------------------------------


@pytest.mark.fault("F016")
@pytest.mark.parametrize(("trick", "kind"), TRICKS)
def test_every_trick_looks_like_alice(trick: str, kind: str) -> None:
    assert trick != "alice"
    assert look_alike(trick, "alice")
    kinds = [flag.kind for flag in inspect(trick)]
    assert kind in kinds if kind else kinds == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "раураӏ"),
        ("modern", "modem"),
        ("wave", "vvave"),
        ("G00gle", "google"),
        ("bob", "ВОВ"),
        ("Вова", "вова"),
        ("Ελένη", "ΕΛΕΝΗ"),
        ("straße", "STRASSE"),
        ("anne-marie", "Anne–Marie"),
        ("o'neil", "O’Neil"),
    ],
)
def test_names_that_look_alike(one: str, other: str) -> None:
    assert look_alike(one, other)
    assert look_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "alicia"),
        ("bob", "rob"),
        ("Вова", "Вера"),
        ("Ελένη", "Αθηνά"),
        ("हिन्दी", "हान्दी"),
        ("李", "王"),
    ],
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert not look_alike(one, other)


@pytest.mark.parametrize(
    "name",
    [
        "Alice",
        "Zoë",
        "O'Brien",
        "Владимир",
        "Ελένη",
        "李小龍",
        "محمد",
        "דוד",
        "हिन्दी",
        "Nguyễn Thị",
        "R2-D2",
        "ひろ",
    ],
)
def test_names_that_people_have_are_not_odd(name: str) -> None:
    assert inspect(name) == ()
    assert visible(name) == name


@given(anything)
def test_a_skeleton_is_its_own_skeleton(text: str) -> None:
    once = skeleton(text[:20])
    assert skeleton(once) == once[: lookalikes.MAX_NAME_CHARACTERS]


@given(anything)
def test_a_skeleton_does_not_depend_on_the_unicode_form(text: str) -> None:
    short = text[:10]
    assert skeleton(unicodedata.normalize("NFD", short)) == skeleton(unicodedata.normalize("NFC", short))


@pytest.mark.fault("F016")
@given(anything)
def test_what_is_shown_stays_in_its_line_and_its_direction(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs", "Cn", "Co")]
    assert not re.search(f"[{lookalikes.BIDI_CONTROLS}{lookalikes.INVISIBLES}]", shown)
    assert len(shown) <= 10 * lookalikes.MAX_NAME_CHARACTERS + 1


@pytest.mark.fault("F016")
def test_ten_kilobytes_are_cut() -> None:
    long = "alice" + "x" * 10_000
    assert [flag.kind for flag in inspect(long)] == ["too long"]
    assert visible(long) == long[:64] + "…"
    assert len(skeleton(long)) == 64
    assert look_alike(long, long[:64])


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u0301", "\u2800\u3164"])
def test_names_of_nothing(text: str) -> None:
    assert "empty" in [flag.kind for flag in inspect(text)]


def test_hidden_characters_are_written_out() -> None:
    assert visible("al\u202eice\x07") == "al[U+202E]ice[U+0007]"


def test_the_table_lists_every_letter_once() -> None:
    letters = "".join(lookalikes.LOOKALIKES.values()).replace(" ", "")
    assert len(set(letters)) == len(letters)
    assert not set(letters) & {prototype for prototype in lookalikes.LOOKALIKES if len(prototype) == 1}
    assert {ord(c) < 0x3000 or c == "ー" for c in letters} == {True}


@pytest.mark.fault("F016")
def test_the_blns_of_utf8_is_shown_safely(shared_vectors: Path) -> None:
    """Every line of the UTF-8 test data, valid or not, can be somebody's nickname."""
    raw = (shared_vectors / "utf8tests" / "utf8tests.bin").read_bytes()
    contacts = Contacts()
    for line in raw.split(b"\n"):
        nickname = line.decode("utf-8", "replace")
        contacts.heard(MALLORY, nickname)
        assert contacts.display(MALLORY).text.isprintable() or "\ufffd" in nickname


# -- contacts -----------------------------------------------------------------------------------------------


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
def test_strangers_of_one_name_stay_two(contacts: Contacts) -> None:
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
