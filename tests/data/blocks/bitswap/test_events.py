"""Limits that make no sense are refused."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.errors import UsageError


@pytest.mark.parametrize(
    "name",
    ["max_peers", "max_wants_kept", "max_active", "message_bytes", "max_copies", "max_strikes", "probes"],
)
def test_every_count_is_at_least_one(name: str) -> None:
    assert BitswapLimits(**{name: 1})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least one"):
        BitswapLimits(**{name: 0})  # type: ignore[arg-type]


def test_times_are_in_order() -> None:
    for wrong in ({"min_timeout_s": 0.0}, {"min_timeout_s": 2.0}, {"max_timeout_s": 0.5}, {"retry_s": 0.0}):
        with pytest.raises(UsageError, match="times"):
            BitswapLimits(**wrong)  # type: ignore[arg-type]
