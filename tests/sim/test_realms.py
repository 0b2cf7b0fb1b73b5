"""Realms: who has which address."""

from __future__ import annotations

import pytest

from p2plib.errors import UsageError
from p2plib.sim.link import Link
from p2plib.sim.nat.machine import Nat
from p2plib.sim.realms import Gateway, Realm


def test_addresses_are_given_out_once_and_end() -> None:
    realm = Realm("tiny", "10.0.0.0/30", "2001:db8::/126")
    realm.members["10.0.0.1"] = Gateway("nat", Nat(["203.0.113.1"]), realm, Realm("outer", "10.1.0.0/24"), "")
    assert realm.next_address() == "10.0.0.2"
    assert realm.next_address(ipv6=True) == "2001:db8::1"
    with pytest.raises(UsageError, match="every address of tiny is taken"):
        realm.next_address()


def test_a_gateway_has_its_external_addresses_in_the_realm_around() -> None:
    inner, outer = Realm("home", "10.0.0.0/24"), Realm("outer", "10.1.0.0/24")
    gateway = Gateway("nat", Nat(["10.1.0.1", "10.1.0.2"]), inner, outer, "")
    assert outer.members == {"10.1.0.1": gateway, "10.1.0.2": gateway}
    assert outer.next_address() == "10.1.0.3"


def test_a_lan_has_a_broadcast_address_and_the_public_internet_none() -> None:
    assert Realm("home", "10.0.0.0/24", link=Link()).broadcast == "10.0.0.255"
    assert Realm("public", "10.0.0.0/24").broadcast == ""


def test_a_lan_without_a_way_out_leads_to_its_range_and_its_members_alone() -> None:
    home = Realm("home", "10.0.0.0/24", link=Link())
    assert (home.leads_to("10.0.0.9"), home.leads_to("198.18.0.9")) == (True, False)
    home.members["198.18.0.9"] = Gateway("nat", Nat(["203.0.113.1"]), home, Realm("inner", "10.1.0.0/24"), "")
    assert home.leads_to("198.18.0.9"), "a member may have an address of another range"
    home.gateway = Gateway("nat", Nat(["203.0.113.1"]), home, Realm("outer", "203.0.113.0/24"), "")
    assert home.leads_to("192.0.2.1")
    assert Realm("public", "10.0.0.0/24").leads_to("192.0.2.1")
