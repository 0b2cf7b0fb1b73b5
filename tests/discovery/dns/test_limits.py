"""Limits: what a network gets, what another one gets meanwhile, and how much is remembered."""

from __future__ import annotations

import pytest

from p2plib.discovery.dns.limits import MAX_NETWORKS, Allowed, ReplyLimits

HOST, NEIGHBOUR, FAR = "192.0.2.7", "192.0.2.200", "198.51.100.7"


def test_a_network_has_a_budget_that_flows_back() -> None:
    limits = ReplyLimits(bytes_per_s=100, burst_bytes=300, short_per_s=1)
    said = [limits.allowed(host, 100, 0.0) for host in (HOST, NEIGHBOUR, HOST, NEIGHBOUR, HOST)]
    assert said == [Allowed.WHOLE] * 3 + [Allowed.SHORT, Allowed.NOTHING]
    assert limits.allowed(FAR, 100, 0.0) is Allowed.WHOLE
    assert limits.allowed(HOST, 100, 1.0) is Allowed.WHOLE
    assert limits.allowed(HOST, 100, 1.0) is Allowed.SHORT
    assert [limits.allowed(HOST, 100, 1e6) for _ in range(4)].count(Allowed.WHOLE) == 3


@pytest.mark.fault("F079")
def test_a_flood_gets_back_no_more_than_the_budget() -> None:
    limits = ReplyLimits()
    sent = sum(170 for n in range(100_000) if limits.allowed(HOST, 170, n / 10_000) is Allowed.WHOLE)
    assert sent <= 20_000 + 10 * 2_000


@pytest.mark.fault("F079")
def test_memory_is_flat() -> None:
    limits = ReplyLimits()
    for n in range(MAX_NETWORKS + 500):
        limits.allowed(f"{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}.1", 100, 0.0)
    assert len(limits) == MAX_NETWORKS


def test_a_network_of_ipv6_is_a_48() -> None:
    limits = ReplyLimits(bytes_per_s=0, burst_bytes=100, short_per_s=0)
    assert limits.allowed("2001:db8:1:1::1", 100, 0.0) is Allowed.WHOLE
    assert limits.allowed("2001:db8:1:2::1", 100, 0.0) is Allowed.NOTHING
    assert limits.allowed("2001:db8:2::1", 100, 0.0) is Allowed.WHOLE
