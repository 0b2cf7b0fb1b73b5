"""Each lab that nbval runs keeps its functions in an empty folder of its own, as it did when it was made.

Otherwise what a reader has kept, or what the lab before has, would change what a later lab prints.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

_folders: dict[Path, tempfile.TemporaryDirectory[str]] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Point P2PLIB_LABS_HOME to a fresh folder before nbval starts a notebook's kernel."""
    if item.path.suffix == ".ipynb" and item.path not in _folders:
        _folders[item.path] = tempfile.TemporaryDirectory(prefix="handbook-labs-")
        os.environ["P2PLIB_LABS_HOME"] = str(Path(_folders[item.path].name) / "my_peer")
