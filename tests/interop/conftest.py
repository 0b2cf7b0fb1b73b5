"""Tests marked `interop` run where foreign peers can run, and say in one sentence why not elsewhere."""

from __future__ import annotations

import pytest

from tests.interop.peers import demand_peers, why_no_peers


@pytest.fixture(autouse=True, scope="module")
def _foreign_peers_can_run(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("interop") is not None:
        demand_peers(why_no_peers())
