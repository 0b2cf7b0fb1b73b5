"""What tests of TCP and of TLS share."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def nothing_unclosed() -> Iterator[None]:
    """A TLS transport that nobody closed warns when it is collected."""
    gc.freeze()  # what was there before need not be looked through
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    gc.unfreeze()
    unclosed = [str(warning.message) for warning in seen if "SSLProtocolTransport" in str(warning.message)]
    assert not unclosed
