"""What holds for every test run of the repository."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let the kernels that nbval starts be those that may start at the same time."""
    if config.getoption("nbval", False):
        import kernels
        from nbval import kernel

        kernel.KernelManager = kernels.OverFiles
