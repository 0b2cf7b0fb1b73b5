"""Where everything on an identifier circle stands, and what it is drawn with; see `identifier_ring`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from p2plib.figures.palette import AMBER, BLUE, GREEN, INK, SLATE, TINT, VERMILION
from p2plib.figures.shapes import Point, cross, head
from p2plib.figures.svg import PAPER, balance, element, number, shorten, text_width, write

Link = tuple[int, int]

WIDTH, HEIGHT = 480.0, 372.0
RADIUS = 134.0
MIDDLE = (WIDTH / 2, HEIGHT / 2)
DISC_PX = 8.0
NAMES_PX = RADIUS + 19  # where names begin
NAME_ROOM_PX = WIDTH / 2 - NAMES_PX - 2
NAMED = 24  # with more peers, only those that stand out have names
LINE_PX = 16.0  # from one name to the next
DECIMAL_BITS = 12  # longer ids are written as their first hexadecimal digits


class Stage:
    """The circle, and the place of every name on it.

    Args:
        bits: there are 2**bits ids.
        peers: all that are ever drawn.
        keys: all that are ever drawn.
        told: peers that have names even in a crowd.
        names: what to write instead of an id.
        colours: of some peers.
    """

    def __init__(
        self,
        bits: int,
        peers: Sequence[int],
        keys: Sequence[int],
        told: Collection[int],
        names: Mapping[int, str],
        colours: Mapping[int, str],
    ) -> None:
        self.bits, self._names, self._colours = bits, names, colours
        self.is_crowded = len(peers) > NAMED
        named = [ident for ident in peers if not self.is_crowded or ident in told or ident in names]
        labels = {("peer", ident): self.name(ident) for ident in named}
        labels |= {("key", ident): self._key_name(ident) for ident in keys}
        self._places = _spread({place: self.turn(place[1]) for place in labels}, labels)
        self._labels = labels

    def turn(self, ident: int) -> float:
        """Where an id is: 0 at the top, clockwise, in turns of the circle."""
        return ident / (1 << self.bits)

    def at(self, ident: int, radius: float = RADIUS) -> Point:
        """The point of an id."""
        return _point(self.turn(ident), radius)

    def name(self, ident: int) -> str:
        """What a peer or an id is called."""
        if ident in self._names:
            return self._names[ident]
        if self.bits <= DECIMAL_BITS:
            return str(ident)
        digits = f"{ident:0{-(-self.bits // 4)}x}"
        return digits if len(digits) <= 4 else digits[:4] + "…"

    def _key_name(self, ident: int) -> str:
        return self._names.get(ident) or f"key {self.name(ident)}"

    def colour(self, ident: int) -> str:
        """The colour of a peer."""
        return self._colours.get(ident, BLUE)

    # Parts ------------------------------------------------------------------------------------------------

    def rim(self) -> str:
        """The circle itself, where it begins, and which way it goes."""
        circle = element(
            "circle", cx=MIDDLE[0], cy=MIDDLE[1], r=RADIUS, fill="none", stroke=INK, stroke_opacity=0.45,
            stroke_width=1.5,
        )  # fmt: skip
        x, top = MIDDLE[0], MIDDLE[1] - RADIUS
        start = element("path", d=f"M{number(x)} {number(top - 5)}v10", stroke=INK, stroke_width=1.5)
        a, b = _point(0.022, RADIUS - 11), _point(0.062, RADIUS - 11)
        way = element(
            "path", d=f"M{number(a[0])} {number(a[1])}L{number(b[0])} {number(b[1])}", fill="none",
            stroke=INK, stroke_opacity=0.6, stroke_width=1.25,
        )  # fmt: skip
        way += head((b[0] + 4, b[1] + 1.2), (b[0] - a[0], b[1] - a[1]), INK, 6)
        return element("g", circle + start + way + write(x, top + 19, "0", size=13.5, opacity=0.75))

    def arc(self, after: int, peer: int) -> str:
        """The band of the ids that a peer owns."""
        share = (self.turn(peer) - self.turn(after)) % 1.0 or 1.0
        look = {"fill": "none", "stroke": self.colour(peer), "stroke_width": 13, "stroke_opacity": 0.4}
        if share == 1.0:
            return element("circle", cx=MIDDLE[0], cy=MIDDLE[1], r=RADIUS, **look)  # type: ignore[arg-type]
        a, b = self.at(after), self.at(peer)
        way = f"M{number(a[0])} {number(a[1])}A{number(RADIUS)} {number(RADIUS)} 0 {int(share > 0.5)} 1 "
        return element("path", d=f"{way}{number(b[0])} {number(b[1])}", **look)  # type: ignore[arg-type]

    def tick(self, ident: int) -> str:
        """An id that is nobody's."""
        a, b = self.at(ident, RADIUS - 7), self.at(ident, RADIUS + 7)
        way = f"M{number(a[0])} {number(a[1])}L{number(b[0])} {number(b[1])}"
        return element("path", d=way, stroke=GREEN, stroke_width=2.5)

    def finger(self, a: int, b: int) -> str:
        """A thin line with a head."""
        return self._line(a, b, self.colour(a), 1.5, head_px=8)

    def successor(self, a: int, b: int) -> str:
        """A line with a head."""
        return self._line(a, b, INK, 2, head_px=9)

    def predecessor(self, a: int, b: int) -> str:
        """A broken line with a head, deeper inside than the one the other way."""
        return self._line(a, b, AMBER, 2, head_px=9, dash="5 4", deeper=0.2)

    def hop(self, a: int, b: int, text: str) -> str:
        """A heavy line with a number."""
        out = self._line(a, b, VERMILION, 3, head_px=12)
        control, (ax, ay), (bx, by) = self._control(a, b), self.at(a), self.at(b)
        x, y = (ax + 2 * control[0] + bx) / 4, (ay + 2 * control[1] + by) / 4
        return element("g", out + write(x, y + 5, text, bold=True, halo=True))

    def missed(self, a: int, b: int) -> str:
        """A line that ends in a cross."""
        line, (tip, _) = self._line(a, b, VERMILION, 2.5, dash="6 5"), self._stop(a, b, DISC_PX + 12, 0)
        return element("g", line + cross(*tip))

    def peer(self, ident: int, *, strong: bool = False, down: bool = False) -> str:
        """A disc with its name."""
        (x, y), tint = self.at(ident), SLATE if down else self.colour(ident)
        radius = 6.5 if self.is_crowded else DISC_PX + 2 * strong
        disc = element("circle", cx=x, cy=y, r=radius, style=f"fill:{PAPER}")
        disc += element(
            "circle", cx=x, cy=y, r=radius, fill=tint, stroke=tint, stroke_width=2.5 if strong else 1.75,
            fill_opacity=0.04 if down else 0.75 if strong else TINT + 0.1,
            stroke_dasharray="3 3" if down else None,
        )  # fmt: skip
        if down:
            disc += cross(x, y, size=4.5)
        return element("g", disc + self._label(("peer", ident), bold=strong, opacity=0.6 if down else None))

    def dots(self, idents: Sequence[int]) -> str:
        """Many peers, small and without names, in one path."""
        moves = "".join(f"M{number(x)} {number(y)}h0" for x, y in map(self.at, sorted(idents)))
        if not moves:
            return ""
        return element("path", d=moves, fill="none", stroke=BLUE, stroke_width=5, stroke_linecap="round")

    def key(self, ident: int) -> str:
        """A diamond with its name."""
        x, y = self.at(ident)
        look = f"M{number(x)} {number(y - 6)}l6 6l-6 6l-6 -6Z"
        diamond = element("path", d=look, fill=GREEN, style=f"stroke:{PAPER};stroke-width:1.5px")
        return element("g", diamond + self._label(("key", ident), italic=True))

    def note(self, text: str) -> str:
        """Words in the middle."""
        lines = balance(text, 150, 14)
        top = MIDDLE[1] - (len(lines) - 1) * 9.5 + 5
        return "".join(write(MIDDLE[0], top + 19 * i, line, halo=True) for i, line in enumerate(lines))

    # Lines and names --------------------------------------------------------------------------------------

    def _control(self, a: int, b: int, deeper: float = 0) -> Point:
        """What bends a line towards the middle: neighbours hardly, far ones more."""
        (ax, ay), (bx, by) = self.at(a), self.at(b)
        x, y = (ax + bx) / 2, (ay + by) / 2
        far = math.dist((ax, ay), (bx, by)) or 1.0
        deeper *= min(1.0, far / RADIUS)  # a hook between near neighbours would be taller than wide
        bend, aside = 0.12 + 0.45 * far / (2 * RADIUS) + deeper, 100 * deeper / far
        x, y = x + (MIDDLE[0] - x) * bend, y + (MIDDLE[1] - y) * bend
        return x + (by - ay) * aside, y - (bx - ax) * aside  # at a diameter "deeper" moves nothing

    def _stop(self, a: int, b: int, gap: float, deeper: float) -> tuple[Point, Point]:
        """Where a line into `b` ends, and the direction it comes in."""
        control, (bx, by) = self._control(a, b, deeper), self.at(b)
        dx, dy = bx - control[0], by - control[1]
        away = math.hypot(dx, dy) or 1.0
        return (bx - dx / away * gap, by - dy / away * gap), (dx, dy)

    def _line(
        self, a: int, b: int, colour: str, width: float, *, head_px: float = 0, dash: str | None = None,
        deeper: float = 0,
    ) -> str:  # fmt: skip
        if a == b:
            return self._loop(a, colour, width, dash)
        (x, y), control = self.at(a), self._control(a, b, deeper)
        tip, way = self._stop(a, b, DISC_PX + 3, deeper)
        end, _ = self._stop(a, b, DISC_PX + 3 + head_px * 0.7, deeper)
        curve = f"M{number(x)} {number(y)}Q{number(control[0])} {number(control[1])} "
        curve += f"{number(end[0])} {number(end[1])}"
        out = element("path", d=curve, fill="none", stroke=colour, stroke_width=width, stroke_dasharray=dash)
        return element("g", out + (head(tip, way, colour, head_px) if head_px else ""))

    def _loop(self, ident: int, colour: str, width: float, dash: str | None) -> str:
        """A line from a peer to itself: a small circle inside the rim."""
        x, y = self.at(ident, RADIUS - 17)
        return element(
            "circle", cx=x, cy=y, r=13, fill="none", stroke=colour, stroke_width=width, stroke_dasharray=dash
        )

    def _label(
        self,
        place: tuple[str, int],
        *,
        bold: bool = False,
        italic: bool = False,
        opacity: float | None = None,
    ) -> str:
        if place not in self._labels:
            return ""
        turn = self._places[place]
        (x, y), side = _point(turn, NAMES_PX), math.sin(2 * math.pi * turn)
        anchor = "middle" if abs(side) < 0.25 else "start" if side > 0 else "end"
        text = shorten(self._labels[place], NAME_ROOM_PX, 14, bold=bold)
        out = write(
            x, y + 5 - 7 * math.cos(2 * math.pi * turn), text, anchor=anchor, bold=bold, italic=italic,
            opacity=opacity, halo=True,
        )  # fmt: skip
        if abs(turn - self.turn(place[1])) < 0.012:
            return out
        a, b = (
            self.at(place[1], RADIUS + DISC_PX),
            _point(turn, NAMES_PX - 5),
        )  # moved aside: a line shows whose
        way = f"M{number(a[0])} {number(a[1])}L{number(b[0])} {number(b[1])}"
        return element("path", d=way, stroke=INK, stroke_opacity=0.5, stroke_width=1) + out


def _point(turn: float, radius: float) -> Point:
    angle = 2 * math.pi * turn
    return MIDDLE[0] + radius * math.sin(angle), MIDDLE[1] - radius * math.cos(angle)


def _spread(
    turns: Mapping[tuple[str, int], float], labels: Mapping[tuple[str, int], str]
) -> dict[tuple[str, int], float]:
    """Moves names along the circle until none covers its neighbour."""
    order = sorted(turns, key=lambda place: (turns[place], place))
    at = [turns[place] for place in order]
    wide = [min(text_width(labels[place], 14, bold=True), NAME_ROOM_PX) + 6 for place in order]
    count = len(order)
    for _ in range(300 if count > 1 else 0):
        moved = False
        for i in range(count):
            j = (i + 1) % count
            gap = at[j] + (j == 0) - at[i]
            lacking = _room(at[i] + gap / 2, (wide[i] + wide[j]) / 2) - gap
            if lacking > 1e-6:
                at[i] -= lacking / 2
                at[j] += lacking / 2
                moved = True
        if not moved:
            break
    return dict(zip(order, at, strict=True))


def _room(turn: float, width_px: float) -> float:
    """How far apart two names must be, in turns: one line at the sides, a whole name at top and bottom."""
    across, along = abs(math.cos(2 * math.pi * turn)), abs(math.sin(2 * math.pi * turn))
    beside = width_px / across if across > 0.01 else math.inf
    below = LINE_PX / along if along > 0.01 else math.inf
    return min(beside, below, 2 * width_px) / (2 * math.pi * NAMES_PX)
