"""The differences as measured, and how they grow."""

from __future__ import annotations

import pytest

from p2plib.data.feeds import comparing
from p2plib.data.feeds.kinds import KINDS


def test_a_stranger_needs_everything_but_of_a_tree() -> None:
    small, large = ({each.kind: each for each in comparing.compare(entries)} for entries in (8, 64))
    for kind in ("chain", "graph"):
        assert large[kind].alone_bytes == large[kind].whole_bytes
        assert 7 < large[kind].alone_bytes / small[kind].alone_bytes < 9
    assert large["tree"].alone_bytes - small["tree"].alone_bytes < 3 * 50  # three more nodes
    assert large["tree"].alone_bytes == large["tree"].next_bytes


def test_forks_as_they_are_seen() -> None:
    chain, graph, tree = map(comparing.fork_seen, KINDS)
    for seen in (chain, graph, tree):
        assert seen.startswith("Forked, ")


def test_what_can_be_deleted() -> None:
    assert comparing.after_deletion("chain") == "a new reader takes 1"
    assert comparing.after_deletion("graph").startswith("impossible")
    assert comparing.after_deletion("tree") == "a new reader takes 1 and 3"


@pytest.mark.parametrize("size", [1, 8, 64])
def test_contents_have_the_size_that_was_asked_for(size: int) -> None:
    assert len(comparing.content(7, size)) == size


def test_who_can_write_and_what_it_takes_to_believe() -> None:
    assert [comparing.who_writes(kind) for kind in KINDS] == ["one key", "anybody", "one key"]
    assert [comparing.needed_to_believe(kind, 9) for kind in KINDS] == [
        "all entries before it", "all entries before it", "that entry alone",
    ]  # fmt: skip
    found = comparing.differences(3)
    assert list(found) == ["who can write", "to believe an entry", "two in one place", "entry 2 of 3 deleted"]
    assert all(list(answers) == list(KINDS) for answers in found.values())
