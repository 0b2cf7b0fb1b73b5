"""Pace: the bucket of a host."""

from __future__ import annotations

import pytest

from p2plib.discovery.tracker import pace
from p2plib.discovery.tracker.pace import Allowance, Pace, owner_of

ADA, BEN = "192.0.2.1", "192.0.2.2"


def test_a_burst_and_then_so_many_a_second() -> None:
    hosts = Pace(Allowance(burst=5, a_second=2))
    assert [hosts.allows(ADA, 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert hosts.allows(BEN, 0.0)
    assert [hosts.allows(ADA, 1.0) for _ in range(3)] == [True, True, False]
    assert [hosts.allows(ADA, 100.0) for _ in range(6)] == [True] * 5 + [False]  # it is never more than full


def test_in_the_long_run_a_host_gets_its_share() -> None:
    hosts = Pace(Allowance(burst=5, a_second=2))
    granted = sum(hosts.allows(ADA, tick / 100) for tick in range(10_000))
    assert granted == pytest.approx(5 + 2 * 100, abs=1)


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MAX_HOSTS", 10)
    hosts = Pace()
    for number in range(100):
        assert hosts.allows(f"192.0.2.{number}", 0.0)
    assert len(hosts._buckets) == 10


def test_a_home_with_ipv6_has_one_bucket() -> None:
    hosts = Pace(Allowance(burst=5, a_second=0))
    assert [hosts.allows(f"2001:db8:1:2::{number:x}", 0.0) for number in range(7)] == [True] * 5 + [False] * 2
    assert hosts.allows("2001:db8:1:3::1", 0.0)
    assert owner_of("2001:db8:1:2::9") == owner_of("2001:DB8:1:2:ffff::") != owner_of(ADA) == ADA
