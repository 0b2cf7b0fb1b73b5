"""A drawing of blocks that link to each other: boxes in rows, with arrows that lead down.

A block is below all blocks that link to it, so every arrow leads down. Within a row, blocks are in the order
of the links to them. A block that several links lead to is one box: such a drawing is there to show sharing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from p2plib.errors import UsageError
from p2plib.figures.palette import BLUE, SLATE, TINT, colour_name
from p2plib.figures.shapes import Point, head
from p2plib.figures.svg import PAPER, Figure, element, number, require_words, text_width, wrap, write

WIDTH = 480
MOST_BLOCKS = 200
NAMED_BLOCKS = 40  # more than these are drawn without words in them
LETTERS_PX = 14
LINE_PX = 18
GAP_PX = 10  # between the boxes of a row
WIDEST_PX = 132
LINK_PX = 44  # from a row down to the next


def dag(
    links: Mapping[str, Sequence[str]],
    *,
    title: str,
    caption: str = "",
    alt: str = "",
    colours: Mapping[str, str] | None = None,
    words: Mapping[str, str] | None = None,
    path: Collection[str] = (),
    missing: Collection[str] = (),
) -> Figure:
    """Draw a graph of blocks.

    Args:
        links: for each block, by name, the blocks that it links to; those without links may be left out.
        title: what the drawing shows; required.
        caption: what to see in it.
        alt: words for it; made from the links when empty.
        colours: a colour for some blocks, see `figures.PALETTE`.
        words: what is written in a block instead of its name; "" for nothing.
        path: blocks that are read: they stand out, and so do the links between them.
        missing: blocks that are not here; their outline is broken.

    Returns:
        A figure.

    Raises:
        UsageError: no blocks or more than `MOST_BLOCKS`, an unknown name, links that form a cycle, or no
            title.

    Example:
        >>> dag({"album": ["cat", "dog"], "cat": ["note"], "dog": ["note"]}, title="A shared note")
    """
    title = require_words("a title", title)
    nodes = _nodes(links)
    for name in (*(colours or {}), *(words or {}), *path, *missing):
        if name not in nodes:
            raise UsageError(f"{name!r} is not a block of this drawing")
    rows = _rows(nodes, links)
    text = {node: (words or {}).get(node, node if len(nodes) <= NAMED_BLOCKS else "") for node in nodes}
    boxes, height = _boxes(rows, text)
    on_path = set(path)
    parts = []
    for strong in (False, True):  # those on the path are drawn over the others
        for above in nodes:
            parts += [
                _link(boxes[above], boxes[below], strong)
                for below in dict.fromkeys(links.get(above, ()))
                if (above in on_path and below in on_path) is strong
            ]
    for node in nodes:
        tint = (colours or {}).get(node, SLATE)
        parts.append(_block(boxes[node], text[node], tint, node in on_path, node in missing))
    said = alt.strip() or _alt(nodes, links, colours or {}, on_path, missing)
    return Figure("\n".join(parts), WIDTH, height, said, title, caption)


def _nodes(links: Mapping[str, Sequence[str]]) -> list[str]:
    nodes = list(dict.fromkeys(name for above, below in links.items() for name in (above, *below)))
    if not 0 < len(nodes) <= MOST_BLOCKS:
        raise UsageError(f"a drawing of blocks has 1 to {MOST_BLOCKS} of them, not {len(nodes)}")
    return nodes


def _rows(nodes: Sequence[str], links: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The blocks in rows from the top: each is one row below the lowest block that links to it."""
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        is_settled = True
        for above in nodes:
            for below in links.get(above, ()):
                if depth[below] <= depth[above]:
                    depth[below], is_settled = depth[above] + 1, False
        if is_settled:
            break
    else:
        raise UsageError("links between blocks form a cycle, which hashes cannot do")
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in nodes:
        rows[depth[node]].append(node)
    for number_of, row in enumerate(rows[1:], 1):  # under the blocks that link to them
        place = {node: at for before in rows[:number_of] for at, node in enumerate(before)}
        mean = {
            node: _mean([place[above] for above in place if node in links.get(above, ())]) for node in row
        }
        row.sort(key=lambda node: mean[node])
    return rows


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


Box = tuple[float, float, float, float]  # left, top, width, height


def _boxes(rows: Sequence[Sequence[str]], text: Mapping[str, str]) -> tuple[dict[str, Box], float]:
    """Where each block is, and the height of the drawing."""
    boxes: dict[str, Box] = {}
    top = 6.0
    for row in rows:
        room = (WIDTH - 8 - GAP_PX * (len(row) - 1)) / len(row)
        width = max(6.0, min(WIDEST_PX, room))
        lines = max(len(_lines(text[node], width)) for node in row)
        height = 20 + LINE_PX * (lines - 1) + (12 if lines and any(text[node] for node in row) else 0)
        spread = min(room + GAP_PX, width + 28)
        left = WIDTH / 2 - spread * (len(row) - 1) / 2 - width / 2
        for at, node in enumerate(row):
            boxes[node] = (left + at * spread, top, width, height)
        top += height + LINK_PX
    return boxes, top - LINK_PX + 8


def _lines(text: str, width: float) -> list[str]:
    found: list[str] = []
    for line in text.split("\n"):
        found += wrap(line, width - 8, LETTERS_PX) if text_width(line, LETTERS_PX) > width - 8 else [line]
    return found


def _link(above: Box, below: Box, strong: bool) -> str:
    start: Point = (above[0] + above[2] / 2, above[1] + above[3])
    tip: Point = (below[0] + below[2] / 2, below[1] - 1)
    way = (tip[0] - start[0], tip[1] - start[1])
    tint, width = (BLUE, 2.5) if strong else ("currentColor", 1.25)
    line = element(
        "path",
        d=f"M{number(start[0])} {number(start[1])}L{number(tip[0])} {number(tip[1])}",
        fill="none",
        stroke=tint,
        stroke_width=width,
        stroke_opacity=None if strong else 0.5,
    )
    return element("g", line + head(tip, way, tint, 9 if strong else 7))


def _block(box: Box, text: str, tint: str, strong: bool, is_missing: bool) -> str:
    left, top, width, height = box
    place = {"x": left, "y": top, "width": width, "height": height, "rx": min(7, width / 4)}
    out = element("rect", **place, style=f"fill:{PAPER}")
    out += element(
        "rect",
        **place,
        fill=tint,
        fill_opacity=0.04 if is_missing else 0.4 if strong else TINT,
        stroke=tint,
        stroke_width=2.75 if strong else 1.5,
        stroke_dasharray="5 4" if is_missing else None,
    )
    lines = _lines(text, width) if text else []
    first = top + height / 2 - (len(lines) - 1) * LINE_PX / 2 + 4.5
    for at, line in enumerate(lines):
        out += write(left + width / 2, first + LINE_PX * at, line, size=LETTERS_PX, bold=strong)
    return element("g", out)


def _alt(
    nodes: Sequence[str],
    links: Mapping[str, Sequence[str]],
    colours: Mapping[str, str],
    path: Collection[str],
    missing: Collection[str],
) -> str:
    count = sum(len(below) for below in links.values())
    out = [f"{len(nodes)} block{'' if len(nodes) == 1 else 's'} and {count} link{'' if count == 1 else 's'}"]
    if len(nodes) <= NAMED_BLOCKS:
        out += [f"{above} links to {_listed(below)}" for above, below in links.items() if below]
    for tint in dict.fromkeys(colours.values()):
        out.append(f"In {colour_name(tint)}: {_listed([one for one in nodes if colours.get(one) == tint])}")
    if path:
        out.append(f"Read: {_listed([node for node in nodes if node in path])}")
    if missing:
        out.append(f"Not here: {_listed([node for node in nodes if node in missing])}")
    return ". ".join(out) + "."


def _listed(names: Iterable[str]) -> str:
    each = [" ".join(name.split()) for name in names]
    return ", ".join(each[:NAMED_BLOCKS]) + (
        f" and {len(each) - NAMED_BLOCKS} more" * (len(each) > NAMED_BLOCKS)
    )
