"""Driver: a machine on a socket that is a member of a multicast group. Thin, over asyncio alone.

Rules
    1. The socket is bound to all addresses at the group's port, because only so does it hear the group on
       every system; it joins at one interface, and sends through that one.
    2. Other programs of the host may be bound to the port too, avahi for example: each of them gets every
       multicast, but only one gets what is sent to the port alone.
    3. What is sent stays on the link: no router passes this group on, whatever the time to live, for which
       RFC 6762 asks for 255. It comes back to us, since the host may have another member.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from p2plib.errors import CannotListen, UsageError
from p2plib.machine.addresses import Address, given_address, packed_host
from p2plib.machine.machine import Machine
from p2plib.machine.peer import Peer

M = TypeVar("M", bound=Machine[Any])

TTL = 255  # RFC 6762, section 11


def multicast_socket(interface: str, group: Address) -> socket.socket:
    """A socket that is a member of a group at one interface (rules 1 to 3).

    Args:
        interface: our address on the link, IPv4.
        group: the group and its port.

    Raises:
        CannotListen: this machine does not let us.
        UsageError: the interface or the group is no IPv4 address.
    """
    host, port = group
    given_address((interface, port))
    if len(packed_host(interface)) != 4 or len(packed_host(host)) != 4:
        raise UsageError("multicast here is IPv4 alone: give the address that this host has on the link")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", port))
        ours = socket.inet_aton(interface)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(host) + ours)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, ours)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, TTL)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    except OSError as error:
        sock.close()
        raise CannotListen(f"cannot join {host}, port {port}, at {interface}: {error}") from error
    return sock


@contextlib.asynccontextmanager
async def open_in_group(
    make: Callable[[], M],
    interface: str,
    group: Address,
    on_event: Callable[[Any], bool] | None = None,
) -> AsyncIterator[Peer[M]]:
    """Puts a machine on a socket in a group, for as long as the block runs.

    Args:
        make: makes the machine.
        interface: our address on the link.
        group: the group and its port.
        on_event: see `p2plib.machine.peer.Peer.open`.

    Raises:
        CannotListen: this machine does not let us.
        UsageError: the interface or the group is no IPv4 address.
    """
    sock = multicast_socket(interface, group)
    try:
        async with Peer.open(
            lambda address, now: make(),
            "0.0.0.0",
            group[1],
            public=(interface, group[1]),
            on_event=on_event,
            sock=sock,
        ) as peer:
            yield peer
    finally:
        sock.close()
