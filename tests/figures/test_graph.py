"""Graphs: on a ring in order, on a plane without a pile, thousands without a megabyte."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.graph import _springs

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [f"n{i}" for i in range(12)]
RING = [(NAMES[i], NAMES[(i + 1) % 12]) for i in range(12)]


def test_a_ring_begins_at_the_top_and_goes_clockwise() -> None:
    svg = ET.fromstring(figures.graph(NAMES, RING, title="t").svg)
    circles = [one for one in svg.iter(f"{SVG}circle") if "fill" in one.attrib]
    points = [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in circles]
    cx, cy = 240, sum(y for _, y in points) / 12
    angles = [math.degrees(math.atan2(x - cx, cy - y)) % 360 for x, y in points]
    assert angles == pytest.approx([30 * i for i in range(12)], abs=0.1)


def test_names_stand_outside_the_ring() -> None:
    svg = ET.fromstring(figures.graph(NAMES, RING, title="t").svg)
    dots = {(float(o.attrib["cx"]), float(o.attrib["cy"])) for o in svg.iter(f"{SVG}circle")}
    radius = max(math.hypot(x - 240, y - sum(b for _, b in dots) / len(dots)) for x, y in dots)
    cy = sum(b for _, b in dots) / len(dots)
    for one in svg.iter(f"{SVG}text"):
        assert math.hypot(float(one.attrib["x"]) - 240, float(one.attrib["y"]) - cy) > radius + 4


def test_thousands_are_dots_without_names_and_small() -> None:
    many = [str(i) for i in range(5000)]
    figure = figures.graph(many, [], title="t")
    assert "<text" not in figure.svg
    assert len(figure.svg) < 100_000
    assert figure.alt == "5000 nodes on a ring, 0 edges."


def test_springs_keep_nodes_apart_and_neighbours_near() -> None:
    at = _springs(NAMES, RING)
    apart = {(a, b): math.dist(at[a], at[b]) for a in NAMES for b in NAMES if a < b}
    near = [apart[min(a, b), max(a, b)] for a, b in RING]
    assert min(apart.values()) > 0.3
    assert sum(near) / len(near) < sum(apart.values()) / len(apart)


def test_a_path_is_walked_and_told() -> None:
    figure = figures.graph(
        ["Ada", "Ben", "Cy"], [("Ada", "Ben")], title="t", path=["Ada", "Ben", "Cy"], highlight=["Cy"]
    )
    assert figure.alt.endswith("1 edge: Ada to Ben. Standing out: Cy. Path: Ada, Ben, Cy.")
    assert len(re.findall(r'stroke="#c83a12"', figure.svg)) == 2


def test_positions_are_scaled_to_fit() -> None:
    at = {"a": (-1000.0, 5.0), "b": (1000.0, 5.0), "c": (0.0, 905.0)}
    svg = ET.fromstring(figures.graph(["a", "b", "c"], [], positions=at, title="t").svg)
    xs = [float(one.attrib["cx"]) for one in svg.iter(f"{SVG}circle")]
    assert 0 < min(xs) < max(xs) < 480


def test_one_node_and_a_loop_are_drawn() -> None:
    for layout in ("ring", "plane"):
        assert "<circle" in figures.graph(["a"], [("a", "a")], title="t", layout=layout, directed=True).svg


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"nodes": []}, "at least one node"),
        ({"nodes": ["a", "a"]}, "only once"),
        ({"edges": [("a", "x")]}, "'x' is not a node"),
        ({"path": ["x"]}, "'x' is not a node"),
        ({"highlight": ["x"]}, "'x' is not a node"),
        ({"positions": {}}, "has no position"),
        ({"layout": "cube"}, '"ring" or "plane"'),
        ({"title": ""}, "a title"),
    ],
)
def test_refusals(more: dict[str, object], words: str) -> None:
    arguments = {"nodes": ["a", "b"], "edges": [("a", "b")], "title": "t", **more}
    with pytest.raises(UsageError, match=words):
        figures.graph(arguments.pop("nodes"), arguments.pop("edges"), **arguments)  # type: ignore[arg-type]
