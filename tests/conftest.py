"""What every test may use: the folder of vectors from elsewhere, and how properties are searched."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT.parent / "shared" / "vectors"

# The test run tries the same examples every time, and a slow machine is no failure. To look for new ones:
# HYPOTHESIS_PROFILE=explore pytest tests
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """The folder of test data that others published; a test that needs it skips where it is absent."""
    if not VECTORS.is_dir():
        pytest.skip("the folder of published vectors, ../shared/vectors, is not on this machine")
    return VECTORS
