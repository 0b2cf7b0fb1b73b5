"""Lab 1, task 5: what the eye makes of a name. Probes; the reference is `p2plib.identity.lookalikes`.

Two skeletons are compared with each other and never with the library's, so that a reader may take more steps
than the lab asks for, as the library does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from p2plib.identity.lookalikes import LOOKALIKES, skeleton
from p2plib.labs.engine.tasks import Case, Task, Wrong

# The library's table turned round, for `str.translate`: what looks like a letter, and the letter.
TWINS = {ord(twin): letter for letter, twins in LOOKALIKES.items() for twin in twins if twin != " "}

Skeleton = Callable[[str], Any]  # a reader's function may return anything


def looks_alike(one: str, other: str, what: str, hint: str) -> Case:
    """A probe: two names must have one skeleton."""

    def probe(yours: Skeleton) -> None:
        first, second = yours(one), yours(other)
        _must_be_text(first)
        if first != second:
            raise Wrong(
                f"{one!a} and {other!a} ({what}) have different skeletons, {first!a} and {second!a}", hint
            )

    return probe


def looks_different(one: str, other: str, hint: str) -> Case:
    """A probe: two names must not have one skeleton, and neither an empty one."""

    def probe(yours: Skeleton) -> None:
        first, second = yours(one), yours(other)
        _must_be_text(first)
        if first == second or not first or not second:
            raise Wrong(f"{one!r} and {other!r} both have the skeleton {first!a}", hint)

    return probe


def _must_be_text(got: object) -> None:
    if not isinstance(got, str):
        raise Wrong(
            f"it gave a {type(got).__name__}", "is a return missing?" if got is None else "return a str"
        )


_HIDDEN = "drop what does not show: characters for which neither isprintable() nor isspace() is true"
_BLANK = "a tab looks like a space: keep what isspace() accepts, and let split() make one space of them"
_TABLE = "translate(TWINS) puts Latin letters in place of their lookalikes"

SKELETON = Task(
    "skeleton",
    skeleton,
    cases=[
        looks_different("Ben", "Ana", "different names must stay different"),
        looks_alike("Ben", "BEN", "capitals", "casefold() makes capitals and small letters the same"),
        looks_alike("Ben", "Bеn", "its е is Cyrillic", _TABLE),
        looks_alike("Ben", "Вen", "its В is Cyrillic", _TABLE),
        looks_different("王芳", "李伟", "people are called 李伟: what is not ASCII must not be thrown away"),
        looks_alike("Ben", "Be\u200dn", "it has a zero-width joiner in it", _HIDDEN),
        looks_alike("Ben", "\u202eBen", "it has a mark in it that reverses the text", _HIDDEN),
        looks_alike("Ben", "Be\x00n", "it has a control character in it", _HIDDEN),
        looks_alike("Ben", "Ｂｅｎ", "its letters are full-width", "normalise to NFKC first"),
        looks_alike("José", "Jose\u0301", "e and an accent are two characters", "normalise to NFKC first"),
        looks_alike(
            "Ben W",
            "Ben\u00a0\u2003W",
            "its spaces are different ones",
            "split() and join: all spaces look alike",
        ),
        looks_alike("Ben W", "Ben\tW", "it has a tab in the middle", _BLANK),
        looks_alike("Ben W", "Ben\n W", "it has a line break in the middle", _BLANK),
        looks_alike(
            "Ben", " Ben ", "it has spaces around it", "split() and join: spaces at the ends do not show"
        ),
        looks_alike("Bill", "Bi11", "ones for l", _TABLE),
        looks_alike("Ilse", "llse", "l for I", _TABLE),
        looks_different("Иван", "Игорь", "people are called Иван: what is not ASCII must not be thrown away"),
        looks_different("Ana", "Anna", "a double letter shows"),
        looks_different("Ben 2", "Ben 3", "digits show"),
    ],
    hint="normalise to NFKC, drop what does not show, translate, casefold, and join what split() gives",
)
