"""Sequence drawings: time runs down, what is said is told, what cannot be is refused."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.palette import BAD
from p2plib.figures.sequence import _lay, _settle

SVG = "{http://www.w3.org/2000/svg}"
M = figures.Message
PEERS = ["Ada", "Ben", "Cy"]


def starts(figure: figures.Figure) -> list[float]:
    return [float(one.attrib["cy"]) for one in ET.fromstring(figure.svg).iter(f"{SVG}circle")]


def test_the_story_in_words() -> None:
    figure = figures.sequence(
        [
            M("Ben", "Ada", "pong", 1.5, lost=True, note="too late"),
            M("Ada", "Ben", "ping", 1),
            M("Ada", "Ada", "waits", 2),
        ],
        peers=["Ada", "Ben"],
        title="Ping",
        unit="s",
    )
    assert figure.alt == (
        "Ada to Ben at 1 s: ping; Ben to Ada at 1.5 s: pong (lost) (too late); Ada to itself at 2 s: waits."
    )
    assert "1.0 s" in figure.svg, "all times have the decimals of the finest"


def test_without_times_the_order_given_holds() -> None:
    figure = figures.sequence([M("Ada", "Ben", "one"), M("Ben", "Ada", "two")], peers=PEERS, title="t")
    assert figure.alt == "Ada to Ben: one; Ben to Ada: two."


def test_a_lost_message_is_dashed_and_crossed() -> None:
    def crosses(lost: bool) -> int:
        return figures.sequence([M("Ada", "Ben", "m", lost=lost)], peers=PEERS, title="t").svg.count(BAD)

    assert (crosses(False), crosses(True)) == (0, 1)


def test_a_late_arrival_slants() -> None:
    figure = figures.sequence([M("Ada", "Ben", "m", 0, 1)], peers=PEERS, title="t")
    (x1, y1), (x2, y2) = (
        re.findall(r'd="M([\d.]+) ([\d.]+)L', figure.svg)[0],
        re.findall(r"L([\d.]+) ([\d.]+)\"", figure.svg)[0],
    )
    assert float(y2) > float(y1) + 5
    assert float(x2) > float(x1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PEERS), st.sampled_from(PEERS), st.floats(0, 100), st.floats(0, 50), st.booleans()
        ),
        min_size=1,
        max_size=8,
    )
)
def test_time_runs_down_and_words_have_room(told: list[tuple[str, str, float, float, bool]]) -> None:
    messages = sorted(
        (M(a, b, "some words here", at, at + late, lost) for a, b, at, late, lost in told), key=lambda m: m.at
    )
    figure = figures.sequence(messages, peers=PEERS, title="t")
    ys = starts(figure)
    assert ys == sorted(ys)
    assert all(later - earlier >= 25 for earlier, later in itertools.pairwise(ys))
    xs = {"Ada": 80.0, "Ben": 240.0, "Cy": 400.0}
    begins, ends = _settle([_lay(message, xs, 160) for message in messages])
    assert all(y2 >= y1 for y1, y2 in zip(begins, ends, strict=True))
    assert float(figure.svg.split('viewBox="0 0 ')[1].split('"')[0].split()[1]) > max(ends)


def test_a_line_in_flight_does_not_cross_the_next_label() -> None:
    xs = {"Ada": 80.0, "Ben": 240.0, "Cy": 400.0}
    both = [M("Ada", "Ben", "slow", 0, 1), M("Ada", "Ben", "next words, rather many of them", 1.01, 1.02)]
    laid = [_lay(message, xs, 160) for message in both]
    begins, ends = _settle(laid)
    label_top = begins[1] + (ends[1] - begins[1]) * 0.1 - laid[1].above
    assert label_top >= ends[0] - 12


@pytest.mark.parametrize(
    ("messages", "peers", "words"),
    [
        ([], PEERS, "at least one message"),
        ([M("Ada", "Eve", "m")], PEERS, "'Eve' sends or receives 'm'"),
        ([M("Ada", "Ben", "m", 2, 1)], PEERS, "before it is sent"),
        ([M("Ada", "Ben", "m")], ["Ada", "Ben", "Ada"], "a name is twice"),
    ],
)
def test_refusals(messages: list[figures.Message], peers: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        figures.sequence(messages, peers=peers, title="t")
    with pytest.raises(UsageError, match="a title"):
        figures.sequence([M("Ada", "Ben", "m")], peers=PEERS, title="")
