"""The circle of ids: where everything stands, who owns which arc, what is told, what stays between steps."""

from __future__ import annotations

import itertools
import math
import random
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.identifier_ring_shapes import HEIGHT, MIDDLE, RADIUS, WIDTH, Stage
from p2plib.figures.svg import text_width
from tests.figures.gallery import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
PEERS = [1, 8, 14, 21, 32, 38, 42, 48, 51, 56]


def drawn(peers: list[int] | None = None, *, bits: int = 6, **more: Any) -> figures.Figure:
    return figures.identifier_ring(PEERS if peers is None else peers, bits=bits, **{"title": "t", **more})


def discs(svg: str) -> list[tuple[float, float]]:
    """The centres of filled circles: peers."""
    circles = ET.fromstring(svg).iter(f"{SVG}circle")
    return [
        (float(one.attrib["cx"]), float(one.attrib["cy"])) for one in circles if "fill-opacity" in one.attrib
    ]


def clock(x: float, y: float) -> float:
    """Where a point is, in turns clockwise from the top."""
    return math.atan2(x - MIDDLE[0], MIDDLE[1] - y) / (2 * math.pi) % 1


def words(figure: figures.Figure) -> list[str]:
    return [one.text or "" for one in ET.fromstring(figure.svg).iter(f"{SVG}text")]


# ---- Where everything stands


def test_a_peer_stands_at_its_id_clockwise_from_the_top() -> None:
    points = discs(drawn().svg)
    assert [clock(*point) * 64 for point in points] == pytest.approx(PEERS, abs=0.02)
    assert [math.dist(point, MIDDLE) for point in points] == pytest.approx([RADIUS] * 10, abs=0.02)


@pytest.mark.parametrize("bits", [1, 8, 64, 256])
def test_the_quarter_of_any_circle_is_at_the_same_place(bits: int) -> None:
    half = 1 << (bits - 1)
    assert discs(drawn([0, half], bits=bits).svg) == [(240, MIDDLE[1] - RADIUS), (240, MIDDLE[1] + RADIUS)]


def band(svg: str) -> tuple[float, float, bool]:
    """Where the only arc begins and ends, in turns, and whether it takes the long way."""
    (found,) = re.findall(r'd="M([\d.]+) ([\d.]+)A134 134 0 (\d) 1 ([\d.]+) ([\d.]+)"', svg)
    x, y, long, u, v = map(float, found)
    return clock(x, y), clock(u, v), bool(long)


def test_an_arc_begins_at_the_peer_before() -> None:
    assert [one * 64 for one in band(drawn(arcs=[21]).svg)[:2]] == pytest.approx([14, 21], abs=0.02)
    assert [one * 64 for one in band(drawn(arcs=[1]).svg)[:2]] == pytest.approx([56, 1], abs=0.02), "past 0"


def test_an_arc_goes_over_whoever_is_down() -> None:
    figure = drawn(arcs=[21], down=[14, 8])
    assert [one * 64 for one in band(figure.svg)[:2]] == pytest.approx([1, 21], abs=0.02)
    assert "21 owns what comes after 1." in figure.alt


def test_more_than_half_of_the_circle_is_the_long_way() -> None:
    assert band(drawn([0, 40], arcs=[40]).svg)[2]
    assert not band(drawn([0, 40], arcs=[0]).svg)[2]


def test_who_is_alone_owns_the_circle() -> None:
    figure = drawn([5], arcs=[5])
    assert len(re.findall(r'<circle [^>]*stroke-width="13"', figure.svg)) == 1
    assert "A134" not in figure.svg


def ends(svg: str) -> list[tuple[float, float]]:
    """Where heads are, in turns and pixels from the middle; not the one that says which way it goes."""
    found = re.findall(r'<path d="M([\d.]+) ([\d.]+)L[\d.]+ [\d.]+L[\d.]+ [\d.]+Z"', svg)[1:]
    return [(clock(float(x), float(y)), math.dist((float(x), float(y)), MIDDLE)) for x, y in found]


@pytest.mark.parametrize("kind", ["successors", "predecessors", "fingers"])
def test_a_link_ends_at_whom_it_names(kind: str) -> None:
    link: dict[str, Any] = {kind: [(8, 42)]}
    (end,) = ends(drawn(**link).svg)
    assert end[0] * 64 == pytest.approx(42, abs=1)
    assert RADIUS - 12 < end[1] < RADIUS


def test_links_both_ways_are_two_lines() -> None:
    """Also between two that are opposite, whose lines go through the middle."""
    for a, b in ((8, 40), (8, 14)):
        svg = drawn([a, b], successors=[(a, b)], predecessors=[(b, a)]).svg
        curves = re.findall(r'd="M([\d.]+) ([\d.]+)Q([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+)"', svg)
        middles = []
        for curve in curves:
            p = [float(one) for one in curve]
            middles.append(((p[0] + 2 * p[2] + p[4]) / 4, (p[1] + 2 * p[3] + p[5]) / 4))
        assert len(middles) == 2
        assert math.dist(*middles) > 9


def test_hops_are_numbered_and_a_miss_has_a_cross() -> None:
    figure = drawn(keys=[54], path=[8, 42, 51], missed=[(8, 48)], down=[48])
    assert words(figure).count("1") == 2  # the peer 1 and the first hop
    assert "2" in words(figure)
    assert [round(one[0] * 64) for one in ends(figure.svg)] == [42, 51]
    assert figure.svg.count('stroke-linecap="round"') == 2  # one at the line's end, one on the dead


def test_a_link_to_itself_is_a_loop() -> None:
    assert len(re.findall(r'r="13"', drawn(successors=[(8, 8)]).svg)) == 1


def boxes(svg: str, size: str = "14") -> list[tuple[float, float, float]]:
    """Left, right and baseline of every name."""
    out = []
    for one in ET.fromstring(svg).iter(f"{SVG}text"):
        if one.attrib["font-size"] == size:
            wide = 0.8 * text_width(one.text or "", 14)  # the estimate is generous
            left = float(one.attrib["x"]) - {"middle": wide / 2, "end": wide}.get(
                one.attrib.get("text-anchor", ""), 0
            )
            out.append((left, left + wide, float(one.attrib["y"])))
    return out


@given(st.integers(1, 24), st.integers(0, 10_000), st.booleans())
def test_names_neither_cover_each_other_nor_leave_the_picture(count: int, seed: int, near: bool) -> None:
    rng = random.Random(seed)
    ids = rng.sample(range(700, 700 + 2 * count) if near else range(1 << 32), count)
    bits = 10 if near else 32
    named = boxes(drawn(ids, bits=bits).svg)
    assert len(named) == count
    assert all(0 <= left < right <= WIDTH and 12 < y < HEIGHT - 2 for left, right, y in named)
    for a, b in itertools.combinations(named, 2):
        assert abs(a[2] - b[2]) > 11 or a[1] <= b[0] or b[1] <= a[0]


def test_in_a_crowd_only_what_matters_has_a_name() -> None:
    ids = random.Random(1).sample(range(1 << 32), 500)
    figure = drawn(ids, bits=32, path=ids[:3], keys=[5])
    names = [one for one in words(figure) if one.endswith("…")]
    assert len(names) == 4
    assert len(figure.svg) < 12_000
    assert len(discs(figure.svg)) == 3
    assert figure.svg.count("h0") == 497


def test_long_ids_are_shortened_and_names_win() -> None:
    stage = Stage(160, [1 << 159], [], (), {1 << 159: "Ada"}, {})
    assert (stage.name(1 << 159), stage.name(5 << 144), stage.name(0)) == ("Ada", "0005…", "0000…")
    assert Stage(6, [1], [], (), {}, {}).name(1) == "1"
    assert Stage(16, [1], [], (), {}, {}).name(1) == "0001"


# ---- What is told


def test_everything_is_told() -> None:
    figure = drawn(
        [8, 21, 42], keys=[10], arcs=[21], successors=[(8, 21)], predecessors=[(21, 8)], fingers=[(8, 42)],
        path=[8, 42], missed=[(42, 21)], down=[21], highlight=[42], note="half way.",
    )  # fmt: skip
    assert figure.alt == (
        "A circle of 2^6 ids with 3 peers at 8, 21, 42. Keys: 10. 21 owns what comes after 8. "
        "Successors: 8 to 21. Predecessors: 21 to 8. Fingers: 8 to 42. No answer: 42 to 21. Path: 8, 42. "
        "Down: 21. Standing out: 42. half way."
    )
    assert drawn(alt="mine").alt == "mine"
    assert "and 188 more" in drawn(list(range(200)), bits=8).alt


def test_hostile_words_stay_words() -> None:
    figure = drawn([8], names={8: HOSTILE}, title=HOSTILE, note=HOSTILE, caption=HOSTILE)
    assert not ET.fromstring(figure.html).findall(".//script")
    assert "<script>" not in figure.html


# ---- In steps


def steps() -> list[figures.RingStep]:
    return [
        figures.RingStep("Three.", [8, 21, 42], successors=[(8, 21)]),
        figures.RingStep("A fourth.", [8, 21, 30, 42], successors=[(8, 21)]),
        figures.RingStep("21 is gone.", [8, 21, 30, 42], successors=[(8, 30)], down=[21]),
    ]


def seen(player: figures.Player, step: int) -> str:
    """The picture of one step as SVG."""
    svg = ET.fromstring(player.html).find(f".//{SVG}svg")
    assert svg is not None
    for one in [one for one in svg if "data-from" in one.attrib]:
        if not int(one.attrib["data-from"]) <= step <= int(one.attrib["data-to"]):
            svg.remove(one)
    return ET.tostring(svg, encoding="unicode")


def test_each_step_shows_what_its_picture_would() -> None:
    player = figures.identifier_ring_player(steps(), bits=6, title="t")
    assert player.captions == ["Three.", "A fourth.", "21 is gone."]
    peers = [[8, 21, 42], [8, 21, 30, 42], [8, 21, 30, 42]]
    for i, ids in enumerate(peers):
        assert [clock(*point) * 64 for point in discs(seen(player, i))] == pytest.approx(ids, abs=0.02)
    assert [seen(player, i).count("stroke-dasharray") for i in range(3)] == [0, 0, 1]


def test_what_does_not_change_is_in_the_page_once() -> None:
    player = figures.identifier_ring_player(steps(), bits=6, title="t")
    assert player.html.count(">8<") == 2  # again above the new line of the third step
    assert player.html.count(f'r="{RADIUS:.0f}"') == 1
    same = figures.identifier_ring_player([steps()[0]] * 9, bits=6, title="t")
    assert "data-from" not in same.html.split("<script>")[0]


def test_peers_stay_above_lines_in_every_step() -> None:
    svg = seen(figures.identifier_ring_player(steps(), bits=6, title="t"), 2)
    (line,) = re.finditer(r'd="M[\d.]+ [\d.]+Q', svg)
    assert line.start() < svg.index('r="8"')


def test_names_keep_their_places_when_somebody_comes() -> None:
    near = [
        figures.RingStep("Two.", [20, 22]),
        figures.RingStep("Three between them.", [20, 21, 22]),
    ]
    player = figures.identifier_ring_player(near, bits=10, title="t")
    places = [
        {one.text: one.attrib["y"] for one in ET.fromstring(seen(player, i)).iter(f"{SVG}text")}
        for i in (0, 1)
    ]
    assert places[0] == {name: y for name, y in places[1].items() if name != "21"}
    assert "21" in places[1]


def test_names_that_are_too_near_move_apart_both_ways() -> None:
    """At the right side a name's height says where it is; the two middles stay one."""
    (_, _, first), (_, _, second) = boxes(drawn([255, 257], bits=10).svg)
    assert (first + second) / 2 == pytest.approx(MIDDLE[1] + 5, abs=0.1)
    assert second - first > 14


def test_a_long_name_is_cut() -> None:
    assert all(left >= 0 and right <= WIDTH for left, right, _ in boxes(drawn(names={14: "a" * 60}).svg))


# ---- What is refused


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"peers": []}, "at least one peer"),
        ({"peers": [1, 1]}, "every id only once"),
        ({"peers": [64]}, "64 is not an id of 6 bits"),
        ({"keys": [-1]}, "-1 is not an id"),
        ({"points": [64]}, "64 is not an id"),
        ({"bits": 0}, "1 to 256 bits"),
        ({"bits": 257}, "1 to 256 bits"),
        ({"successors": [(1, 2)]}, "2 is not a peer"),
        ({"predecessors": [(2, 1)]}, "2 is not a peer"),
        ({"fingers": [(1, 3)]}, "3 is not a peer"),
        ({"missed": [(1, 3)]}, "3 is not a peer"),
        ({"path": [1, 4]}, "4 is not a peer"),
        ({"arcs": [5]}, "5 is not a peer"),
        ({"down": [6]}, "6 is not a peer"),
        ({"highlight": [7]}, "7 is not a peer"),
        ({"peers": list(range(2001)), "bits": 16}, "at most 2000 peers"),
        ({"title": " "}, "a title"),
    ],
)
def test_refusals(more: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        drawn(**more)


def test_refusals_of_steps() -> None:
    with pytest.raises(UsageError, match="1 to 60 steps"):
        figures.identifier_ring_player([], bits=6, title="t")
    with pytest.raises(UsageError, match="1 to 60 steps"):
        figures.identifier_ring_player([steps()[0]] * 61, bits=6, title="t")
    with pytest.raises(UsageError, match="caption"):
        figures.identifier_ring_player([figures.RingStep("", [1])], bits=6, title="t")
