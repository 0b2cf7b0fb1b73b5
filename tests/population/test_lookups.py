"""Whole Kademlia lookups as arrays: against plain Python, one peer at a time, on the same draws."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.population import kademlia
from p2plib.population.lookups import NOBODY, Model, _nearest, _neighbourhoods, lookups
from tests.conftest import ROOT


def plain_lookups() -> ModuleType:
    """The rival of the bench: the same lookups with lists and sets."""
    spec = importlib.util.spec_from_file_location("plain_lookups", ROOT / "bench" / "plain_lookups.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain_lookups"] = module
    spec.loader.exec_module(module)
    return module


PLAIN = plain_lookups()


@st.composite
def models(draw: st.DrawFn) -> Model:
    k = draw(st.integers(1, 12))
    return Model(
        k=k,
        alpha=draw(st.integers(1, 4)),
        paths=draw(st.just(1) | st.integers(1, k)),
        dead=draw(st.sampled_from([0.0, 0.2, 0.6])),
        hostile=draw(st.sampled_from([0.0, 0.1, 0.3])),
        max_rounds=draw(st.sampled_from([1, 2, 32])),
    )


@given(st.integers(1, 300) | st.integers(1, 20), models(), st.integers(0, 9))
@example(300, Model(k=8), 0)
@example(300, Model(k=8, dead=0.5), 1)  # the dead are forgotten, and named again
@example(300, Model(k=12, paths=4, dead=0.2, hostile=0.1), 2)
@example(5000, Model(k=3, alpha=2, dead=0.2), 3)  # several rounds among the far, whose answers are merged
@example(5000, Model(k=8, alpha=1), 4)
def test_every_lookup_by_walking_one_by_one(n: int, model: Model, seed: int) -> None:
    """The same draws, and lists and sets in place of arrays: each lookup takes the same."""
    ids = kademlia.population(n, seed)
    try:
        done = lookups(ids, 40, model, seed=seed)
    except ValueError:
        reject()  # nobody is honest and alive
    plain = PLAIN.PlainLookups(ids, model, seed).run(40)
    for name in ("found", "rounds", "queries", "timeouts"):
        assert getattr(done, name).tolist() == [getattr(one, name) for one in plain]


close = st.builds(lambda high, low: high << 56 | low, st.integers(0, 255), st.integers(0, 40))
some_ids = st.integers(0, 2**64 - 1) | close


@given(st.sets(some_ids, min_size=1, max_size=60), st.lists(some_ids, min_size=1), st.integers(1, 12))
@example({*range(50), 2**63}, [2**63 + 1], 2)  # a sparse half and a crowded one
def test_the_neighbourhood_of_a_target(peers: set[int], targets: list[int], k: int) -> None:
    """The nearest by sorting all, and the bits by counting all, also where ids lie in heaps."""
    ids = np.array(sorted(peers), dtype=np.uint64)
    near, bits = _neighbourhoods(ids, np.array(targets, dtype=np.uint64), k)
    for target, row, few in zip(targets, near.tolist(), bits.tolist(), strict=True):
        distances = sorted(one ^ target for one in peers)[:k]
        assert row == distances + [NOBODY] * (k - len(distances))
        assert few == (distances[-1].bit_length() if len(peers) >= k else 65)


@given(st.lists(st.lists(st.integers(0, 9), min_size=8, max_size=8), min_size=1), st.integers(1, 8))
def test_the_nearest_are_different(rows: list[list[int]], k: int) -> None:
    """The k smallest of a row, with nobody in the places that are left."""
    for row, found in zip(rows, _nearest(np.array(rows, dtype=np.uint64), k).tolist(), strict=True):
        assert found == (sorted(set(row)) + [NOBODY] * 8)[:k]


def test_lookups_find_the_nearest() -> None:
    ids = kademlia.population(5000, 2)
    done = lookups(ids, 500, Model(k=8), seed=1)
    assert done.found.all()
    assert done.timeouts.sum() == 0
    assert 2 < done.rounds.mean() < 4.5
    assert (done.queries <= done.rounds * 3).all()
    few = lookups(kademlia.population(5, 1), 50, Model(k=8), seed=1)
    assert few.found.all()


@pytest.mark.fault("F081")
def test_lookups_among_the_dead() -> None:
    ids = kademlia.population(5000, 2)
    half = lookups(ids, 500, Model(k=8, dead=0.5), seed=1)
    assert half.found.mean() > 0.94  # where all k that a peer names are dead (1 in 256), a path ends early
    assert 4 < half.timeouts.mean() < 14
    third = lookups(ids, 500, Model(k=20, dead=1 / 3), seed=1)
    assert third.found.all()


@pytest.mark.fault("F075")
def test_disjoint_paths_against_the_hostile() -> None:
    """One path of h steps gets past a part f of liars with (1 - f)**h; d disjoint ones fail together only."""
    ids, f = kademlia.population(10_000, 3), 0.2
    one = lookups(ids, 1500, Model(k=16, alpha=1, hostile=f), seed=1)
    clean = lookups(ids, 1500, Model(k=16, alpha=1), seed=1)
    assert one.found.mean() == pytest.approx(np.mean((1 - f) ** (clean.rounds)), abs=0.06)
    four = lookups(ids, 600, Model(k=16, alpha=1, paths=4, hostile=f), seed=1)
    eight = lookups(ids, 400, Model(k=16, alpha=1, paths=8, hostile=f), seed=1)
    assert four.found.mean() > 0.92
    assert eight.found.mean() > 0.99  # S/Kademlia's figure, as remembered: about 0.99
    assert lookups(ids, 200, Model(k=16, alpha=1, paths=8, hostile=0.5), seed=1).found.mean() < 0.9
    with pytest.raises(UsageError):
        lookups(ids, 1, Model(k=4, paths=5))


def test_the_same_seed_gives_the_same_numbers() -> None:
    ids = kademlia.population(500, 1)
    first, again = (lookups(ids, 50, Model(k=8, paths=2, hostile=0.1), seed=4) for _ in range(2))
    assert all(
        (getattr(first, name) == getattr(again, name)).all()
        for name in ("found", "rounds", "queries", "timeouts")
    )
