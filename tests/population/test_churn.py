"""Sessions, the uptime rule, and the dead that they leave."""

from __future__ import annotations

import math

import numpy as np
import pytest

from p2plib.errors import UsageError
from p2plib.population import churn


@pytest.mark.parametrize("shape", [None, 1.5])
def test_sessions(shape: float | None) -> None:
    rng = np.random.default_rng(1)
    drawn = churn.sessions(200_000, 600.0, shape, rng)
    assert np.median(drawn) == pytest.approx(600.0, rel=0.02)
    _, left = churn.here_now(200_000, 600.0, shape, rng)
    if shape is None:
        assert np.median(left) == pytest.approx(600.0, rel=0.02)  # age says nothing
    else:
        # The time left has the tail of the integrated session: a Lomax of shape a - 1.
        scale = 600.0 / (2 ** (1 / shape) - 1)
        assert np.median(left) == pytest.approx(scale * (2 ** (1 / (shape - 1)) - 1), rel=0.03)
    with pytest.raises(UsageError):
        churn.sessions(1, 600.0, 1.0, rng)


def test_the_uptime_rule_is_a_prediction_where_tails_are_heavy() -> None:
    oldest, newest = (churn.uptime_rule(p, buckets=400) for p in ("oldest", "newest"))  # type: ignore[arg-type]
    assert oldest.alive > 0.995 > newest.alive
    assert oldest.stays > newest.stays + 0.08
    assert oldest.age_s > 3 * newest.age_s
    without = [churn.uptime_rule(p, shape=None, buckets=400).stays for p in ("oldest", "newest")]  # type: ignore[arg-type]
    assert without == [pytest.approx(0.5, abs=0.03)] * 2  # exponential: half of an hour's median, whoever


def test_the_dead_of_exponential_sessions() -> None:
    """In closed form: 1 - (1 - exp(-x)) / x with x = heard / mean."""
    x = 600.0 * math.log(2) / 300.0
    assert churn.dead_fraction(300.0, 600.0) == pytest.approx(1 - (1 - math.exp(-x)) / x, abs=0.005)
