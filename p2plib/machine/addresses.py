"""Addresses: where datagrams go, which peer is there, and on which network. Values and pure functions."""

from __future__ import annotations

import functools
import socket
from typing import NamedTuple

from p2plib.errors import UsageError
from p2plib.machine.remembered import remembered

Address = tuple[str, int]

MAPPED_IPV4 = bytes(10) + b"\xff\xff"  # ::ffff:192.0.2.1 is the host 192.0.2.1, and must not count as another
IPV4_NETWORK_BYTES = 3  # a /24 is the smallest network that the internet routes, so it is what one owner has
IPV6_NETWORK_BYTES = 6  # a /48 is what a provider hands to one customer


class Contact(NamedTuple):
    """A peer as others know it; a tuple, because each list of peers that arrives makes several.

    Args:
        id: its place in the overlay, a whole number of at most 256 bits.
        address: where it receives datagrams.
    """

    id: int
    address: Address

    def __repr__(self) -> str:
        return f"Contact({self.id:x} at {self.address[0]}:{self.address[1]})"


contact_of = remembered(Contact._make)
"""The contact that an id and an address make, as a pair: the same object each time.

Peers that share a process, as in a simulation, name the same contacts over and over. One object of each stays
in the processor's cache, where thousands of equal ones would not.
"""


@functools.lru_cache(maxsize=65_536)
def packed_host(host: str) -> bytes:
    """The 4 or 16 bytes of an IP address; an IPv4 address inside IPv6 is the IPv4 address.

    Raises:
        UsageError: the text is not an IP address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        raw = socket.inet_pton(family, host)
    except (OSError, ValueError):
        raise UsageError(f"{host!r} is not an IP address") from None
    return raw.removeprefix(MAPPED_IPV4)


def network_of(host: str) -> bytes:
    """The network whose addresses an attacker with this host gets cheaply: the /24, or the /48 in IPv6."""
    raw = packed_host(host)
    return raw[: IPV4_NETWORK_BYTES if len(raw) == 4 else IPV6_NETWORK_BYTES]
