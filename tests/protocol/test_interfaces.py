"""The addresses of interfaces: of this machine, and of hosts in the simulated internet, which are known."""

from __future__ import annotations

import socket

import pytest

from p2plib.errors import UsageError
from p2plib.protocol.interfaces import interface_addresses
from p2plib.sim import Internet


@pytest.mark.finding("M5")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_socket_can_be_bound_to_each_on_this_machine(family: socket.AddressFamily) -> None:
    found = interface_addresses(family)
    assert found[0] == {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}[family]
    assert len(set(found)) == len(found)
    for address in found[1:]:
        with socket.socket(family) as bound:
            bound.bind((address, 0))


@pytest.mark.finding("M5")
def test_a_host_of_the_simulated_internet() -> None:
    async def main(net: Internet) -> None:
        both, old = net.host("both", ipv6=True), net.host("old")
        with both:
            found = [*interface_addresses(socket.AF_INET)[1:], *interface_addresses(socket.AF_INET6)[1:]]
        assert sorted(found) == sorted(both.addresses)
        assert len(found) == 2
        with old:
            assert interface_addresses(socket.AF_INET) == ["127.0.0.1", old.address]
            assert interface_addresses(socket.AF_INET6) == ["::1"]

    Internet(1).run(main)


def test_other_families_have_none() -> None:
    with pytest.raises(UsageError, match=r"not 1$"):
        interface_addresses(socket.AF_UNIX)
