"""The examples in the docstrings of this room do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from p2plib.data import hypercore

MODULES = ["p2plib.data.hypercore"] + [
    module.name for module in pkgutil.iter_modules(hypercore.__path__, "p2plib.data.hypercore.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
