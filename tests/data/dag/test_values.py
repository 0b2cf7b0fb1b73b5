"""Links are found wherever they stand, in order, without recursion."""

from __future__ import annotations

from p2plib.data.dag.block import block_of
from p2plib.data.dag.values import DagValue, links_in

A, B, C = (block_of(text).cid for text in (b"a", b"b", b"c"))


def test_links_come_in_the_order_in_which_they_are_written() -> None:
    value: DagValue = {"x": [A, {"y": B}, 1, b"", "text"], "z": C, "again": [[A]]}
    assert list(links_in(value)) == [A, B, C, A]
    assert list(links_in(A)) == [A]
    assert list(links_in(None)) == []
    assert list(links_in((A, [(B,)]))) == [A, B]  # type: ignore[arg-type]


def test_any_depth_is_walked() -> None:
    value: DagValue = A
    for _ in range(100_000):
        value = [value]
    assert list(links_in(value)) == [A]
