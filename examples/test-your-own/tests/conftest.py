"""The option --before, which chooses the version under test."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--before", action="store_true", help="test the talking stick as it was first written")


@pytest.fixture
def module(request: pytest.FixtureRequest) -> ModuleType:
    """The version under test: `talking_stick`, or with --before the first one."""
    before = request.config.getoption("--before")
    return importlib.import_module("talking_stick_before" if before else "talking_stick")
