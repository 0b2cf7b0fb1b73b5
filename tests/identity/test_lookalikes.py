"""Names that look alike, and how odd ones are shown."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.identity import lookalikes
from p2plib.identity.joiners import in_place
from p2plib.identity.names import Contacts, inspect, look_alike, skeleton, visible
from tests.identity.tricks import MALLORY, TRICKS

anything = st.text(max_size=80)


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
    idle = "".join(c for at, c in enumerate(shown) if at not in in_place(shown))
    assert not re.search(f"[{lookalikes.BIDI_CONTROLS}{lookalikes.INVISIBLES}]", idle)
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
