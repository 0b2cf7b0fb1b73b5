"""Behaviours of NATs: those that cannot be, and what the old names mean."""

from __future__ import annotations

import math
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.sim.nat.behaviour import (
    PRESETS,
)
from tests.sim.nat.world import (
    AD_FILTER,
    APD_FILTER,
    APD_MAP,
    EI_FILTER,
    EI_MAP,
    nat,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port_range": (0, 10)}, "range of ports"),
        ({"port_range": (10, 9)}, "range of ports"),
        ({"port_range": (10, 65_536)}, "range of ports"),
        ({"udp_timeout_s": 0.0}, "udp_timeout_s"),
        ({"tcp_established_s": -1.0}, "tcp_established_s"),
        ({"tcp_transitory_s": math.inf}, "tcp_transitory_s"),
        ({"udp_timeout_s": math.nan}, "udp_timeout_s"),
        ({"max_mappings": 0}, "max_mappings"),
        ({"max_sessions": 0}, "max_sessions"),
        ({"ports_per_subscriber": 0}, "ports_per_subscriber"),
    ],
)
def test_a_behaviour_that_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        nat(**changes)


def test_the_old_names_mean_what_rfc_3489_meant() -> None:
    choices = {name: (preset.mapping, preset.filtering) for name, preset in PRESETS.items()}
    assert choices == {
        "full cone": (EI_MAP, EI_FILTER),
        "restricted cone": (EI_MAP, AD_FILTER),
        "port-restricted cone": (EI_MAP, APD_FILTER),
        "symmetric": (APD_MAP, APD_FILTER),
        "carrier-grade": (EI_MAP, EI_FILTER),
    }
