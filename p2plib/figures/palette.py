"""Colours: eight that stay apart on white, on a dark page and to colour-blind eyes, and a dash for each.

Each colour has a contrast of at least 3 : 1 (WCAG 2.2, 1.4.11, what a shape needs to be seen) against white
and against the dark page #14181e, so one set serves both. Between any two of the first six the difference
also stays visible with the three kinds of colour blindness; after that, and in grey-scale print, names,
shapes and dashes carry the meaning. Text is never coloured: it is ink. The tests compute all this.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2plib.errors import UsageError

BLUE = "#0f68b5"
VERMILION = "#c83a12"
GREEN = "#078a62"
AMBER = "#cb8300"
PLUM = "#a8468f"
SKY = "#2c98cc"
VIOLET = "#a06be0"
SLATE = "#66707c"

PALETTE = {
    "blue": BLUE,
    "amber": AMBER,
    "green": GREEN,
    "plum": PLUM,
    "sky": SKY,
    "vermilion": VERMILION,
    "violet": VIOLET,
    "slate": SLATE,
}
COLOURS = tuple(PALETTE.values())

# What a colour means where it means something: never the only sign, always beside a word, a dash or a shape.
GOOD = GREEN
BAD = VERMILION
INK = "currentColor"  # for drawings; a plot has its own (see `p2plib.figures.plot`)

# One stroke pattern per colour, in SVG's stroke-dasharray; the first is solid.
DASHES = ("", "7 4", "2 4", "10 4 2 4", "12 5", "4 4", "10 3 2 3 2 3", "1.5 3")

TINT = 0.14  # how strongly a box is filled with its colour


def _place(name: str, among: Sequence[str]) -> int:
    try:
        return list(among).index(name) % len(COLOURS)
    except ValueError:
        raise UsageError(f"{name!r} is not among {list(among)!r}, so it has no colour") from None


def colour(peer: str, among: Sequence[str]) -> str:
    """The colour of a peer: the same in every figure that names the same peers in the same order.

    Args:
        peer: its name.
        among: all names of the chapter, in a fixed order; past eight the colours begin again.

    Returns:
        A colour such as "#0f68b5".

    Raises:
        UsageError: the name is not in the list.
    """
    return COLOURS[_place(peer, among)]


def dash(peer: str, among: Sequence[str]) -> str:
    """The stroke pattern of a peer, for lines that must stay apart without colour.

    Returns:
        A value for SVG's `stroke-dasharray`; "" is solid.

    Raises:
        UsageError: the name is not in the list.
    """
    return DASHES[_place(peer, among)]


def colour_name(value: str) -> str:
    """What to call one of our colours in words."""
    return next((name for name, code in PALETTE.items() if code == value), "ink")
