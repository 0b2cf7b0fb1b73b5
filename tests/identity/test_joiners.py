"""Joiners and selectors: where they belong in the scripts of the world and in emoji, and everywhere else."""

from __future__ import annotations

import itertools
import unicodedata

import idna.core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.identity import joiners
from p2plib.identity.joiners import JOINER, NON_JOINER, in_place
from p2plib.identity.lookalikes import inspect, look_alike, visible

BELONG = {
    "Persian, a prefix": "می\u200cخواهم",
    "Persian, with marks": "کتاب\u064e\u200c\u064eها",
    "Urdu": "بی\u200cخبر",
    "Syriac": "ܒ\u200cܒ",
    "N'Ko": "ߊ\u200cߊ",
    "Adlam": "\U0001e900\u200c\U0001e901",
    "Sinhala": "ශ\u0dca\u200dරීමාල්",
    "Hindi, a half form": "क\u094d\u200dष",
    "Hindi, a visible virama": "क\u094d\u200cष",
    "Hindi, with a nukta": "क\u093c\u094d\u200dष",
    "Marathi": "दर\u094d\u200dया",
    "Nepali": "गर\u094d\u200dयो",
    "Telugu": "రాజ\u0c4d\u200cకుమార్",
    "Kannada": "ರಾಜ\u0ccd\u200cಕುಮಾರ್",
    "Malayalam, an old chillu": "അവന\u0d4d\u200d",
    "Bengali": "উৎ ক\u09cd\u200dষ",
    "Japanese, a rarer shape": "葛\U000e0100城",
    "Chinese, a standard variant": "\u4fae\ufe00",
    "Mongolian, a selector": "\u1820\u180b",
    "Mongolian, a separated vowel": "\u182e\u1823\u1829\u182d\u1823\u182f\u180e\u1820",
    "Myanmar": "\u1000\ufe00",
    "Phags-pa": "\ua856\ufe00",
    "a heart": "Mum \u2764\ufe0f",
    "a heart in black": "Mum \u2764\ufe0e",
    "a number": "1\ufe0f\u20e3 first",
    "a family": "\U0001f469\u200d\U0001f469\u200d\U0001f467 family",
    "a profession with a skin tone": "\U0001f469\U0001f3fd\u200d\U0001f680",
    "a flag of two": "\U0001f3f3\ufe0f\u200d\u26a7\ufe0f",
    "a heart on fire": "\u2764\ufe0f\u200d\U0001f525",
    "England": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
}


@pytest.mark.finding("K3")
@pytest.mark.parametrize("name", BELONG.values(), ids=BELONG)
def test_where_they_belong(name: str) -> None:
    hidden = {at for at, c in enumerate(name) if unicodedata.category(c) == "Cf" or ignorable(c)}
    assert hidden
    assert in_place(name) == hidden
    assert inspect(name) == ()
    assert visible(name) == name
    assert in_place(unicodedata.normalize("NFC", name)), "the form does not matter"


def ignorable(character: str) -> bool:
    return "VARIATION SELECTOR" in unicodedata.name(character, "") or "MONGOLIAN VOWEL SEPARATOR" in (
        unicodedata.name(character, "")
    )


ELSEWHERE = {
    "joiner in Latin": "al\u200dice",
    "non-joiner in Latin": "al\u200cice",
    "joiner between Persian letters": "می\u200dخواهم",
    "non-joiner behind a letter that does not join": "ا\u200cب",
    "non-joiner in front of a Latin letter": "ب\u200ca",
    "non-joiner at the end": "می\u200c",
    "non-joiner at the beginning": "\u200cمی",
    "two non-joiners": "می\u200c\u200cخ",
    "joiner without a virama": "क\u200dष",
    "joiner in front of a vowel sign": "क\u094d\u200d\u093e",
    "joiner behind a virama of nothing": "\u094d\u200dष",
    "non-joiner behind a virama, and no letter": "क\u094d\u200c",
    "joiner behind an emoji": "\u2764\u200d",
    "joiner between emoji and letter": "\u2764\u200da",
    "two joiners": "\U0001f469\u200d\u200d\U0001f467",
    "selector behind a letter": "alice\ufe0f",
    "selector behind a digit": "1\ufe0f",
    "selector at the beginning": "\ufe0f\u2764",
    "two selectors": "\u2764\ufe0f\ufe0e",
    "selector of Chinese behind Latin": "a\U000e0100",
    "two selectors of Chinese": "葛\U000e0100\U000e0101",
    "selector of Mongolian behind Latin": "a\u180b",
    "separator of Mongolian in a word": "\u182e\u180e\u1829",
    "a flag of nowhere": "\U0001f3f4\U000e0078\U000e0078\U000e007f",
    "tags behind a letter": "a\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "tags without an end": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067",
    "soft hyphen": "al\u00adice",
    "zero-width space between emoji": "\u2764\u200b\u2764",
    "Hangul filler": "\u3164",
}


@pytest.mark.fault("F016")
@pytest.mark.finding("K3")
@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=ELSEWHERE)
def test_everywhere_else_they_are_invisible(name: str) -> None:
    flags = {flag.kind: flag.note for flag in inspect(name)}
    assert "invisible" in flags
    assert "[U+" in visible(name)


@pytest.mark.parametrize("name", BELONG.values(), ids=BELONG)
def test_they_still_count_for_nothing_when_names_are_compared(name: str) -> None:
    bare = "".join(c for at, c in enumerate(name) if at not in in_place(name))
    assert bare != name
    assert look_alike(bare, name)


# The judge: the package idna, which has the rules of RFC 5892, appendix A.1 and A.2

LETTERS = [
    chr(c)
    for c in itertools.chain(range(0x0620, 0x0900), range(0x1800, 0x18AB), range(0xA840, 0xA878))
    if unicodedata.category(chr(c))[0] in "LM"
]


@pytest.mark.parametrize("other", ["\u0628", "\u0627", "a", "\u1820"])
def test_which_letters_join_is_what_idna_has(other: str) -> None:
    for letter in LETTERS:
        for text in (letter + NON_JOINER + other, other + NON_JOINER + letter):
            assert (1 in in_place(text)) == idna.core.valid_contextj(text, 1), ascii(text)


WORDS = st.text("a1क़्ाषිශ්රبا\u0651\u1820\u200c\u200d\u2764", max_size=8)


@given(WORDS)
def test_what_belongs_here_belongs_in_a_domain_name(text: str) -> None:
    """But for emoji, which those do not have, and that is all."""
    for at in in_place(text):
        if "\u2764" not in text[max(0, at - 1) : at + 2]:
            assert idna.core.valid_contextj(text, at)


def test_emoji_that_are_letters_and_punctuation_to_the_database() -> None:
    for character in "‼⁉ℹ↔◻◼◽◾⤴⤵〰〽":
        assert in_place(f"{character}\ufe0f") == {1}


@given(st.text(max_size=20))
def test_what_belongs_shows_nothing(text: str) -> None:
    for at in in_place(text):
        assert text[at] in (JOINER, NON_JOINER) or ignorable(text[at]) or 0xE0000 <= ord(text[at]) <= 0xE007F
    assert joiners.in_place("") == frozenset()
