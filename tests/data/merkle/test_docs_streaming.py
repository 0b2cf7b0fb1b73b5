"""The examples in the docstrings of BLAKE3, Bao and BEP 52 do what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["blake3", "blake3_lanes", "bao", "bao_verifier", "bep52"])
def test_examples(name: str) -> None:
    tested = doctest.testmod(importlib.import_module(f"p2plib.data.merkle.{name}"))
    assert tested.attempted
    assert not tested.failed
