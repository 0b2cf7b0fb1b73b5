"""Lookalikes: what a name shows to the eye, and what it hides from it. Under `p2plib.identity.names`.

Follows Unicode Technical Standard 39, "Unicode Security Mechanisms", section 4: two texts are confusable if
their *skeletons* are equal. A skeleton is for comparing and never for showing.

    text -> what is invisible goes -> NFKD -> accents go -> lookalikes to one letter -> one case -> spaces go

The standard's own table has thousands of entries. Ours has the letters of Latin, Cyrillic and Greek, the
digits and the marks that real impersonations are made of, and fits on a screen, so that you can see what it
misses: Armenian, Cherokee, mathematical oddities that NFKD does not undo, whole scripts. A program that
guards names in earnest loads the standard's file (`confusables.txt`). Ours is more cautious in three
places: accents count for nothing, neither do spaces, and i, l and 1 are one letter, because capital I is in
no way different from small l in many fonts.

The results do not depend on the Python version for text that Unicode 14 assigns, as Python 3.11 knows it.

Vocabulary::

    flag      something about a name that a person should know before believing it
    hidden    a character that moves the cursor, turns the direction of text, or shows nothing; but not the
              joiners and selectors that belong where they stand (`p2plib.identity.joiners`)
    skeleton  what is left of a name when everything is taken away that the eye may miss
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.identity.joiners import in_place

MAX_NAME_CHARACTERS = 64  # longer than any name people go by; a bound for what is kept, compared and shown
MAX_MARKS_IN_A_ROW = 3  # Vietnamese stacks two; more than three paint over the neighbouring lines

# What stands on the right looks like what stands on the left: in some common font, as a capital or small.
LOOKALIKES = {
    "a": "аА αΑ ɑ",
    "b": "ВЬьв Β Ƅƅ",
    "c": "сС ϲϹ",
    "d": "ԁ",
    "e": "еЕ Ε ҽ",
    "g": "ɡ ԍԌ",
    "h": "һҺНн Η",
    "j": "јЈ ϳ",
    "k": "кК κΚ",
    "l": "iI1| ıƖɩ іІӏӀ ιΙ ǀ",
    "n": "Ν η",
    "o": "0 оО οΟσ",
    "p": "рР ρΡ",
    "q": "ԛԚ",
    "r": "г",
    "rn": "mM мМ Μ",
    "s": "ѕЅ",
    "t": "тТ τΤ",
    "u": "υ",
    "v": "ν ѵѴ",
    "vv": "wW ԝԜ ѡѠ",
    "x": "хХ χΧ ×",
    "y": "уУүҮ γΥ",
    "z": "Ζ",
    "3": "зЗ",
    "6": "б",
    "-": "‐ ‒ – — − ー",
    "'": "’ ‘ ʼ ` ′",
}
_TO_PROTOTYPE = str.maketrans(
    {letter: prototype for prototype, row in LOOKALIKES.items() for letter in row.replace(" ", "")}
)

# Characters that change the direction of text (Unicode Standard Annex 9).
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Characters that show nothing: the property Default_Ignorable_Code_Point, and the blank Braille pattern.
INVISIBLES = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BIDI = re.compile(f"[{BIDI_CONTROLS}]")
_INVISIBLE = re.compile(f"[{INVISIBLES}]")
_ACCENT = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_CONTROL_CATEGORIES = ("Cc", "Zl", "Zp")
_UNKNOWN_CATEGORIES = ("Cn", "Co", "Cs")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")


@dataclass(frozen=True, slots=True)
class Flag:
    """Something about a name that a person should know.

    Args:
        kind: "empty", "too long", "control", "direction", "invisible", "unknown", "space", "marks", "styled"
            or "mixed scripts" for the text by itself; "lookalike" or "duplicate" next to other names.
        note: a sentence. It never quotes a character that could disturb the line in which it is shown.
    """

    kind: str
    note: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.note}"


def skeleton(text: str) -> str:
    """What is left of a text when everything is taken away that the eye may miss. For comparing only.

    Args:
        text: any text; only its first 64 characters count.

    Returns:
        a text that is equal for texts that look alike. It is empty if nothing is visible.
    """
    seen = "".join(c for c in text[:MAX_NAME_CHARACTERS] if not _hides(c))
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", seen)).translate(_TO_PROTOTYPE)
    return "".join(plain.casefold().translate(_TO_PROTOTYPE).split())


def skeletons(text: str) -> frozenset[str]:
    """The skeletons of a text and of its small letters: a capital beta looks like B, a small one does not."""
    return frozenset((skeleton(text), skeleton(text[:MAX_NAME_CHARACTERS].casefold())))


def look_alike(one: str, other: str) -> bool:
    """Whether a person may take one name for the other. Equal names look alike, too."""
    return bool(skeletons(one) & skeletons(other))


def inspect(text: str) -> tuple[Flag, ...]:
    """What is odd about a name by itself; nothing for most names that people have.

    Args:
        text: any text; past its 64th character it is not looked at.
    """
    return tuple(_flags(text))


def visible(text: str) -> str:
    """A name made safe to show in one line: hidden characters written out, too many cut off.

    Args:
        text: any text.

    Returns:
        at most 64 characters of it, each hidden one as "[U+202E]", and "…" if there were more.
    """
    kept = text[:MAX_NAME_CHARACTERS]
    belongs = in_place(kept)
    shown = "".join(
        c if at in belongs or not (_hides(c) or unicodedata.category(c) in _UNKNOWN_CATEGORIES) else _code(c)
        for at, c in enumerate(kept)
    )
    return shown + "…" * (len(text) > MAX_NAME_CHARACTERS)


def _flags(whole: str) -> Iterator[Flag]:
    text = whole[:MAX_NAME_CHARACTERS]
    categories = {unicodedata.category(c) for c in text}
    if not skeleton(text):
        yield Flag("empty", "there is nothing to see")
    if len(whole) > MAX_NAME_CHARACTERS:
        yield Flag("too long", f"{len(whole)} characters, of which {MAX_NAME_CHARACTERS} are kept")
    if categories.intersection(_CONTROL_CATEGORIES):
        yield Flag(
            "control",
            "control characters, which move the cursor or end the line: " + _codes(text, _control),
        )
    if _BIDI.search(text):
        yield Flag("direction", "the direction of text is changed: " + _codes(text, _BIDI.match))
    belongs = in_place(text)
    idle = "".join(c for at, c in enumerate(text) if _INVISIBLE.match(c) and at not in belongs)
    if idle:
        yield Flag("invisible", "characters that show nothing: " + _codes(idle, _INVISIBLE.match))
    if categories.intersection(_UNKNOWN_CATEGORIES):
        yield Flag("unknown", "characters that no standard gives a shape to")
    if text != " ".join(text.split()) or any(c.isspace() and c != " " for c in text):
        yield Flag("space", "spaces at an end, in a row, or of an unusual kind")
    if re.search(f"{_ACCENT.pattern}{{{MAX_MARKS_IN_A_ROW + 1},}}", unicodedata.normalize("NFD", text)):
        yield Flag("marks", f"more than {MAX_MARKS_IN_A_ROW} marks on one letter")
    if any(_in_disguise(c) for c in text):
        yield Flag("styled", "letters or digits in a disguise, such as mathematical or full-width ones")
    scripts = [script for script in _SCRIPTS if any(_script(c) == script for c in text)]
    if len(scripts) > 1:
        yield Flag("mixed scripts", "letters of " + " and ".join(script.capitalize() for script in scripts))


def _hides(character: str) -> bool:
    return bool(_control(character) or _BIDI.match(character) or _INVISIBLE.match(character))


def _control(character: str) -> bool:
    return unicodedata.category(character) in _CONTROL_CATEGORIES


def _in_disguise(character: str) -> bool:
    plain = unicodedata.normalize("NFKC", character)
    return plain != unicodedata.normalize("NFC", character) and plain.isalnum()


def _script(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0] if character.isalpha() else ""


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _codes(text: str, matches: object) -> str:
    assert callable(matches)
    found = sorted({f"U+{ord(c):04X}" for c in text if matches(c)})
    return ", ".join(found[:3]) + " …" * (len(found) > 3)
