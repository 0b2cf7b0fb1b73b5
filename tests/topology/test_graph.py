"""Graph measures, judged by networkx."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.topology.graph import Graph, clustering, components, distances, resilience

networkx = pytest.importorskip("networkx")

LINKS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40)


@given(LINKS, st.booleans())
def test_against_networkx(links: list[tuple[int, int]], both_ways: bool) -> None:
    graph = Graph(12, links, both_ways=both_ways)
    judge = networkx.Graph() if both_ways else networkx.DiGraph()
    judge.add_nodes_from(range(12))
    judge.add_edges_from((a, b) for a, b in links if a != b)
    ways = dict(networkx.all_pairs_shortest_path_length(judge))
    pairs = [hops for source, far in ways.items() for target, hops in far.items() if source != target]
    found = distances(graph)
    assert found.exact
    assert found.sources == 12
    assert found.mean == pytest.approx(sum(pairs) / len(pairs) if pairs else 0)
    assert found.longest == max(pairs, default=0)
    assert found.reached == pytest.approx(len(pairs) / 132)
    assert list(found.histogram) == [12] + [pairs.count(i) for i in range(1, found.longest + 1)]
    assert found.mean_longest == pytest.approx(sum(max(far.values()) for far in ways.values()) / 12)
    assert graph.degrees.tolist() == [
        judge.degree(i) if both_ways else judge.out_degree(i) for i in range(12)
    ]
    parts = networkx.connected_components(judge.to_undirected())
    assert components(graph).tolist() == sorted(map(len, parts), reverse=True)
    if both_ways:
        assert clustering(graph).value == pytest.approx(networkx.average_clustering(judge))


@settings(max_examples=30)
@given(LINKS, st.sets(st.integers(0, 11), max_size=11))
def test_without(links: list[tuple[int, int]], gone: set[int]) -> None:
    left = Graph(12, links).without(sorted(gone))
    judge = networkx.DiGraph(
        [(a, b) for a, b in links if a != b and not {a, b} & gone],
    )
    stay = [i for i in range(12) if i not in gone]
    assert left.n == len(stay)
    assert {(stay[a], stay[b]) for a, b in zip(left.heads, left.tails, strict=True)} == set(judge.edges)


def test_more_than_a_word_of_sources() -> None:
    """A cycle of 200: everybody is 1 to 100 hops away, from any of more than 64 sources."""
    graph = Graph(200, [(i, (i + 1) % 200) for i in range(200)], both_ways=True)
    found = distances(graph)
    assert (found.longest, found.mean, found.sources) == (100, 100 * 100 / 199, 200)
    assert distances(Graph(200, [(i, (i + 1) % 200) for i in range(200)])).longest == 199


def test_a_sample_says_that_it_is_one_and_comes_near() -> None:
    rng = random.Random(1)
    graph = Graph(6000, [(i, rng.randrange(6000)) for i in range(6000) for _ in range(3)], both_ways=True)
    told: list[tuple[int, int]] = []
    sample = distances(graph, sources=128, progress=lambda done, of: told.append((done, of)))
    assert (sample.sources, sample.exact) == (128, False)
    assert told == [(64, 128), (128, 128)]
    again = distances(graph, sources=256, seed=9)
    assert sample.mean == pytest.approx(again.mean, rel=0.02)
    assert not clustering(graph).exact


def test_attack_is_worse_than_chance_where_degrees_are_uneven() -> None:
    """Albert, Jeong and Barabási 2000: hubs hold such a network together."""
    judge = networkx.barabasi_albert_graph(1000, 2, seed=1)
    graph = Graph(1000, list(judge.edges), both_ways=True)
    chance = resilience(graph, [0.0, 0.2])
    attack = resilience(graph, [0.0, 0.2], attack=True)
    assert chance[0] == attack[0] == (0.0, 1.0)
    assert chance[1][1] > 0.85
    assert attack[1][1] < 0.2


def test_by_ids_and_bounds() -> None:
    graph = Graph.of({70: [80, 99], 80: [90], 90: []})
    assert [graph.neighbours(i).tolist() for i in range(3)] == [[1], [2], []]
    assert graph.degrees_in.tolist() == [0, 1, 1]
    with pytest.raises(UsageError, match="0 to 2"):
        Graph(3, [(0, 3)])
    assert distances(Graph(1, [])).reached == 1.0
