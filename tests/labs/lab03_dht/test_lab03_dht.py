"""Lab 3: what it alone promises. What every lab promises is tested in `tests/labs/test_every_lab.py`."""

from __future__ import annotations

import pytest

from p2plib.labs.lab03_dht import LAB


@pytest.mark.parametrize(("name", "message"), [("length", b"\x07abc"), ("decode", b"\x03abc")])
def test_references_by_hand(name: str, message: bytes) -> None:
    """TO WRITE: known answers, other right solutions, budgets."""
    assert LAB.tasks[name].reference(message) == {"length": 7, "decode": "abc"}[name]
