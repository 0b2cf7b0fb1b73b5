"""The interfaces of a host, and how `socket` and `ifaddr` tell them."""

from __future__ import annotations

import socket

import pytest

from p2plib.sim import Internet
from p2plib.sim.sockets.interfaces import Interface, index_of, interfaces_of, name_index, name_of
from tests.sim.small import run


def test_a_host_has_the_loopback_and_one_card() -> None:
    async def main(net: Internet) -> None:
        ana = net.host("ana", ipv6=True)
        ben = net.host("ben", lan=net.lan("home", network="10.1.0.0/16"))
        loopback = Interface(1, "lo", (("127.0.0.1", 8), ("::1", 128)))
        card = Interface(2, "eth0", ((ana.address, 15), (ana.addresses[1], 32)))
        assert interfaces_of(ana) == (loopback, card)
        assert interfaces_of(ben) == (loopback, Interface(2, "eth0", ((ben.address, 16),)))
        cy = net.host("cy", address=["203.0.113.5", "2001:db9::5"])  # of no range of this internet
        assert interfaces_of(cy)[1].addresses == (("203.0.113.5", 24), ("2001:db9::5", 64))
        assert name_index(ana) == [(1, "lo"), (2, "eth0")]
        assert (index_of(ana, "lo"), index_of(ana, b"eth0"), name_of(ana, 2)) == (1, 2, "eth0")
        with pytest.raises(OSError, match="no interface with this name"):
            index_of(ana, "wlan0")
        with pytest.raises(OSError, match="No such device or address"):
            name_of(ana, 3)

    run(main)


def test_ifaddr_is_told_the_same() -> None:
    ifaddr = pytest.importorskip("ifaddr")

    async def main(net: Internet) -> None:
        ana = net.host("ana", ipv6=True)
        with ana:
            found = ifaddr.get_adapters()
        assert [(adapter.index, adapter.name) for adapter in found] == [(1, "lo"), (2, "eth0")]
        assert [ip.ip for ip in found[1].ips] == [ana.address, (ana.addresses[1], 0, 0)]
        assert [ip.is_IPv4 for ip in found[1].ips] == [True, False]

    before = ifaddr.get_adapters
    run(main)
    assert ifaddr.get_adapters is before
    assert all(adapter.name != "eth0" or "198.18" not in str(adapter.ips) for adapter in before())
    assert socket.if_nameindex()[0][1] == "lo"
