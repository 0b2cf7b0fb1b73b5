"""What every test may use: the folder of vectors from elsewhere, and how properties are searched."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import budgets

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT.parent / "shared" / "vectors"

# The test run tries the same examples every time, and a slow machine is no failure. To look for new ones:
# HYPOTHESIS_PROFILE=explore pytest tests
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_configure(config: pytest.Config) -> None:
    """Have the processor time of each room added up, and Ctrl-C mean what it means.

    What a shell starts in the background ignores Ctrl-C, and so does all that it starts; tests send it.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(budgets.read(), "handbook-budgets")


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """The folder of test data that others published; a test that needs it skips where it is absent."""
    if not VECTORS.is_dir():
        pytest.skip("the folder of published vectors, ../shared/vectors, is not on this machine")
    return VECTORS


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser without a window, for tests that look at pages and figures as a reader does: Chromium, or
    what a test is parametrized with, or what the environment names, as in HANDBOOK_BROWSER=firefox.

    It lives as long as one module: while Playwright runs, its event loop counts as running in this thread.
    """
    import browsers  # from tools/, where other processes that import this file do not look

    name = getattr(request, "param", os.environ.get("HANDBOOK_BROWSER", "chromium"))
    with contextlib.ExitStack() as opened:
        try:
            running = opened.enter_context(browsers.launched(name))
        except browsers.NoBrowser as why:
            if os.environ.get("CI") and name == "chromium":
                pytest.fail(f"CI must have Chromium and playwright: .ci/run installs them. {why}")
            pytest.skip(str(why))
        yield running
