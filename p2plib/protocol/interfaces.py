"""Interfaces: the addresses at which this machine can be reached, when it listens at all of them.

"0.0.0.0" and "::" are places to listen at, not to dial: a peer that is told of them would dial itself.

Python's standard library lists the names of the interfaces and not their addresses. But the kernel says from
which address it would send a datagram to a multicast group through an interface, and sends nothing for that.

Rules
    1. One address for each interface and family: the one that it sends from. The loopback is one of them.
    2. No link-local addresses, which mean nothing without the name of an interface of ours.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

from p2plib.errors import UsageError

_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_GROUPS = {socket.AF_INET: "224.0.0.1", socket.AF_INET6: "ff0e::1"}  # all hosts; any group of global scope


def interface_addresses(family: int) -> list[str]:
    """The addresses of this machine's interfaces, the loopback first.

    Args:
        family: `socket.AF_INET` or `socket.AF_INET6`.
    """
    if family not in _LOOPBACK:
        raise UsageError(f"the family must be AF_INET or AF_INET6, not {family}")
    found = [_LOOPBACK[socket.AddressFamily(family)]]
    for number, _ in socket.if_nameindex():
        try:
            address = _sends_from(socket.AddressFamily(family), number)
        except OSError:  # it is down, or has no address of this family
            continue
        kind = ipaddress.ip_address(address)
        if not kind.is_unspecified and not kind.is_link_local and address not in found:
            found.append(address)
    return found


def _sends_from(family: socket.AddressFamily, number: int) -> str:
    """The address that the kernel puts on what it sends through an interface; OSError if it has none."""
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        if family == socket.AF_INET:
            request = struct.pack("=4s4si", bytes(4), bytes(4), number)  # ip_mreqn
            asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        else:
            asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, number)
        asking.connect((_GROUPS[family], 9))
        host: str = asking.getsockname()[0]
        return host
