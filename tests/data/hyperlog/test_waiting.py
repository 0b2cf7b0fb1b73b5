"""Nodes that come early: any order of arrival ends in the same replica, and a liar fills a bounded queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hyperlog import nodes
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.hyperlog.waiting import WaitingNodes
from p2plib.errors import Forked, InvalidEntry


def history(shape: list[list[int]]) -> list[nodes.HyperlogNode]:
    """Nodes of three writers; `shape` says how far back each one links."""
    made, seqs = list[nodes.HyperlogNode](), dict[str, int]()
    for number, back in enumerate(shape):
        links = [made[number - 1 - step].key for step in back if step < number]
        log = "abc"[number % 3]
        seqs[log] = seqs.get(log, 0) + 1
        made.append(nodes.make(links, b"%d" % number, log, seqs[log]))
    return made


shapes = st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=20)


@given(shapes, st.randoms(use_true_random=False))
def test_any_order_of_arrival_ends_the_same(shape: list[list[int]], draw: object) -> None:
    made = history(shape)
    shuffled = list(made)
    draw.shuffle(shuffled)  # type: ignore[attr-defined]
    graph = Hyperlog("reader")
    queue = WaitingNodes(graph)
    went_in = [entry.node for node in shuffled for entry in queue.offer(node)]
    assert sorted(node.value for node in went_in) == sorted(node.value for node in made)
    assert len(queue) == queue.size_bytes == 0
    seen = set[str]()
    for node in graph.walk():
        assert seen.issuperset(node.links)
        seen.add(node.key)


def test_what_waits_is_bounded_in_number() -> None:
    queue = WaitingNodes(Hyperlog("reader"), max_nodes=3)
    for number in (2, 3, 4):
        assert queue.offer(nodes.make([], b"%d" % number, "liar", number)) == []
    with pytest.raises(InvalidEntry, match="wait for others"):
        queue.offer(nodes.make([], b"5", "liar", 5))
    assert len(queue) == 3


def test_what_waits_is_bounded_in_bytes() -> None:
    queue = WaitingNodes(Hyperlog("reader"), max_bytes=10_000)
    queue.offer(nodes.make([], bytes(9000), "liar", 2))
    with pytest.raises(InvalidEntry, match="wait for others"):
        queue.offer(nodes.make([], bytes(9000), "liar", 3))


def test_repeats_cost_nothing_and_forgeries_are_noticed() -> None:
    graph = Hyperlog("reader")
    queue = WaitingNodes(graph)
    one, two = nodes.make([], b"1", "a", 1), nodes.make([], b"2", "a", 2)
    assert queue.offer(two) == queue.offer(two) == []
    assert len(queue) == 1
    with pytest.raises(Forked):
        queue.offer(nodes.make([], b"forged", "a", 2))
    assert [entry.node for entry in queue.offer(one)] == [one, two]
    assert queue.offer(one) == []
    with pytest.raises(Forked):
        queue.offer(nodes.make([], b"forged", "a", 1))
    with pytest.raises(InvalidEntry):
        queue.offer(replace(one, seq=3, value=b"changed"))
    assert graph.logs() == {"a": 2}


def test_a_node_that_lacks_two_links_waits_for_both() -> None:
    graph = Hyperlog("reader")
    queue = WaitingNodes(graph)
    a, b = nodes.make([], b"a", "a", 1), nodes.make([], b"b", "b", 1)
    both = nodes.make([a.key, b.key], b"c", "c", 1)
    assert queue.offer(both) == []
    assert [entry.node for entry in queue.offer(a)] == [a]
    assert [entry.node for entry in queue.offer(b)] == [b, both]


def test_what_another_exchange_brought_frees_what_waits_here() -> None:
    graph = Hyperlog("reader")
    one, other = WaitingNodes(graph), WaitingNodes(graph)
    cause = nodes.make([], b"cause", "a", 1)
    effect = nodes.make([cause.key], b"effect", "b", 1)
    assert one.offer(effect) == []
    assert [entry.node for entry in other.offer(cause)] == [cause]
    assert [entry.node for entry in one.offer(cause)] == [effect]
    assert len(one) == 0


def test_what_waits_and_came_by_another_way_takes_no_room() -> None:
    graph = Hyperlog("reader")
    one, other = WaitingNodes(graph), WaitingNodes(graph)
    first, second, third = (nodes.make([], b"%d" % number, "a", number) for number in (1, 2, 3))
    assert one.offer(second) == one.offer(third) == []
    for node in (first, second):
        other.offer(node)
    assert [entry.node for entry in one.offer(first)] == [third]
    assert len(one) == one.size_bytes == 0
