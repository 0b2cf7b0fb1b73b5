"""What every test may use: the folder of vectors from elsewhere, and the faults that a test covers."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT.parent / "shared" / "vectors"


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """The folder of test data that others published; a test that needs it skips where it is absent."""
    if not VECTORS.is_dir():
        pytest.skip("the folder of published vectors, ../shared/vectors, is not on this machine")
    return VECTORS
