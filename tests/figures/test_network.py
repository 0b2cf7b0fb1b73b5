"""The network in steps: where everything stands at each moment, what is told of it, and what is refused."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.network_shapes import Flight, Stage, stage, wall, ways
from p2plib.figures.palette import BAD
from p2plib.sim.faults import Crash, Cut, Lose
from p2plib.sim.packet import Packet
from tests.figures.gallery import HOSTILE
from tests.figures.test_internet import sent

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["ana", "ben", "cy", "dan"]
PACKETS = [
    sent(0, "ana", "ben", 0.0, 0.1, b"hello"),
    sent(1, "ben", "ana", 0.1, 0.1, b"yes"),
    sent(2, "ana", "cy", 0.12, None, b"gone"),
    sent(3, "cy", "dan", 0.2, 0.1, b"hi"),
]


def text(packet: Packet) -> str:
    return packet.data.decode()


def drawn(*moments: float, **more: Any) -> figures.Player:
    return figures.network_player(PACKETS, NAMES, moments, title="t", **{"label": text, **more})


def parts(player: figures.Player, step: int) -> list[ET.Element]:
    """The parts that are seen in a step."""
    svg = ET.fromstring(player.html).find(f".//{SVG}svg")
    assert svg is not None
    return [
        one for one in svg if one.tag in (f"{SVG}g", f"{SVG}path", f"{SVG}text")
        if "data-from" not in one.attrib or int(one.attrib["data-from"]) <= step <= int(one.attrib["data-to"])
    ]  # fmt: skip


def words(player: figures.Player, step: int) -> list[str]:
    return [one.text or "" for part in parts(player, step) for one in part.iter(f"{SVG}text")]


# ---- The story


def test_every_moment_is_told() -> None:
    player = drawn(0.05, 0.0, 0.1, 0.15, 0.5, notes={0.15: "Ana tries Cy", 0.25: "Cy is heard!"})
    assert player.captions == [
        "At 0.00 s. Under way: ana to ben: hello.",
        "At 0.05 s. Under way: ana to ben: hello.",
        "At 0.10 s. Arrived since: 1. Under way: ben to ana: yes.",
        "At 0.15 s. Ana tries Cy. Under way: ben to ana: yes. Dropped: ana to cy: gone (lost).",
        "At 0.25 s. Cy is heard! Arrived since: 1. Under way: cy to dan: hi.",
        "At 0.50 s. Arrived since: 1.",
    ]
    assert drawn(9).captions == ["At 9 s. Nothing is under way."]
    assert drawn(0.12).captions[0].endswith("Dropped: ana to cy: gone (lost)."), (
        "at the first step what leaves at it"
    )
    assert ["Dropped" in caption for caption in drawn(0.11, 0.12, 0.13).captions] == [False, True, False]
    assert drawn(0.13).captions == ["At 0.13 s. Under way: ben to ana: yes."]
    assert drawn(0.05, unit="ms").captions[0].startswith("At 50 ms.")


def test_faults_are_told_and_end() -> None:
    faults = [Cut(("cy", "dan"), 0.1, 0.1), Crash("ben", 0.1, 0.04), Lose("ana", 0), Cut(("zoe",), 0.0)]
    player = drawn(0.05, 0.1, 0.15, 0.2, label=lambda _: None, faults=faults)
    assert player.captions == [
        "At 0.05 s. Nothing is under way.",
        "At 0.10 s. Cut off from the rest: cy, dan. Down: ben.",
        "At 0.15 s. Cut off from the rest: cy, dan.",
        "At 0.20 s. Nothing is under way.",
    ]
    assert [("down" in words(player, step)) for step in range(4)] == [False, True, False, False]
    walls = [sum(part.attrib.get("stroke") == BAD or part.find(f"{SVG}path[@stroke='{BAD}']") is not None
                 for part in parts(player, step)) for step in range(4)]  # fmt: skip
    assert walls == [0, 1, 1, 0]


def test_states_last_until_the_next() -> None:
    player = drawn(
        0.0, 0.1, 0.15, 0.2, states={0.1: {"ana": "leader"}, 0.2: {"ben": "leader", "ana": "tired"}}
    )
    assert [("leader" in words(player, step), "tired" in words(player, step)) for step in range(4)] == [
        (False, False),
        (True, False),
        (True, False),
        (True, True),
    ]
    assert player.html.count(">leader<") == 2


def test_what_is_there_is_drawn_once() -> None:
    """A host that never changes is one part of the page, however many steps there are."""
    player = drawn(*(i / 100 for i in range(30)))
    assert player.html.count(">cy<") == 1


def test_only_hosts_that_are_drawn() -> None:
    player = figures.network_player(PACKETS, ["ana", "ben"], [0.05, 0.15], title="t", label=text)
    assert "gone" not in player.html
    assert figures.network_player([sent(0, "ana", "ana", 0, 1)], ["ana"], [0.5], title="t").captions == [
        "At 0.5 s. Nothing is under way."
    ]


def test_a_long_story_is_cut_short() -> None:
    packets = [sent(i, "ana", "ben", 0, 1) for i in range(11)]
    player = figures.network_player(packets, ["ana", "ben"], [0.5], title="t")
    assert player.captions[0].count("ana to ben") == 8
    assert player.captions[0].endswith("; and 3 more.")
    assert "2 bytes +10" in words(player, 0)


def test_hostile_words_stay_words() -> None:
    player = figures.network_player(
        [sent(0, "ana", "ben", 0, 1)],
        ["ana", "ben"],
        [0.5],
        title=HOSTILE,
        label=lambda _: f"\n\x1b[2J{HOSTILE}",
        notes={0.5: HOSTILE},
        states={0: {"ana": HOSTILE}},
    )
    assert all(caption.isprintable() for caption in player.captions)
    assert "<script>alert" not in player.html
    assert len(ET.fromstring(player.html).findall(".//script")) == 1


# ---- Where everything stands


def placed(hosts: Any, *, states: bool = False) -> Stage:
    return stage(hosts, dict.fromkeys(hosts, "#0f68b5"), states=states)


def test_a_ring_begins_at_the_top_and_goes_clockwise() -> None:
    on = placed(NAMES)
    assert {name: (round(x), round(y)) for name, (x, y) in on.at.items()} == {
        "ana": (240, 50), "ben": (418, 150), "cy": (240, 250), "dan": (62, 150),
    }  # fmt: skip
    assert on.height == 300
    assert placed(NAMES, states=True).height == 336
    assert placed(["ana", "ben"]).at == {"ana": (90, 40), "ben": (390, 40)}
    assert placed(["ana"]).at == {"ana": (240, 40)}


def test_given_places_are_scaled() -> None:
    on = placed({"ana": (0.0, 0.0), "ben": (10.0, 0.0), "cy": (5.0, 5.0)})
    assert on.at == {"ana": (62, 50), "ben": (418, 50), "cy": (240, 228)}
    assert placed({"ana": (7.0, 7.0)}).at == {"ana": (240, 40)}
    tall = placed({"ana": (0.0, 0.0), "ben": (0.0, 2.0)})
    assert tall.at == {"ana": (240, 50), "ben": (240, 350)}
    assert tall.height == 400


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 15, 24])
def test_rings_of_any_size_do_not_touch(count: int) -> None:
    on = placed([f"h{i}" for i in range(count)])
    points = [*on.at.values()]
    gaps = [math.dist(a, b) for i, a in enumerate(points) for b in points[:i]]
    assert min(gaps, default=99) > 2 * on.radius + 6


def tips(svg: list[str]) -> list[tuple[float, float]]:
    """The points of heads."""
    found = re.findall(r'<path d="M([\d.]+) ([\d.]+)L[\d.]+ [\d.]+L[\d.]+ [\d.]+Z"', "".join(svg))
    return [(float(x), float(y)) for x, y in found]


def test_a_packet_is_as_far_as_it_has_come() -> None:
    on = placed(["ana", "ben"])  # centres at 90 and 390, so that the lane goes from 117 to 363
    for share, x in ((0.0, 131), (0.25, 178.5), (0.5, 240), (1.0, 363)):
        assert tips(ways([Flight("ana", "ben", "x", share)], on)) == [(x, 47)]
    assert tips(ways([Flight("ben", "ana", "x", 0.25)], on)) == [(301.5, 33)], (
        "the other way has its own lane"
    )


def test_heads_that_are_close_share_a_label() -> None:
    on = placed(["ana", "ben"])
    svg = ways(
        [Flight("ana", "ben", name, share) for name, share in (("a", 0.1), ("b", 0.9), ("c", 0.85))], on
    )
    assert len(tips(svg)) == 3
    assert re.findall(r">([^<]+)</text>", "".join(svg)) == ["b +1", "a"]


def test_a_dropped_packet_ends_in_a_cross() -> None:
    svg = "".join(ways([Flight("ana", "ben", "x", 0.62, "lost")], placed(["ana", "ben"])))
    assert tips([svg]) == []
    assert svg.count(BAD) == 1
    assert ">x (lost)<" in svg


ALL_WAYS = [(a, b) for a in ("ana", "dan") for b in ("ana", "ben", "cy", "dan", "eve", "fay") if a != b]
THROUGH_THE_MIDDLE = [("ana", "dan"), ("fay", "cy"), ("eve", "ben")]


@pytest.mark.parametrize(("lanes", "share"), [(ALL_WAYS, 0.4), (THROUGH_THE_MIDDLE, 0.5)])
def test_labels_do_not_cover_each_other(lanes: list[tuple[str, str]], share: float) -> None:
    on = placed(["ana", "ben", "cy", "dan", "eve", "fay"])
    svg = "".join(ways([Flight(a, b, "three words on", share) for a, b in lanes], on))
    boxes = []
    for x, y, anchor in re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" font-size="14"(?: text-anchor="(\w+)")?', svg
    ):
        left = float(x) - {"middle": 49, "end": 98, "": 0}[anchor]
        assert 0 <= left <= 480 - 98
        boxes.append((left, float(y)))
    assert len(boxes) == len(lanes)
    assert all(
        abs(a[1] - b[1]) >= 11 or abs(a[0] - b[0]) >= 98 for i, a in enumerate(boxes) for b in boxes[:i]
    )


def side(line: tuple[float, ...], point: tuple[float, float]) -> bool:
    x1, y1, x2, y2 = line
    return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1) > 0


@pytest.mark.parametrize("inside", [["ana"], ["cy", "dan"], ["ben", "cy", "dan"], ["dan", "ana"]])
def test_a_wall_parts_the_two_sides(inside: list[str]) -> None:
    on = placed(NAMES)
    line = tuple(map(float, re.findall(r"[\d.]+", wall(inside, on).split('"')[1])))
    assert all(0 <= x <= 480 for x in line[::2])
    assert all(0 <= y <= on.height for y in line[1::2])
    sides = {name: side(line, point) for name, point in on.at.items()}
    assert len({sides[name] for name in inside}) == 1
    assert {sides[name] for name in NAMES if name not in inside} == {not sides[inside[0]]}
    for x, y in on.at.values():
        x1, y1, x2, y2 = line
        away = abs((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / math.dist((x1, y1), (x2, y2))
        assert away > on.radius + 10


def test_where_no_line_parts_them_each_has_a_fence() -> None:
    svg = wall(["ana", "cy"], placed(NAMES))
    assert svg.count("<circle") == 2
    assert "Z" not in svg


# ---- What is refused


@pytest.mark.parametrize(
    ("hosts", "moments", "more", "rule"),
    [
        ([], [0], {}, "1 to 24 hosts can be drawn, not 0"),
        ([str(i) for i in range(25)], [0], {}, "1 to 24 hosts can be drawn, not 25"),
        (["ana", "ana"], [0], {}, "a name is twice"),
        (["ana"], [], {}, "1 to 60 steps can be followed, not 0"),
        (["ana"], range(61), {}, "not 61: choose the moments"),
        (["ana"], [0], {"states": {0: {"eve": "x"}}}, "'eve' has a state, but is not one of"),
        (["ana"], [0], {"unit": "h"}, "not in 'h'"),
        (["ana"], [0], {"title": ""}, "a title"),
    ],
)
def test_refusals(hosts: list[str], moments: Any, more: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        figures.network_player([], hosts, moments, **{"title": "t", **more})


def test_a_tangle_is_refused() -> None:
    packets = [sent(i, "ana", "ben", 0, 1) for i in range(31)]
    with pytest.raises(
        UsageError, match=r"at 0.5 s 31 packets are under way, where 30 can be drawn: give fewer"
    ):
        figures.network_player(packets, ["ana", "ben"], [0.5], title="t")
    assert figures.network_player(packets[1:], ["ana", "ben"], [0.5], title="t")
