"""Walks: orders, blocks that come as they like, budgets, and graphs that are made to hurt."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Hashable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import codecs, dag_pb
from p2plib.data.dag.block import Block, block_of, checked
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.walk import (
    DagBudget,
    DagOrder,
    DagStep,
    DagVisit,
    DagWalk,
    Selector,
    every_link,
    walk_locally,
    walk_store,
)
from p2plib.errors import DecodeError, NotFound, OverBudget, UsageError, WrongContent
from p2plib.wire import multicodec, multihash
from p2plib.wire.cid import Cid


def node(data: bytes, *links: Cid) -> Block:
    return block_of(dag_pb.encode(PBNode(tuple(PBLink(link) for link in links), data)), multicodec.DAG_PB)


def store_of(*blocks: Block) -> MemoryBlocks:
    store = MemoryBlocks()
    store.put(blocks)
    return store


A, B, C, D = (block_of(letter) for letter in (b"a", b"b", b"c", b"d"))
LEFT, RIGHT = node(b"left", A.cid, B.cid), node(b"right", C.cid, D.cid)
ROOT = node(b"root", LEFT.cid, RIGHT.cid)
TREE = (ROOT, LEFT, RIGHT, A, B, C, D)


def cids(visits: Iterator[DagVisit]) -> list[Cid]:
    return [visit.cid for visit in visits]


def test_both_orders() -> None:
    store = store_of(*TREE)
    deep = walk_store(store, DagWalk(ROOT.cid))
    assert cids(deep) == [block.cid for block in (ROOT, LEFT, A, B, RIGHT, C, D)]
    walk = DagWalk(ROOT.cid, order=DagOrder.BREADTH_FIRST)
    visits = list(walk_store(store, walk))
    assert cids(iter(visits)) == [block.cid for block in TREE]
    assert [visit.depth for visit in visits] == [0, 1, 1, 2, 2, 2, 2]
    assert (walk.visited_blocks, walk.visited_bytes) == (7, sum(len(block.data) for block in TREE))


@given(st.randoms(use_true_random=False), st.sampled_from(DagOrder), st.integers(1, 9))
def test_blocks_come_in_any_order(draw: random.Random, order: DagOrder, most: int) -> None:
    blocks = {block.cid: block for block in TREE}
    walk, visited = DagWalk(ROOT.cid, order=order), set()
    while not walk.is_done:
        asked = list(walk.wanted(most))
        assert asked == list(walk.wanted(most))  # asking changes nothing
        assert len(asked) == len(set(asked)) <= most
        for cid in draw.sample(asked, len(asked)):
            for visit in walk.receive(blocks[cid]):
                assert visit.data == blocks[visit.cid].data
                assert visit.cid not in visited
                visited.add(visit.cid)
            assert walk.receive(blocks[cid]) == ()  # a second copy changes nothing
    assert visited == set(blocks)
    assert walk.wanted() == ()


def test_what_was_not_asked_for_changes_nothing() -> None:
    walk = DagWalk(ROOT.cid)
    assert walk.receive(A) == ()
    assert walk.wanted(5) == (ROOT.cid,)
    assert walk.visited_blocks == 0
    with pytest.raises(UsageError):
        walk.wanted(0)


@pytest.mark.fault("F118")
def test_wrong_bytes_are_another_peers_turn() -> None:
    """They never reach the walk, so it goes on wanting the block."""
    walk = DagWalk(ROOT.cid)
    for lie in (ROOT.data[:-1], ROOT.data + b"x", b"", bytes(3_000_000)):
        with pytest.raises(WrongContent):
            walk.receive(checked(ROOT.cid, lie))
    assert walk.wanted() == (ROOT.cid,)
    assert len(walk.receive(checked(ROOT.cid, ROOT.data))) == 1


def test_a_missing_block_can_be_given_up() -> None:
    store = store_of(ROOT, RIGHT, C, D)
    walk = DagWalk(ROOT.cid)
    with pytest.raises(NotFound):
        list(walk_store(store, walk))
    assert walk.wanted() == (LEFT.cid,)
    walk.skip(LEFT.cid)
    walk.skip(A.cid)  # was never wanted
    assert cids(walk_store(store, walk)) == [RIGHT.cid, C.cid, D.cid]


def test_what_is_here_is_not_asked_for() -> None:
    here, there = store_of(ROOT, LEFT, A, C), {block.cid: block for block in TREE}
    walk, asked, visited = DagWalk(ROOT.cid), list[Cid](), list[DagVisit]()
    while True:
        visits, missing = walk_locally(here, walk)
        visited += visits
        if walk.is_done:
            break
        asked += missing
        for cid in missing:
            visited += walk.receive(there[cid])
    assert set(asked) == {B.cid, RIGHT.cid, D.cid}
    assert {visit.cid for visit in visited} == set(there)


def test_links_that_have_their_block_in_them() -> None:
    inside = Cid(1, multicodec.RAW, multihash.identity(b"tiny"))
    nested = Cid(1, multicodec.DAG_PB, multihash.identity(node(b"", inside).data))
    root = node(b"", nested, A.cid, inside)
    walk = DagWalk(root.cid)
    visits = walk.receive(root)
    assert cids(iter(visits)) == [root.cid, inside, nested]
    assert walk.wanted(5) == (A.cid,)
    walk.receive(A)
    assert walk.is_done
    alone = DagWalk(inside)
    assert alone.wanted() == ()
    assert [visit.data for visit in walk_store(MemoryBlocks(), alone)] == [b"tiny"]


def test_a_selector_chooses_and_takes_notes() -> None:
    def first_only(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        for step in list(every_link(cid, raw))[:1]:
            yield DagStep(step.cid, (note, "first"))

    visits = list(walk_store(store_of(*TREE), DagWalk(ROOT.cid, first_only, note="root")))
    assert [(visit.cid, visit.note) for visit in visits] == [
        (ROOT.cid, "root"),
        (LEFT.cid, ("root", "first")),
        (A.cid, (("root", "first"), "first")),
    ]


def test_one_block_under_two_notes_comes_once() -> None:
    twice = node(b"", A.cid, A.cid)

    def numbered(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        for number, step in enumerate(every_link(cid, raw)):
            yield DagStep(step.cid, number)

    walk = DagWalk(twice.cid, numbered)
    walk.receive(twice)
    assert walk.wanted(5) == (A.cid,)
    assert [visit.note for visit in walk.receive(A)] == [1, 0]
    assert walk.is_done


def test_codecs_may_mix() -> None:
    inner = codecs.block_from({"leaf": A.cid, "list": [LEFT.cid, {"again": A.cid}]})
    root = node(b"", inner.cid)
    visits = walk_store(store_of(*TREE, inner, root), DagWalk(root.cid))
    assert cids(visits) == [root.cid, inner.cid, A.cid, LEFT.cid, B.cid]


def test_a_codec_that_nobody_reads() -> None:
    block = block_of(b"x", multicodec.LIBP2P_KEY)
    with pytest.raises(DecodeError, match="libp2p-key is not a codec"):
        list(walk_store(store_of(block), DagWalk(block.cid)))


@functools.cache
def chain(length: int) -> tuple[MemoryBlocks, Cid]:
    store, cid = store_of(block_of(b"end")), block_of(b"end").cid
    for _ in range(length):
        block = node(b"", cid)
        store.put([block])
        cid = block.cid
    return store, cid


@pytest.mark.fault("F119")
@pytest.mark.parametrize("order", DagOrder)
@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand(order: DagOrder) -> None:
    store, root = chain(100_000)
    walk = DagWalk(root, order=order)
    with pytest.raises(OverBudget, match="deeper than 1000 links"):
        list(walk_store(store, walk))
    assert walk.visited_blocks == 1001
    patient = DagWalk(root, order=order, budget=DagBudget(depth=100_000))
    assert sum(1 for _ in walk_store(store, patient)) == 100_001


@pytest.mark.fault("F119")
@pytest.mark.parametrize("order", DagOrder)
def test_a_graph_with_more_ways_than_atoms(order: DagOrder) -> None:
    """200 levels, each with 100 links to the next: 10**400 ways, 201 blocks."""
    blocks = [block_of(b"end")]
    for _ in range(200):
        blocks.append(node(b"", *[blocks[-1].cid] * 100))
    walk = DagWalk(blocks[-1].cid, order=order)
    visits = list(walk_store(store_of(*blocks), walk))
    assert len(visits) == 201
    assert walk.unread == 0


@pytest.mark.fault("F119")
@pytest.mark.parametrize(
    ("budget", "rule"),
    [
        (DagBudget(blocks=3), "more than 3 blocks"),
        (DagBudget(size_bytes=len(ROOT.data)), f"more than {len(ROOT.data)} bytes"),
        (DagBudget(depth=1), "deeper than 1 links"),
        (DagBudget(unread=2), "more than 2 blocks yet to read"),
    ],
)
def test_each_budget_says_its_name(budget: DagBudget, rule: str) -> None:
    with pytest.raises(OverBudget, match=rule):
        list(walk_store(store_of(*TREE), DagWalk(ROOT.cid, budget=budget)))


@pytest.mark.fault("F119")
def test_budgets_that_are_just_enough() -> None:
    size_bytes = sum(len(block.data) for block in TREE)
    budget = DagBudget(blocks=7, size_bytes=size_bytes, depth=2, unread=4)
    assert len(list(walk_store(store_of(*TREE), DagWalk(ROOT.cid, budget=budget)))) == 7


@pytest.mark.fault("F119")
def test_a_block_of_fifty_thousand_links_is_not_taken_in() -> None:
    """The walk stops while it counts them, before it holds more than it may."""
    names = (multihash.sha2_256(number.to_bytes(4, "big")) for number in range(50_000))
    wide = node(b"", *(Cid(1, multicodec.RAW, name) for name in names))
    walk = DagWalk(wide.cid, budget=DagBudget(unread=1_000))
    with pytest.raises(OverBudget, match="1000 blocks yet to read"):
        walk.receive(wide)
    assert walk.unread == 0


def test_a_selector_that_fails_half_way_leaves_nothing_behind() -> None:
    """What it had named is still found by another block that links to it."""

    def careful(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        for step in every_link(cid, raw):
            yield step
            if cid == LEFT.cid:
                raise DecodeError("the second link of this one is bad")

    root = node(b"", LEFT.cid, node(b"also", A.cid).cid)
    store = store_of(*TREE, node(b"also", A.cid), root)
    walk = DagWalk(root.cid, careful)
    with pytest.raises(DecodeError, match="second link"):
        list(walk_store(store, walk))
    assert cids(walk_store(store, walk)) == [node(b"also", A.cid).cid, A.cid]


@pytest.mark.fault("F119")
@pytest.mark.parametrize("budget", [DagBudget(blocks=3), DagBudget(depth=1), DagBudget(unread=2)])
def test_a_walk_over_its_budget_is_over(budget: DagBudget) -> None:
    """A program that goes on with it is told the same again, and cannot take what came for the whole."""
    walk, store = DagWalk(ROOT.cid, budget=budget), store_of(*TREE)
    with pytest.raises(OverBudget) as first:
        list(walk_store(store, walk))
    assert not walk.is_done
    assert walk.unread == 0
    assert walk.visited_blocks <= budget.blocks
    for again in (walk.wanted, walk.start, lambda: walk.receive(A), lambda: walk_locally(store, walk)):
        with pytest.raises(OverBudget, match=str(first.value)):
            again()
    walk.skip(A.cid)


def test_a_block_that_breaks_a_rule_loses_nothing_else() -> None:
    """The same bytes are a raw block and a bad one, with two notes: each is visited, or blamed."""
    bad = Cid(1, multicodec.DAG_CBOR, A.cid.multihash)
    root = node(b"", A.cid, bad, B.cid)

    def twice(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        for step in every_link(cid, raw):
            yield from (step, DagStep(step.cid, "again"))

    store, walk, visited, errors = store_of(root, A, B), DagWalk(root.cid, twice), list[DagVisit](), 0
    for _ in range(4):
        try:
            visited += walk_store(store, walk)
        except DecodeError:
            errors += 1
    assert errors == 2
    told = [(visit.cid, visit.note) for visit in walk_store(store, DagWalk(root.cid, careful_of(bad, twice)))]
    assert walk.is_done
    assert len(told) == 5 + 2  # the bad one too, where nobody looks into it
    assert walk.visited_blocks == 7


def careful_of(bad: Cid, selector: Selector) -> Selector:
    return lambda cid, raw, note: () if cid == bad else selector(cid, raw, note)


def test_visits_before_an_error_are_given_by_the_next_call() -> None:
    bad = Cid(1, multicodec.DAG_CBOR, A.cid.multihash)
    root = node(b"", A.cid, bad)
    walk = DagWalk(root.cid, order=DagOrder.BREADTH_FIRST)
    walk.receive(root)
    with pytest.raises(DecodeError):
        walk.receive(A)
    assert [visit.cid for visit in walk.start()] == [A.cid]
    assert walk.start() == ()
    damaged = store_of(ROOT, LEFT, A, B)
    walk = DagWalk(node(b"", ROOT.cid, bad).cid)
    damaged.put([node(b"", ROOT.cid, bad)])
    with pytest.raises(DecodeError):
        walk_locally(damaged, walk)
    visits, missing = walk_locally(damaged, walk)
    assert [visit.cid for visit in visits] == [node(b"", ROOT.cid, bad).cid, ROOT.cid, LEFT.cid, A.cid, B.cid]
    assert missing == (RIGHT.cid,)


@pytest.mark.fault("F119")
@pytest.mark.parametrize("order", DagOrder)
def test_what_one_block_is_wanted_for_a_thousand_times_costs_once(order: DagOrder) -> None:
    """Somebody who keeps back a block with many notes makes nothing else slow: to ask looks at hashes."""

    def noted(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        if cid == ROOT.cid:
            yield from (DagStep(RIGHT.cid, number) for number in range(50_000))
            yield DagStep(LEFT.cid)
            yield from (DagStep(RIGHT.cid, number) for number in range(50_000, 90_000))

    walk = DagWalk(ROOT.cid, noted, order=order)
    walk.receive(ROOT)
    assert walk.unread == 90_001
    began = time.process_time()
    for _ in range(1_000):
        assert set(walk.wanted(2)) == {LEFT.cid, RIGHT.cid}
    assert time.process_time() - began < 1
    assert len(walk.receive(LEFT)) == 1
    walk.skip(RIGHT.cid)
    assert walk.is_done
    assert walk.unread == 0


@pytest.mark.parametrize(
    ("order", "is_deep"), [(DagOrder.DEPTH_FIRST, True), (DagOrder.BREADTH_FIRST, False)]
)
def test_a_block_that_is_wanted_again_is_as_urgent_as_its_order_says(order: DagOrder, is_deep: bool) -> None:
    """Depth first, what was just read leads to what is next, known or not, and as it was named there."""
    other = Cid(1, multicodec.LIBP2P_KEY, B.cid.multihash)
    left = node(b"names it otherwise", other)
    root = node(b"", left.cid, A.cid, B.cid)
    walk = DagWalk(root.cid, order=order)
    walk.receive(root)
    assert walk.wanted(5) == (left.cid, A.cid, B.cid)
    walk.receive(left)
    assert walk.wanted(5) == ((other, A.cid) if is_deep else (A.cid, B.cid))
    assert walk.unread == 3
