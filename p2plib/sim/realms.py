"""Realms and gateways: which machines reach each other by address, and the NATs between them.

Rules:

* An *address realm* (RFC 2663's term) is a set of machines that reach each other by address: the public
  internet, or a LAN. A *gateway* joins a LAN to the realm around it with a NAT. A LAN around a LAN is a
  carrier-grade NAT.
* A realm remembers which addresses were sought in it in vain, so that paths which led elsewhere are found
  anew when a machine with such an address is added.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from p2plib.errors import UsageError
from p2plib.sim.link import Link
from p2plib.sim.nat.machine import Nat

if TYPE_CHECKING:
    from p2plib.sim.host import Host

LAN = Link(latency=0.000_5)


class Gateway:
    """A NAT between a realm and the one around it.

    Args:
        name: its name in links and traces.
        nat: the machine that rewrites addresses.
        inner: the realm behind it.
        outer: the realm around it, in which it has its external addresses.
        region: where it is, for links between regions.
    """

    __slots__ = ("inner", "name", "nat", "outer", "region")

    def __init__(self, name: str, nat: Nat, inner: Realm, outer: Realm, region: str) -> None:
        self.name, self.nat, self.inner, self.outer, self.region = name, nat, inner, outer, region
        for address in nat.external:
            outer.members[address] = self


class Realm:
    """Machines that reach each other by address.

    Args:
        name: what it is called.
        networks: the ranges that its addresses are from, IPv4 first.
        link: the link between the members of a LAN; None for the public internet.

    Attributes:
        members: the host or gateway at each address.
        gateway: the way out; None if there is none.
        sought: addresses to which packets were sent and which no member had.
        groups: for each multicast group, how many sockets of each host have joined it.
        broadcast: the address of all members of a LAN; "" in the public internet.
    """

    def __init__(self, name: str, *networks: str, link: Link | None = None) -> None:
        self.name, self.link, self.networks = name, link, networks
        self._ranges = [ipaddress.ip_network(network) for network in networks]
        self._free = [map(str, addresses.hosts()) for addresses in self._ranges]
        self.members: dict[str, Host | Gateway] = {}
        self.gateway: Gateway | None = None
        self.sought: set[str] = set()
        self.groups: dict[str, dict[Host, int]] = {}
        self.broadcast = str(self._ranges[0].broadcast_address) if link is not None else ""

    def hosts(self) -> list[Host]:
        """Return its hosts, without gateways, in the order in which they were added."""
        members = dict.fromkeys(self.members.values())
        return [member for member in members if not isinstance(member, Gateway)]

    def leads_to(self, ip: str) -> bool:
        """Whether its members have a route to an address: it is on this LAN, or there is a way out."""
        if self.link is None or self.gateway is not None or ip in self.members:
            return True
        return any(ipaddress.ip_address(ip) in addresses for addresses in self._ranges)

    def next_address(self, *, ipv6: bool = False) -> str:
        """Return the next address that is free.

        Raises:
            UsageError: they are all taken.
        """
        for address in self._free[ipv6]:
            if address not in self.members:
                return address
        raise UsageError(f"every address of {self.name} is taken")
