"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from p2plib.machine import requests


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback nothing is lost, but a busy machine answers late: a response is given its time."""
    monkeypatch.setattr(requests, "MIN_MARGIN_S", 5.0)
