"""The tables of bench/paper_topology.py: each is made, in the smallest size."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from statistics import fmean
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from p2plib.population import chord, churn, kademlia
from p2plib.population import lookups as iterative
from p2plib.population.ring_churn import PAPER, ChurningRing
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("paper_topology", ROOT / "bench" / "paper_topology.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["paper_topology"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_table_is_made(bench: ModuleType) -> None:
    tables = {name: table(bench.QUICK) for name, table in bench.TABLES.items()}
    assert all(rows and len({row.what for row in rows}) == len(rows) for rows in tables.values())
    load = tables["chord-load"][0]
    assert float(load.paper) == pytest.approx(load.ours, abs=0.3)
    assert all(row.ours == 0 for row in tables["chord-failures"] if "wrong" in row.what)
    rounds = {row.what.split()[0]: row.ours for row in tables["hyparview"] if "rounds" in row.what}
    assert list(rounds) == ["10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "95%"]
    assert rounds["10%"] == 0
    assert 0 < rounds["80%"] <= 2
    assert all(row.paper == "–" for row in tables["chord-churn"])  # another size than the paper's


@pytest.fixture(scope="module")
def kept(bench: ModuleType) -> dict[str, dict[str, Any]]:
    """What `--write` left for the chapter on a million peers, by table and by what the row is."""
    tables = json.loads(bench.RESULTS.read_text())
    return {name: {row["what"]: row for row in table["rows"]} for name, table in tables.items()}


def test_the_file_has_every_table_of_the_size_that_its_command_says(
    bench: ModuleType, kept: dict[str, dict[str, Any]]
) -> None:
    assert set(kept) == set(bench.TABLES)
    tables = json.loads(bench.RESULTS.read_text())
    for name, table in tables.items():
        assert table["about"] == (bench.TABLES[name].__doc__ or "").strip()
        assert table["command"].startswith("python bench/paper_topology.py ")
        assert table["command"].endswith(name)
        assert "--quick" not in table["command"]
        assert all(row["runs"] >= 2 for row in table["rows"])


def near(row: dict[str, Any], value: float, slack: float) -> bool:
    return abs(row["ours"] - value) <= row["within"] + slack


def test_a_cheap_part_computed_again_agrees_with_the_file(kept: dict[str, dict[str, Any]]) -> None:
    """With other seeds than those of the file: what somebody typed in, or a change moved, is seen."""
    seeds = range(90, 93)
    paths = [chord.lookups(chord.ring(1024, s), 4000, seed=s).path.mean() for s in seeds]
    assert near(kept["chord-path"]["N = 1024"], fmean(paths), 0.05)
    loads = [chord.load(10_000, 500_000, seed=s) / 50 for s in seeds]
    assert near(kept["chord-load"]["99th percentile / mean"], fmean(np.percentile(loads, 99, axis=1)), 0.1)
    for k in (1, 8, 20):
        hops = [kademlia.hops(kademlia.population(10_000, s), 4000, k=k, seed=s).mean() for s in seeds]
        assert near(kept["kademlia-hops"][f"n = 10000, k = {k}"], fmean(hops), 0.05)
    for paths_of in (1, 4):
        model = iterative.Model(k=16, alpha=1, paths=paths_of, hostile=0.3)
        found = [
            iterative.lookups(kademlia.population(10_000, s), 600, model, seed=s).found.mean() for s in seeds
        ]
        assert near(kept["s-kademlia"][f"hostile 0.3, d = {paths_of}"], fmean(found), 0.04)
    stays = [churn.uptime_rule("oldest", buckets=300, seed=s).stays for s in seeds]
    assert near(kept["uptime"]["heavy-tailed sessions, keep the oldest: stay an hour"], fmean(stays), 0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("table", "fingers_s"), [("chord-churn", 300.0), ("chord-churn-old-fingers", 600.0)])
def test_a_shorter_run_of_table_3_agrees_with_the_file(
    kept: dict[str, dict[str, Any]], table: str, fingers_s: float
) -> None:
    ring = ChurningRing(1000, 0.4, seed=90, settings=replace(PAPER, fingers_s=fingers_s))
    ring.run(3 * fingers_s, lookups_s=0.01)
    done = ring.run(600.0, lookups_s=5.0)
    rows = kept[table]
    assert near(rows["R = 0.40: path length"], fmean(done.path), 0.1)
    assert near(rows["R = 0.40: time-outs"], fmean(done.timeouts), 0.05)
    assert near(rows["R = 0.40: wrong per 10,000"], done.wrong_per_10_000, 30)
