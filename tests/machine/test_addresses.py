"""Addresses, contacts, and the network that a host is in."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.machine.addresses import (
    Contact,
    Scope,
    acceptable,
    bootstrap_addresses,
    contact_of,
    given_address,
    network_of,
    packed_host,
    restored_place,
    scope_of,
)


def test_a_contact_is_a_tuple_that_says_what_it_is() -> None:
    ana = Contact(0xAB, ("192.0.2.1", 4001))
    assert repr(ana) == f"{ana}" == "Contact(ab at 192.0.2.1:4001)"
    assert (ana.id, ana.address) == ana == Contact(0xAB, ("192.0.2.1", 4001))
    assert len({ana, Contact(0xAB, ("192.0.2.1", 4001)), Contact(0xAB, ("192.0.2.1", 4002))}) == 2
    with pytest.raises(AttributeError):
        ana.id = 3  # type: ignore[misc]


def test_a_contact_of_the_same_id_and_address_is_the_same_object() -> None:
    ana = contact_of((0xAB, ("192.0.2.1", 4001)))
    assert type(ana) is Contact
    assert ana == Contact(0xAB, ("192.0.2.1", 4001))
    assert contact_of((0xAB, ("192.0.2.1", 4001))) is ana
    assert contact_of((0xAB, ("192.0.2.1", 4002))) != ana


def test_one_host_has_one_form() -> None:
    assert packed_host("192.0.2.1") == packed_host("::ffff:192.0.2.1") == bytes((192, 0, 2, 1))
    assert len(packed_host("2001:db8::1")) == 16
    for wrong in ("", "192.0.2", "192.0.2.256", "2001:db8::1::", "example.org", "192.0.2.1\0"):
        with pytest.raises(UsageError, match="not an IP address"):
            packed_host(wrong)


def test_networks() -> None:
    assert network_of("192.0.2.77") == network_of("192.0.2.1") == bytes((192, 0, 2))
    assert network_of("::ffff:192.0.2.1") == bytes((192, 0, 2))
    assert network_of("2001:db8:1:2::3") == network_of("2001:db8:1:ffff::") != network_of("2001:db8:2::")
    with pytest.raises(UsageError, match="not an IP address"):
        network_of("example.org")


NOWHERE = """0.0.0.0 0.1.2.3 169.254.1.1 192.0.0.8 192.88.99.1 224.0.0.1 239.255.255.250 240.0.0.1
    255.255.255.255 :: ::2 ::7f00:1 fe80::1 fec0::1 ff02::1 100::1 64:ff9b::7f00:1 2001::1 2002:7f00:1::1
    4000::1"""
MACHINE = "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1"
SITE = "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255 fc00::1 fd12:3456::1"
WORLD = """1.1.1.1 9.255.255.255 16.0.0.1 100.63.255.255 100.128.0.0 172.32.0.1 223.255.255.255 192.0.2.1
    198.18.0.1 198.51.100.1 203.0.113.1 2001:200::1 2001:db8::1 2a00:1450::1 2606:4700::1111 ::ffff:1.1.1.1"""


@pytest.mark.finding("T8")
@pytest.mark.parametrize(
    ("hosts", "scope"),
    [(NOWHERE, Scope.NOWHERE), (MACHINE, Scope.MACHINE), (SITE, Scope.SITE), (WORLD, Scope.WORLD)],
)
def test_how_far_an_address_reaches(hosts: str, scope: Scope) -> None:
    assert {host: scope_of(host) for host in hosts.split()} == dict.fromkeys(hosts.split(), scope)


# Where we differ from Python's tables on purpose: networks for examples and measurements, transition aids.
OURS = "192.0.2.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20 5f00::/16"
OURS += " 192.0.0.0/24 192.88.99.0/24 2001::/23 2002::/16 64:ff9b::/96"
DIFFERS = [ipaddress.ip_network(network) for network in OURS.split()]


@pytest.mark.finding("T8")
@given(st.ip_addresses())
def test_python_s_own_tables_agree(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Drawn from special networks as often as from all of them."""
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in network for network in DIFFERS):
        return
    is_given_out = address.version == 4 or address in ipaddress.ip_network("2000::/3")
    is_world = address.is_global and not address.is_multicast and is_given_out
    assert (scope_of(str(address)) is Scope.WORLD) == is_world
    assert (scope_of(str(address)) is Scope.MACHINE) == address.is_loopback


FAR, NEAR, HERE = ("16.1.2.1", 4000), ("192.168.1.5", 4000), ("127.0.0.1", 4000)


@pytest.mark.finding("T8")
def test_strangers_can_name_only_what_lies_as_far_out_as_they_do() -> None:
    places = FAR, NEAR, HERE
    assert [[acceptable(named, teller) for named in places] for teller in places] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    assert not any(acceptable((host, 4000), FAR) for host in f"{NOWHERE} {MACHINE} {SITE}".split())
    assert not any(acceptable((host, 4000), (host, 4000)) for host in ("0.0.0.0", "224.0.0.1", "169.254.1.1"))


@pytest.mark.finding("T8")
def test_strangers_cannot_send_us_to_the_ports_of_services() -> None:
    named = [port for port in (0, 53, 123, 443, 1023, 1024, 65_535) if acceptable(("16.1.2.1", port), FAR)]
    assert named == [1024, 65_535]
    assert acceptable(("16.1.2.2", 4000), ("16.1.2.1", 53))  # where the stranger is, is its own affair


@pytest.mark.finding("T7")
def test_strangers_can_name_only_addresses_of_their_own_family() -> None:
    six = "2001:db8::1", 4000
    assert acceptable(six, ("2001:db8::2", 4000))
    assert not acceptable(six, FAR)
    assert not acceptable(FAR, six)


@pytest.mark.finding("T1")
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (("127.0.0.1", 99_999), "a port is a number from 1 to 65535, not 99999"),
        (("127.0.0.1", -1), "a port is"),
        (("127.0.0.1", 0), "a port is"),
        (("127.0.0.1", "53"), "a port is a number from 1 to 65535, not '53'"),
        (("127.0.0.1", True), "a port is"),
        (("127.0.0.1", 4000.0), "a port is"),
        (("example.org", 4000), "'example.org' is not an IP address"),
        (("fe80::1%eth0", 4000), "is not an IP address"),
        (("0.0.0.0", 4000), r"no peer can be at 0\.0\.0\.0"),
        (("ff02::1", 4000), "no peer can be at ff02::1"),
        ((None, 4000), "a host is an IP address as text, not None"),
        ((b"127.0.0.1", 4000), "a host is an IP address as text"),
        ("127.0.0.1:4000", "an address is a host and a port, as .* is, not '127.0.0.1:4000'"),
        (("127.0.0.1",), "an address is a host and a port"),
        (("::1", 4000, 0, 0), "an address is a host and a port"),
        (None, "an address is a host and a port"),
    ],
)
def test_what_an_owner_gives_is_an_address_or_an_error(value: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        given_address(value)
    with pytest.raises(UsageError):
        bootstrap_addresses([HERE, value])


def test_an_address_is_put_into_the_form_in_which_datagrams_show_it() -> None:
    assert given_address(("2001:DB8:0::1", 53)) == ("2001:db8::1", 53)
    assert given_address(["::ffff:192.0.2.1", 1]) == ("192.0.2.1", 1)
    assert bootstrap_addresses([("::FFFF:192.0.2.1", 1), FAR, ("192.0.2.1", 1)]) == (("192.0.2.1", 1), FAR)
    with pytest.raises(UsageError, match="at least one bootstrap address"):
        bootstrap_addresses([])


@pytest.mark.finding("T7")
def test_a_network_is_joined_through_addresses_of_one_family() -> None:
    six = "2001:db8::1", 4000
    assert bootstrap_addresses([six], own=("::1", 9)) == (six,)
    for given_ones, own in (([FAR, six], None), ([six], FAR), ([FAR], six)):
        with pytest.raises(UsageError, match=r"of different families.*another for IPv6"):
            bootstrap_addresses(given_ones, own)


def test_a_restored_peer_is_where_it_was_unless_it_is_told_to_move() -> None:
    bound, before, other = ("10.0.0.7", 4001), ("192.0.2.9", 5001), ("192.0.2.8", 1)
    assert restored_place(bound, before, None, None, None) == (bound, before)
    assert restored_place(bound, None, None, None, None) == (bound, None)
    assert restored_place(bound, before, None, 0, None) == (("10.0.0.7", 0), None)
    assert restored_place(bound, before, "10.0.0.8", None, None) == (("10.0.0.8", 4001), None)
    assert restored_place(bound, before, None, None, other) == (bound, other)
