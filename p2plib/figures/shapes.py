"""Shapes that a chapter puts together: a peer, an arrow, a label, what somebody says, a box.

Each function returns one part, SVG text, for `drawing` or for a step of a `Player`.
"""

from __future__ import annotations

import math

from p2plib.figures.palette import BAD, INK, SLATE, TINT
from p2plib.figures.svg import PAPER, balance, element, number, text_width, wrap, write

Point = tuple[float, float]

PEER_RADIUS = 22
HEAD_PX = 9  # length of an arrow's head


def head(tip: Point, towards: Point, colour: str, size: float = HEAD_PX) -> str:
    """An arrow's head: a small filled triangle at `tip` that looks along the direction `towards`."""
    length = math.hypot(*towards) or 1.0
    ux, uy = towards[0] / length, towards[1] / length
    bx, by = tip[0] - ux * size, tip[1] - uy * size
    points = (
        (tip[0], tip[1]),
        (bx - uy * size * 0.42, by + ux * size * 0.42),
        (bx + uy * size * 0.42, by - ux * size * 0.42),
    )
    return element("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in points) + "Z", fill=colour)


def cross(x: float, y: float, colour: str = BAD, size: float = 6) -> str:
    """The sign of what never arrived: ✕, drawn."""
    path = f"M{number(x - size)} {number(y - size)}l{number(2 * size)} {number(2 * size)}"
    path += f"m0 {number(-2 * size)}l{number(-2 * size)} {number(2 * size)}"
    return element("path", d=path, fill="none", stroke=colour, stroke_width=2.5, stroke_linecap="round")


def peer(
    x: float,
    y: float,
    name: str,
    *,
    colour: str = SLATE,
    radius: float = PEER_RADIUS,
    inside: str = "",
    active: bool = True,
    above: bool = False,
) -> str:
    """A peer: a circle with its name.

    Args:
        x: centre.
        y: centre.
        name: written under the circle; may be empty.
        colour: its colour, see `figures.colour`.
        radius: in pixels.
        inside: a letter or two in the circle; by default the first letter of the name.
        active: False draws it dashed and pale, as a peer that is away.
        above: write the name over the circle, where arrows come from below.
    """
    letter = inside or name[:1]
    circle = element("circle", cx=x, cy=y, r=radius, style=f"fill:{PAPER}")
    circle += element(
        "circle",
        cx=x,
        cy=y,
        r=radius,
        fill=colour,
        fill_opacity=TINT if active else 0.04,
        stroke=colour,
        stroke_width=2 if active else 1.5,
        stroke_dasharray=None if active else "4 4",
    )
    faded = None if active else 0.55
    middle = write(x, y + 5.5, letter, size=16, bold=True, opacity=faded) if letter else ""
    under = (
        write(x, y - radius - 8 if above else y + radius + 18, name, size=14, opacity=faded, halo=True)
        if name
        else ""
    )
    return element("g", circle + middle + under)


def arrow(
    start: Point,
    end: Point,
    text: str = "",
    *,
    colour: str = INK,
    gap: float = PEER_RADIUS + 5,
    curve: float = 0,
    dashed: bool = False,
    lost: bool = False,
    both: bool = False,
) -> str:
    """An arrow from one position to another, with a label at its middle.

    Args:
        start: (x, y), for instance the centre of a peer.
        end: (x, y).
        text: the label; may be empty.
        colour: of line and head; the label is ink.
        gap: pixels left free at both ends, so that an arrow between centres of peers touches neither circle.
        curve: how far the middle bends to the left of the direction, in pixels; negative to the right.
        dashed: a broken line.
        lost: broken, and ended by a cross at two thirds of the way.
        both: a head at both ends.
    """
    way = _direction(start, end)
    middle, control = _beside_middle(start, end, curve), _beside_middle(start, end, 2 * curve)
    first, last = (_direction(start, control), _direction(control, end)) if curve else (way, way)
    a, b = _along(start, first, gap), _along(end, last, -gap)
    if lost:
        b = _along(start, way, math.dist(start, end) * 0.62)
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    back = _along(a, first, HEAD_PX * 0.8) if both else a
    front = b if lost else _along(b, last, -HEAD_PX * 0.8)
    bend = f"Q{number(control[0])} {number(control[1])} " if curve and not lost else "L"
    out = element(
        "path",
        d=f"M{number(back[0])} {number(back[1])}{bend}{number(front[0])} {number(front[1])}",
        fill="none",
        stroke=colour,
        stroke_width=2,
        stroke_dasharray="6 5" if dashed or lost else None,
    )
    out += cross(*b) if lost else head(b, last, colour)
    if both:
        out += head(a, (-first[0], -first[1]), colour)
    return element("g", out + _arrow_label(text, middle, way))


def _direction(start: Point, end: Point) -> Point:
    """The vector of length 1 from one position towards another."""
    away = math.hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    return (end[0] - start[0]) / away, (end[1] - start[1]) / away


def _along(start: Point, direction: Point, pixels: float) -> Point:
    return start[0] + direction[0] * pixels, start[1] + direction[1] * pixels


def _beside_middle(start: Point, end: Point, pixels: float) -> Point:
    """The position so far to the left of the middle between two others."""
    x, y = _direction(start, end)
    return _along(((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), (y, -x), pixels)


def _arrow_label(text: str, middle: Point, way: Point) -> str:
    if not text:
        return ""
    if abs(way[1]) > 0.7:  # a steep arrow: beside it
        return write(middle[0] + 9, middle[1] + 5, text, anchor="start", halo=True)
    return write(middle[0], middle[1] - 8, text, halo=True)


def label(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 14,
    anchor: str = "middle",
    bold: bool = False,
    mono: bool = False,
    opacity: float | None = None,
    width: float = 0,
) -> str:
    """Words at a position; with a `width` in pixels they are broken into lines.

    Args:
        x: where the words are centred, or start or end by `anchor`.
        y: baseline of the first line.
        text: the words.
        size: height of the letters in pixels; 14 stays readable on a phone.
        anchor: "start", "middle" or "end".
        bold: heavier.
        mono: for bytes and keys.
        opacity: 0 to 1, for words that should stand back.
        width: the longest line in pixels; 0 leaves the words on one line.
    """
    lines = wrap(text, width, size, mono=mono) if width else [text]
    return "".join(
        write(
            x,
            y + i * size * 1.35,
            line,
            size=size,
            anchor=anchor,
            bold=bold,
            mono=mono,
            opacity=opacity,
            halo=True,
        )
        for i, line in enumerate(lines)
    )


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    text: str = "",
    *,
    colour: str = SLATE,
    mono: bool = False,
    dashed: bool = False,
) -> str:
    """A rounded box with words in its middle, broken into lines where they do not fit.

    Args:
        x: left edge.
        y: top edge.
        width: in pixels.
        height: in pixels.
        text: the words; may be empty.
        colour: of its outline and, faintly, its inside.
        mono: for bytes and keys.
        dashed: a broken outline, for what is not there yet.
    """
    out = element("rect", x=x, y=y, width=width, height=height, rx=8, style=f"fill:{PAPER}")
    out += element(
        "rect",
        x=x,
        y=y,
        width=width,
        height=height,
        rx=8,
        fill=colour,
        fill_opacity=TINT,
        stroke=colour,
        stroke_width=1.5,
        stroke_dasharray="5 4" if dashed else None,
    )
    lines = balance(text, width - 16, 14, mono=mono) if text else []
    top = y + height / 2 - (len(lines) - 1) * 9.5 + 5
    for i, line in enumerate(lines):
        out += write(x + width / 2, top + 19 * i, line, mono=mono)
    return element("g", out)


def bubble(
    x: float, y: float, text: str, *, colour: str = SLATE, width: float = 150, below: bool = False
) -> str:
    """What a peer says: a speech bubble whose tail ends at a point.

    Args:
        x: where the tail ends, for instance just above a peer's circle.
        y: where the tail ends.
        text: the words, broken into lines.
        colour: of the outline.
        width: the longest line in pixels.
        below: hang under the point instead of standing above it.
    """
    lines = balance(text, width, 14)
    w = max(44.0, *(text_width(line, 14) + 22 for line in lines))
    h = len(lines) * 19 + 13
    top = y + 10 if below else y - 10 - h
    outline = _bubble_outline(x - w / 2, top, w, h, x, below)
    out = element("path", d=outline, style=f"fill:{PAPER}")
    out += element("path", d=outline, fill=colour, fill_opacity=0.1, stroke=colour, stroke_width=1.5)
    for i, line in enumerate(lines):
        out += write(x, top + 21 + 19 * i, line)
    return element("g", out)


def _bubble_outline(left: float, top: float, w: float, h: float, x: float, below: bool, r: float = 9) -> str:
    """A rounded box with a tail at `x`, clockwise from the end of its upper left corner."""
    a, b, n = number(r), number(-r), number
    to_tail, after = x - left - r - 7, left + w - x - r - 7
    upper = f"h{n(to_tail)}l7 -10l7 10h{n(after)}" if below else f"h{n(w - 2 * r)}"
    lower = f"h{n(2 * r - w)}" if below else f"h{n(-after)}l-7 10l-7 -10h{n(-to_tail)}"
    return (
        f"M{n(left + r)} {n(top)}{upper}q{a} 0 {a} {a}v{n(h - 2 * r)}q0 {a} {b} {a}"
        f"{lower}q{b} 0 {b} {b}v{n(2 * r - h)}q0 {b} {a} {b}Z"
    )
