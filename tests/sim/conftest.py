"""What tests of the simulated internet share."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.sim.strangers.world")  # so that a failure in there shows its values

from tests.sim.certificates import Certificates, certificates  # noqa: E402


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate for the hosts "server", "ben" and "localhost"."""
    return certificates(tmp_path_factory.mktemp("papers"), "server", "ben", "localhost")
