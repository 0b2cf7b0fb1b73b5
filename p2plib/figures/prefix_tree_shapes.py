"""Where everything in a tree of ids stands, and what it is drawn with; see `prefix_tree`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from p2plib.figures.palette import AMBER, BLUE, COLOURS, GREEN, INK, SLATE, TINT, VERMILION
from p2plib.figures.shapes import cross, head
from p2plib.figures.svg import PAPER, element, number, shorten, text_width, write

Link = tuple[int, int]
Range = tuple[int, int]  # any id in a subtree, and how many leading bits all ids there share

WIDTH = 480.0
SIDE = 14.0
TOP = 16.0
TREE_PX = 200.0  # from the root to the leaves, at most
LEVEL_PX = 34.0
DISC_PX = 6.5
NAMED = 26  # with more leaves, only those that matter have names
NAME_SIZE = 13.5
COLUMN_PX = 17.0  # a name that stands upright
BINARY_BITS = 8  # longer ids are written as their first hexadecimal digits
ARC_PX = 74.0  # how deep the longest line between two leaves hangs


@dataclass(frozen=True, slots=True)
class Node:
    """A place where ids part: those of leaves `first` to `last`, which share `depth` leading bits."""

    depth: int
    first: int
    middle: int  # the first leaf whose next bit is 1
    last: int


def nodes_of(leaves: Sequence[int], bits: int) -> list[Node]:
    """The places where sorted ids part, the root first."""
    found: list[Node] = []
    todo = [(0, len(leaves) - 1)]
    while todo:
        first, last = todo.pop()
        if first == last:
            continue
        depth = bits - (leaves[first] ^ leaves[last]).bit_length()
        one = leaves[last] >> (bits - 1 - depth) << (bits - 1 - depth)
        middle = next(i for i in range(first, last + 1) if leaves[i] >= one)
        found.append(Node(depth, first, middle, last))
        todo += [(middle, last), (first, middle - 1)]
    return sorted(found, key=lambda node: (node.depth, node.first))


class Stage:
    """The tree, and the place of every leaf in it.

    Args:
        bits: how long ids are.
        leaves: all that are ever drawn, sorted.
        told: leaves that have names even in a crowd.
        names: what to write instead of an id.
        colours: of some peers.
        rows: whether there is a row for what ranges are called, and room for lines below it.
    """

    def __init__(
        self,
        bits: int,
        leaves: Sequence[int],
        told: Collection[int],
        names: Mapping[int, str],
        colours: Mapping[int, str],
        rows: tuple[bool, bool],
    ) -> None:
        self.bits, self.leaves, self._names, self._colours = bits, list(leaves), names, colours
        self.is_crowded = len(leaves) > NAMED
        self._named = {one for one in leaves if not self.is_crowded or one in told or one in names}
        self._x = dict(zip(leaves, self._columns(), strict=True))
        self.nodes = nodes_of(leaves, bits)
        depths = sorted({0, *(node.depth for node in self.nodes)})
        step = min(LEVEL_PX, TREE_PX / len(depths))
        self._level = {depth: TOP + step * i for i, depth in enumerate(depths)}
        self._step = step
        self.base = TOP + step * len(depths) + 6
        self._are_upright = any(self._wide(one) > self._room for one in self._named)
        longest = max((self._wide(one) for one in self._named), default=0.0)
        self.names_end = self.base + 14 + (longest + 2 if self._are_upright else NAME_SIZE + 3)
        self.row = self.names_end + 15
        self.hang = self.names_end + (24 if rows[0] else 4)
        self.height = self.hang + (ARC_PX + 12 if rows[1] else 4)

    def _columns(self) -> list[float]:
        """The middle of each leaf's column: named ones are as wide as a name, the others share the rest."""
        room, named = WIDTH - 2 * SIDE, len(self._named)
        if len(self._named) == len(self.leaves):
            wide = thin = room / max(1, named)
        else:
            wide = min(COLUMN_PX, 0.8 * room / max(1, named))
            thin = (room - wide * named) / (len(self.leaves) - named)
        self._room, at, out = wide - 4, SIDE, []
        for one in self.leaves:
            column = wide if one in self._named else thin
            out.append(at + column / 2)
            at += column
        return out

    def x(self, ident: int) -> float:
        """Where a leaf stands."""
        return self._x[ident]

    def name(self, ident: int) -> str:
        """What a leaf is called."""
        if ident in self._names:
            return self._names[ident]
        if self.bits <= BINARY_BITS:
            return f"{ident:0{self.bits}b}"
        digits = f"{ident:0{-(-self.bits // 4)}x}"
        return digits if len(digits) <= 4 else digits[:4] + "…"

    def colour(self, ident: int) -> str:
        """The colour of a peer."""
        return self._colours.get(ident, BLUE)

    def _wide(self, ident: int) -> float:
        return min(text_width(self.name(ident), NAME_SIZE, bold=True), 70.0)

    def within(self, shaded: Range) -> list[int]:
        """The leaves in a range."""
        ident, shared = shaded
        low = ident >> (self.bits - shared) << (self.bits - shared)
        return [one for one in self.leaves if low <= one < low + (1 << (self.bits - shared))]

    # Parts ------------------------------------------------------------------------------------------------

    def tree(self) -> str:
        """All branches, with 0 to the left and 1 to the right."""
        ways, digits = [], []
        for node in self.nodes:
            x, y = self._place(node)
            for bit, first, last in ((0, node.first, node.middle - 1), (1, node.middle, node.last)):
                cx, cy = self._top(first, last)
                leaf = f"V{number(self.base)}" if first == last else ""
                ways.append(f"M{number(x)} {number(y)}L{number(cx)} {number(cy)}{leaf}")
                if self._step >= 24 and abs(cx - x) >= 12:
                    side = -1 if bit == 0 else 1
                    at = (x + cx) / 2 + side * 7, (y + min(cy, y + self._step)) / 2 - 2
                    digits.append(write(*at, str(bit), size=13.5, opacity=0.7))
        if not self.nodes:
            ways.append(f"M{number(self.x(self.leaves[0]))} {number(TOP)}V{number(self.base)}")
        branch = element("path", d="".join(ways), fill="none", stroke=INK, stroke_opacity=0.45)
        return element("g", branch + "".join(digits), stroke_width=1.25)

    def way(self, ident: int) -> str:
        """The branches from the root down to a leaf, heavier."""
        at = self.leaves.index(ident)
        points = [self._place(node) for node in self.nodes if node.first <= at <= node.last]
        points += [(self.x(ident), self._leaf_top(at)), (self.x(ident), self.base)]
        path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
        return element("path", d=path, fill="none", stroke=self.colour(ident), stroke_width=3)

    def shade(self, shaded: Range, name: str, tint: int) -> str:
        """A box round a subtree, and what it is called; nothing if nobody is there."""
        inside = self.within(shaded)
        if not inside:
            return ""
        places = [self.leaves.index(inside[0]), self.leaves.index(inside[-1])]
        half = max(5.0, min(DISC_PX + 2, self._gap(places) / 2 - 1))
        left, right = self.x(inside[0]) - half, self.x(inside[-1]) + half
        top = self._top(*places)[1] - 7
        colour = COLOURS[(0, 2, 1, 3)[tint % 4]]
        out = element(
            "rect", x=left, y=top, width=right - left, height=self.names_end - top, rx=6, fill=colour,
            fill_opacity=TINT, stroke=colour, stroke_opacity=0.8, stroke_width=1.25,
        )  # fmt: skip
        short = name.rsplit(" ", 1)[-1]
        text = next((one for one in (name, short) if text_width(one, 13.5) <= right - left + 8), short)
        return element("g", out + write((left + right) / 2, self.row, text, size=13.5, halo=True))

    def leaf(
        self, ident: int, *, strong: bool = False, down: bool = False, known: bool = True, named: bool = True
    ) -> str:
        """A peer: a disc with its name below it; hollow if nobody knows it."""
        x, tint = self.x(ident), SLATE if down else self.colour(ident)
        radius = 4.0 if self.is_crowded and ident not in self._named else DISC_PX + 1.5 * strong
        disc = element("circle", cx=x, cy=self.base, r=radius, style=f"fill:{PAPER}")
        disc += element(
            "circle", cx=x, cy=self.base, r=radius, fill=tint, stroke=tint, stroke_width=2 if strong else 1.5,
            fill_opacity=0.04 if down or not known else 0.8 if strong else 0.4,
            stroke_dasharray="3 3" if down else None,
        )  # fmt: skip
        if down:
            disc += cross(x, self.base, size=4)
        words = self._word(ident, bold=strong, opacity=0.6 if down else None) if named else ""
        return element("g", disc + words)

    def dots(self, idents: Sequence[int]) -> str:
        """Many peers, small and without names, in one path."""
        moves = "".join(f"M{number(self.x(one))} {number(self.base)}v0" for one in sorted(idents))
        if not moves:
            return ""
        return element("path", d=moves, fill="none", stroke=BLUE, stroke_width=4, stroke_linecap="round")

    def target(self, ident: int) -> str:
        """A diamond with its name."""
        look = f"M{number(self.x(ident))} {number(self.base - 7)}l7 7l-7 7l-7 -7Z"
        diamond = element("path", d=look, fill=GREEN, style=f"stroke:{PAPER};stroke-width:1.5px")
        return element("g", diamond + self._word(ident, italic=True))

    def link(self, a: int, b: int) -> str:
        """A thin line with a head, for whom somebody knows or names."""
        return self._line(a, b, AMBER, 1.5, head_px=7)

    def ask(self, a: int, b: int, text: str = "") -> str:
        """A heavy line with a head, perhaps with a number."""
        out = self._line(a, b, VERMILION, 2.5, head_px=10)
        if not text:
            return out
        x, deep = (self.x(a) + self.x(b)) / 2, self._deep(a, b)
        return element("g", out + write(x, self.hang + deep / 2 + 5, text, bold=True, halo=True))

    def missed(self, a: int, b: int) -> str:
        """A broken line that ends in a cross."""
        line = self._line(a, b, VERMILION, 2, dash="6 5")
        return element("g", line + cross(self.x(b), self.hang + 2, size=5))

    # Places -----------------------------------------------------------------------------------------------

    def _leaf_top(self, at: int) -> float:
        """Where a leaf's own branch begins to go straight down."""
        depth = max((node.depth for node in self.nodes if node.first <= at <= node.last), default=0)
        return self._level[depth] + self._step if self.nodes else TOP

    def _top(self, first: int, last: int) -> tuple[float, float]:
        """The place of the subtree of some leaves: of the node where they part, or of the leaf."""
        if first == last:
            return self.x(self.leaves[first]), self._leaf_top(first)
        node = next(one for one in self.nodes if (one.first, one.last) == (first, last))
        return self._place(node)

    def _place(self, node: Node) -> tuple[float, float]:
        """A node stands over the gap between its two halves."""
        left, right = self.x(self.leaves[node.middle - 1]), self.x(self.leaves[node.middle])
        return (left + right) / 2, self._level[node.depth]

    def _gap(self, places: Sequence[int]) -> float:
        """How near the nearest leaf outside some is."""
        first, last = places
        pairs = [(first - 1, first), (last, last + 1)]
        gaps: Iterator[float] = (
            self.x(self.leaves[b]) - self.x(self.leaves[a])
            for a, b in pairs
            if a >= 0 and b < len(self.leaves)
        )
        return min(gaps, default=40.0)

    def _deep(self, a: int, b: int) -> float:
        far = abs(self.x(a) - self.x(b)) / (WIDTH - 2 * SIDE)
        return 2 * (16 + (ARC_PX - 16) * far)

    def _line(
        self, a: int, b: int, colour: str, width: float, *, head_px: float = 0, dash: str | None = None
    ) -> str:
        """A line that hangs from one leaf to another, below the names."""
        (x, y), deep = (self.x(a), self.hang), self._deep(a, b)
        end, middle = self.x(b), (self.x(a) + self.x(b)) / 2
        way = (end - middle, -deep)
        far = (way[0] ** 2 + way[1] ** 2) ** 0.5
        stop = (end - way[0] / far * head_px * 0.7, y - way[1] / far * head_px * 0.7)
        curve = f"M{number(x)} {number(y)}Q{number(middle)} {number(y + deep)} "
        curve += f"{number(stop[0])} {number(stop[1])}"
        out = element("path", d=curve, fill="none", stroke=colour, stroke_width=width, stroke_dasharray=dash)
        return element("g", out + head((end, y), way, colour, head_px)) if head_px else out

    def _word(
        self, ident: int, *, bold: bool = False, italic: bool = False, opacity: float | None = None
    ) -> str:
        if ident not in self._named:
            return ""
        text = shorten(self.name(ident), 70, NAME_SIZE, bold=bold)
        x, look = self.x(ident), {"bold": bold, "italic": italic, "opacity": opacity}
        if not self._are_upright:
            return write(x, self.base + 14 + NAME_SIZE - 3, text, size=NAME_SIZE, **look)  # type: ignore[arg-type]
        turn = f"rotate(90 {number(x - 4.5)} {number(self.base + 13)})"
        return write(
            x - 4.5, self.base + 13, text, size=NAME_SIZE, anchor="start", transform=turn, **look,  # type: ignore[arg-type]
        )  # fmt: skip
