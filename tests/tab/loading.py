"""The Python of a reader's tab, from its files: beside them is a `nacl`, so they are not put on the path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

SOURCES = Path(__file__).resolve().parents[2] / "book" / "_static" / "tab"


def loaded(name: str) -> ModuleType:
    """One of the modules."""
    spec = importlib.util.spec_from_file_location(f"tab_{name}", SOURCES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
