"""UDP: addresses as a socket takes and shows them, and a peer's own handle on its socket. A part of drivers.

Rules
    1. A peer is of one family, that of its address. On an IPv6 socket it can still be IPv4's: what the socket
       shows as ``::ffff:192.0.2.1`` is the IPv4 address, and is given to the socket in that form.
    2. Nothing is handed to a socket but an IP address and a port that it can send to; nothing is looked up.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
from enum import Enum
from typing import Any

from p2plib.errors import UsageError
from p2plib.machine.addresses import MAX_PORT, Address, given_address, is_ipv6, packed_host
from p2plib.machine.remembered import remembered

MAPPED = "::ffff:"
WILDCARDS = bytes(4), bytes(16)  # 0.0.0.0 and ::, which stand for all addresses of this machine


def plain(source: tuple[Any, ...]) -> Address:
    """The address in what a socket reports about a sender (rule 1)."""
    host, port = source[:2]
    if host.startswith(MAPPED) and "." in host:
        host = host[len(MAPPED) :]
    return host, port


class Family(Enum):
    """What a peer sends to, and on what socket (rule 1)."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"
    MAPPED = "IPv4 on an IPv6 socket"


def family_of(address: Address, socket_host: str) -> Family:
    """The family of a peer.

    Args:
        address: where others reach it.
        socket_host: what its socket is bound to.

    Raises:
        UsageError: an IPv4 socket cannot serve an IPv6 address.
    """
    if ":" not in socket_host:
        if is_ipv6(address):
            raise UsageError(f"others reach us at {address[0]}, but {socket_host} receives only IPv4")
        return Family.IPV4
    return Family.IPV6 if is_ipv6(address) else Family.MAPPED


def target(address: Address, family: Family) -> Address:
    """An address in the form that our socket takes (rule 1).

    Args:
        address: where a machine wants to send.
        family: that of the peer.

    Raises:
        UsageError: it is not an IP address and a port (rule 2).
        OSError: EAFNOSUPPORT, the address is of the other family (rule 2).
    """
    host, port = address
    packed_host(host)
    if type(port) is not int or not 1 <= port <= MAX_PORT:
        raise UsageError(f"a port is 1 to {MAX_PORT}, not {port!r}")
    if is_ipv6(address) != (family is Family.IPV6):
        raise OSError(errno.EAFNOSUPPORT, f"{host} is of the other family than this peer")
    return (MAPPED + host, port) if family is Family.MAPPED else address


TARGETS = {family: remembered(functools.partial(target, family=family)) for family in Family}


def own_handle(transport: asyncio.BaseTransport) -> socket.socket | None:
    """A second handle on a transport's socket, or None where there is no operating system beneath it.

    What is sent on it goes at once, as it does on the transport, but without asyncio's work for each
    datagram. The simulated internet has only the transport.
    """
    shown = transport.get_extra_info("socket")
    if shown is None or not _is_open(shown.fileno()):
        return None
    handle = socket.fromfd(shown.fileno(), shown.family, shown.type)
    handle.setblocking(False)
    return handle


def _is_open(descriptor: int) -> bool:
    """Whether the operating system knows a descriptor: a simulated socket's number means nothing to it."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def checked_public(host: str, port: int, public: Address | None) -> Address | None:
    """The address that others reach a peer at, in its one form, if it is not the socket's.

    Args:
        host: where the peer is to listen.
        port: the port there.
        public: what was given; None if others reach the peer where it listens.

    Raises:
        UsageError: see `p2plib.machine.peer.Peer.open`.
    """
    if type(port) is not int or not 0 <= port <= MAX_PORT:
        raise UsageError(f"a port to listen on is 0 to {MAX_PORT}, not {port!r}")
    if packed_host(host) in WILDCARDS and public is None:
        raise UsageError(f"nobody can send to {host}: pass the address at which others reach us as `public`")
    address = given_address((host, port or MAX_PORT) if public is None else public)
    family_of(address, host)
    return None if public is None else address
