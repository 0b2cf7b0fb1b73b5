"""The cache of good peers: what goes in, what goes out, in which order it is tried."""

from __future__ import annotations

import random

import pytest

from p2plib.discovery.bootstrap.cache import (
    MAX_FAILURES,
    MAX_KEPT,
    MAX_OF_NETWORK,
    GoodPeers,
    datagram_address,
    entry_of,
)
from p2plib.errors import DecodeError
from p2plib.wire import multiaddr

A, B, C = ("198.51.100.1", 1), ("203.0.113.1", 2), ("192.0.2.1", 3)


def cache_of(*addresses: tuple[str, int]) -> GoodPeers:
    cache = GoodPeers()
    for address in addresses:
        cache.good(address)
    return cache


@pytest.mark.fault("F063")
def test_the_cache_comes_before_the_list_and_the_latest_before_all() -> None:
    cache = cache_of(A, B, A)
    listed = [("11.0.0.1", port) for port in range(1, 30)]
    orders = {cache.order([*listed, B], random.Random(seed)) for seed in range(20)}
    assert {order[:2] for order in orders} == {(A, B)}
    assert len({order[2] for order in orders}) > 5, "not everybody begins with the first of the list"
    assert all(len(order) == len(set(order)) == 31 for order in orders)


def test_a_peer_that_fails_often_is_forgotten_and_one_that_answers_is_forgiven() -> None:
    cache = cache_of(A, B)
    for _ in range(MAX_FAILURES - 1):
        cache.bad(A)
    cache.good(A)
    cache.bad(A)
    assert set(cache) == {A, B}
    for _ in range(MAX_FAILURES):
        cache.bad(B)
    cache.bad(C)  # of whom we never heard
    assert list(cache) == [A]


def test_there_is_room_for_so_many_and_for_few_of_one_network() -> None:
    cache = cache_of(*((f"11.{number}.1.1", 1) for number in range(MAX_KEPT + 9)))
    assert len(cache) == MAX_KEPT
    assert ("11.8.1.1", 1) not in set(cache), "the oldest went"
    flood = cache_of(A, *((f"66.6.6.{number}", 6) for number in range(1, 99)), B)
    assert len(flood) == MAX_OF_NETWORK + 2
    assert {A, B} <= set(flood)
    lan = cache_of(*((f"192.168.1.{number}", 6) for number in range(1, 50)))
    assert len(lan) == 49


def test_a_cache_is_a_list_that_can_be_read_again() -> None:
    cache = cache_of(A, ("2001:db8::1", 7), B)
    again = GoodPeers.restore(cache.save())
    assert list(again) == list(cache) == [B, ("2001:db8::1", 7), A]
    with pytest.raises(DecodeError, match="not a numeric UDP address"):
        GoodPeers.restore('["/dns/a.example/udp/1"]')


def test_entries_and_addresses() -> None:
    assert str(entry_of(A)) == "/ip4/198.51.100.1/udp/1"
    assert datagram_address(entry_of(A)) == A
    for text in ("/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/udp/1/utp", "/dns/a.example/udp/1"):
        assert datagram_address(multiaddr.parse(text)) is None
