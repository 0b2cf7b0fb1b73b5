"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.patience import be_patient


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response is given its time."""
    be_patient(monkeypatch)
