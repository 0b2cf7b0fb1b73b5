"""Links: which addresses are on a link, and where on it a host can be."""

from __future__ import annotations

import ipaddress


def link_of(host: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network that is taken for the link of a host: its /24, or all of the loopback."""
    bits = 8 if ipaddress.ip_address(host).is_loopback else 24
    return ipaddress.ip_network(f"{host}/{bits}", strict=False)


def may_be_at(host: str, link: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Whether a host of a link can have an address: on the link, and not that of the network or of everybody.

    Args:
        host: the address, as text.
        link: the network.
    """
    address = ipaddress.ip_address(host)
    is_for_all = link.num_addresses > 2 and address in (link.network_address, link.broadcast_address)
    return address in link and not is_for_all
