"""Addresses: where datagrams go, which peer is there, and on which network. Values and pure functions.

Rules
    1. A network of peers is of one family, IPv4 or IPv6: a peer is of no use to one that cannot send to it,
       and its id does not tell its family. To be in two networks, run two peers (BEP 32 keeps two tables, for
       the same reason).
    2. What the owner of a peer gives it (`given_address`, `bootstrap_addresses`) may be any address that a
       peer can have; anything else is an error at once. Nothing is looked up.
    3. What strangers name (`acceptable`) may be a lie, told to make many peers send to one victim. So nothing
       is sent to an address that no peer can have, to a port of the well-known services, or to an address of
       our own machine or site that was named by somebody outside.
    4. The source of a request is as good as named by a stranger, because it may be forged: it names itself.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from p2plib.errors import UsageError
from p2plib.machine.remembered import remembered

Address = tuple[str, int]

FIRST_PORT = 1024  # RFC 6335: lower ones are for services such as DNS, which answer anybody
MAX_PORT = 65_535

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


@remembered
def contact_of(pair: tuple[int, Address]) -> Contact:
    """The contact that an id and an address make: the same object each time.

    Peers that share a process, as in a simulation, name the same contacts over and over. One object of each
    stays in the processor's cache, where thousands of equal ones would not.
    """
    return Contact(*pair)


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


class Scope(IntEnum):
    """From how far away the peer at an address can be reached; a later one is farther."""

    NOWHERE = 0  # no peer can be there
    MACHINE = 1
    SITE = 2
    WORLD = 3


# IANA's registries of special-purpose addresses (RFC 6890), as far as peers are concerned. The networks that
# are set apart for examples and for measurements count as the world: the simulated internet is made of them.
# The first network that contains an address decides.
SCOPES = [
    (ipaddress.ip_network(network), scope)
    for network, scope in (
        ("0.0.0.0/8", Scope.NOWHERE),  # this host, not yet known
        ("127.0.0.0/8", Scope.MACHINE),
        ("10.0.0.0/8", Scope.SITE),  # RFC 1918
        ("172.16.0.0/12", Scope.SITE),
        ("192.168.0.0/16", Scope.SITE),
        ("100.64.0.0/10", Scope.SITE),  # behind a carrier's NAT
        ("169.254.0.0/16", Scope.NOWHERE),  # of one link
        ("192.0.0.0/24", Scope.NOWHERE),  # of protocols
        ("192.88.99.0/24", Scope.NOWHERE),  # 6to4, given up
        ("224.0.0.0/3", Scope.NOWHERE),  # multicast, reserved, broadcast
        ("0.0.0.0/0", Scope.WORLD),
        ("::1/128", Scope.MACHINE),
        ("fc00::/7", Scope.SITE),
        ("2001:db8::/32", Scope.WORLD),
        ("2001::/23", Scope.NOWHERE),  # of protocols, Teredo among them
        ("2002::/16", Scope.NOWHERE),  # 6to4: it would lead to any IPv4 address
        ("2000::/3", Scope.WORLD),  # all that is given out so far
        ("::/0", Scope.NOWHERE),
    )
]


@functools.lru_cache(maxsize=65_536)
def scope_of(host: str) -> Scope:
    """From how far away a host can be reached.

    Raises:
        UsageError: the text is not an IP address.
    """
    address = ipaddress.ip_address(packed_host(host))
    return next(scope for network, scope in SCOPES if address in network)


def is_ipv6(address: Address) -> bool:
    """Whether an address is an IPv6 one; it must be in its one form, see `given_address`."""
    return ":" in address[0]


def restored_place(
    bound: Address, before: Address | None, host: str | None, port: int | None, public: Address | None
) -> tuple[Address, Address | None]:
    """Where a peer listens in its next life, and where others reach it then.

    Args:
        bound: where it listened.
        before: where others reached it; None if that is where it listened.
        host: where it is to listen; None for where it did.
        port: the port there; None for the same as before.
        public: where others are to reach it; None for where they did, if it listens where it did.
    """
    if host is None and port is None and public is None:
        public = before
    return (bound[0] if host is None else host, bound[1] if port is None else port), public


def given_address(value: object) -> Address:
    """An address that an owner has given, in the one form in which datagrams show it.

    Args:
        value: an IP address and a port, for example ("192.0.2.7", 4001).

    Raises:
        UsageError: it is something else, or no peer can be there.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UsageError(f"an address is a host and a port, as ('192.0.2.7', 4001) is, not {value!r}")
    host, port = value
    if not isinstance(host, str):
        raise UsageError(f"a host is an IP address as text, not {host!r}")
    if type(port) is not int or not 1 <= port <= MAX_PORT:
        raise UsageError(f"a port is a number from 1 to {MAX_PORT}, not {port!r}")
    if scope_of(host) is Scope.NOWHERE:
        raise UsageError(f"no peer can be at {host}: it is reserved, or valid on one link only")
    raw = packed_host(host)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw), port


def bootstrap_addresses(given: Iterable[object], own: Address | None = None) -> tuple[Address, ...]:
    """The addresses that an owner has given for joining a network, each once, in the order given.

    Args:
        given: the addresses; see `given_address`.
        own: our own, if it is known.

    Raises:
        UsageError: there is none, one of them is no address of a peer, or they and our own are not all of one
            family (rule 1).
    """
    addresses = tuple(dict.fromkeys(map(given_address, given)))
    if not addresses:
        raise UsageError("joining needs at least one bootstrap address")
    ours = addresses[0] if own is None else own
    for address in addresses:
        if is_ipv6(address) != is_ipv6(ours):
            raise UsageError(
                f"{ours[0]} and {address[0]} are of different families, and a network of peers has one: "
                "run a peer for IPv4 and another for IPv6"
            )
    return addresses


@remembered
def _named(address: Address) -> tuple[bool, Scope]:
    """The family of an address and its scope, which is NOWHERE if its port is a service's."""
    host, port = address
    return is_ipv6(address), scope_of(host) if FIRST_PORT <= port <= MAX_PORT else Scope.NOWHERE


def acceptable(address: Address, teller: Address) -> bool:
    """Whether something may be sent to an address that a stranger has named. Rules 1, 3 and 4.

    Args:
        address: what was named.
        teller: where the stranger is.

    Raises:
        UsageError: one of them is not an IP address; what was decoded or received always is.
    """
    family, scope = _named(address)
    return scope >= scope_of(teller[0]) > Scope.NOWHERE and family == is_ipv6(teller)
