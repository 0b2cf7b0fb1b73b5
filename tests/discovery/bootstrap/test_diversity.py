"""Diversity: turns and quotas by hand, and a seed that names none but its own peers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.bootstrap.diversity import NetworkQuota, spread
from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, network_of

ONE, TWO, THREE = ("198.51.100.1", 1), ("203.0.113.1", 1), ("192.0.2.1", 1)


def peers(network: int, count: int) -> list[Address]:
    return [(f"11.{network}.{number}.1", 4000) for number in range(count)]


def test_tellers_take_turns() -> None:
    named = {ONE: peers(1, 5), TWO: peers(2, 5), THREE: peers(3, 1)}
    assert spread(named, 6) == (
        *(peers(1, 1)[0], peers(2, 1)[0], peers(3, 1)[0]),
        *(peers(1, 2)[1], peers(2, 2)[1], peers(1, 3)[2]),
    )


def test_two_tellers_of_one_network_take_one_turn() -> None:
    neighbour = ("198.51.100.77", 1)
    named = {ONE: peers(1, 5), neighbour: peers(4, 5), TWO: peers(2, 5)}
    taken = spread(named, 4)
    assert [address in peers(2, 5) for address in taken] == [False, True, False, True]


def test_a_network_has_its_quota_and_a_lan_has_none() -> None:
    crowd = [(f"203.0.113.{number}", 4000) for number in range(1, 50)]
    assert len(spread({ONE: crowd}, 8)) == 2
    assert len(spread({ONE: crowd}, 8, of_network=5)) == 5
    lan = [(f"192.168.1.{number}", 4000) for number in range(1, 50)]
    assert len(spread({ONE: lan}, 8)) == 8
    ipv6 = [(f"2001:db8:7:{number:x}::1", 4000) for number in range(1, 50)]
    assert len(spread({ONE: ipv6}, 8)) == 2
    with pytest.raises(UsageError):
        NetworkQuota(0)


@pytest.mark.fault("F064")
def test_a_seed_that_names_its_own_peers_alone_does_not_eclipse_anybody() -> None:
    """The first eight that are heard are all the attacker's; the eight that are taken are not."""
    evil = [(f"66.{number}.6.6", 666) for number in range(20)]
    honest = [(f"11.{number}.1.1", 4000) for number in range(40)]
    rng = random.Random(1)
    named = {ONE: evil, TWO: rng.sample(honest, 20), THREE: rng.sample(honest, 20)}
    first = [address for addresses in named.values() for address in addresses][:8]
    assert all(address in evil for address in first)
    taken = spread(named, 8)
    assert sum(address in evil for address in taken) == 3
    crowd = {
        ONE: [(f"66.6.6.{number}", 666) for number in range(1, 21)],
        TWO: named[TWO],
        THREE: named[THREE],
    }
    assert sum(address in crowd[ONE] for address in spread(crowd, 8)) == 2


hosts = st.integers(0, 3).map("198.51.{}.7".format)
addresses = st.tuples(hosts, st.integers(1, 9))


@given(st.dictionaries(addresses, st.lists(addresses, max_size=9), max_size=5), st.integers(0, 9))
def test_what_holds_for_any_names(named: dict[Address, list[Address]], most: int) -> None:
    taken = spread(named, most)
    assert len(taken) == len(set(taken)) <= most
    assert set(taken) <= {address for each in named.values() for address in each}
    networks = [network_of(host) for host, _ in taken]
    assert all(networks.count(network) <= 2 for network in networks)
