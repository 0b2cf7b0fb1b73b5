"""The handbook's picture: seven roles side by side, leaning on one another, and one application as the glue.

They are roles, not layers: none stands on top. So they stand in a ring, in the order in which a reader
meets them, beginning at the foot and going clockwise; lines join each role with those whose help it takes,
which is also what the library's import order says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from p2plib.errors import UsageError
from p2plib.figures.palette import AMBER, BLUE, GREEN, PLUM, SKY, SLATE, VERMILION, VIOLET
from p2plib.figures.svg import PAPER, Figure, element, number, text_width, write

WIDTH = 480


@dataclass(frozen=True, slots=True)
class Role:
    """One role.

    Args:
        key: its name in `here` and `links`.
        name: its name in the drawing.
        question: what it answers, in one or two lines.
        colour: of its card.
        x: centre of its card.
        y: centre of its card.
        leans_on: the roles whose help it takes.
    """

    key: str
    name: str
    question: tuple[str, ...]
    colour: str
    x: float
    y: float
    leans_on: tuple[str, ...] = ()


ROLES = (
    Role("identity", "Identity", ("Who are you?",), BLUE, 240, 452),
    Role(
        "discovery",
        "Discovery",
        ("Who else is there?",),
        AMBER,
        80,
        366,
        ("identity", "protocols", "swarm topology"),
    ),
    Role(
        "peer routing",
        "Peer routing",
        ("How do I reach you?",),
        GREEN,
        80,
        214,
        ("discovery", "protocols", "identity"),
    ),
    Role(
        "swarm topology",
        "Swarm topology",
        ("To whom do I", "keep a link?"),
        VERMILION,
        122,
        62,
        ("identity", "protocols"),
    ),
    Role(
        "content routing",
        "Content routing",
        ("How does news", "get to everyone?"),
        PLUM,
        358,
        62,
        ("swarm topology", "peer routing", "data structures"),
    ),
    Role("data structures", "Data structures", ("What do we", "agree on?"), VIOLET, 400, 214, ("identity",)),
    Role("protocols", "Protocols", ("How do we talk?",), SKY, 400, 366, ("identity",)),
)
APP = Role("applications", "Picture sharing", ("All of it at once",), SLATE, 240, 262)
INTRODUCTION = "introduction"
PLACES = (INTRODUCTION, *(role.key for role in ROLES), APP.key)
NAME = "The roles of a peer-to-peer system"
CAPTION = (
    "Roles, not layers: a line joins a role to those it leans on, "
    "and the application in the middle uses them all."
)
CARD_W, CARD_H = 152, 84
HUB_W, HUB_H = 144, 84


def roles(
    here: str | None = None, links: Mapping[str, str] | None = None, *, compact: bool = False
) -> Figure:
    """Draw the roles.

    Args:
        here: the reader's place: "introduction", one of the seven roles, "applications", or None.
        links: an address for some or all of the places; their parts become links.
        compact: a small strip of labelled chips instead, for the head of a chapter.

    Returns:
        A figure.

    Raises:
        UsageError: a place that does not exist.

    Example:
        >>> roles(here="identity", compact=True)
    """
    links = {_known(place): address for place, address in (links or {}).items()}
    here = None if here is None else _known(here)
    if compact:
        return _strip(here, links)
    parts = [_glue(), *_leanings(here), *(_card(role, here, links) for role in ROLES), _hub(here, links)]
    height = 508.0
    if here == INTRODUCTION or INTRODUCTION in links:
        parts.append(_start(here, links))
        height = 548.0
    return Figure("\n".join(parts), WIDTH, height, _alt(here), NAME, CAPTION, quiet=True, linked=bool(links))


def _known(place: str) -> str:
    """The place's key; folders of the book write "peer_routing" or "peer-routing" for "peer routing"."""
    key = place.replace("_", " ").replace("-", " ")
    if key not in PLACES:
        raise UsageError(f"{place!r} is not a place in the handbook; they are: {', '.join(PLACES)}")
    return key


def _alt(here: str | None) -> str:
    told = "; ".join(f"{role.name}: {' '.join(role.question)}" for role in ROLES)
    place = "" if here is None else f" You are here: {_name(here)}."
    ring = f"Seven roles stand in a ring and lean on one another. {told}."
    return f"{ring} In the middle, picture sharing joins them all.{place}"


def _name(place: str) -> str:
    return next((role.name for role in (*ROLES, APP) if role.key == place), "Introduction")


def _linked(part: str, key: str, links: Mapping[str, str]) -> str:
    if key not in links:
        return element("g", part)
    return element("a", part, href=links[key], style="color:inherit;text-decoration:none")


def _glue() -> str:
    """Broad faint bands from the application to every role."""
    path = "".join(f"M{APP.x} {APP.y}L{role.x} {role.y}" for role in ROLES)
    return element(
        "path",
        d=path,
        stroke="currentColor",
        stroke_opacity=0.07,
        stroke_width=18,
        stroke_linecap="round",
        fill="none",
    )


def _leanings(here: str | None) -> list[str]:
    """A thin line from each role to those it leans on, bent around the middle; those of `here` stand out."""
    by_key = {role.key: role for role in ROLES}
    quiet: list[tuple[str, str]] = []
    loud: list[tuple[str, str]] = []
    for role in ROLES:
        for other in (by_key[key] for key in role.leans_on):
            mx, my = (role.x + other.x) / 2, (role.y + other.y) / 2
            # On one side of the ring, past a card between the two: through the gap beside the middle.
            bend = 0.9 if abs(role.y - other.y) > 200 and (role.x < APP.x) == (other.x < APP.x) else 0.3
            cx, cy = mx + (APP.x - mx) * bend, my + (APP.y - my) * bend
            path = f"M{number(role.x)} {number(role.y)}Q{number(cx)} {number(cy)} "
            path += f"{number(other.x)} {number(other.y)}"
            (loud if role.key == here else quiet).append((path, role.colour))
    parts = [
        element(
            "path",
            d="".join(path for path, _ in quiet),
            fill="none",
            stroke="currentColor",
            stroke_opacity=0.32,
            stroke_width=1.25,
        )
    ]
    return parts + [
        element("path", d=path, fill="none", stroke=tint, stroke_width=2.5) for path, tint in loud
    ]


def _card(role: Role, here: str | None, links: Mapping[str, str]) -> str:
    current = role.key == here
    left, top = role.x - CARD_W / 2, role.y - CARD_H / 2
    out = element("rect", x=left, y=top, width=CARD_W, height=CARD_H, rx=14, style=f"fill:{PAPER}")
    out += element(
        "rect",
        x=left,
        y=top,
        width=CARD_W,
        height=CARD_H,
        rx=14,
        fill=role.colour,
        fill_opacity=0.3 if current else 0.12,
        stroke=role.colour,
        stroke_width=3 if current else 1.5,
    )
    lines = len(role.question)
    first = role.y - (4 if lines == 1 else 13)
    out += write(role.x, first, role.name, size=16, bold=True)
    for i, line in enumerate(role.question):
        out += write(role.x, first + 22 + 18 * i, line, size=14, opacity=0.9)
    return _linked(out, role.key, links)


def _hub(here: str | None, links: Mapping[str, str]) -> str:
    current = here == APP.key
    box = {"x": APP.x - HUB_W / 2, "y": APP.y - HUB_H / 2, "width": HUB_W, "height": HUB_H, "rx": HUB_H / 2}
    out = element("rect", **box, style=f"fill:{PAPER}")
    out += element(
        "rect",
        **box,
        fill="currentColor",
        fill_opacity=0.2 if current else 0.07,
        stroke="currentColor",
        stroke_width=3 if current else 1.5,
    )
    out += write(APP.x, APP.y - 3, APP.name, size=16, bold=True)
    out += write(APP.x, APP.y + 19, APP.question[0], size=14, opacity=0.9)
    return _linked(out, APP.key, links)


def _start(here: str | None, links: Mapping[str, str]) -> str:
    """The introduction: the door at the foot of the ring."""
    current = here == INTRODUCTION
    out = element("path", d="M240 494v14", stroke="currentColor", stroke_width=1.5, stroke_dasharray="2 3")
    out += element(
        "rect",
        x=180,
        y=508,
        width=120,
        height=34,
        rx=17,
        fill="currentColor",
        fill_opacity=0.2 if current else 0.05,
        stroke="currentColor",
        stroke_width=3 if current else 1.5,
    )
    out += write(240, 530, "Introduction", size=15, bold=True)
    return _linked(out, INTRODUCTION, links)


def _strip(here: str | None, links: Mapping[str, str]) -> Figure:
    """Chips in reading order, the present one filled, those before it marked as walked."""
    colours = {role.key: role.colour for role in ROLES}
    rows: list[list[tuple[str, float]]] = [[]]
    for place in PLACES:
        w = text_width(_name(place), 14, bold=True) + 20
        if sum(width + 8 for _, width in rows[-1]) + w > WIDTH:
            rows.append([])
        rows[-1].append((place, w))
    parts, y = [], 3.0
    for row in rows:
        x = (WIDTH - sum(width + 8 for _, width in row) + 8) / 2
        for place, w in row:
            current, tint = place == here, colours.get(place, SLATE)
            chip = element(
                "rect",
                x=x,
                y=y,
                width=w,
                height=28,
                rx=14,
                fill=tint,
                fill_opacity=0.32 if current else 0.07,
                stroke=tint,
                stroke_width=2.5 if current else 1,
                stroke_opacity=None if current else 0.6,
            )
            chip += write(
                x + w / 2, y + 19, _name(place), size=14, bold=current, opacity=None if current else 0.8
            )
            parts.append(_linked(chip, place, links))
            x += w + 8
        y += 35
    place = _name(here) if here else "nowhere yet"
    names = ", ".join(_name(one) for one in PLACES)
    alt = f"The handbook's parts in reading order: {names}. You are here: {place}."
    return Figure("\n".join(parts), WIDTH, y - 3, alt, "You are here", quiet=True, linked=bool(links))
