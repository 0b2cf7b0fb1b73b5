"""Merging: sources take turns, whatever they say and in whichever order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery import merging
from p2plib.discovery.merging import MAX_WAITING, FairMerge
from p2plib.discovery.source import Found


def found(number: int, source: str = "any") -> Found:
    return Found(("192.0.2.1", number), source)


def merge_of(sources: int) -> tuple[FairMerge, Counter[str]]:
    ignored: Counter[str] = Counter()
    return FairMerge(sources, lambda found: found.address[1] == 9999, ignored), ignored


def taken(merge: FairMerge) -> list[int]:
    ports = []
    while merge.has_next():
        ports.append(merge.take().address[1])
    return ports


def test_sources_take_turns() -> None:
    merge, _ = merge_of(3)
    for port in (1, 2, 3, 4):
        merge.heard(0, found(port))
    for port in (11, 12):
        merge.heard(1, found(port))
    merge.heard(2, found(21))
    assert taken(merge) == [1, 11, 21, 2, 12, 3, 4]


def test_each_once_and_never_ourselves() -> None:
    merge, ignored = merge_of(2)
    for place, port in ((0, 1), (1, 1), (1, 9999), (1, 2), (0, 2)):
        merge.heard(place, found(port))
    assert taken(merge) == [1, 2]
    merge.heard(0, found(1))
    assert taken(merge) == []
    assert ignored == {"our own address": 1, "found before": 3}


def test_a_liar_delays_an_honest_source_by_one_place_even_if_it_names_the_true_peers_last() -> None:
    merge, ignored = merge_of(2)
    for port in [*range(1000, 1999), 7]:
        merge.heard(0, found(port))
    merge.heard(1, found(7))
    assert taken(merge)[:2] == [1000, 7]
    assert ignored == {"found before": 1}


def test_a_flood_is_bounded() -> None:
    merge, ignored = merge_of(1)
    for port in range(1, MAX_WAITING + 101):
        merge.heard(0, found(port))
    assert len(taken(merge)) == MAX_WAITING
    assert ignored == {"too many are waiting": 100}


def test_what_was_given_long_ago_is_forgotten(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(merging, "MAX_SEEN", 2)
    merge, _ = merge_of(1)
    for port in (1, 2, 3, 3, 1):
        merge.heard(0, found(port))
    assert taken(merge) == [1, 2, 3, 1]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9) | st.none()), max_size=60))
def test_against_the_rules(steps: list[tuple[int, int | None]]) -> None:
    """All that was heard comes out, once; and no source is passed over twice by the same other."""
    merge, _ = merge_of(3)
    heard, out = set(), []
    for place, port in steps:
        if port is not None:
            heard.add(port)
            merge.heard(place, found(port, str(place)))
        elif merge.has_next():
            out.append(merge.take())
    while merge.has_next():
        out.append(merge.take())
    ports = [each.address[1] for each in out]
    assert len(set(ports)) == len(ports)
    assert set(ports) == heard
