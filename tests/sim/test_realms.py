"""Realms: who has which address."""

from __future__ import annotations

import pytest

from p2plib.errors import UsageError
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
