"""Compact: peers in 6 or 18 bytes, the address and the port and nothing else. A codec.

Specification: BEP 23 for IPv4, BEP 7 for IPv6. Fifty peers are 300 bytes; as a bencoded list of dicts they
are about 5,000. ::

    c0 00 02 07 1a e1       192.0.2.7, port 6881

Rules
    1. A list is a whole number of peers: a length that is not a multiple of 6 (18 for IPv6) is refused, for
       nobody can know where the mistake begins.
    2. An address or a port that cannot be one is *not* refused here: one bad entry of a stranger's does not
       make the others bad. `p2plib.discovery.tracker.client` drops it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import MAX_PORT, Address, packed_host
from p2plib.machine.remembered import remembered
from p2plib.wire.fields import Field

IPV4_PEER_BYTES, IPV6_PEER_BYTES = 6, 18


@remembered
def pack_peer(address: Address) -> bytes:
    """The 6 or 18 bytes of a peer.

    Raises:
        UsageError: it is no IP address and port.
    """
    host, port = address
    if not 0 <= port <= MAX_PORT:
        raise UsageError(f"a port is at most {MAX_PORT}, not {port}")
    return packed_host(host) + port.to_bytes(2, "big")


def pack(peers: Iterable[Address]) -> bytes:
    """The bytes of some peers, all of one family.

    Raises:
        UsageError: one of them is no IP address and port.
    """
    return b"".join(map(pack_peer, peers))


def unpack(raw: bytes, *, ipv6: bool = False, offset: int = 0) -> tuple[Address, ...]:
    """The peers in a compact list.

    Args:
        raw: the list.
        ipv6: whether its peers are IPv6 ones.
        offset: where the list begins in its message, for an error.

    Raises:
        DecodeError: rule 1.
    """
    size = IPV6_PEER_BYTES if ipv6 else IPV4_PEER_BYTES
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    if len(raw) % size:
        raise DecodeError(
            f"a compact list of {len(raw)} bytes, where a peer has {size}: {len(raw) % size} are left over",
            offset + len(raw) - len(raw) % size,
        )
    return tuple(
        (
            socket.inet_ntop(family, raw[at : at + size - 2]),
            int.from_bytes(raw[at + size - 2 : at + size], "big"),
        )
        for at in range(0, len(raw), size)
    )


def dissect(raw: bytes, *, ipv6: bool = False) -> tuple[Field, ...]:
    """The parts of a compact list, in order, for a drawing.

    Args:
        raw: the list.
        ipv6: whether its peers are IPv6 ones.

    Raises:
        DecodeError: as `unpack`.
    """
    size = IPV6_PEER_BYTES if ipv6 else IPV4_PEER_BYTES
    parts = []
    for number, (host, port) in enumerate(unpack(raw, ipv6=ipv6)):
        at = number * size
        parts.append(Field("host", raw[at : at + size - 2], host))
        parts.append(Field("port", raw[at + size - 2 : at + size], str(port)))
    return tuple(parts)
