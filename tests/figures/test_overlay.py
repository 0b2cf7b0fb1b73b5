"""Overlays: one link for both directions, what is new and what is gone, the dead, and what a player keeps."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import combinations
from typing import Any

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.overlay import OverlayStep
from p2plib.figures.palette import AMBER, BAD, BLUE, GOOD

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["Ada", "Ben", "Cy", "Dan"]
SQUARE = [("Ada", "Ben"), ("Ben", "Cy"), ("Cy", "Dan"), ("Dan", "Ada")]


def svg_of(figure: figures.Figure | figures.Player) -> ET.Element:
    if isinstance(figure, figures.Figure):
        return ET.fromstring(figure.svg)
    svg = ET.fromstring(figure.html).find(f".//{SVG}svg")
    assert svg is not None
    return svg


def seen(player: figures.Player, step: int) -> list[ET.Element]:
    """The parts that are seen in a step."""
    return [
        inside
        for one in svg_of(player)
        if one.tag in (f"{SVG}g", f"{SVG}path")
        and int(one.attrib.get("data-from", 0)) <= step <= int(one.attrib.get("data-to", 99))
        for inside in one.iter()
    ]


def strokes(parts: list[ET.Element], colour: str) -> int:
    """How many links of a colour there are."""
    return sum(
        one.attrib["d"].count("L")
        for one in parts
        if one.tag == f"{SVG}path" and one.attrib.get("stroke") == colour
    )


def circles(parts: list[ET.Element]) -> list[ET.Element]:
    return [one for one in parts if one.tag == f"{SVG}circle" and "fill" in one.attrib]


def centre(one: ET.Element) -> tuple[float, float]:
    return float(one.attrib["cx"]), float(one.attrib["cy"])


# ---- A picture


def test_peers_stand_clockwise_from_the_top() -> None:
    figure = figures.overlay(NAMES, SQUARE, title="t")
    middle = (240, figure.height / 2)
    angles = [
        math.degrees(math.atan2(x - middle[0], middle[1] - y)) % 360
        for x, y in map(centre, circles([*svg_of(figure).iter()]))
    ]
    assert angles == pytest.approx([0, 90, 180, 270], abs=0.1)


def test_places_on_the_circle() -> None:
    figure = figures.overlay(["a", "b"], title="t", places={"a": 0.25, "b": 0.5})
    (ax, ay), (bx, by) = map(centre, circles([*svg_of(figure).iter()]))
    assert ax > 300
    assert ay == pytest.approx(figure.height / 2)
    assert bx == pytest.approx(240)
    assert by > figure.height / 2 + 60


def test_a_line_is_drawn_once_whichever_way_it_is_given() -> None:
    figure = figures.overlay(NAMES, [*SQUARE, ("Ben", "Ada"), ("Cy", "Cy")], title="t")
    assert figure.alt == "4 peers on a circle, 4 links: Ada to Ben, Ada to Dan, Ben to Cy, Cy to Dan."
    assert strokes([*svg_of(figure).iter()], "currentColor") == 4


def test_a_line_ends_at_the_edges_of_both_circles() -> None:
    figure = figures.overlay(["a", "b"], [("a", "b")], title="t")
    parts = [*svg_of(figure).iter()]
    ends = [tuple(map(float, xy)) for xy in re.findall(r"([\d.]+) ([\d.]+)", parts_path(parts))]
    for end, circle in zip(ends, circles(parts), strict=True):
        assert math.dist(end, centre(circle)) == pytest.approx(float(circle.attrib["r"]), abs=0.1)


def parts_path(parts: list[ET.Element]) -> str:
    return next(one.attrib["d"] for one in parts if one.tag == f"{SVG}path")


def test_the_dead_what_stands_out_and_what_is_sent() -> None:
    figure = figures.overlay(
        NAMES,
        SQUARE,
        title="t",
        dead=["Cy"],
        highlight=["Ben"],
        arrows=[("Ada", "Ben")],
        lost=[("Ben", "Cy")],
    )
    assert figure.alt.endswith("Dead: Cy. Standing out: Ben. Sent: Ada to Ben. Sent and lost: Ben to Cy.")
    parts = [*svg_of(figure).iter()]
    dashed = [one for one in circles(parts) if "stroke-dasharray" in one.attrib]
    assert len(dashed) == 1
    assert dashed[0].attrib["fill-opacity"] == "0"
    assert max(circles(parts), key=lambda one: float(one.attrib["r"])).attrib["cx"] == centre_of(parts, 1)
    assert strokes(parts, AMBER) == 1
    assert strokes(parts, BAD) == 1
    to_the_dead = [one for one in parts if one.attrib.get("stroke-dasharray") == "6 5"]
    assert strokes(to_the_dead, "currentColor") == 2


def centre_of(parts: list[ET.Element], place: int) -> str:
    return circles(parts)[place].attrib["cx"]


def test_a_lost_message_stops_on_its_way_and_the_other_does_not() -> None:
    lengths = {}
    for how in ("arrows", "lost"):
        places = {"a": 0.1, "b": 0.3}
        figure = figures.overlay(["a", "b"], title="t", places=places, **{how: [("a", "b")]})  # type: ignore[arg-type]
        (ax, ay), (bx, by) = (tuple(map(float, xy)) for xy in re.findall(
            r"([\d.]+) ([\d.]+)", parts_path([*svg_of(figure).iter()])
        ))  # fmt: skip
        lengths[how] = math.hypot(ax - bx, ay - by)
    assert lengths["lost"] == pytest.approx(0.6 * lengths["arrows"], rel=0.01)


def test_messages_each_way_do_not_cover_one_another() -> None:
    figure = figures.overlay(["a", "b"], title="t", arrows=[("a", "b"), ("b", "a")])
    paths = [
        one.attrib["d"] for one in svg_of(figure).iter(f"{SVG}path") if one.attrib.get("stroke") == AMBER
    ]
    xs = [float(path[1:].split()[0]) for path in paths]
    assert abs(xs[0] - xs[1]) == pytest.approx(8, abs=0.1)


def test_new_lines_of_a_picture_stand_out() -> None:
    parts = [*svg_of(figures.overlay(NAMES, SQUARE, title="t", new=[("Ada", "Dan")])).iter()]
    assert (strokes(parts, GOOD), strokes(parts, "currentColor")) == (1, 3)


def test_colours_of_peers() -> None:
    figure = figures.overlay(NAMES, title="t", colours={"Ben": "#a8468f"})
    assert [one.attrib["stroke"] for one in circles([*svg_of(figure).iter()])] == [
        BLUE,
        "#a8468f",
        BLUE,
        BLUE,
    ]


def test_names_stand_outside_and_many_peers_have_none() -> None:
    for count in (3, 16, 24):
        names = [f"n{i}" for i in range(count)]
        figure = figures.overlay(names, [*combinations(names, 2)], title="t")
        svg = svg_of(figure)
        radius = max(math.dist(centre(one), (240, figure.height / 2)) for one in circles([*svg.iter()]))
        texts = [*svg.iter(f"{SVG}text")]
        assert [one.text for one in texts] == names
        for one in texts:
            at = float(one.attrib["x"]), float(one.attrib["y"])
            assert math.dist(at, (240, figure.height / 2)) > radius + 8
    assert not list(svg_of(figures.overlay([str(i) for i in range(25)], title="t")).iter(f"{SVG}text"))


def test_hundreds_of_peers_and_thousands_of_lines_stay_small() -> None:
    names = [str(i) for i in range(300)]
    links = [(names[i], names[(i + 1 + i * j) % 300]) for i in range(300) for j in range(9)]
    figure = figures.overlay(names, links, title="t")
    assert len(figure.svg) < 200_000
    assert re.fullmatch(r"300 peers on a circle, \d{4} links\.", figure.alt)


# ---- In steps

STORY = [
    OverlayStep("Three.", SQUARE[:2], absent=["Dan"]),
    OverlayStep("Dan joins.", SQUARE, arrows=[("Dan", "Ada")]),
    OverlayStep("Ben dies.", SQUARE, dead=["Ben"], lost=[("Ada", "Ben")]),
    OverlayStep("It heals.", [*SQUARE[2:], ("Ada", "Cy")], dead=["Ben"]),
    OverlayStep("Nothing more.", [*SQUARE[2:], ("Cy", "Ada")], dead=["Ben"]),
]


def story() -> figures.Player:
    return figures.overlay_player(NAMES, STORY, title="t")


def test_every_change_is_told() -> None:
    assert story().captions == [
        "Three.",
        "Dan joins. New: Ada to Dan, Cy to Dan.",
        "Ben dies. Dead: Ben.",
        "It heals. New: Ada to Cy. Gone: Ada to Ben, Ben to Cy.",
        "Nothing more.",
    ]


def test_many_changes_are_counted() -> None:
    names = [f"n{i}" for i in range(12)]
    every = [*combinations(names, 2)]
    player = figures.overlay_player(
        names,
        [OverlayStep("None."), OverlayStep("All.", every), OverlayStep("Half.", dead=names[:5])],
        title="t",
    )
    assert player.captions[1:] == ["All. New: 66 links.", "Half. Gone: 66 links. Dead: 5 peers."]


@pytest.mark.parametrize(
    ("step", "plain", "new", "gone", "sent"),
    [(0, 2, 0, 0, 0), (1, 2, 2, 0, 1), (2, 4, 0, 1, 0), (3, 2, 1, 2, 0), (4, 3, 0, 0, 0)],
)
def test_what_each_step_shows(step: int, plain: int, new: int, gone: int, sent: int) -> None:
    """In the third, the red line is the message that was lost."""
    parts = seen(story(), step)
    links = [one for one in parts if one.attrib.get("stroke-width") in ("1.75", "1.5")]
    assert strokes(links, "currentColor") == plain
    assert strokes(parts, GOOD) == new
    assert strokes(parts, BAD) == gone
    assert strokes(parts, AMBER) == sent


def test_who_is_absent_is_not_drawn_and_who_is_dead_stays() -> None:
    assert [one.text for one in seen(story(), 0) if one.tag == f"{SVG}text"] == NAMES[:3]
    for step in (2, 3, 4):
        parts = seen(story(), step)
        assert sorted(one.text or "" for one in parts if one.tag == f"{SVG}text") == NAMES
        assert sum("stroke-dasharray" in one.attrib for one in circles(parts)) == 1


def test_what_stays_is_written_once() -> None:
    names = [str(i) for i in range(20)]
    every = [*combinations(names, 2)]
    long = figures.overlay_player(names, [OverlayStep(f"{i}.", every) for i in range(40)], title="t")
    short = figures.overlay_player(names, [OverlayStep(f"{i}.", every) for i in range(2)], title="t")
    assert len(long.html) < len(short.html) * 1.2


def test_hundreds_of_lines_in_steps_are_one_part() -> None:
    names = [str(i) for i in range(50)]
    every = [*combinations(names, 2)]
    player = figures.overlay_player(names, [OverlayStep("1225.", every)], title="t")
    assert len(player.html) < 60_000
    assert sum(one.tag == f"{SVG}path" for one in seen(player, 0)) == 1


def test_what_goes_and_comes_back_is_there_again() -> None:
    link = [("Ada", "Ben")]
    player = figures.overlay_player(
        NAMES,
        [OverlayStep("a", link), OverlayStep("b"), OverlayStep("c", link), OverlayStep("d", link)],
        title="t",
    )
    shown = [(strokes(seen(player, i), GOOD), strokes(seen(player, i), BAD)) for i in range(4)]
    assert shown == [(0, 0), (0, 1), (1, 0), (0, 0)]
    assert strokes(seen(player, 3), "currentColor") == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"peers": []}, "1 to 500 peers"),
        ({"peers": ["a", "a"]}, "named once"),
        ({"peers": [str(i) for i in range(501)]}, "1 to 500 peers"),
        ({"links": [("a", "x")]}, "'x' is not a peer"),
        ({"dead": ["x"]}, "'x' is not a peer"),
        ({"highlight": ["x"]}, "'x' is not a peer"),
        ({"arrows": [("a", "x")]}, "'x' is not a peer"),
        ({"lost": [("x", "a")]}, "'x' is not a peer"),
        ({"new": [("x", "a")]}, "'x' is not a peer"),
        ({"places": {"a": 0.5}}, "'b' has no place"),
        ({"title": " "}, "a title"),
    ],
)
def test_refusals(more: dict[str, Any], words: str) -> None:
    arguments = {"peers": ["a", "b"], "links": [("a", "b")], "title": "t", **more}
    with pytest.raises(UsageError, match=words):
        figures.overlay(arguments.pop("peers"), arguments.pop("links"), **arguments)


def test_too_many_lines_are_refused() -> None:
    names = [str(i) for i in range(79)]
    with pytest.raises(UsageError, match="3000 links can be drawn, not 3081"):
        figures.overlay(names, [*combinations(names, 2)], title="t")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "1 to 60 steps"),
        ([OverlayStep("x")] * 61, "1 to 60 steps"),
        ([OverlayStep(" ")], "a caption for every step"),
        ([OverlayStep("x", [("Ada", "Ben")], absent=["Ben"])], "ends at a peer that is absent"),
        ([OverlayStep("x", absent=["Eve"])], "'Eve' is not a peer"),
    ],
)
def test_refusals_of_a_player(steps: list[OverlayStep], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        figures.overlay_player(NAMES, steps, title="t")
