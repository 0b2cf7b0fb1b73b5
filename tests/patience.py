"""Patience of UDP's requests, for tests on real sockets."""

from __future__ import annotations

import pytest

from p2plib.machine import requests

TIMEOUT_S = 5.0


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback nothing is lost, but a busy machine answers late: a response is given its time."""
    monkeypatch.setattr(requests, "MIN_MARGIN_S", TIMEOUT_S)
    defaults = requests.RoundTrip.__init__.__defaults__
    assert defaults == (0.0, 0.0, requests.FIRST_TIMEOUT_S)
    monkeypatch.setattr(requests.RoundTrip.__init__, "__defaults__", (0.0, 0.0, TIMEOUT_S))
