"""The tree of ids: where leaves stand and ids part, which box is which bucket, what is told, what stays."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.prefix_tree_shapes import WIDTH, Stage, nodes_of
from p2plib.topology.kademlia.table import NO_LIMITS, RoutingTable
from tests.figures.gallery import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
PEERS = [1, 3, 4, 7, 9, 10, 14, 16, 19, 21, 25, 28, 30]


def drawn(peers: list[int] | None = None, *, bits: int = 5, **more: Any) -> figures.Figure:
    return figures.prefix_tree(PEERS if peers is None else peers, bits=bits, **{"title": "t", **more})


def discs(svg: str) -> list[float]:
    """Where the centres of filled circles are, from left to right."""
    circles = ET.fromstring(svg).iter(f"{SVG}circle")
    return sorted(float(one.attrib["cx"]) for one in circles if "fill-opacity" in one.attrib)


def words(svg: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}text")]


def boxes(svg: str) -> list[tuple[float, float, float]]:
    """Left, right and top of every box, the highest first."""
    found = []
    for one in ET.fromstring(svg).iter(f"{SVG}rect"):
        left = float(one.attrib["x"])
        found.append((left, left + float(one.attrib["width"]), float(one.attrib["y"])))
    return sorted(found, key=lambda box: box[2])


# ---- Where ids part


def shared(a: int, b: int, bits: int) -> int:
    return next((i for i in range(bits) if (a ^ b) >> (bits - 1 - i)), bits)


@given(st.sets(st.integers(0, 2**12 - 1), min_size=1, max_size=30))
def test_ids_part_at_their_first_different_bit(ids: set[int]) -> None:
    leaves = sorted(ids)
    nodes = nodes_of(leaves, 12)
    assert len(nodes) == len(leaves) - 1
    for a, b in itertools.combinations(range(len(leaves)), 2):
        (node,) = [one for one in nodes if one.first <= a < one.middle <= b <= one.last]
        assert node.depth == shared(leaves[a], leaves[b], 12)


def test_a_known_tree() -> None:
    assert [(n.depth, n.first, n.middle, n.last) for n in nodes_of([0b000, 0b001, 0b110], 3)] == [
        (0, 0, 2, 2), (2, 0, 1, 1),
    ]  # fmt: skip


def test_leaves_stand_in_the_order_of_their_ids_and_within_the_picture() -> None:
    xs = discs(drawn(list(reversed(PEERS))).svg)
    assert len(xs) == len(PEERS)
    gaps = [b - a for a, b in itertools.pairwise(xs)]
    assert min(gaps) == pytest.approx(max(gaps), abs=0.02)
    assert 0 < xs[0] < xs[-1] < WIDTH


def test_every_branch_says_its_bit() -> None:
    bits = [one for one in words(drawn([0, 1, 2, 3], bits=2).svg) if one in ("0", "1")]
    assert sorted(bits) == ["0", "0", "0", "1", "1", "1"]
    texts = ET.fromstring(drawn([0, 1], bits=1, names={0: "a", 1: "b"}).svg).iter(f"{SVG}text")
    left, right = sorted((float(one.attrib["x"]), one.text) for one in texts if one.text in ("0", "1"))
    assert (left[1], right[1]) == ("0", "1")


def test_one_peer_is_a_tree() -> None:
    assert len(discs(drawn([5]).svg)) == 1


# ---- Buckets


@given(st.integers(0, 31), st.sets(st.integers(0, 31), min_size=1, max_size=20))
def test_boxes_are_the_buckets_of_a_routing_table(own: int, others: set[int]) -> None:
    """The same peers, in the same buckets, as `RoutingTable` would put them."""
    peers = sorted({own} | others)
    figure = drawn(peers, buckets_of=own)
    places = dict(zip(peers, discs(figure.svg), strict=True))
    table = RoutingTable(own, bits=5, limits=NO_LIMITS)
    inside: dict[int, list[int]] = {}
    for one in peers:
        if one != own:
            (at,) = [i for i, bucket in enumerate(table.buckets) if bucket is table.bucket_of(one)]
            inside.setdefault(at, []).append(one)
    drawn_boxes = boxes(figure.svg)
    expected = [sorted(places[one] for one in inside[i]) for i in sorted(inside, reverse=True)]
    found = [[x for x in sorted(places.values()) if left < x < right] for left, right, _ in drawn_boxes]
    assert sorted(found) == sorted(expected)
    for i in inside:
        assert f"Bucket {i}: " in figure.alt


def test_a_box_is_named_and_does_not_touch_its_neighbours() -> None:
    figure = drawn(buckets_of=7)
    assert {"bucket 4", "bucket 3", "bucket 2"} < set(words(figure.svg))
    for a, b in itertools.pairwise(sorted(boxes(figure.svg))):
        assert a[1] < b[0]
    tops = {round(left): top for left, _, top in boxes(figure.svg)}
    assert sorted(tops.values()) == sorted(set(tops.values())), "the farther a bucket, the higher its box"


def test_a_range_is_the_subtree_of_its_first_bits() -> None:
    figure = drawn(ranges=[(0b10111, 2)], buckets_of=None)
    ((left, right, _),) = boxes(figure.svg)
    xs = discs(figure.svg)
    assert [PEERS[i] for i, x in enumerate(xs) if left < x < right] == [16, 19, 21]
    assert "2 bits: 10000, 10011, 10101." in figure.alt
    assert boxes(drawn([1, 2], ranges=[(31, 1)]).svg) == []


# ---- Lines and looks


def hangs(svg: str) -> list[tuple[float, float, float]]:
    """Where the lines below begin, where their control point is, and where they end."""
    curve = r'd="M([\d.]+) [\d.]+Q([\d.]+) [\d.]+ ([\d.]+) [\d.]+"'
    return [(float(x), float(c), float(end)) for x, c, end in re.findall(curve, svg)]


def test_lines_go_from_whom_to_whom() -> None:
    figure = drawn(path=[7, 16, 21], missed=[(7, 28)], links=[(16, 19)], down=[28])
    places = dict(zip(PEERS, discs(figure.svg), strict=True))
    ends = {(round(a), round(2 * c - a)) for a, c, _ in hangs(figure.svg)}
    pairs = ((7, 16), (16, 21), (7, 28), (16, 19))
    assert ends == {(round(places[a]), round(places[b])) for a, b in pairs}
    assert all(abs(2 * c - a - end) < 8 for a, c, end in hangs(figure.svg))  # a head is before the end
    assert [one for one in words(figure.svg) if one == "2"] == ["2"]
    assert figure.svg.count('stroke-linecap="round"') == 2  # one at the line's end, one on the dead


def test_the_way_to_the_owner_of_buckets_goes_through_every_fork_above_it() -> None:
    (way,) = re.findall(r'd="(M[^"]*)" fill="none" stroke="[^"]*" stroke-width="3"', drawn(buckets_of=7).svg)
    points = [tuple(map(float, one.split())) for one in way[1:].split("L")]
    assert len(points) == 4 + 2  # 00111 parts from others at depths 0, 1, 2 and 3; then its own branch
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert points[-1][0] == discs(drawn(buckets_of=7).svg)[PEERS.index(7)]


def test_a_fork_stands_between_its_two_halves() -> None:
    (x, y, *_), (u, v, *_) = (
        tuple(map(float, one)) for one in re.findall(r"M([\d.]+) ([\d.]+)L", drawn([0, 1], bits=1).svg)[:2]
    )
    assert (x, y) == (u, v) == (WIDTH / 2, 16)


def test_who_is_unknown_is_hollow() -> None:
    def filled(svg: str) -> int:
        circles = ET.fromstring(svg).iter(f"{SVG}circle")
        return sum(float(one.attrib.get("fill-opacity", 0)) > 0.1 for one in circles)

    assert filled(drawn().svg) == len(PEERS)
    assert filled(drawn(known=[1, 3]).svg) == 2
    assert filled(drawn(known=[1, 3], highlight=[7]).svg) == 3
    assert filled(drawn(known=[]).svg) == 0


def test_a_target_is_a_leaf_of_its_own_or_a_peers() -> None:
    alone = drawn(targets=[22])
    assert words(alone.svg).count("10110") == 1
    assert len(discs(alone.svg)) == len(PEERS)
    on_a_peer = drawn(targets=[21])
    assert words(on_a_peer.svg).count("10101") == 1, "not written twice"


def test_in_a_crowd_only_what_matters_has_a_name() -> None:
    rng = random.Random(1)
    ids = [rng.getrandbits(160) for _ in range(400)]
    figure = drawn(ids, bits=160, path=ids[:3], targets=[5])
    assert sum(one.endswith("…") for one in words(figure.svg)) == 4
    assert len(discs(figure.svg)) == 3
    assert figure.svg.count("v0") == 397
    assert len(figure.svg) < 40_000


@given(st.integers(1, 60), st.integers(0, 1000))
def test_columns_never_overlap(count: int, seed: int) -> None:
    rng = random.Random(seed)
    leaves = sorted({rng.getrandbits(40) for _ in range(count)})
    stage = Stage(40, leaves, set(rng.sample(leaves, min(5, len(leaves)))), {}, {}, (True, True))
    xs = [stage.x(one) for one in leaves]
    assert xs == sorted(xs)
    assert len(set(xs)) == len(xs)
    assert xs[0] > 0
    assert xs[-1] < WIDTH


# ---- What is told


def test_everything_is_told() -> None:
    figure = drawn(
        [2, 5, 6, 11], bits=4, targets=[7], buckets_of=5, known=[6], links=[(5, 6)], asks=[(5, 2)],
        path=[5, 6], missed=[(5, 11)], down=[11], highlight=[6], names={6: "Ada"},
    )  # fmt: skip
    assert figure.alt == (
        "A binary tree of ids of 4 bits, 4 peers at its leaves: 0010, 0101, Ada, 1011. Looked for: 0111. "
        "Boxed are the buckets of 0101. Bucket 3: 1011. Bucket 2: 0010. Bucket 1: Ada. Known: Ada. "
        "Lines: 0101 to Ada. Asked: 0101 to 0010. No answer: 0101 to 1011. Path: 0101, Ada. Down: 1011. "
        "Standing out: Ada."
    )
    assert drawn(alt="mine").alt == "mine"
    assert "and 188 more" in drawn(list(range(200)), bits=8).alt


def test_hostile_words_stay_words() -> None:
    figure = drawn([8], names={8: HOSTILE}, title=HOSTILE, caption=HOSTILE)
    assert not ET.fromstring(figure.html).findall(".//script")
    assert "<script>" not in figure.html


# ---- In steps


def steps() -> list[figures.TreeStep]:
    return [
        figures.TreeStep("Three.", [2, 5, 11], asks=[(2, 5)]),
        figures.TreeStep("A fourth.", [2, 5, 6, 11], asks=[(2, 5)]),
        figures.TreeStep("11 is gone.", [2, 5, 6, 11], asks=[(2, 6)], down=[11]),
    ]


def seen(player: figures.Player, step: int) -> str:
    """The picture of one step as SVG."""
    svg = ET.fromstring(player.html).find(f".//{SVG}svg")
    assert svg is not None
    for one in [one for one in svg if "data-from" in one.attrib]:
        if not int(one.attrib["data-from"]) <= step <= int(one.attrib["data-to"]):
            svg.remove(one)
    return ET.tostring(svg, encoding="unicode")


def test_in_steps_leaves_keep_their_places() -> None:
    player = figures.prefix_tree_player(steps(), bits=4, title="t")
    assert player.captions == ["Three.", "A fourth.", "11 is gone."]
    first, second, third = (discs(seen(player, i)) for i in range(3))
    assert (len(first), len(second)) == (3, 4)
    assert [len(hangs(seen(player, i))) for i in range(3)] == [1, 1, 1]
    assert first == [second[0], second[1], second[3]]
    assert second == third
    assert [seen(player, i).count("stroke-dasharray") for i in range(3)] == [0, 0, 1]


def test_what_does_not_change_is_in_the_page_once() -> None:
    same = figures.prefix_tree_player([steps()[0]] * 9, bits=4, title="t")
    assert "data-from" not in same.html.split("<script>")[0]


# ---- What is refused


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"peers": []}, "at least one peer"),
        ({"peers": [1, 1]}, "every id only once"),
        ({"peers": [32]}, "32 is not an id of 5 bits"),
        ({"targets": [-1]}, "-1 is not an id"),
        ({"ranges": [(32, 1)]}, "32 is not an id"),
        ({"ranges": [(1, 6)]}, "ids share 0 to 5 bits, not 6"),
        ({"bits": 0}, "1 to 256 bits"),
        ({"bits": 257}, "1 to 256 bits"),
        ({"buckets_of": 2}, "2 is not a peer"),
        ({"known": [2]}, "2 is not a peer"),
        ({"links": [(1, 2)]}, "2 is not a peer"),
        ({"asks": [(2, 1)]}, "2 is not a peer"),
        ({"missed": [(1, 2)]}, "2 is not a peer"),
        ({"path": [1, 2]}, "2 is not a peer"),
        ({"down": [2]}, "2 is not a peer"),
        ({"highlight": [2]}, "2 is not a peer"),
        ({"asks": [(1, 1)]}, "nobody asks itself"),
        ({"path": [1, 1]}, "nobody asks itself"),
        ({"peers": list(range(501)), "bits": 16}, "at most 500 leaves"),
        ({"title": " "}, "a title"),
    ],
)
def test_refusals(more: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        drawn(**more)


def test_refusals_of_steps() -> None:
    with pytest.raises(UsageError, match="1 to 60 steps"):
        figures.prefix_tree_player([], bits=5, title="t")
    with pytest.raises(UsageError, match="1 to 60 steps"):
        figures.prefix_tree_player([steps()[0]] * 61, bits=5, title="t")
    with pytest.raises(UsageError, match="caption"):
        figures.prefix_tree_player([figures.TreeStep("", [1])], bits=5, title="t")


def test_the_fields_of_a_step_have_names() -> None:
    """Twelve of them in a row would say nothing."""
    for step in (figures.TreeStep, figures.RingStep, figures.OverlayStep):
        with pytest.raises(TypeError, match="positional"):
            step("Too many.", [1], [2], [3])
