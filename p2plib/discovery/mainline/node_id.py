"""Node ids that an address allows (BEP 42). Pure functions.

A node that may choose its own id chooses one next to a key, and twenty of them own that key. BEP 42 takes the
choice away: the first 21 bits of an id have to be those of a checksum of the node's address, and the last
byte says which of eight checksums was used.

Rules
    1. The checksum is the CRC-32C (Castagnoli) of 4 bytes for IPv4, of 8 for IPv6. They are the address, each
       byte masked, with r in the three highest bits of the first. Of an IPv6 address only the first half
       counts: the second half is its owner's to choose.
    2. The masks make neighbours share ids. All of a /24 has 2,048 prefixes, but all of a /8 only 2 ** 21.
    3. An id fits an address if its first 21 bits are those of the checksum whose r is its last three bits.
    4. Hosts of the own machine and site are exempt: no two of them can be told apart by such an address.

    >>> f"{prefixes_of('124.31.75.21')[1] << 3:06x}"
    '5fbfb8'

Vocabulary::

    r         0 to 7: which of the eight prefixes of an address
    prefix    the first 21 bits of an id, as a number; 5fbfb8 above is one with three zero bits behind it
"""

from __future__ import annotations

import functools
import ipaddress
import random

from p2plib.machine.addresses import packed_host
from p2plib.machine.remembered import remembered
from p2plib.wire.crc32c import crc32c

ID_BITS = 160
PREFIX_BITS = 21  # BEP 42: with more, no address at all would have some prefixes
VARIANTS = 8  # eight nodes behind one NAT get different ids

IPV4_MASK = bytes.fromhex("030f3fff")
IPV6_MASK = bytes.fromhex("0103070f1f3f7fff")

# BEP 42 lists those of IPv4. Carriers' NATs and IPv6 have ranges of the same kind.
_LOCAL = [
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
]


def masked(host: str, r: int) -> bytes:
    """The 4 or 8 bytes whose checksum is taken.

    Args:
        host: an IP address.
        r: 0 to 7.

    Raises:
        UsageError: the host is not an IP address.
    """
    raw = packed_host(host)
    mask = IPV4_MASK if len(raw) == 4 else IPV6_MASK
    kept = bytearray(byte & bits for byte, bits in zip(raw, mask, strict=False))
    kept[0] |= r << 5
    return bytes(kept)


@functools.lru_cache(maxsize=65_536)
def prefixes_of(host: str) -> tuple[int, ...]:
    """The eight prefixes that ids at an address may have, by r.

    Args:
        host: an IP address.

    Returns:
        Eight numbers of 21 bits.

    Raises:
        UsageError: the host is not an IP address.
    """
    return tuple(crc32c(masked(host, r)) >> 32 - PREFIX_BITS for r in range(VARIANTS))


@functools.lru_cache(maxsize=65_536)
def is_exempt(host: str) -> bool:
    """Whether nodes at an address may have any id, because it is local. Rule 4.

    Raises:
        UsageError: the host is not an IP address.
    """
    address = ipaddress.ip_address(packed_host(host))
    return any(address in network for network in _LOCAL)


@remembered
def _allowed(host: str) -> tuple[int, ...] | None:
    """The prefixes that are allowed at an address; None for any."""
    return None if is_exempt(host) else prefixes_of(host)


def node_id_for(host: str, rng: random.Random) -> int:
    """An id that a node at this address may have, and otherwise random.

    Args:
        host: the IP address at which others see the node.
        rng: where the other bits come from.

    Returns:
        A number of 160 bits.

    Raises:
        UsageError: the host is not an IP address.
    """
    last = rng.getrandbits(8)
    prefix = prefixes_of(host)[last % VARIANTS]
    middle = rng.getrandbits(ID_BITS - PREFIX_BITS - 8)
    return prefix << ID_BITS - PREFIX_BITS | middle << 8 | last


def is_of(node_id: int, host: str) -> bool:
    """Whether a node at this address may have this id.

    Args:
        node_id: a number of 160 bits.
        host: the IP address that its datagrams come from.

    Raises:
        UsageError: the host is not an IP address.
    """
    allowed = _allowed(host)
    return allowed is None or node_id >> ID_BITS - PREFIX_BITS == allowed[node_id % VARIANTS]
