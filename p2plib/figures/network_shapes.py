"""Where the hosts of a network drawing stand, and the shapes between them: packets on their way, walls.

Two directions between two hosts have two lanes, each a little to the right of the line as the packet sees it.
A label stands beside its arrow's head, or at the next free place where other words are there already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2plib.figures.palette import BAD
from p2plib.figures.shapes import Point, cross, head, peer
from p2plib.figures.svg import element, number, shorten, text_width, write

WIDTH = 480
LABEL_PX = 14
STATE_PX = 13.5
NAME_ROOM_PX = 130  # a longer name is cut; the captions have it whole
ASIDE_PX = 7  # from the line between two hosts to a lane
LOST_AT = 0.62  # how much of its way a dropped packet is drawn
DIRECTIONS = 72  # in which a straight wall is looked for

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A packet at one moment.

    Args:
        sender: who sent it.
        end: who gets it, or would have.
        label: what it is called.
        share: how much of its way it has come, 0 to 1.
        fate: why it never arrives, or "".
    """

    sender: str
    end: str
    label: str
    share: float
    fate: str = ""

    @property
    def told(self) -> str:
        """The packet in words."""
        return f"{self.sender} to {self.end}: {self.words}"

    @property
    def words(self) -> str:
        """What stands beside it."""
        return f"{self.label} ({self.fate})" if self.fate else self.label


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything stands.

    Args:
        at: the centre of each host.
        height: of the drawing, in pixels.
        radius: of a host's circle.
        tints: the colour of each host.
    """

    at: Mapping[str, Point]
    height: float
    radius: float
    tints: Mapping[str, str]


def stage(hosts: Sequence[str] | Mapping[str, Point], tints: Mapping[str, str], *, states: bool) -> Stage:
    """Place hosts, on a ring from the top clockwise or where they are told to be.

    Args:
        hosts: names, or a point for each name.
        tints: their colours.
        states: whether words may stand beneath names.
    """
    count = len(hosts)
    radius = 22.0 if count <= 8 else 16.0 if count <= 14 else 11.0
    margin = radius + (46 if states else 28)
    if isinstance(hosts, Mapping):
        placed, high = _fitted(hosts)
    elif count <= 2:
        placed, high = (
            {name: (WIDTH / 2 + 150 * (2 * i - count + 1), 0.0) for i, name in enumerate(hosts)},
            0.0,
        )
    else:
        high = 200.0 if count <= 4 else 260.0 if count <= 8 else 330.0
        turns = [2 * math.pi * i / count for i in range(count)]
        placed = {
            name: (WIDTH / 2 + 178 * math.sin(turn), high / 2 - high / 2 * math.cos(turn))
            for name, turn in zip(hosts, turns, strict=True)
        }
    top = margin if high else radius + 18
    return Stage({name: (x, top + y) for name, (x, y) in placed.items()}, top + high + margin, radius, tints)


def _fitted(points: Mapping[str, Point]) -> tuple[dict[str, Point], float]:
    """Given points, scaled to the width and to at most 300 px of height."""
    xs, ys = [p[0] for p in points.values()], [p[1] for p in points.values()]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    scale = min((WIDTH - 124) / wide if wide else math.inf, 300 / high if high else math.inf)
    scale = scale if math.isfinite(scale) else 1.0
    left = (WIDTH - wide * scale) / 2
    return {
        n: (left + (x - min(xs)) * scale, (y - min(ys)) * scale) for n, (x, y) in points.items()
    }, high * scale


def host(name: str, on: Stage, state: str, *, up: bool) -> str:
    """A host with its name and its state: outside, where no packet comes along."""
    (x, y), above = on.at[name], _is_above(name, on)
    room = min(NAME_ROOM_PX, 2 * min(x, WIDTH - x) - 6)
    letter = name[:1] if on.radius > 12 else " "
    shown, tint = shorten(name, room, LABEL_PX), on.tints[name]
    out = peer(x, y, shown, colour=tint, radius=on.radius, inside=letter, active=up, above=above)
    if state:
        line = y - on.radius - 26 if above else y + on.radius + 36
        out += write(
            x, line, shorten(state, room, STATE_PX), size=STATE_PX, italic=True, opacity=0.85, halo=True
        )
    return out


def _is_above(name: str, on: Stage) -> bool:
    ys = [y for _, y in on.at.values()]
    return on.at[name][1] < (min(ys) + max(ys)) / 2 - 1


# Packets


def ways(flights: Sequence[Flight], on: Stage) -> list[str]:
    """The packets of one moment: first every line and head, then every label."""
    lanes: dict[tuple[str, str, bool], list[Flight]] = {}
    for flight in flights:
        lanes.setdefault((flight.sender, flight.end, bool(flight.fate)), []).append(flight)
    lines, labels = [], list[str]()
    taken = [_around(at, on.radius) for at in on.at.values()] + [_name_box(name, on) for name in on.at]
    for (sender, end, _), lane in lanes.items():
        start, stop = _lane(on.at[sender], on.at[end], on.radius + 5)
        length = math.dist(start, stop)
        taken += [_around(_between(start, stop, _seen(flight.share, length)), 5) for flight in lane]
    for (sender, end, lost), lane in lanes.items():
        lane.sort(key=lambda flight: -flight.share)
        start, stop = _lane(on.at[sender], on.at[end], on.radius + 5)
        lines.append(_line(start, stop, lane, on.tints[sender], lost=lost))
        for share, words in _gathered(lane, math.dist(start, stop)):
            labels.append(_label(words, start, stop, share, on, taken))
    return [*lines, *labels]


def _lane(a: Point, b: Point, gap: float) -> tuple[Point, Point]:
    """The ends of the lane from one centre to another."""
    length = math.dist(a, b) or 1.0
    ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    gap = min(gap, length / 3)  # hosts that nearly touch
    return (
        (a[0] + ux * gap - uy * ASIDE_PX, a[1] + uy * gap + ux * ASIDE_PX),
        (b[0] - ux * gap - uy * ASIDE_PX, b[1] - uy * gap + ux * ASIDE_PX),
    )


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _seen(share: float, length: float) -> float:
    """A share at which the head of an arrow has room behind it."""
    return min(1.0, max(share, 14 / length if length > 14 else 1.0))


def _line(start: Point, stop: Point, lane: Sequence[Flight], tint: str, *, lost: bool) -> str:
    """One lane: the way before the packets faint, the way behind the first one drawn, a head for each."""
    length, way = math.dist(start, stop), (stop[0] - start[0], stop[1] - start[1])
    tips = [_between(start, stop, _seen(flight.share, length)) for flight in lane]
    back = 0.0 if lost else 7 / (length or 1.0)
    foot = _between(start, stop, max(0.0, _seen(lane[0].share, length) - back))
    dashes = "6 5" if lost else None
    look: dict[str, str | float | None] = {"fill": "none", "stroke": tint}
    out = element("path", d=_path(tips[0], stop), **look, stroke_opacity=0.5, stroke_dasharray="1.5 4")
    out += element("path", d=_path(start, foot), **look, stroke_width=2, stroke_dasharray=dashes)
    return element("g", out + "".join(cross(*tip) if lost else head(tip, way, tint, 11) for tip in tips))


def _path(a: Point, b: Point) -> str:
    return f"M{number(a[0])} {number(a[1])}L{number(b[0])} {number(b[1])}"


def _gathered(lane: Sequence[Flight], length: float) -> list[tuple[float, str]]:
    """One label for heads that are close to each other: the foremost one's, and how many more there are."""
    groups: list[list[Flight]] = []
    for flight in lane:
        if groups and (groups[-1][0].share - flight.share) * length < 60:
            groups[-1].append(flight)
        else:
            groups.append([flight])
    return [
        (_seen(group[0].share, length), group[0].words + (f" +{len(group) - 1}" if len(group) > 1 else ""))
        for group in groups
    ]


def _label(words: str, start: Point, stop: Point, share: float, on: Stage, taken: list[Box]) -> str:
    """Words beside a lane, at the first of the places where they cover the least."""
    length = math.dist(start, stop) or 1.0
    ux, uy = (stop[0] - start[0]) / length, (stop[1] - start[1]) / length
    words = shorten(words, 190, LABEL_PX)
    places = []
    for along in (0.0, -0.15, -0.3, 0.15, 0.3, -0.45, 0.45):
        for side in (1, -1):
            x, y = _between(start, stop, min(max(share + along, 0.1), 0.9) if along else share)
            places.append(_beside(x, y, ux, uy, side, words, on.height))
    x, y, anchor, box = min(places, key=lambda place: _covered(place[3], taken))
    taken.append(box)
    return write(x, y, words, anchor=anchor, halo=True)


def _beside(
    x: float, y: float, ux: float, uy: float, side: int, words: str, height: float
) -> tuple[float, float, str, Box]:
    """Where words beside a lane stand, at its right (1) or, past the other lane, at its left (-1)."""
    wide, far = text_width(words, LABEL_PX), 0.0 if side == 1 else 2.0 * ASIDE_PX
    if abs(ux) > 0.6:  # a flat lane: above or beneath it
        beneath = ux * side > 0
        x = min(max(x, wide / 2 + 3), WIDTH - wide / 2 - 3)
        y += (19 + abs(uy) * 12 + far) if beneath else -(8 + abs(uy) * 12 + far)
        y = min(max(y, 14.0), height - 6)
        return x, y, "middle", (x - wide / 2, y - 12, x + wide / 2, y + 4)
    right = uy * side < 0
    x += (9 + far) if right else -(9 + far)
    x = min(max(x, 3.0), WIDTH - wide - 3) if right else min(max(x, wide + 3), WIDTH - 3.0)
    y += 5
    return (
        x,
        y,
        "start" if right else "end",
        (x, y - 12, x + wide, y + 4) if right else (x - wide, y - 12, x, y + 4),
    )


def _around(at: Point, px: float) -> Box:
    return at[0] - px, at[1] - px, at[0] + px, at[1] + px


def _name_box(name: str, on: Stage) -> Box:
    (x, y), half = on.at[name], min(text_width(name, LABEL_PX), NAME_ROOM_PX) / 2
    top = y - on.radius - 22 if _is_above(name, on) else y + on.radius + 4
    return x - half - 5, top, x + half + 5, top + 18


def _covered(box: Box, taken: Sequence[Box]) -> float:
    """How much of what is there already a box would cover, in square pixels."""
    return sum(
        max(0.0, min(box[2], b[2]) - max(box[0], b[0])) * max(0.0, min(box[3], b[3]) - max(box[1], b[1]))
        for b in taken
    )


# Walls


def wall(inside: Sequence[str], on: Stage) -> str:
    """What parts some hosts from the others: a straight wall where there is one, else a fence round each."""
    line = _straight(inside, on)
    look: dict[str, str | float | None] = {"fill": "none", "stroke": BAD, "stroke_dasharray": "3 6"}
    if line is None:
        fences = (
            element("circle", cx=x, cy=y, r=on.radius + 5, **look, stroke_width=5)
            for x, y in (on.at[name] for name in inside)
        )
        return element("g", "".join(fences))
    return element("path", d=_path(*line), **look, stroke_width=9)


def _straight(inside: Sequence[str], on: Stage) -> tuple[Point, Point] | None:
    """The line across the drawing that keeps the two sides farthest apart; None if no line parts them."""
    best: tuple[float, Point, Point] | None = None
    for i in range(DIRECTIONS):
        turn = 2 * math.pi * i / DIRECTIONS
        ux, uy = math.cos(turn), math.sin(turn)
        along = {name: x * ux + y * uy for name, (x, y) in on.at.items()}
        low = max(along[name] for name in inside)
        high = min(value for name, value in along.items() if name not in inside)
        if high - low > (best[0] + 1e-6 if best else 2 * on.radius):
            best = high - low, (ux, uy), ((low + high) / 2 * ux, (low + high) / 2 * uy)
    if best is None:
        return None
    (ux, uy), (px, py) = best[1], best[2]
    return _clipped((px, py), (-uy, ux), on.height)


def _clipped(through: Point, way: Point, height: float) -> tuple[Point, Point] | None:
    """The part of a line that lies in the drawing, a little within its edges."""
    low, high = -math.inf, math.inf
    for at, step, most in ((through[0], way[0], WIDTH), (through[1], way[1], height)):
        if abs(step) < 1e-9:
            continue
        one, other = sorted(((4 - at) / step, (most - 4 - at) / step))
        low, high = max(low, one), min(high, other)
    if not low < high:
        return None
    return (
        (through[0] + way[0] * low, through[1] + way[1] * low),
        (through[0] + way[0] * high, through[1] + way[1] * high),
    )
