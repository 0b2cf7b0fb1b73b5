"""The network interfaces of a host, as `socket.if_nameindex` and the package `ifaddr` list them.

A host has two: "lo", number 1, with 127.0.0.1 and ::1, and "eth0", number 2, with the addresses that it has
in its LAN or in the public internet.

`ifaddr` asks the C library, past Python's socket module; zeroconf and aioice find their addresses with it.
If it was imported before a run, it gets the interfaces of the current host.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from p2plib.sim.host import Host


class Interface(NamedTuple):
    """One network interface.

    Args:
        number: its number, which Linux calls its index.
        name: its name.
        addresses: its IP addresses, each with the length of its network's prefix, in bits.
    """

    number: int
    name: str
    addresses: tuple[tuple[str, int], ...]


def interfaces_of(host: Host) -> tuple[Interface, Interface]:
    """Return the interfaces of a host."""
    card = tuple((ip, _prefix_bits(host, ip)) for ip in host.addresses)
    return Interface(1, "lo", (("127.0.0.1", 8), ("::1", 128))), Interface(2, "eth0", card)


def _prefix_bits(host: Host, ip: str) -> int:
    address = ipaddress.ip_address(ip)
    for text in host.realm.networks:
        network = ipaddress.ip_network(text)
        if address in network:
            return network.prefixlen
    return 64 if address.version == 6 else 24


def name_index(host: Host) -> list[tuple[int, str]]:
    """Return the numbers and names of the interfaces, as `socket.if_nameindex` does."""
    return [(interface.number, interface.name) for interface in interfaces_of(host)]


def index_of(host: Host, name: Any) -> int:
    """Return the number of an interface, as `socket.if_nametoindex` does.

    Raises:
        OSError: there is no such interface.
    """
    for number, known in name_index(host):
        if known == os.fsdecode(name):
            return number
    raise OSError("no interface with this name")


def name_of(host: Host, number: int) -> str:
    """Return the name of an interface, as `socket.if_indextoname` does.

    Raises:
        OSError: ENXIO, there is no such interface.
    """
    for known, name in name_index(host):
        if known == number:
            return name
    raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))


def adapters(host: Host, *, include_unconfigured: bool = False) -> list[Any]:
    """Return the interfaces as `ifaddr.get_adapters` does, with the classes of that package."""
    package: Any = sys.modules["ifaddr"]
    found = []
    for number, name, addresses in interfaces_of(host):
        ips = [package.IP((ip, 0, 0) if ":" in ip else ip, bits, name) for ip, bits in addresses]
        if ips or include_unconfigured:
            found.append(package.Adapter(name, name, ips, number))
    return found
