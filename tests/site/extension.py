"""A module of the book's Sphinx extension, for tests: its folder cannot go on the path beside tools."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "book" / "_ext"


def part(name: str) -> ModuleType:
    """Load one file of book/_ext, and by their names those that it imports from there."""
    for needed in {"plain_markdown", "front_matter"} - {name} - sys.modules.keys():
        sys.modules[needed] = _load(needed)
    return _load(name)


def _load(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    sys.modules[name] = made  # dataclasses look their module up
    try:
        spec.loader.exec_module(made)
    except ImportError as error:
        pytest.skip(f"what builds the book is not installed: {error.name}", allow_module_level=True)
    return made
