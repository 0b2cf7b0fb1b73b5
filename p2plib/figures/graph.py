"""Peers and the lines they keep: nodes on a ring, on a plane, or where the caller puts them.

Up to 40 nodes have names, outside the ring where nothing crosses them; thousands are dots. Lines of a ring
bend towards its middle, so that neighbours and far links look different.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from p2plib.errors import UsageError
from p2plib.figures.palette import BLUE, TINT, VERMILION
from p2plib.figures.shapes import Point, head
from p2plib.figures.svg import PAPER, Figure, element, number, require_words, shorten, text_width, write

NAMED_NODES = 40  # more than these are drawn without names
SPRING_NODES = 300  # more than these are not laid out by springs, which would take n² steps
WIDTH = 480
NAME_ROOM_PX = 120  # a longer name beside a ring is cut; the alt text has it whole


def graph(
    nodes: Sequence[str],
    edges: Iterable[tuple[str, str]],
    *,
    title: str,
    caption: str = "",
    alt: str = "",
    layout: str = "ring",
    positions: Mapping[str, Point] | None = None,
    highlight: Collection[str] = (),
    highlight_edges: Iterable[tuple[str, str]] = (),
    path: Sequence[str] = (),
    colours: Mapping[str, str] | None = None,
    names: bool | None = None,
    directed: bool = False,
) -> Figure:
    """Draw nodes and edges.

    Args:
        nodes: names, each once; on a ring they begin at the top and go clockwise.
        edges: pairs of names.
        title: what the drawing shows; required.
        caption: what to see in it.
        alt: words for it; made from the counts and the path when empty.
        layout: "ring" or "plane"; a plane is laid out by springs, the same way every time.
        positions: (x, y) of every node instead, in any unit, y downward; they are scaled to fit.
        highlight: nodes that stand out.
        highlight_edges: edges that stand out.
        path: nodes in the order in which something walks them, drawn as arrows.
        colours: a colour for some nodes, see `figures.colour`.
        names: write names; by default for up to 40 nodes.
        directed: edges end in an arrow's head.

    Returns:
        A figure.

    Raises:
        UsageError: no nodes, a name twice, an unknown name, layout or position, or no title.

    Example:
        >>> graph(["Ada", "Ben", "Cy"], [("Ada", "Ben"), ("Ben", "Cy")], title="Two friendships")
    """
    title = require_words("a title", title)
    edges, strong = list(edges), list(highlight_edges)
    _check(nodes, edges, strong, highlight, path, positions)
    named = len(nodes) <= NAMED_NODES if names is None else names
    at, height = _place(nodes, edges, layout, positions, named)
    ring = layout == "ring" and positions is None
    middle = (WIDTH / 2, height / 2) if ring else None
    radius = 7.0 if named else max(1.5, min(6.0, 60 / math.sqrt(len(nodes))))
    walked = [*pairwise(path)]
    parts = [_lines(edges, at, middle, "currentColor", 1.25, 0.35 if len(edges) < 200 else 0.14)]
    parts.append(_lines(strong, at, middle, BLUE, 2.5, 1.0))
    if directed:
        parts += [_end(a, b, at, middle, radius, "currentColor", 7) for a, b in edges]
    parts += [_step(a, b, at, middle, radius) for a, b in walked]
    parts += _dots(nodes, at, radius, colours or {}, {*highlight, *path}, named)
    if named:
        parts += [
            _name(node, at[node], middle, len(nodes), radius, node in highlight or node in path)
            for node in nodes
        ]
    words = alt.strip() or _alt(nodes, edges, layout if positions is None else "given", highlight, path)
    return Figure("\n".join(part for part in parts if part), WIDTH, height, words, title, caption)


def _check(
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str]],
    strong: Sequence[tuple[str, str]],
    highlight: Collection[str],
    path: Sequence[str],
    positions: Mapping[str, Point] | None,
) -> None:
    known = set(nodes)
    if not nodes or len(known) != len(nodes):
        raise UsageError("a graph needs at least one node, and every name only once")
    ends = [end for edge in (*edges, *strong) for end in edge]
    for name in (*ends, *highlight, *path):
        if name not in known:
            raise UsageError(f"{name!r} is not a node of this graph")
    if positions is not None and (missing := [node for node in nodes if node not in positions]):
        raise UsageError(f"{missing[0]!r} has no position")


def _place(
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str]],
    layout: str,
    positions: Mapping[str, Point] | None,
    named: bool,
) -> tuple[dict[str, Point], float]:
    """A point in the picture for every node, and the picture's height."""
    longest = max(text_width(node, 14, bold=True) for node in nodes) if named else 0.0
    if positions is not None:
        return _fit({node: positions[node] for node in nodes}, named)
    if layout == "ring":
        turned = len(nodes) > 16  # names then stand along the rays
        side = WIDTH / 2 - min(longest, NAME_ROOM_PX) - 22 if named else WIDTH / 2 - 12
        up = (min(longest, NAME_ROOM_PX) + 22 if turned else 34) if named else 12
        height = 2 * (side + up)
        return {
            node: (WIDTH / 2 + side * math.sin(turn), height / 2 - side * math.cos(turn))
            for node, turn in zip(
                nodes, (2 * math.pi * i / len(nodes) for i in range(len(nodes))), strict=True
            )
        }, height
    if layout == "plane":
        points = _springs(nodes, edges)
        wide, high = (max(p[i] for p in points.values()) - min(p[i] for p in points.values()) for i in (0, 1))
        if high > wide:  # lie down
            points = {node: (y, x) for node, (x, y) in points.items()}
        return _fit(points, named)
    raise UsageError(f'the layout is "ring" or "plane", not {layout!r}')


def _fit(points: Mapping[str, Point], named: bool) -> tuple[dict[str, Point], float]:
    xs, ys = [p[0] for p in points.values()], [p[1] for p in points.values()]
    side, top, foot = (46.0, 18.0, 38.0) if named else (12.0, 12.0, 12.0)
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    room = WIDTH - 2 * side
    scale = min(room / wide if wide else math.inf, 460 / high if high else math.inf)
    scale = scale if math.isfinite(scale) else 1.0
    left = (WIDTH - wide * scale) / 2
    placed = {n: (left + (x - min(xs)) * scale, top + (y - min(ys)) * scale) for n, (x, y) in points.items()}
    return placed, high * scale + top + foot


def _springs(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, Point]:
    """Nodes push one another away and edges pull (Fruchterman and Reingold, 1991), from a sunflower's seeds.

    After the start only + - * / and the square root are used, which IEEE 754 rounds the same way everywhere.
    """
    count = len(nodes)
    index = {node: i for i, node in enumerate(nodes)}
    xs = [round(math.sqrt(i + 0.5) * math.cos(i * 2.399963), 3) for i in range(count)]
    ys = [round(math.sqrt(i + 0.5) * math.sin(i * 2.399963), 3) for i in range(count)]
    pairs = [(index[a], index[b]) for a, b in edges if a != b]
    rounds = 120 if count <= SPRING_NODES else 0
    for turn in range(rounds):
        reach = 1.2 * (1 - turn / rounds) + 0.02
        px, py = [0.0] * count, [0.0] * count
        for i in range(count):
            for j in range(i):
                dx, dy = xs[i] - xs[j], ys[i] - ys[j]
                push = 3.0 / (dx * dx + dy * dy + 0.01)
                px[i] += dx * push
                py[i] += dy * push
                px[j] -= dx * push
                py[j] -= dy * push
        for i, j in pairs:
            dx, dy = xs[i] - xs[j], ys[i] - ys[j]
            pull = math.sqrt(dx * dx + dy * dy) / 1.8
            px[i] -= dx * pull
            py[i] -= dy * pull
            px[j] += dx * pull
            py[j] += dy * pull
        for i in range(count):
            length = math.sqrt(px[i] * px[i] + py[i] * py[i]) or 1.0
            step = min(length, reach) / length
            xs[i] += px[i] * step
            ys[i] += py[i] * step
    return {node: (xs[i], ys[i]) for node, i in index.items()}


def _control(a: Point, b: Point, middle: Point | None) -> Point | None:
    """The point that bends a line of a ring towards its middle."""
    if middle is None:
        return None
    mx, my = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    across = 2 * math.hypot(a[0] - middle[0], a[1] - middle[1]) or 1.0
    bend = 0.7 * math.hypot(a[0] - b[0], a[1] - b[1]) / across  # neighbours almost straight, far links bent
    return mx + (middle[0] - mx) * bend, my + (middle[1] - my) * bend


def _curve(a: Point, b: Point, middle: Point | None) -> str:
    start = f"M{number(a[0])} {number(a[1])}"
    control = _control(a, b, middle)
    if control is None:
        return f"{start}L{number(b[0])} {number(b[1])}"
    return f"{start}Q{number(control[0])} {number(control[1])} {number(b[0])} {number(b[1])}"


def _lines(
    edges: Sequence[tuple[str, str]],
    at: Mapping[str, Point],
    middle: Point | None,
    colour: str,
    width: float,
    opacity: float,
) -> str:
    if not edges:
        return ""
    path = "".join(_curve(at[a], at[b], middle) for a, b in edges if a != b)
    return element("path", d=path, fill="none", stroke=colour, stroke_width=width, stroke_opacity=opacity)


def _stop(a: Point, b: Point, middle: Point | None, radius: float) -> tuple[Point, Point]:
    """Where a line into `b` meets its circle, and the direction it comes in."""
    control = _control(a, b, middle) or a
    dx, dy = b[0] - control[0], b[1] - control[1]
    away = math.hypot(dx, dy) or 1.0
    return (b[0] - dx / away * (radius + 2), b[1] - dy / away * (radius + 2)), (dx, dy)


def _end(
    a: str, b: str, at: Mapping[str, Point], middle: Point | None, radius: float, colour: str, size: float
) -> str:
    if a == b:
        return ""
    tip, way = _stop(at[a], at[b], middle, radius)
    return head(tip, way, colour, size)


def _step(a: str, b: str, at: Mapping[str, Point], middle: Point | None, radius: float) -> str:
    out = element("path", d=_curve(at[a], at[b], middle), fill="none", stroke=VERMILION, stroke_width=2.5)
    return element("g", out + _end(a, b, at, middle, radius, VERMILION, 11))


def _dots(
    nodes: Sequence[str],
    at: Mapping[str, Point],
    radius: float,
    colours: Mapping[str, str],
    strong: Collection[str],
    named: bool,
) -> list[str]:
    if named:
        out = []
        for node in nodes:
            (x, y), tint, big = at[node], colours.get(node, BLUE), node in strong
            dot = element("circle", cx=x, cy=y, r=radius + 2 * big, style=f"fill:{PAPER}")
            dot += element(
                "circle",
                cx=x,
                cy=y,
                r=radius + 2 * big,
                fill=tint,
                fill_opacity=0.75 if big else TINT + 0.1,
                stroke=tint,
                stroke_width=2.5 if big else 1.75,
            )
            out.append(element("g", dot))
        return out
    # Thousands of dots are one path per colour, with round ends and no length: a tenth of the size of
    # circles.
    groups: dict[tuple[str, bool], list[str]] = {}
    for node in nodes:
        x, y = at[node]
        groups.setdefault((colours.get(node, "currentColor"), node in strong), []).append(
            f"M{number(x)} {number(y)}h0"
        )
    return [
        element(
            "path",
            d="".join(moves),
            stroke=VERMILION if big and tint == "currentColor" else tint,
            fill="none",
            stroke_opacity=None if big or tint != "currentColor" else 0.5,
            stroke_width=radius * (3.2 if big else 2),
            stroke_linecap="round",
        )
        for (tint, big), moves in sorted(groups.items(), key=lambda item: item[0][1])
    ]


def _name(node: str, at: Point, middle: Point | None, count: int, radius: float, strong: bool) -> str:
    """The name of a node: beyond the ring, along its ray where there are many; below it on a plane."""
    if middle is None:
        shown = shorten(node, min(150, 2 * min(at[0], WIDTH - at[0]) - 4), 14, bold=strong)
        return write(at[0], at[1] + radius + 17, shown, bold=strong, halo=True)
    node = shorten(node, NAME_ROOM_PX, 14, bold=strong)
    dx, dy = at[0] - middle[0], at[1] - middle[1]
    away = math.hypot(dx, dy) or 1.0
    ux, uy = dx / away, dy / away
    x, y = at[0] + ux * (radius + 8), at[1] + uy * (radius + 8)
    if count > 16:
        angle = math.degrees(math.atan2(uy, ux))
        left = ux < -1e-9
        turn = f"rotate({number(angle + 180 if left else angle)} {number(x)} {number(y)})"
        return write(x, y + 4.5, node, anchor="end" if left else "start", bold=strong, transform=turn)
    anchor = "middle" if abs(ux) < 0.25 else ("start" if ux > 0 else "end")
    return write(x, y + 5 + 7 * uy, node, anchor=anchor, bold=strong)


def _alt(
    nodes: Sequence[str],
    edges: Sequence[tuple[str, str]],
    layout: str,
    highlight: Collection[str],
    path: Sequence[str],
) -> str:
    def count(number_of: int, what: str) -> str:
        return f"{number_of} {what}{'' if number_of == 1 else 's'}"

    place = {"ring": "on a ring", "plane": "on a plane", "given": "at given places"}[layout]
    out = f"{count(len(nodes), 'node')} {place}, {count(len(edges), 'edge')}"
    if len(nodes) <= NAMED_NODES and len(edges) <= 60:
        out += ": " + ", ".join(f"{a} to {b}" for a, b in edges) if edges else ""
    if highlight and len(highlight) <= NAMED_NODES:
        out += f". Standing out: {', '.join(node for node in nodes if node in highlight)}"
    if path:
        out += f". Path: {', '.join(path)}"
    return out + "."
