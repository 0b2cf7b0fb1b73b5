"""Ids on a circle, and the shapes that a ring can have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2plib.topology.ring.space import Shape, between, shape


@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 15))
def test_between_against_walking(a: int, x: int, b: int) -> None:
    way, at = [], (a + 1) % 16
    while at != b:
        way.append(at)
        at = (at + 1) % 16
    assert between(a, x, b) == (x in way)


def test_shapes() -> None:
    assert shape({1: 5, 5: 9, 9: 1}) is Shape.RIGHT
    assert shape({7: 7}) is Shape.RIGHT
    assert shape({1: 5, 5: 9, 9: 1, 3: 5}) is Shape.APPENDAGES
    assert shape({1: 5, 5: 3, 3: 9, 9: 1}) is Shape.LOOPY
    assert shape({1: 5, 5: 1, 3: 9, 9: 3}) is Shape.SPLIT
    assert shape({1: 5, 5: 9, 9: 4}) is Shape.BROKEN
