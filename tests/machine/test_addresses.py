"""Addresses, contacts, and the network that a host is in."""

from __future__ import annotations

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact, contact_of, network_of, packed_host


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
