"""The tables of bench/paper_topology.py: each is made, in the smallest size."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

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
