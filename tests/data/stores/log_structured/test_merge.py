"""Merging walks: every key once, the newest entry first, both ways."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.log_structured.merge import alive, merged

LAYERS = st.lists(
    st.dictionaries(st.binary(max_size=2), st.none() | st.binary(max_size=3), max_size=8), max_size=5
)


@given(LAYERS, st.booleans())
def test_like_dictionaries_laid_over_each_other(
    layers: list[dict[bytes, bytes | None]], reverse: bool
) -> None:
    judge: dict[bytes, bytes | None] = {}
    for layer in reversed(layers):
        judge |= layer
    walks = [iter(sorted(layer.items(), reverse=reverse)) for layer in layers]
    assert list(merged(walks, reverse=reverse)) == sorted(judge.items(), reverse=reverse)


def test_tombstones_are_left_out_at_the_end() -> None:
    assert list(alive(iter([(b"a", None), (b"b", b"")]))) == [(b"b", b"")]
