"""Addresses as a socket takes and shows them; what becomes of them on sockets is in test_peer.py."""

from __future__ import annotations

import errno

import pytest

from p2plib.errors import UsageError
from p2plib.machine.udp import Family, checked_public, family_of, plain, target


def test_a_mapped_address_is_the_ipv4_address() -> None:
    assert plain(("::ffff:192.0.2.1", 7, 0, 0)) == ("192.0.2.1", 7)
    assert plain(("::ffff:1", 7, 0, 0)) == ("::ffff:1", 7)  # no IPv4 address: an IPv6 address that begins so
    assert plain(("2001:db8::1", 7, 0, 0)) == ("2001:db8::1", 7)


def test_an_address_as_a_socket_takes_it() -> None:
    four, six = ("192.0.2.1", 7), ("2001:db8::1", 7)
    assert target(four, Family.IPV4) == four
    assert target(four, Family.MAPPED) == ("::ffff:192.0.2.1", 7)
    assert target(six, Family.IPV6) == six
    for address, family in ((six, Family.IPV4), (six, Family.MAPPED), (four, Family.IPV6)):
        with pytest.raises(OSError, match="of the other family") as caught:
            target(address, family)
        assert caught.value.errno == errno.EAFNOSUPPORT
    with pytest.raises(UsageError, match="a port is 1 to 65535, not 0"):
        target(("192.0.2.1", 0), Family.IPV4)


@pytest.mark.finding("T7")
def test_the_family_of_a_peer_is_that_of_its_address() -> None:
    assert family_of(("192.0.2.1", 7), "192.0.2.1") is Family.IPV4
    assert family_of(("192.0.2.1", 7), "::") is Family.MAPPED
    assert family_of(("2001:db8::1", 7), "::") is Family.IPV6
    with pytest.raises(UsageError, match="receives only IPv4"):
        family_of(("2001:db8::1", 7), "0.0.0.0")


def test_a_public_address_is_put_into_its_one_form() -> None:
    assert checked_public("0.0.0.0", 0, ("::ffff:192.0.2.1", 7)) == ("192.0.2.1", 7)
    assert checked_public("192.0.2.1", 0, None) is None
    for host in ("0.0.0.0", "::", "::ffff:0.0.0.0"):
        with pytest.raises(UsageError, match="as `public`"):
            checked_public(host, 0, None)
