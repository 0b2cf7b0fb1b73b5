"""Where the peers of an overlay stand, and how each thing is drawn there. The shapes of `overlay`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2plib.errors import UsageError
from p2plib.figures.palette import AMBER, BAD, BLUE, GOOD, INK, TINT
from p2plib.figures.shapes import Point, cross, head
from p2plib.figures.svg import PAPER, element, number, shorten, text_width, write

NAMED_PEERS = 24  # more than these are dots without names
MOST_PEERS = 500
WIDTH = 480
NAME_ROOM_PX = 110  # a longer name is cut; the words beneath have it whole
TURNED = 16  # past so many, names stand along the rays
APART = 240  # more links of one look than these are one path: a tenth of the size

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """How a link is drawn."""

    colour: str
    width: float
    opacity: float
    dashes: str | None = None


FEW, SOME, MANY = Look(INK, 1.75, 0.5), Look(INK, 1.25, 0.3), Look(INK, 1.0, 0.15)
NEW = Look(GOOD, 3, 1)
GONE = Look(BAD, 2, 1, "2 5")
TO_THE_DEAD = Look(INK, 1.5, 0.4, "6 5")


@dataclass(frozen=True, slots=True)
class Person:
    """How a peer is drawn."""

    is_dead: bool = False
    stands_out: bool = False


class Stage:
    """The places of the peers.

    Args:
        peers: names, each once, clockwise from the top.
        colours: of some of them.
        places: as a part of a turn; None is evenly apart.

    Raises:
        UsageError: no peers or more than 500, a name twice, a place missing.
    """

    def __init__(
        self, peers: Sequence[str], colours: Mapping[str, str], places: Mapping[str, float] | None
    ) -> None:
        if not 1 <= len(peers) <= MOST_PEERS or len(set(peers)) != len(peers):
            raise UsageError(f"an overlay has 1 to {MOST_PEERS} peers, each named once")
        if places is not None and (missing := [peer for peer in peers if peer not in places]):
            raise UsageError(f"{missing[0]!r} has no place on the circle")
        self.count, self.colours = len(peers), colours
        self.named = len(peers) <= NAMED_PEERS
        self.radius = 10.0 if self.named else max(2.0, min(6.0, 60 / math.sqrt(len(peers))))
        longest = max(text_width(peer, 14, bold=True) for peer in peers) if self.named else 0.0
        room = min(longest, NAME_ROOM_PX) + self.radius + 14 if self.named else self.radius + 4
        up = room if len(peers) > TURNED or not self.named else self.radius + 30
        side = WIDTH / 2 - room
        self.height = 2 * (side + up)
        self.at: dict[str, Point] = {}
        for i, peer in enumerate(peers):
            turn = 2 * math.pi * (i / len(peers) if places is None else places[peer])
            self.at[peer] = WIDTH / 2 + side * math.sin(turn), self.height / 2 - side * math.cos(turn)

    def links(self, look: Look, links: Sequence[Pair], *, apart: bool = False) -> list[str]:
        """Links of one look; `apart` gives each a part of its own, so that a player can keep it."""
        paths = [f"M{_xy(a)}L{_xy(b)}" for a, b in (self._between(*line) for line in links)]
        if not apart or len(paths) > APART:
            paths = ["".join(paths)]
        return [
            element(
                "path",
                d=path,
                fill="none",
                stroke=look.colour,
                stroke_width=look.width,
                stroke_opacity=look.opacity,
                stroke_dasharray=look.dashes,
            )
            for path in paths
        ]

    def _between(self, a: str, b: str, gap: float = 0.0) -> tuple[Point, Point]:
        """The ends of a link, at the edges of the two circles, so that it never covers them."""
        (ax, ay), (bx, by) = self.at[a], self.at[b]
        away = math.hypot(bx - ax, by - ay) or 1.0
        short = min(self.radius + gap, away / 3)
        ux, uy = (bx - ax) / away * short, (by - ay) / away * short
        return (ax + ux, ay + uy), (bx - ux, by - uy)

    def arrow(self, a: str, b: str, *, arrives: bool) -> str:
        """An arrow a little beside the link, so that one each way can be told apart."""
        start, tip = self._between(a, b, 4)
        away = math.hypot(tip[0] - start[0], tip[1] - start[1]) or 1.0
        ox, oy = -(tip[1] - start[1]) / away * 4, (tip[0] - start[0]) / away * 4
        start, tip = (start[0] + ox, start[1] + oy), (tip[0] + ox, tip[1] + oy)
        colour = AMBER if arrives else BAD
        stop = (
            tip if arrives else (start[0] + (tip[0] - start[0]) * 0.6, start[1] + (tip[1] - start[1]) * 0.6)
        )
        line = element(
            "path",
            d=f"M{_xy(start)}L{_xy(stop)}",
            fill="none",
            stroke=colour,
            stroke_width=2.5,
            stroke_dasharray=None if arrives else "7 4",
        )
        end = head(tip, (tip[0] - start[0], tip[1] - start[1]), colour, 11) if arrives else cross(*stop)
        return element("g", line + end)

    def peer(self, peer: str, person: Person) -> str:
        """A circle, and its name where names are written."""
        x, y = self.at[peer]
        tint = self.colours.get(peer, BLUE)
        size = self.radius + (2 if person.stands_out else 0)
        out = element("circle", cx=x, cy=y, r=size, style=f"fill:{PAPER}")
        out += element(
            "circle",
            cx=x,
            cy=y,
            r=size,
            fill=tint,
            fill_opacity=0.0 if person.is_dead else 0.8 if person.stands_out else TINT + 0.2,
            stroke=INK if person.is_dead else tint,
            stroke_opacity=0.6 if person.is_dead else None,
            stroke_width=3 if person.stands_out else 2,
            stroke_dasharray="3 3" if person.is_dead else None,
        )
        if person.is_dead:
            out += cross(x, y, size=self.radius * 0.5)
        return element("g", out + (self._name(peer, person) if self.named else ""))

    def _name(self, peer: str, person: Person) -> str:
        x, y = self.at[peer]
        dx, dy = x - WIDTH / 2, y - self.height / 2
        away = math.hypot(dx, dy) or 1.0
        ux, uy = (dx / away, dy / away) if away > 1 else (0.0, 1.0)
        shown = shorten(peer, NAME_ROOM_PX, 14, bold=person.stands_out)
        x, y = x + ux * (self.radius + 8), y + uy * (self.radius + 8)
        bold, opacity = person.stands_out, 0.6 if person.is_dead else None
        turn, rise = None, 5 + 7 * uy
        anchor = "middle" if abs(ux) < 0.25 else ("start" if ux > 0 else "end")
        if self.count > TURNED:
            angle, left = math.degrees(math.atan2(uy, ux)), ux < -1e-9
            turn = f"rotate({number(angle + 180 if left else angle)} {number(x)} {number(y)})"
            anchor, rise = "end" if left else "start", 4.5
        return write(x, y + rise, shown, anchor=anchor, bold=bold, opacity=opacity, transform=turn)


def _xy(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"
