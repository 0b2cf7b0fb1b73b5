"""Limits that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.protocol.quic.limits import QuicLimits


@pytest.mark.parametrize("name", ["window_bytes", "max_streams", "idle_timeout_s"])
@pytest.mark.parametrize("value", [0, -1])
def test_each_is_above_zero(name: str, value: int) -> None:
    wrong: dict[str, Any] = {name: value}
    with pytest.raises(UsageError, match="above zero"):
        QuicLimits(**wrong)


def test_a_window_fits_the_memory() -> None:
    with pytest.raises(UsageError, match="1000 bytes have no room for a window of 1001"):
        QuicLimits(window_bytes=1001, memory_bytes=1000)
